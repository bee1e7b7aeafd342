"""When an event of a calendar recurs (RFC 5545, section 3.3.10), on the clock on the wall. Pure and bounded.

Written here because a calendar comes from outside: a rule that never holds (`FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30`) makes
libraries look at each day until the year 9999. Here every day that is looked at counts against a budget, and only days
up to a horizon are. Parts that no roster has are refused by name, never left out.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from tidegate.alerts.oncall.errors import CalendarInvalidError

__all__ = ["Budget", "Recurrence", "occurrences", "recurrence_of"]

_FREQUENCIES: Final = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY")
_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_KNOWN: Final = {
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY", "BYHOUR", "BYMINUTE",
    "BYSETPOS",
}  # fmt: skip
_WEEKDAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_MOST_TIMES: Final = 96  # of one day: a shift each quarter of an hour


class Budget:
    """How many days may be looked at, over all rules of a calendar."""

    def __init__(self, days: int) -> None:
        self._left = days

    def spend(self, days: int = 1) -> None:
        self._left -= days
        if self._left < 0:
            raise CalendarInvalidError("The calendar recurs too often, over too long a time. Take out what is over.")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule; empty parts do not narrow it."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | date | None = None
    """The last moment that may be one; with a zone that of the world, a day counts to its end."""
    week_start: int = 0
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()
    """Which one in its month or year, 0 for each, and the day of the week."""
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    positions: frozenset[int] = frozenset()


def recurrence_of(parts: Mapping[str, Sequence[Any]]) -> Recurrence:
    """Return the rule that was read.

    Raises:
        CalendarInvalidError: it has a part that is not known here, or that says nothing.
    """
    unknown = sorted(set(parts) - _KNOWN)
    if unknown:
        raise CalendarInvalidError(f"An event recurs by {unknown[0][:40]}, which is not read here.")
    frequency = str(_one(parts, "FREQ") or "")
    if frequency not in _FREQUENCIES:
        raise CalendarInvalidError(
            f"An event recurs {frequency[:20] or 'without FREQ'}: shifts are YEARLY, MONTHLY, WEEKLY or DAILY."
        )
    rule = Recurrence(
        frequency=frequency,
        interval=_numbers(parts, "INTERVAL", 1, 1_000, default=(1,))[0],
        count=next(iter(_numbers(parts, "COUNT", 1, 100_000)), None),
        until=_one(parts, "UNTIL"),
        week_start=_DAYS.index(_day(str(_one(parts, "WKST") or "MO"))),
        months=frozenset(_numbers(parts, "BYMONTH", 1, 12)),
        month_days=frozenset(_numbers(parts, "BYMONTHDAY", -31, 31)),
        year_days=frozenset(_numbers(parts, "BYYEARDAY", -366, 366)),
        weekdays=frozenset(map(_weekday, parts.get("BYDAY", ()))),
        hours=tuple(sorted(set(_numbers(parts, "BYHOUR", 0, 23)))),
        minutes=tuple(sorted(set(_numbers(parts, "BYMINUTE", 0, 59)))),
        positions=frozenset(_numbers(parts, "BYSETPOS", -366, 366)),
    )
    if frequency in {"WEEKLY", "DAILY"} and any(number for number, _ in rule.weekdays):
        raise CalendarInvalidError("An event recurs on an n-th day of the week, which only months and years have.")
    if len(rule.hours or (0,)) * len(rule.minutes or (0,)) > _MOST_TIMES:
        raise CalendarInvalidError(f"An event recurs more than {_MOST_TIMES} times a day.")
    return rule


def occurrences(
    rule: Recurrence, start: datetime, *, after: datetime, before: datetime, budget: Budget
) -> Iterator[datetime]:
    """Yield when an event begins that began at `start` first: after `after`, before `before`, in order.

    All are moments on one wall's clock, without a zone; an `until` with one has to be moved to that wall first.

    Raises:
        CalendarInvalidError: the budget is spent.
    """
    rule = _completed(rule, start)
    last = _last(rule, before)
    left = rule.count
    for first in _periods(rule, start, after, last):
        found = _of_period(rule, first, start, budget)
        for moment in found:
            if moment < start:
                continue
            if moment > last or moment >= before or left == 0:
                return
            if left is not None:
                left -= 1
            if moment > after:
                yield moment


def _completed(rule: Recurrence, start: datetime) -> Recurrence:
    """Return the rule with what its first moment says, where the rule itself says nothing."""
    if not (rule.month_days or rule.year_days or rule.weekdays):
        if rule.frequency == "YEARLY":
            rule = replace(rule, months=rule.months or frozenset({start.month}), month_days=frozenset({start.day}))
        elif rule.frequency == "MONTHLY":
            rule = replace(rule, month_days=frozenset({start.day}))
        elif rule.frequency == "WEEKLY":
            rule = replace(rule, weekdays=frozenset({(0, start.weekday())}))
    return replace(rule, hours=rule.hours or (start.hour,), minutes=rule.minutes or (start.minute,))


def _last(rule: Recurrence, before: datetime) -> datetime:
    until = rule.until
    if until is None:
        return before
    if not isinstance(until, datetime):
        until = datetime.combine(until, time.max)
    return min(until, before)


def _periods(rule: Recurrence, start: datetime, after: datetime, last: datetime) -> Iterator[date]:
    """Yield the first day of each year, month, week or day in turn; what is before `after` only where it is counted."""
    day = start.date()
    if rule.frequency in {"YEARLY", "MONTHLY"}:
        step = rule.interval * (12 if rule.frequency == "YEARLY" else 1)
        number = day.year * 12 + (day.month - 1 if rule.frequency == "MONTHLY" else 0)
        if rule.count is None and after > start:
            number += max((after.year * 12 + after.month - 1 - number) // step - 1, 0) * step
        while number // 12 <= last.year:
            yield date(number // 12, number % 12 + 1, 1)
            number += step
        return
    length = timedelta(days=rule.interval * (7 if rule.frequency == "WEEKLY" else 1))
    if rule.frequency == "WEEKLY":
        day -= timedelta(days=(day.weekday() - rule.week_start) % 7)
    if rule.count is None and after > start:
        day += max((after.date() - day) // length - 1, 0) * length
    while day <= last.date():
        yield day
        day += length


def _of_period(rule: Recurrence, first: date, start: datetime, budget: Budget) -> list[datetime]:
    days = {"YEARLY": 366 if _is_leap(first.year) else 365, "WEEKLY": 7, "DAILY": 1}.get(rule.frequency)
    if days is None:
        days = monthrange(first.year, first.month)[1]
    budget.spend(days)
    found = [
        datetime.combine(day, time(hour, minute, start.second))
        for day in (first + timedelta(days=number) for number in range(days))
        if _holds(rule, day)
        for hour in rule.hours
        for minute in rule.minutes
    ]
    if rule.positions:
        places = {each - 1 if each > 0 else len(found) + each for each in rule.positions}
        found = [moment for place, moment in enumerate(found) if place in places]
    return found


def _holds(rule: Recurrence, day: date) -> bool:
    if rule.months and day.month not in rule.months:
        return False
    month_length = monthrange(day.year, day.month)[1]
    if rule.month_days and not rule.month_days & {day.day, day.day - month_length - 1}:
        return False
    year_day, year_length = day.timetuple().tm_yday, 366 if _is_leap(day.year) else 365
    if rule.year_days and not rule.year_days & {year_day, year_day - year_length - 1}:
        return False
    if not rule.weekdays:
        return True
    by_month = rule.frequency == "MONTHLY" or bool(rule.months)
    place, length = (day.day, month_length) if by_month else (year_day, year_length)
    numbers = {0, (place - 1) // 7 + 1, -((length - place) // 7 + 1)}
    return any((number, day.weekday()) in rule.weekdays for number in numbers)


def _is_leap(year: int) -> bool:
    return monthrange(year, 2)[1] == 29


def _one(parts: Mapping[str, Sequence[Any]], name: str) -> Any:  # noqa: ANN401 - the type is the part's
    values = parts.get(name, ())
    if len(values) > 1:
        raise CalendarInvalidError(f"An event recurs with {name} more than once.")
    return values[0] if values else None


def _numbers(
    parts: Mapping[str, Sequence[Any]], name: str, least: int, most: int, *, default: tuple[int, ...] = ()
) -> tuple[int, ...]:
    try:
        values = tuple(int(value) for value in parts.get(name, ())) or default
    except (TypeError, ValueError):
        values = (least - 1,)
    # From the end is counted by -1, -2 and so on: zero is neither.
    if any(not least <= value <= most or (least < 0 and value == 0) for value in values) or len(values) > 400:
        raise CalendarInvalidError(f"An event recurs with {name} outside of {least} and {most:,}, or at zero.")
    return values


def _day(text: str) -> str:
    if text not in _DAYS:
        raise CalendarInvalidError(f"{text[:20]!r} is no day of the week.")
    return text


def _weekday(value: object) -> tuple[int, int]:
    found = _WEEKDAY.fullmatch(str(value))
    if found is None or abs(int(found[1] or 0)) > 53 or found[1] in {"0", "+0", "-0"}:
        raise CalendarInvalidError(f"{str(value)[:20]!r} is no day of the week.")
    return int(found[1] or 0), _DAYS.index(found[2])
