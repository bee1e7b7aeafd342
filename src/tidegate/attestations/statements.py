"""in-toto Statements v1: what is said, about which digests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.attestations.errors import StatementUnreadableError
from tidegate.attestations.strict_json import JSON, read_json
from tidegate.kernel import canonical_json

__all__ = ["PAYLOAD_TYPE", "STATEMENT", "Statement", "Subject", "read_statement", "write_statement"]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
MAX_SUBJECTS: Final = 10_000
_ALGORITHM: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_DIGEST: Final = re.compile(r"[0-9A-Za-z+/=_-]{1,128}")
# Of these we compare values ourselves, so they must be as long as they are said to be.
_HEX_LENGTHS: Final = {"sha256": (64,), "sha512": (128,), "sha1": (40,), "gitCommit": (40, 64)}


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing by its digests."""

    name: str
    digest: Mapping[str, str]
    """By algorithm: `sha256`, `gitCommit`, …"""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said about subjects."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, JSON]

    def is_about(self, *, commits: frozenset[str] = frozenset(), digests: frozenset[str] = frozenset()) -> bool:
        """Return whether a subject has one of these commits, or of these digests (`sha256:…`)."""
        return any(
            (algorithm in {"gitCommit", "sha1"} and value.lower() in commits)
            or f"{algorithm}:{value.lower()}" in digests
            for subject in self.subjects
            for algorithm, value in subject.digest.items()
        )


def write_statement(statement: Statement) -> bytes:
    """Return the statement as canonical JSON."""
    return canonical_json(
        {
            "_type": STATEMENT,
            "subject": [{"name": each.name, "digest": dict(each.digest)} for each in statement.subjects],
            "predicateType": statement.predicate_type,
            "predicate": dict(statement.predicate),
        }
    )


def read_statement(payload: bytes) -> Statement:
    """Return the statement in the payload of an envelope.

    Raises:
        StatementUnreadableError: it is none, or could be read in two ways.
    """
    try:
        found = read_json(payload)
    except ValueError as error:
        raise StatementUnreadableError(str(error)) from None
    if not isinstance(found, dict) or found.get("_type") != STATEMENT:
        raise StatementUnreadableError(f"its `_type` is not {STATEMENT}.")
    subjects, kind, predicate = found.get("subject"), found.get("predicateType"), found.get("predicate", {})
    if not isinstance(kind, str) or not 0 < len(kind) <= 500:
        raise StatementUnreadableError("it has no `predicateType`.")
    if not isinstance(predicate, dict):
        raise StatementUnreadableError("its `predicate` is no object.")
    if not isinstance(subjects, list) or not subjects:
        raise StatementUnreadableError("it is about no `subject`.")
    if len(subjects) > MAX_SUBJECTS:
        raise StatementUnreadableError(f"it is about {len(subjects)} subjects; {MAX_SUBJECTS:,} are read.")
    return Statement(tuple(_subject(each) for each in subjects), kind, predicate)


def _subject(found: JSON) -> Subject:
    digest = found.get("digest") if isinstance(found, dict) else None
    if not isinstance(digest, dict) or not digest:
        raise StatementUnreadableError("a subject has no `digest`.")
    name = found.get("name", "")
    if not isinstance(name, str):
        raise StatementUnreadableError("the `name` of a subject is no text.")
    for algorithm, value in digest.items():
        lengths = _HEX_LENGTHS.get(algorithm)
        if (
            not _ALGORITHM.fullmatch(algorithm)
            or not isinstance(value, str)
            or not _DIGEST.fullmatch(value)
            or (lengths is not None and (len(value) not in lengths or not re.fullmatch(r"[0-9a-fA-F]+", value)))
        ):
            raise StatementUnreadableError(f"the digest {algorithm[:32]!r} of a subject is none.")
    return Subject(name[:1_000], digest)
