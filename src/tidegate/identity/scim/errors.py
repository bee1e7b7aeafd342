"""What can go wrong with provisioning; each with the word that RFC 7644 has for it."""

from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, MalformedError, NotFoundError

__all__ = [
    "ProvisioningInvalidError",
    "ProvisioningNotSetError",
    "ScimFilterInvalidError",
    "ScimGroupNotFoundError",
    "ScimGroupsMappedError",
    "ScimNoTargetError",
    "ScimOwnerError",
    "ScimPathInvalidError",
    "ScimSyntaxInvalidError",
    "ScimTakenError",
    "ScimUnchangeableError",
    "ScimUserNotFoundError",
    "ScimValueInvalidError",
    "ScimVersionChangedError",
]


class ScimFilterInvalidError(MalformedError):
    code: ClassVar[str] = "scim_filter_invalid"
    scim_type: ClassVar[str] = "invalidFilter"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="filter")


class ScimPathInvalidError(MalformedError):
    """A change names what there is not."""

    code: ClassVar[str] = "scim_path_invalid"
    scim_type: ClassVar[str] = "invalidPath"


class ScimValueInvalidError(MalformedError):
    """A value that cannot be."""

    code: ClassVar[str] = "scim_value_invalid"
    scim_type: ClassVar[str] = "invalidValue"


class ScimSyntaxInvalidError(MalformedError):
    """The body is no message of SCIM."""

    code: ClassVar[str] = "scim_syntax_invalid"
    scim_type: ClassVar[str] = "invalidSyntax"


class ScimNoTargetError(MalformedError):
    """A change is about nothing that is there."""

    code: ClassVar[str] = "scim_no_target"
    scim_type: ClassVar[str] = "noTarget"


class ScimUnchangeableError(MalformedError):
    """What a directory may not set."""

    code: ClassVar[str] = "scim_unchangeable"
    scim_type: ClassVar[str] = "mutability"


class ScimTakenError(ConflictError):
    """Somebody else has it."""

    code: ClassVar[str] = "scim_taken"
    scim_type: ClassVar[str] = "uniqueness"


class ScimVersionChangedError(ConflictError):
    """`If-Match` names another version; to SCIM that is 412."""

    code: ClassVar[str] = "scim_version_changed"

    def __init__(self) -> None:
        super().__init__("It is not as you know it any more. Read it and try again.")


class ScimOwnerError(ForbiddenError):
    code: ClassVar[str] = "scim_owner"

    def __init__(self) -> None:
        super().__init__("This is an owner of the workspace: no directory changes an owner, a person does.")


class ScimUserNotFoundError(NotFoundError):
    code: ClassVar[str] = "scim_user_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such user in this workspace.")


class ScimGroupNotFoundError(NotFoundError):
    code: ClassVar[str] = "scim_group_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such group in this workspace. `tidegate provisioning show` has those that are.")


class ScimGroupsMappedError(ForbiddenError):
    code: ClassVar[str] = "scim_groups_mapped"

    def __init__(self) -> None:
        super().__init__(
            "Which groups there are, and their roles, an admin says: `tidegate provisioning set --group NAME=ROLE`."
        )


class ProvisioningNotSetError(ForbiddenError):
    code: ClassVar[str] = "provisioning_not_set"

    def __init__(self) -> None:
        super().__init__(
            "Nobody said which role new people get here: `tidegate provisioning set --default-role viewer`."
        )


class ProvisioningInvalidError(InvalidInputError):
    """A setting of provisioning that cannot be."""

    code: ClassVar[str] = "provisioning_invalid"
