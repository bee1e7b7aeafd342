"""What is recorded. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

JsonValue = str | int | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


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
