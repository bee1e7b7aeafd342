"""From who does something to what is recorded of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.audit.model import ActorKind, Deed, JsonValue, Outcome
from tidegate.edge.proven import Caller, Role

__all__ = ["ITSELF", "Doer", "deed_of", "doer_of"]


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does something, as the use cases of slices are told it: they need no caller to record what was done."""

    kind: ActorKind
    actor: str
    """Id of the credential."""
    member: str | None = None
    request_id: str = ""

    def deed(
        self, action: str, target: str, *, before: str | None = None, after: str | None = None, **details: JsonValue
    ) -> Deed:
        """Return what is recorded of `action` on `target`; `before` and `after` are digests."""
        return Deed(
            actor_kind=self.kind,
            actor=self.actor,
            member=self.member,
            action=action,
            target=target,
            request_id=self.request_id,
            before=before,
            after=after,
            details=details,
        )


ITSELF: Final = Doer(ActorKind.SYSTEM, "system")
"""tidegate: what it does without being asked."""


def doer_of(caller: Caller, *, request_id: str = "") -> Doer:
    """Return who acts with the credential of `caller`: a person behind a token acts as a person."""
    return Doer(_kind_of(caller), caller.actor, caller.member, request_id)


def deed_of(
    caller: Caller,
    action: str,
    target: str,
    *,
    outcome: Outcome = Outcome.DONE,
    request_id: str = "",
    details: Mapping[str, JsonValue] | None = None,
) -> Deed:
    """Return what `caller` did; `dataclasses.replace` adds policies and digests."""
    return Deed(
        actor_kind=_kind_of(caller),
        actor=caller.actor,
        member=caller.member,
        action=action,
        target=target,
        outcome=outcome,
        request_id=request_id,
        details=details or {},
    )


def _kind_of(caller: Caller) -> ActorKind:
    if caller.role is Role.AGENT:
        return ActorKind.AGENT
    if caller.member is None:
        return ActorKind.OPERATOR if caller.by_session else ActorKind.TOKEN
    return ActorKind.PERSON if caller.member.startswith("usr_") else ActorKind.TOKEN
