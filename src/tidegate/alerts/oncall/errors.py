"""What can go wrong with schedules."""

from typing import ClassVar

from tidegate.alerts.oncall.model import MAX_SCHEDULES
from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, UnavailableError


class ScheduleNotFoundError(NotFoundError):
    code: ClassVar[str] = "schedule_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no schedule {name[:80]!r}. `tidegate schedule list` shows those you have.")


class ScheduleInvalidError(InvalidInputError):
    """A setting of a schedule that cannot be; `field` names it."""

    code: ClassVar[str] = "schedule_invalid"


class CalendarInvalidError(InvalidInputError):
    """A calendar that is not read, or not wholly: then nothing of it counts."""

    code: ClassVar[str] = "calendar_invalid"


class ScheduleInUseError(ConflictError):
    code: ClassVar[str] = "schedule_in_use"

    def __init__(self, name: str) -> None:
        super().__init__(f"Routes name the schedule {name!r}. Take it out of the routing first: `tidegate route show`.")


class ScheduleLimitError(ConflictError):
    code: ClassVar[str] = "schedule_limit"

    def __init__(self) -> None:
        super().__init__(f"A workspace has at most {MAX_SCHEDULES} schedules. Remove one that no route names.")


class ScheduleChangedError(ConflictError):
    code: ClassVar[str] = "schedule_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this schedule at this moment. Look at it, then try again.")


class ScheduleUnreadError(UnavailableError):
    """A schedule could not be read where it is kept."""

    code: ClassVar[str] = "schedule_unread"
