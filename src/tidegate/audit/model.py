"""What is recorded. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tidegate.audit.canonical import canonical_json, genesis_of
from tidegate.kernel import WorkspaceId, format_utc

JsonValue = str | int | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

MAX_TEXT_CHARACTERS: Final = 512
MAX_POLICY_IDS: Final = 32
MAX_DETAILS_BYTES: Final = 4_096
_MAX_DEPTH: Final = 8
_CLEANED: Final = {0: "\N{REPLACEMENT CHARACTER}"} | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")


class ActorKind(StrEnum):
    """Who acts."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105 - a word
    """A token without a member behind it, or one of a service account."""
    AGENT = "agent"
    OPERATOR = "operator"
    """Who holds the data directory."""
    SYSTEM = "system"
    """tidegate itself: a job that nobody asked for."""


class Outcome(StrEnum):
    """How it ended."""

    DONE = "done"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did or was refused; when and in which place of the chain, the record adds."""

    actor_kind: ActorKind
    actor: str
    """Id of the credential: `tok_…`, `ses_…`; `operator`, `system`."""
    action: str
    """Noun and verb, as the policies name it: `tokens:revoke`."""
    target: str
    """What it was done to: `token/tok_…`, `member/usr_…`, `workspace/default`."""
    outcome: Outcome = Outcome.DONE
    member: str | None = None
    """Id of the person or service account behind the credential."""
    policy_ids: tuple[str, ...] = ()
    """Of the policies that decided."""
    request_id: str = ""
    before: str | None = None
    """Digest of what was there: `sha256:…`; `None` for nothing."""
    after: str | None = None
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    """What else a reader needs; no secret, no content of telemetry. At most 4 kB as JSON."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A deed that is to be recorded, and how many like it this record stands for."""

    deed: Deed
    count: int = 1


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """The end of a chain."""

    seq: int
    """Of the last record; 0 for an empty chain."""
    hash: bytes

    @classmethod
    def genesis(cls, workspace: WorkspaceId) -> "ChainPlace":
        return cls(0, genesis_of(workspace))


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A deed in its place of the chain."""

    workspace: WorkspaceId
    seq: int
    """Counts from 1 without gaps."""
    recorded_at: datetime
    deed: Deed
    count: int
    """How many deeds this record stands for: more than 1 for denials that were added up."""
    previous: bytes
    hash: bytes

    @property
    def id(self) -> str:
        return f"aud_{self.seq}"

    def as_canonical(self) -> dict[str, Any]:
        """Return what is hashed."""
        return canonical_of(self.workspace, self.seq, self.recorded_at, Entry(self.deed, self.count))


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What tidegate vouches for: at `signed_at` the chain had `count` records and ended in `hash`."""

    workspace: WorkspaceId
    seq: int
    count: int
    hash: bytes
    signed_at: datetime
    key_name: str
    signature: bytes

    def as_canonical(self) -> dict[str, Any]:
        """Return what is signed."""
        return {
            "workspace": self.workspace,
            "seq": self.seq,
            "count": self.count,
            "hash": self.hash.hex(),
            "signedAt": format_utc(self.signed_at),
            "key": self.key_name,
        }

    def as_json(self) -> dict[str, Any]:
        """Return the line of an export, which is also what an outsider keeps as an anchor."""
        return {"kind": "head", "head": self.as_canonical(), "signature": self.signature.hex()}


def canonical_of(workspace: WorkspaceId, seq: int, recorded_at: datetime, entry: Entry) -> dict[str, Any]:
    deed = entry.deed
    return {
        "workspace": workspace,
        "seq": seq,
        "recordedAt": format_utc(recorded_at),
        "actorKind": str(deed.actor_kind),
        "actor": deed.actor,
        "member": deed.member,
        "action": deed.action,
        "target": deed.target,
        "outcome": str(deed.outcome),
        "count": entry.count,
        "policyIds": list(deed.policy_ids),
        "requestId": deed.request_id,
        "before": deed.before,
        "after": deed.after,
        "details": dict(deed.details),
    }


def recordable(deed: Deed) -> Deed:
    """Return `deed` as it can be stored: nobody escapes the record by a text that no table takes.

    Texts are cut, NUL and halves of characters replaced; details that are too large are replaced by their digest.
    """
    return replace(
        deed,
        actor=_text(deed.actor),
        action=_text(deed.action),
        target=_text(deed.target),
        member=None if deed.member is None else _text(deed.member),
        policy_ids=tuple(_text(each) for each in deed.policy_ids[:MAX_POLICY_IDS]),
        request_id=_text(deed.request_id),
        before=None if deed.before is None else _text(deed.before),
        after=None if deed.after is None else _text(deed.after),
        details=_details(deed.details),
    )


def _text(text: str) -> str:
    clean = text if text.isascii() and "\0" not in text else text.translate(_CLEANED)
    return clean if len(clean) <= MAX_TEXT_CHARACTERS else f"{clean[: MAX_TEXT_CHARACTERS - 1]}…"


def _details(details: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    if not details:
        return {}
    clean = _plain(details, depth=0)
    written = canonical_json(clean)
    if isinstance(clean, dict) and len(written) <= MAX_DETAILS_BYTES:
        return clean
    return {"leftOut": f"sha256:{hashlib.sha256(written).hexdigest()}", "bytes": len(written)}


def _plain(value: object, *, depth: int) -> JsonValue:
    """Return `value` in the types that a record knows; anything else as its text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.translate(_CLEANED)
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return {str(key).translate(_CLEANED): _plain(each, depth=depth + 1) for key, each in value.items()}
    if depth < _MAX_DEPTH and isinstance(value, list | tuple):
        return [_plain(each, depth=depth + 1) for each in value]
    return str(value).translate(_CLEANED)
