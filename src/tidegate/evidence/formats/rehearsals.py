"""Rehearsals as they are recorded: of a rollback, a restore, a kill switch, an incident. Pure.

The document is tidegate's own (docs/reference/evidence-formats.md): `schema` is `tidegate.rehearsal/v1`. What was done
stands in its steps; an outcome that they do not bear is not believed by gates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_list, as_mapping, as_number, as_text, load_json
from tidegate.kernel import InvalidInputError, parse_utc

__all__ = ["REHEARSAL_SCHEMA", "RehearsalReading", "read_rehearsal"]

REHEARSAL_SCHEMA: Final = "tidegate.rehearsal/v1"
_FIELDS: Final = frozenset(
    {"schema", "drill", "environment", "startedAt", "finishedAt", "outcome", "steps", "recoveryS", "fromVersion",
     "toVersion", "gaps"}
)  # fmt: skip
_OUTCOMES: Final = frozenset({"passed", "failed", "aborted"})
_STEP_OUTCOMES: Final = frozenset({"passed", "failed", "skipped"})
_MAX_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class RehearsalReading:
    """`None` always means that the document does not say."""

    drill: str
    """What was rehearsed, for example `rollback` or `kill-switch`."""
    environment: str
    started_at: datetime
    finished_at: datetime
    outcome: str
    steps: tuple[tuple[str, str], ...]
    """Each with how it ended: passed, failed or skipped."""
    recovery_s: float | None
    """From the trigger until it worked again."""
    from_version: str | None
    to_version: str | None
    gaps: tuple[tuple[str, str | None], ...]
    """What was found wanting, each with its owner."""

    def count(self, outcome: str) -> int:
        return sum(ended == outcome for _, ended in self.steps)


def read_rehearsal(content: bytes) -> RehearsalReading:
    """Return what a record of a rehearsal says.

    Raises:
        ReportUnreadableError: it is no such record.
        ReportTooLargeError: it is larger than any is read.
    """
    root = as_mapping(load_json(content, what="record of a rehearsal"), "The record")
    if root.get("schema") != REHEARSAL_SCHEMA:
        raise ReportUnreadableError(f"Its `schema` is not {REHEARSAL_SCHEMA}.")
    _check_fields(root, _FIELDS, "The record")
    started_at, finished_at = _moment(root, "startedAt"), _moment(root, "finishedAt")
    if finished_at < started_at:
        raise ReportUnreadableError("`finishedAt` is before `startedAt`.")
    return RehearsalReading(
        drill=_word(root, "drill"),
        environment=_word(root, "environment"),
        started_at=started_at,
        finished_at=finished_at,
        outcome=_one_of(root, "outcome", _OUTCOMES),
        steps=tuple(
            _step(as_mapping(one, f"steps.{n}"), f"steps.{n}") for n, one in enumerate(_bounded(root, "steps"))
        ),
        recovery_s=as_number(root.get("recoveryS"), "recoveryS"),
        from_version=as_text(root.get("fromVersion"), "fromVersion", length=128),
        to_version=as_text(root.get("toVersion"), "toVersion", length=128),
        gaps=tuple(_gap(as_mapping(one, f"gaps.{n}"), f"gaps.{n}") for n, one in enumerate(_bounded(root, "gaps"))),
    )


def _step(step: Mapping[str, Any], where: str) -> tuple[str, str]:
    _check_fields(step, frozenset({"name", "outcome"}), where)
    return _word(step, "name", where), _one_of(step, "outcome", _STEP_OUTCOMES, where)


def _gap(gap: Mapping[str, Any], where: str) -> tuple[str, str | None]:
    _check_fields(gap, frozenset({"gap", "owner"}), where)
    owner = as_text(gap.get("owner"), f"{where}.owner", length=200)
    return _word(gap, "gap", where), owner.strip() or None if owner else None


def _bounded(root: Mapping[str, Any], field: str) -> list[Any]:
    found = list(as_list(root.get(field), field))
    if len(found) > _MAX_ENTRIES:
        raise ReportUnreadableError(f"`{field}` has {len(found)} entries; {_MAX_ENTRIES} are read.")
    return found


def _word(root: Mapping[str, Any], field: str, where: str = "The record") -> str:
    text = as_text(root.get(field), field, length=200)
    if not text or not text.strip():
        raise ReportUnreadableError(f"{where} has no `{field}`.")
    return text


def _one_of(root: Mapping[str, Any], field: str, known: frozenset[str], where: str = "The record") -> str:
    word = _word(root, field, where)
    if word not in known:
        raise ReportUnreadableError(f"{where}: `{field}` is none of {', '.join(sorted(known))}.")
    return word


def _moment(root: Mapping[str, Any], field: str) -> datetime:
    try:
        return parse_utc(_word(root, field), field=field)
    except InvalidInputError as error:
        raise ReportUnreadableError(f"`{field}`: {error.message}") from error


def _check_fields(value: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise ReportUnreadableError(f"{where} has a field {unknown[0][:80]!r} that is not known.")
