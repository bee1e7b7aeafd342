"""Who does something, as the rules of identity ask it and as the audit records it."""

from dataclasses import dataclass

from tidegate.audit import ActorKind, Deed, doer_of
from tidegate.audit.model import JsonValue
from tidegate.edge.proven import Caller, Role, Scope
from tidegate.identity.errors import RoleTooHighError
from tidegate.identity.roles import is_within
from tidegate.kernel import digest_of

__all__ = ["Acting", "Visit", "deed_of_operator"]

_OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Visit:
    """From where somebody signs in, as far as a connection says."""

    address: str = ""
    user_agent: str = ""

    @property
    def facts(self) -> dict[str, JsonValue]:
        """What the audit keeps of it."""
        return {"address": self.address, "userAgent": self.user_agent}


@dataclass(frozen=True, slots=True)
class Acting:
    """A proven caller and the request in which it acts."""

    caller: Caller
    request_id: str = ""

    @property
    def name(self) -> str:
        """Id of the member, else of the credential: what `added_by` and the like say."""
        return self.caller.member or self.caller.actor

    @property
    def is_admin(self) -> bool:
        return self.caller.may(Scope.ADMIN)

    def is_self(self, member: str | None) -> bool:
        return member is not None and member == self.caller.member

    def refuse_above(self, role: Role) -> None:
        """Let pass who stands at least as high as `role`.

        Raises:
            RoleTooHighError: nobody gives, changes or takes away what is higher than its own.
        """
        if not is_within(role, self.caller.role):
            raise RoleTooHighError(role)

    def deed(
        self,
        action: str,
        target: str,
        *,
        before: JsonValue = None,
        after: JsonValue = None,
        **details: JsonValue,
    ) -> Deed:
        """Return what is recorded of `action` on `target`; of `before` and `after` only digests."""
        return doer_of(self.caller, request_id=self.request_id).deed(
            action,
            target,
            before=None if before is None else digest_of(before),
            after=None if after is None else digest_of(after),
            **details,
        )


def deed_of_operator(action: str, target: str, **details: JsonValue) -> Deed:
    """Return what is recorded of an act of who holds the data directory."""
    return Deed(actor_kind=ActorKind.OPERATOR, actor=_OPERATOR, action=action, target=target, details=details)
