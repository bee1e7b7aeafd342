"""What can be wrong with objectives."""

from collections.abc import Sequence
from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError


class ObjectiveInvalidError(InvalidInputError):
    code: ClassVar[str] = "objective_invalid"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message, field=field)


class ObjectiveNotFoundError(NotFoundError):
    code: ClassVar[str] = "objective_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no objective {name!r}. `tidegate slo list` shows those there are.")


class ObjectivesChangedError(ConflictError):
    code: ClassVar[str] = "objectives_changed"

    def __init__(self) -> None:
        super().__init__("Objectives of this workspace were changed at the same moment. Look at them and apply again.")


class ExceptionInvalidError(InvalidInputError):
    code: ClassVar[str] = "exception_invalid"

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message, field=field)


class ExceptionNotAllowedError(ForbiddenError):
    code: ClassVar[str] = "exception_not_allowed"

    def __init__(self, roles: Sequence[str]) -> None:
        named = ", ".join(roles) or "nobody"
        super().__init__(f"The policy lets people of these roles make exceptions: {named}. Ask one of them.")


class ExceptionNotFoundError(NotFoundError):
    code: ClassVar[str] = "exception_not_found"

    def __init__(self, exception_id: str) -> None:
        super().__init__(
            f"There is no exception {exception_id!r} here. `tidegate slo freezes NAME` shows those there are."
        )


class ObjectiveNotFrozenError(ConflictError):
    code: ClassVar[str] = "objective_not_frozen"

    def __init__(self, name: str) -> None:
        super().__init__(f"Nothing is frozen by {name!r}: there is nothing to make an exception from.")
