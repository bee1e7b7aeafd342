"""When something is muted or active: times of day, days, months, years, in a place's own time. Pure.

The rules are Alertmanager's: every kind of range that is given has to fit, any range of a kind is enough, an end of day
is `24:00`, days of the month may count from its end. Local time is what clocks on the wall show: what begins at 02:30
does not begin in a night that has no 02:30, and lasts for both of them in a night that has two.
"""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["Span", "TimeInterval", "is_within", "next_change"]

_MINUTE: Final = timedelta(minutes=1)
_HORIZON: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Span:
    """Whole numbers from `first` to `last`, both within."""

    first: int
    last: int

    def holds(self, number: int) -> bool:
        return self.first <= number <= self.last


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Moments that fit every kind of range that is given; a kind that is not given fits all."""

    minutes: tuple[Span, ...] = ()
    """Of the day, from 0; the last one is within."""
    weekdays: tuple[Span, ...] = ()
    """Sunday is 0."""
    days_of_month: tuple[Span, ...] = ()
    """From 1; negative ones count from the end: -1 is the last."""
    months: tuple[Span, ...] = ()
    years: tuple[Span, ...] = ()
    location: str = "UTC"

    def holds(self, moment: datetime) -> bool:
        local = moment.astimezone(ZoneInfo(self.location))
        return (
            _fits(self.minutes, local.hour * 60 + local.minute)
            and _fits(self.weekdays, (local.weekday() + 1) % 7)
            and _fits(self.months, local.month)
            and _fits(self.years, local.year)
            and (not self.days_of_month or _fits_day(self.days_of_month, local))
        )


def is_within(intervals: Iterable[TimeInterval], moment: datetime) -> bool:
    return any(interval.holds(moment) for interval in intervals)


@lru_cache(maxsize=1_024)  # every alert of a group asks the same of the same moment: 4 to 25 ms each
def next_change(intervals: tuple[TimeInterval, ...], after: datetime) -> datetime:
    """Return the first whole minute after `after` at which the answer of `is_within` differs; a day later at most.

    Looks at every minute: ranges begin and end with whole minutes of places whose clocks may be set at any of them.
    """
    now = is_within(intervals, after)
    moment = after.astimezone(UTC).replace(second=0, microsecond=0)
    end = moment + _HORIZON
    while moment < end:
        moment += _MINUTE
        if is_within(intervals, moment) is not now:
            return moment
    return end


def _fits(spans: tuple[Span, ...], number: int) -> bool:
    return not spans or any(span.holds(number) for span in spans)


def _fits_day(spans: tuple[Span, ...], local: datetime) -> bool:
    length = calendar.monthrange(local.year, local.month)[1]
    for span in spans:
        first = span.first if span.first > 0 else length + span.first + 1
        last = span.last if span.last > 0 else length + span.last + 1
        if first <= length and max(first, 1) <= local.day <= min(last, length):
            return True
    return False
