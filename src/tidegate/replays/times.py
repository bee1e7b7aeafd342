"""Moments as recordings write them, to nanoseconds since 1970 without rounding. What names no zone is UTC."""

import re
from calendar import timegm
from datetime import datetime, timedelta
from functools import lru_cache

from tidegate.replays.model import NANO, UnreadableRowError

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$", re.IGNORECASE
)
_MONTHS = {name: number for number, name in enumerate(
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)}  # fmt: skip
# A number of this many digits is seconds, milliseconds, microseconds or nanoseconds: unambiguous from 1973 to 2286.
_DIGITS_TO_FACTOR = {10: NANO, 13: 10**6, 16: 10**3, 19: 1}


def moment_of(value: object) -> int:
    """Return the nanoseconds of an ISO 8601 text, or of a number of seconds, milli-, micro- or nanoseconds.

    Raises:
        UnreadableRowError: it is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    if not isinstance(value, str):
        raise UnreadableRowError(f"{str(value)[:40]!r} is no time")
    text = value.strip()
    if text.isdigit():
        return _of_number(int(text))
    return iso_ns(text)


def iso_ns(text: str) -> int:
    found = _ISO.match(text)
    if found is None:
        raise UnreadableRowError(f"{text[:40]!r} is no time")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction, zone = found.group(7) or "", found.group(8) or ""
    seconds = _day_seconds(year, month, day) + hour * 3600 + minute * 60 + second - _offset_s(zone)
    return held_ns(seconds * NANO + int(fraction.ljust(9, "0") or 0), text)


def held_ns(time_ns: int, text: object) -> int:
    """Return `time_ns` when the protocol can hold it: 1970 to 2262.

    Raises:
        UnreadableRowError: it cannot.
    """
    if not 0 <= time_ns < 2**63:
        raise UnreadableRowError(f"{str(text)[:40]!r} is no time from 1970 to 2262")
    return time_ns


def syslog_seconds(month: str, day: int, clock: str, year: int) -> int:
    """Return the seconds of a time as syslog writes it, such as `Dec 10 06:55:46`, in `year`."""
    number = _MONTHS.get(month)
    if number is None:
        raise UnreadableRowError(f"{month!r} is no month")
    hour, minute, second = map(int, clock.split(":"))
    return _day_seconds(year, number, day) + hour * 3600 + minute * 60 + second


def month_number(month: str) -> int:
    return _MONTHS.get(month, 0)


def as_text(time_ns: int) -> str | None:
    """Return the moment for a person, to the millisecond; `None` for none and for what no calendar holds."""
    if not time_ns:
        return None
    try:
        moment = datetime(1970, 1, 1) + timedelta(microseconds=time_ns // 1000)  # noqa: DTZ001 - UTC, named below
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds") + "Z"


def _of_number(value: float) -> int:
    whole = int(value)
    factor = _DIGITS_TO_FACTOR.get(len(str(abs(whole))))
    if factor is None or whole < 0:
        raise UnreadableRowError(f"{value} is no time in seconds, milli-, micro- or nanoseconds")
    return held_ns(whole * factor + (round((value - whole) * factor) if isinstance(value, float) else 0), value)


@lru_cache(maxsize=1024)  # a file has a few days
def _day_seconds(year: int, month: int, day: int) -> int:
    try:
        datetime(year, month, day)  # noqa: DTZ001 - asks only whether there is such a day
    except ValueError as error:
        raise UnreadableRowError(f"{year}-{month}-{day} is no day") from error
    return timegm((year, month, day, 0, 0, 0))


def _offset_s(zone: str) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    size = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -size if zone[0] == "-" else size
