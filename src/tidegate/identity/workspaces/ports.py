"""What a workspace needs of the state store to look at itself."""

from typing import Protocol

from tidegate.audit import Deed
from tidegate.identity.workspaces.model import Workspace
from tidegate.kernel import WorkspaceId


class WorkspaceStore(Protocol):
    """The own workspace. Each write is committed together with what is recorded of it."""

    async def find_workspace(self, workspace: WorkspaceId) -> Workspace | None: ...

    async def rename_workspace(self, workspace: WorkspaceId, name: str, *, deed: Deed) -> None: ...
