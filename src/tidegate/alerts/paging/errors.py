"""What can go wrong with paging."""

from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError


class MatcherInvalidError(InvalidInputError):
    code: ClassVar[str] = "matcher_invalid"


class RoutingInvalidError(InvalidInputError):
    code: ClassVar[str] = "routing_invalid"


class RoutingChangedError(ConflictError):
    code: ClassVar[str] = "routing_changed"

    def __init__(self) -> None:
        super().__init__("The routing was changed since you looked. Look at the plan again and apply that.")


class SilenceInvalidError(InvalidInputError):
    code: ClassVar[str] = "silence_invalid"


class SilenceTooWideError(InvalidInputError):
    """It would cover every alert that there can be."""

    code: ClassVar[str] = "silence_too_wide"

    def __init__(self) -> None:
        super().__init__(
            "This would silence every alert. Name what is meant, or say coversAll: true when it really is all.",
            field="matchers",
        )


class SilenceNotFoundError(NotFoundError):
    code: ClassVar[str] = "silence_not_found"

    def __init__(self, silence_id: str) -> None:
        super().__init__(f"There is no silence {silence_id[:80]!r}. `tidegate silence list` shows those you have.")


class SilenceOverError(ConflictError):
    code: ClassVar[str] = "silence_over"

    def __init__(self) -> None:
        super().__init__("This silence is over; make a new one.")


class SilenceUnconfirmableError(ForbiddenError):
    """Who confirms is nobody else than who made it."""

    code: ClassVar[str] = "silence_unconfirmable"

    def __init__(self) -> None:
        super().__init__("A second person confirms a silence: somebody else than who made it, signed in or by a token.")


class AlertOverError(ConflictError):
    code: ClassVar[str] = "alert_over"

    def __init__(self) -> None:
        super().__init__("This alert is resolved: there is nothing left to take on.")


class AssigneeUnknownError(InvalidInputError):
    code: ClassVar[str] = "assignee_unknown"

    def __init__(self) -> None:
        super().__init__(
            "No person of this workspace has this id. `tidegate member list` shows them.", field="assignee"
        )
