"""What a proven caller is: its workspace, scope and role. Knows no framework: verbs of the operator load it as well."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tidegate.edge.quotas import NOTHING_SET, QuotasSet
from tidegate.kernel import WorkspaceId

__all__ = ["Caller", "Role", "Scope"]


class Scope(StrEnum):
    """What a credential may do. `admin` includes the others; `write` includes `read`."""

    INGEST = "ingest"
    PROVISION = "provision"
    """Keeping members as a directory says, over SCIM, and nothing else."""
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_INCLUDED: dict[Scope, frozenset[Scope]] = {
    Scope.INGEST: frozenset({Scope.INGEST}),
    Scope.PROVISION: frozenset({Scope.PROVISION}),
    Scope.READ: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.WRITE, Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


class Role(StrEnum):
    """What a member of a workspace, a person or a service account, may do there; `identity` has the policies."""

    OWNER = "owner"
    ADMIN = "admin"
    RELEASE_MANAGER = "release-manager"
    APPROVER = "approver"
    ENGINEER = "engineer"
    VIEWER = "viewer"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven caller. The workspace comes from the credential and from nothing else."""

    workspace: WorkspaceId
    scope: Scope
    actor: str
    """Id of the token or session, for logs."""
    by_session: bool
    member: str | None = None
    """Id of the person (`usr_…`) or service account (`svc_…`) behind the credential; `None` for the operator's own."""
    role: Role | None = None
    """Role of the member; `None` without one: then the scope alone says what the credential may do."""
    services: frozenset[str] | None = None
    """Services to which a token is narrowed; `None` for all."""
    environments: frozenset[str] | None = None
    """Environments to which a token is narrowed; `None` for all."""
    proven_at: datetime | None = None
    """When the person proved who they are, for what needs a fresh proof; `None` for tokens."""
    quotas: QuotasSet = field(default=NOTHING_SET, compare=False)
    """What is set for the workspace, and for the token."""

    def may(self, scope: Scope) -> bool:
        return scope in _INCLUDED[self.scope]
