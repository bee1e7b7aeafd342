"""Over which time an objective is kept: the last so many days, or a week, month or quarter of a calendar. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tidegate.kernel import TimeRange, format_duration
from tidegate.slos.errors import ObjectiveInvalidError

__all__ = ["LONGEST", "SHORTEST", "Calendar", "CalendarUnit", "Rolling", "Window", "calendar_window", "rolling_window"]

SHORTEST: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=30)  # SIGNALS section 3: windows up to 30 d
_MONTHS_A_QUARTER: Final = 3


class CalendarUnit(StrEnum):
    WEEK = "week"
    """From Monday."""
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True)
class Rolling:
    """The time of this length that ends now."""

    length: timedelta

    def range_at(self, now: datetime) -> TimeRange:
        return TimeRange(now - self.length, now)

    @property
    def words(self) -> str:
        return f"rolling {format_duration(self.length)}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The present week, month or quarter where people live: its days are as long as they are there."""

    unit: CalendarUnit
    zone: str
    """Name in the IANA database: `Europe/Berlin`."""

    def range_at(self, now: datetime) -> TimeRange:
        """Return the whole period in which `now` lies; its end is not over."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        first = _first_day(self.unit, today)
        return TimeRange(_midnight(first, zone), _midnight(_first_day(self.unit, _next(self.unit, first)), zone))

    @property
    def words(self) -> str:
        return f"calendar {self.unit} in {self.zone}"


Window = Rolling | Calendar


def rolling_window(length: timedelta, *, field: str) -> Rolling:
    """Return the window, or say why it is none."""
    if not SHORTEST <= length <= LONGEST or length % timedelta(minutes=1):
        raise ObjectiveInvalidError(
            f"A rolling window lasts from 1h to 30d, in whole minutes, not {format_duration(length)}.", field
        )
    return Rolling(length)


def calendar_window(unit: str, zone: str, *, field: str) -> Calendar:
    """Return the window, or say why it is none."""
    try:
        known = zone in available_timezones() and ZoneInfo(zone) is not None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        raise ObjectiveInvalidError(f"{zone!r} is no time zone of the IANA database, as `Europe/Berlin` is.", field)
    return Calendar(CalendarUnit(unit), zone)


def _first_day(unit: CalendarUnit, day: date) -> date:
    if unit is CalendarUnit.WEEK:
        return day - timedelta(days=day.weekday())
    if unit is CalendarUnit.MONTH:
        return day.replace(day=1)
    return day.replace(month=day.month - (day.month - 1) % _MONTHS_A_QUARTER, day=1)


def _next(unit: CalendarUnit, first: date) -> date:
    """Return a day of the period after the one that begins with `first`."""
    days = {CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31, CalendarUnit.QUARTER: 95}[unit]
    return first + timedelta(days=days)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when `day` begins in `zone`.

    A midnight that comes twice is the first of the two; one that clocks jump over, read with the offset before the
    jump, is the moment of the jump.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
