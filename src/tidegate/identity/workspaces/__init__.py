"""Workspaces as their members see them."""

from tidegate.identity.workspaces.model import Workspace, WorkspaceState
from tidegate.identity.workspaces.service import WorkspaceService
from tidegate.identity.workspaces.store import PostgresWorkspaces

__all__ = ["PostgresWorkspaces", "Workspace", "WorkspaceService", "WorkspaceState"]
