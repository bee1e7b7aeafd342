"""Sessions and the caller on the wire."""

from typing import Self

from tidegate.edge.caller import Caller, Role, Scope
from tidegate.edge.wire import Utc, WireModel
from tidegate.identity.members.model import Member
from tidegate.identity.model import Session
from tidegate.identity.workspaces.model import Workspace


class SessionOut(WireModel):
    id: str
    member: str | None
    """`null`: opened by a one-time link of the operator."""
    is_current: bool
    """Whether it is the one that asks."""
    created_at: Utc
    expires_at: Utc
    last_used_at: Utc | None
    """To the minute."""
    user_agent: str

    @classmethod
    def of(cls, session: Session, *, caller: Caller) -> Self:
        return cls(
            id=session.id,
            member=session.holder.id if session.holder else None,
            is_current=session.id == caller.actor,
            created_at=session.created_at,
            expires_at=session.expires_at,
            last_used_at=session.last_used_at,
            user_agent=session.user_agent,
        )


class SessionListOut(WireModel):
    items: tuple[SessionOut, ...]


class MeOut(WireModel):
    """Who calls, and what the credential may do."""

    workspace: str
    workspace_name: str
    actor: str
    """Id of the token or session."""
    scope: Scope
    member: str | None
    """`null`: nobody; the operator made the credential."""
    name: str | None
    email: str | None
    role: Role | None
    services: tuple[str, ...] | None
    """`null`: all."""
    environments: tuple[str, ...] | None

    @classmethod
    def of(cls, caller: Caller, workspace: Workspace, member: Member | None) -> Self:
        return cls(
            workspace=workspace.id,
            workspace_name=workspace.name,
            actor=caller.actor,
            scope=caller.scope,
            member=caller.member,
            name=member.name if member else None,
            email=member.email if member else None,
            role=caller.role,
            services=None if caller.services is None else tuple(sorted(caller.services)),
            environments=None if caller.environments is None else tuple(sorted(caller.environments)),
        )
