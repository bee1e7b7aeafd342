"""From a proven caller to what is recorded of them."""

from collections.abc import Mapping

from tidegate.audit.model import ActorKind, Deed, JsonValue, Outcome
from tidegate.edge.caller import Caller, Role

__all__ = ["deed_of"]


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
    """A person behind a token acts as a person: the credential stands beside."""
    if caller.role is Role.AGENT:
        return ActorKind.AGENT
    if caller.by_session or (caller.member or "").startswith("usr_"):
        return ActorKind.PERSON
    return ActorKind.TOKEN
