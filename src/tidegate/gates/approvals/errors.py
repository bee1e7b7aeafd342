"""What can go wrong with approvals, overrides and functions."""

from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError


class ApprovalInvalidError(InvalidInputError):
    """Names the field that is wrong."""

    code: ClassVar[str] = "approval_invalid"


class ApprovalNotFoundError(NotFoundError):
    code: ClassVar[str] = "approval_not_found"

    def __init__(self, approval_id: str) -> None:
        super().__init__(f"The gate has no approval {approval_id!r}. `tidegate gate approvals` lists them.")


class ApprovalOutdatedError(ConflictError):
    code: ClassVar[str] = "approval_outdated"

    def __init__(self) -> None:
        super().__init__("What you looked at changed meanwhile: look again, then approve what stands there now.")


class ApprovalUnreadyError(ConflictError):
    code: ClassVar[str] = "approval_unready"

    def __init__(self) -> None:
        super().__init__("A source does not answer for the moment, so nobody knows what would be approved. Try again.")


class AlreadyApprovedError(ConflictError):
    code: ClassVar[str] = "already_approved"

    def __init__(self) -> None:
        super().__init__("You approved this before: one person counts once, for one role.")


class ApprovalWithdrawnError(ConflictError):
    code: ClassVar[str] = "approval_withdrawn"

    def __init__(self, approval_id: str) -> None:
        super().__init__(f"The approval {approval_id!r} was withdrawn before.")


class NotYoursError(ForbiddenError):
    code: ClassVar[str] = "approval_not_yours"

    def __init__(self) -> None:
        super().__init__("Only who gave an approval withdraws it.")


class RoleNotHeldError(ForbiddenError):
    code: ClassVar[str] = "role_not_held"

    def __init__(self, role: str) -> None:
        super().__init__(
            f"You do not speak for {role!r}. An admin names who does: `tidegate function set {role} MEMBER`."
        )


class PersonRequiredError(ForbiddenError):
    code: ClassVar[str] = "person_required"

    def __init__(self) -> None:
        super().__init__("A person has to ask for this: sign in, or use a token of yours; this credential is nobody's.")


class FunctionInvalidError(InvalidInputError):
    """Names the field that is wrong."""

    code: ClassVar[str] = "function_invalid"


class GateOverrideInvalidError(InvalidInputError):
    """Names the field that is wrong."""

    code: ClassVar[str] = "gate_override_invalid"


class GateOverrideNotFoundError(NotFoundError):
    code: ClassVar[str] = "gate_override_not_found"

    def __init__(self, override_id: str) -> None:
        super().__init__(f"The gate has no override {override_id!r}. `tidegate gate overrides` lists them.")


class GateOverrideNotOpenError(ForbiddenError):
    code: ClassVar[str] = "gate_override_not_open"

    def __init__(self, override_id: str) -> None:
        super().__init__(
            f"The override {override_id!r} waits for nobody: it was confirmed, ended, altered or is over. Ask anew."
        )


class GateOverrideEndedError(ConflictError):
    code: ClassVar[str] = "gate_override_ended"

    def __init__(self, override_id: str) -> None:
        super().__init__(f"The override {override_id!r} was ended before.")


class OverridesNothingError(ConflictError):
    code: ClassVar[str] = "overrides_nothing"

    def __init__(self) -> None:
        super().__init__(
            "There is nothing to override: the gate is GO, has no release to decide on, or no check that could say GO."
        )
