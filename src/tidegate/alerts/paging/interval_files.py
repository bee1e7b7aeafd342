"""Times of a routing file or a maintenance window, as people write them: Alertmanager's words."""

import re
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tidegate.alerts.paging.errors import RoutingInvalidError
from tidegate.alerts.paging.model import Span, TimeInterval

__all__ = ["IntervalFile", "Published", "TimesFile", "intervals_of"]

_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


class Published(BaseModel):
    """The manner of documents that people write."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)


class TimesFile(Published):
    start_time: str
    """`HH:MM`; it belongs to the range."""
    end_time: str
    """`HH:MM` or `24:00`; it does not."""


_Ranges = Annotated[tuple[Annotated[str, BeforeValidator(str)], ...], Field(max_length=64)]


class IntervalFile(Published):
    """Moments that fit all kinds of ranges that are given."""

    times: Annotated[tuple[TimesFile, ...], Field(max_length=64)] = ()
    weekdays: _Ranges = ()
    """`monday:friday`, `saturday`."""
    days_of_month: _Ranges = ()
    """`1:5`, `-3:-1`."""
    months: _Ranges = ()
    """`january:march`, `12`."""
    years: _Ranges = ()
    """`2026:2027`."""
    location: Annotated[str, Field(max_length=100)] = "UTC"
    """Time zone: `Europe/Berlin`."""


def intervals_of(given: tuple[IntervalFile, ...], field: str) -> tuple[TimeInterval, ...]:
    """Return times from how they are written.

    Raises:
        RoutingInvalidError: one is none; the field is named.
    """
    return tuple(_interval(each, f"{field}.{place}") for place, each in enumerate(given))


def _interval(given: IntervalFile, field: str) -> TimeInterval:
    _zone(given.location, field)
    return TimeInterval(
        minutes=tuple(_minutes(each, f"{field}.times.{place}") for place, each in enumerate(given.times)),
        weekdays=tuple(_span(text, f"{field}.weekdays", words=_WEEKDAYS, first=0, last=6) for text in given.weekdays),
        days_of_month=tuple(_days(text, f"{field}.days_of_month") for text in given.days_of_month),
        months=tuple(_span(text, f"{field}.months", words=_MONTHS, first=1, last=12) for text in given.months),
        years=tuple(_span(text, f"{field}.years", words=(), first=1, last=9_999) for text in given.years),
        location=given.location,
    )


@lru_cache(maxsize=1_000)
def _known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _zone(name: str, field: str) -> None:
    if not _known_zone(name):
        raise RoutingInvalidError(
            f"{name[:80]!r} is no time zone: write for example Europe/Berlin.", field=f"{field}.location"
        )


def _minutes(given: TimesFile, field: str) -> Span:
    first, end = (_minute(text, field) for text in (given.start_time, given.end_time))
    if first >= end:
        raise RoutingInvalidError("It ends before it begins; over midnight it takes two ranges.", field=field)
    return Span(first, end - 1)


def _minute(text: str, field: str) -> int:
    if not _TIME.fullmatch(text):
        raise RoutingInvalidError(f"{text[:20]!r} is no time of day: write for example 09:30.", field=field)
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _days(text: str, field: str) -> Span:
    span = _span(text, field, words=(), first=-31, last=31, in_order=False)
    one_sign = (span.first > 0) == (span.last > 0)
    if 0 in {span.first, span.last} or (one_sign and span.first > span.last) or (span.first < 0 < span.last):
        raise RoutingInvalidError(f"{text!r} is no range of days of a month: 1:5, -3:-1, 15:-1.", field=field)
    return span


def _span(text: str, field: str, *, words: tuple[str, ...], first: int, last: int, in_order: bool = True) -> Span:
    numbers = [_number(part.strip().lower(), words, offset=first) for part in text.split(":")]
    if len(numbers) == 1:
        numbers *= 2
    known = [number for number in numbers if number is not None and first <= number <= last]
    if len(numbers) != 2 or len(known) != 2 or (in_order and known[0] > known[1]):
        raise RoutingInvalidError(f"{text[:40]!r} is no range that is read here.", field=field)
    return Span(known[0], known[1])


def _number(text: str, words: tuple[str, ...], *, offset: int) -> int | None:
    if text in words:
        return words.index(text) + offset
    if words == _WEEKDAYS or not re.fullmatch(r"-?\d{1,4}", text):
        return None
    return int(text)
