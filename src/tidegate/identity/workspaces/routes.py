"""The own workspace over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request

from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, ActingReader, body_of, read_wish
from tidegate.identity.workspaces.schemas import WorkspaceOut, WorkspaceRenameIn
from tidegate.identity.workspaces.service import WorkspaceService

router = APIRouter(prefix="/api/v1/workspace", tags=["workspace"])
Workspaces = Annotated[WorkspaceService, provide(WorkspaceService)]


@router.get("")
async def show_workspace(by: ActingReader, workspaces: Workspaces) -> WorkspaceOut:
    """Return the workspace of the credential."""
    return WorkspaceOut.of(await workspaces.get_workspace(by.caller.workspace))


@router.post("", openapi_extra=body_of(WorkspaceRenameIn))
async def rename_workspace(request: Request, by: ActingAdmin, workspaces: Workspaces) -> WorkspaceOut:
    """Rename the workspace. Its id stays: links, tokens and telemetry name it."""
    wish = await read_wish(request, WorkspaceRenameIn)
    return WorkspaceOut.of(await workspaces.rename(by.caller.workspace, wish.name, by=by))
