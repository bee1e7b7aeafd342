"""What can go wrong with members and invitations."""

from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError


class MemberNotFoundError(NotFoundError):
    code: ClassVar[str] = "member_not_found"

    def __init__(self, member_id: str) -> None:
        super().__init__(f"There is no member {member_id!r}. `tidegate member list` shows those there are.")


class MemberExistsError(ConflictError):
    code: ClassVar[str] = "member_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a member of this workspace already. `tidegate member list` shows the role.")


class MemberChangedError(ConflictError):
    code: ClassVar[str] = "member_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this member at the same moment. Look at it and try again.")


class LastOwnerError(ConflictError):
    code: ClassVar[str] = "last_owner"

    def __init__(self) -> None:
        super().__init__("This is the last owner of the workspace. Make somebody else an owner first.")


class OwnerExistsError(ConflictError):
    code: ClassVar[str] = "owner_exists"

    def __init__(self) -> None:
        super().__init__("This workspace has an owner already. An owner or an admin invites others.")


class RoleOfServiceAccountError(InvalidInputError):
    code: ClassVar[str] = "role_of_service_account"

    def __init__(self) -> None:
        super().__init__("A service account is never an owner: an owner is a person.", field="role")


class InvitationNotFoundError(NotFoundError):
    code: ClassVar[str] = "invitation_not_found"

    def __init__(self) -> None:
        super().__init__(
            "There is no such invitation, or it is too old, or it was withdrawn. Whoever invited you can do it again."
        )


class InvitationUsedError(ConflictError):
    code: ClassVar[str] = "invitation_used"

    def __init__(self) -> None:
        super().__init__("This invitation was used, and works once. Sign in with the password that was chosen then.")


class NotFirstOwnerError(ForbiddenError):
    code: ClassVar[str] = "not_from_sign_in_link"

    def __init__(self) -> None:
        super().__init__("Only who signed in with a one-time link of the operator makes the first owner.")
