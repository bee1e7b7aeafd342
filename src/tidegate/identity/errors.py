"""What can go wrong with credentials and workspaces."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, UnauthenticatedError


class CredentialInvalidError(UnauthenticatedError):
    """One answer for malformed, unknown, expired and revoked credentials: nothing to enumerate."""

    code: ClassVar[str] = "credential_invalid"

    def __init__(self) -> None:
        super().__init__(
            "This token is not valid here. "
            "`tidegate token create --data-dir DIR` makes one, with the data directory of this server."
        )


class SignInLinkInvalidError(UnauthenticatedError):
    code: ClassVar[str] = "sign_in_link_invalid"

    def __init__(self) -> None:
        super().__init__("This sign-in link was used before or is too old. `tidegate sign-in-link` prints a new one.")


class WorkspaceNotFoundError(NotFoundError):
    code: ClassVar[str] = "workspace_not_found"

    def __init__(self, workspace: str) -> None:
        super().__init__(f"There is no workspace {workspace!r}. `tidegate workspace create {workspace}` makes it.")


class WorkspaceExistsError(ConflictError):
    code: ClassVar[str] = "workspace_exists"

    def __init__(self, workspace: str) -> None:
        super().__init__(f"The workspace {workspace!r} exists already; names are never used twice.")


class WorkspaceNameInvalidError(InvalidInputError):
    code: ClassVar[str] = "workspace_name_invalid"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is no workspace name: use 1 to 63 of a-z, 0-9 and -, not starting with -.", field="name"
        )
