"""Workspaces as their members see them."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.workspaces.model import Workspace, WorkspaceState
    from tidegate.identity.workspaces.service import WorkspaceService
    from tidegate.identity.workspaces.store import PostgresWorkspaces
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.workspaces.model": (
                "Workspace",
                "WorkspaceState",
            ),
            "tidegate.identity.workspaces.service": ("WorkspaceService",),
            "tidegate.identity.workspaces.store": ("PostgresWorkspaces",),
        }
    )

__all__ = ["PostgresWorkspaces", "Workspace", "WorkspaceService", "WorkspaceState"]
