"""A workspace as its own members see it; what the operator does to workspaces lives in `app`."""

from dataclasses import replace

from tidegate.identity.acting import Acting
from tidegate.identity.errors import WorkspaceNotFoundError
from tidegate.identity.workspaces.model import Workspace
from tidegate.identity.workspaces.ports import WorkspaceStore
from tidegate.kernel import WorkspaceId


class WorkspaceService:
    """Shows and renames the own workspace. Its id never changes: links, tokens and telemetry name it."""

    def __init__(self, store: WorkspaceStore) -> None:
        self._store = store

    async def get_workspace(self, workspace: WorkspaceId) -> Workspace:
        """Return it.

        Raises:
            WorkspaceNotFoundError: it is not there.
        """
        found = await self._store.find_workspace(workspace)
        if found is None:
            raise WorkspaceNotFoundError(workspace)
        return found

    async def rename(self, workspace: WorkspaceId, name: str, *, by: Acting) -> Workspace:
        """Give it another name for people."""
        known = await self.get_workspace(workspace)
        deed = by.deed("workspace:rename", f"workspace/{workspace}", before=known.name, after=name, name=name)
        await self._store.rename_workspace(workspace, name, deed=deed)
        return replace(known, name=name)
