"""The own workspace on the wire."""

from typing import Annotated, Self

from pydantic import StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.identity.workspaces.model import Workspace, WorkspaceState


class WorkspaceRenameIn(WireModel):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    """For people; the id stays."""


class WorkspaceOut(WireModel):
    id: str
    name: str
    state: WorkspaceState
    created_at: Utc

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        return cls(id=workspace.id, name=workspace.name, state=workspace.state, created_at=workspace.created_at)
