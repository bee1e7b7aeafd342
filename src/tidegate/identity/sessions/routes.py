"""Sessions over HTTP, and who calls."""

from typing import Annotated

from fastapi import APIRouter, Query

from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingReader
from tidegate.identity.members.service import MemberService
from tidegate.identity.sessions.schemas import MeOut, SessionListOut, SessionOut
from tidegate.identity.sessions.service import SessionService
from tidegate.identity.workspaces.service import WorkspaceService

router = APIRouter(prefix="/api/v1", tags=["sessions"])
Sessions = Annotated[SessionService, provide(SessionService)]
Members = Annotated[MemberService, provide(MemberService)]
Workspaces = Annotated[WorkspaceService, provide(WorkspaceService)]


@router.get("/me")
async def show_caller(by: ActingReader, members: Members, workspaces: Workspaces) -> MeOut:
    """Return who calls: workspace, member, role and scope."""
    caller = by.caller
    member = None if caller.member is None else await members.get_member(caller.workspace, caller.member)
    return MeOut.of(caller, await workspaces.get_workspace(caller.workspace), member)


@router.get("/sessions")
async def list_sessions(
    by: ActingReader, sessions: Sessions, member: Annotated[str | None, Query(max_length=64)] = None
) -> SessionListOut:
    """List your open sessions, the newest first, 200 at most; with the scope `admin` those of any `member`."""
    found = await sessions.list_sessions(by.caller.workspace, member=member, by=by)
    return SessionListOut(items=tuple(SessionOut.of(session, caller=by.caller) for session in found))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: str, by: ActingReader, sessions: Sessions) -> None:
    """End a session: it is refused everywhere within two seconds."""
    await sessions.end(by.caller.workspace, session_id, by=by)
