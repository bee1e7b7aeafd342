"""What can go wrong with credentials and workspaces."""

from typing import ClassVar

from tidegate.edge.proven import Role
from tidegate.kernel import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    TooManyRequestsError,
    UnauthenticatedError,
)


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


class WorkspaceSuspendedError(ForbiddenError):
    code: ClassVar[str] = "workspace_suspended"

    def __init__(self) -> None:
        super().__init__(
            "This workspace is suspended: nothing is taken in and nothing shown until its operator restores it."
        )


class WorkspaceDeletedError(ConflictError):
    code: ClassVar[str] = "workspace_deleted"

    def __init__(self, workspace: str) -> None:
        super().__init__(f"The workspace {workspace!r} was deleted. Its name stays taken; make another workspace.")


class RoleTooHighError(ForbiddenError):
    code: ClassVar[str] = "role_too_high"

    def __init__(self, role: Role) -> None:
        super().__init__(f"The role `{role}` is higher than yours: ask somebody who has it.")


class PasswordUnfitError(InvalidInputError):
    code: ClassVar[str] = "password_unfit"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="password")


class PasswordWrongError(UnauthenticatedError):
    """One answer for unknown people, wrong passwords and deactivated people."""

    code: ClassVar[str] = "password_wrong"

    def __init__(self) -> None:
        super().__init__("The e-mail address and the password do not go together here.")


class TooManyAttemptsError(TooManyRequestsError):
    code: ClassVar[str] = "too_many_attempts"

    def __init__(self, *, retry_after_s: float) -> None:
        super().__init__("Too many wrong passwords. Wait for a while, then try again.", retry_after_s=retry_after_s)


class EmailInvalidError(InvalidInputError):
    code: ClassVar[str] = "email_invalid"

    def __init__(self) -> None:
        super().__init__("This is no e-mail address that tidegate takes: `name@example.com`.", field="email")
