"""What can go wrong with launch polls."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class PollInvalidError(InvalidInputError):
    """Names the field that is wrong."""

    code: ClassVar[str] = "poll_invalid"


class PollNotFoundError(NotFoundError):
    code: ClassVar[str] = "poll_not_found"

    def __init__(self, poll_id: str) -> None:
        super().__init__(f"There is no launch poll {poll_id!r}. `tidegate poll list` shows them.")


class PollOpenError(ConflictError):
    code: ClassVar[str] = "poll_open"

    def __init__(self, poll_id: str) -> None:
        super().__init__(f"The launch poll {poll_id!r} is open: answer or close it before you open another.")


class PollClosedError(ConflictError):
    code: ClassVar[str] = "poll_closed"

    def __init__(self, poll_id: str) -> None:
        super().__init__(f"The launch poll {poll_id!r} is closed. `tidegate poll open` opens another.")
