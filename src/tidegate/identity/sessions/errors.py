"""What can go wrong with sessions."""

from collections.abc import Sequence
from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, WorkspaceId


class SessionNotFoundError(NotFoundError):
    code: ClassVar[str] = "session_not_found"

    def __init__(self, session_id: str) -> None:
        super().__init__(f"There is no session {session_id!r} of yours. `tidegate session list` shows those there are.")


class SessionEndedError(ConflictError):
    code: ClassVar[str] = "session_ended"

    def __init__(self) -> None:
        super().__init__("This session ended already.")


class WorkspaceUnnamedError(InvalidInputError):
    """Said only to who gave the right password."""

    code: ClassVar[str] = "workspace_unnamed"

    def __init__(self, workspaces: Sequence[WorkspaceId]) -> None:
        names = ", ".join(f"`{name}`" for name in workspaces)
        super().__init__(f"You are a member of several workspaces: {names}. Name one of them.", field="workspace")


class NoPersonError(ForbiddenError):
    code: ClassVar[str] = "no_person"

    def __init__(self) -> None:
        super().__init__("This is for people who signed in with their password; nobody stands behind this credential.")
