"""What can be wrong with objectives."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


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
