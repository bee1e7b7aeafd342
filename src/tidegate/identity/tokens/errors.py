"""What can go wrong with tokens."""

from typing import ClassVar

from tidegate.edge.proven import Role, Scope
from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError


class TokenNotFoundError(NotFoundError):
    code: ClassVar[str] = "token_not_found"

    def __init__(self, token_id: str) -> None:
        super().__init__(f"There is no token {token_id!r} of yours. `tidegate token list` shows those there are.")


class TokenEndedError(ConflictError):
    code: ClassVar[str] = "token_ended"

    def __init__(self) -> None:
        super().__init__("This token does not work any more. `tidegate token create` makes a new one.")


class TokenRotatedError(ConflictError):
    code: ClassVar[str] = "token_rotated"

    def __init__(self) -> None:
        super().__init__("This token was rotated already: rotate the one that took its place, or revoke that.")


class TokenOfOtherPersonError(ForbiddenError):
    code: ClassVar[str] = "token_of_other_person"

    def __init__(self) -> None:
        super().__init__(
            "Nobody gets a token in the name of another person. Make one for yourself or for a service account."
        )


class TokenTooWideError(ForbiddenError):
    code: ClassVar[str] = "token_too_wide"

    def __init__(self, what: str) -> None:
        super().__init__(f"Your credential may not hand on what it does not have itself: {what}.")


class TokenNotForTokensError(ForbiddenError):
    code: ClassVar[str] = "token_not_for_tokens"

    def __init__(self) -> None:
        super().__init__("Tokens are made by people who are signed in, or with a credential of the scope `admin`.")


class ScopeExceedsRoleError(InvalidInputError):
    code: ClassVar[str] = "scope_exceeds_role"

    def __init__(self, scope: Scope, role: Role) -> None:
        super().__init__(f"A member with the role `{role}` cannot have the scope `{scope}`.", field="scope")


class ExpiryPassedError(InvalidInputError):
    code: ClassVar[str] = "expiry_passed"

    def __init__(self) -> None:
        super().__init__("The token would end before it begins.", field="expiresAt")
