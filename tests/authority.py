"""The policy wall of tests is the real one: the policies of the package, with what it refused kept."""

from dataclasses import dataclass, field
from functools import cache

from tidegate.audit import Deed
from tidegate.identity.policy import CedarAuthorizer, Policies, read_policies
from tidegate.kernel import Clock, SystemClock, UnavailableError, WorkspaceId


@dataclass
class KeptDenials:
    """A `DenialLog` that keeps what it records; `is_away` makes it unavailable."""

    deeds: list[tuple[WorkspaceId, Deed]] = field(default_factory=list)
    is_away: bool = False

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        if self.is_away:
            raise UnavailableError("The state store does not answer for the moment. Try again.")
        self.deeds.append((workspace, deed))


@cache
def shipped_policies() -> Policies:
    return read_policies()


def shipped_authorizer(denials: KeptDenials | None = None, *, clock: Clock | None = None) -> CedarAuthorizer:
    kept = () if denials is None else (denials,)
    return CedarAuthorizer(shipped_policies(), denials=kept, clock=clock or SystemClock())
