"""What can go wrong with freezes."""

from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError


class FreezeInvalidError(InvalidInputError):
    """Names the field that is wrong."""

    code: ClassVar[str] = "freeze_invalid"


class FreezeNotFoundError(NotFoundError):
    code: ClassVar[str] = "freeze_not_found"

    def __init__(self, freeze_id: str) -> None:
        super().__init__(f"There is no freeze {freeze_id!r}. `tidegate freeze list` shows them.")


class FreezeOverError(ConflictError):
    code: ClassVar[str] = "freeze_over"

    def __init__(self, freeze_id: str) -> None:
        super().__init__(f"The freeze {freeze_id!r} is over, or was lifted before.")


class FreezeExceptionNotFoundError(NotFoundError):
    code: ClassVar[str] = "freeze_exception_not_found"

    def __init__(self, exception_id: str) -> None:
        super().__init__(f"The freeze has no exception {exception_id!r}. `tidegate freeze list` shows them.")


class FreezeExceptionNotOpenError(ForbiddenError):
    code: ClassVar[str] = "freeze_exception_not_open"

    def __init__(self, exception_id: str) -> None:
        super().__init__(f"The exception {exception_id!r} waits for nobody: it was accepted, altered or is over.")
