"""Moments, ranges and durations, and how they are written."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tidegate.kernel.errors import InvalidInputError

_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open range: `start` belongs to it, `end` does not."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise InvalidInputError("The range is empty: `from` must lie before `to`.", field="from")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def widened(self, step_s: int) -> "TimeRange":
        """Return the shortest range around this one that begins and ends with whole steps since 1970."""
        first, last = int(self.start.timestamp()), -int(-self.end.timestamp() // 1)
        return TimeRange(
            datetime.fromtimestamp(first - first % step_s, UTC), datetime.fromtimestamp(last + -last % step_s, UTC)
        )


def parse_duration(text: str, *, field: str = "duration") -> timedelta:
    """Read `90s`, `15m`, `1h30m`, `7d`.

    Raises:
        InvalidInputError: `text` is anything else, or adds up to nothing.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidInputError(f"{text!r} is no duration: write for example 90s, 15m, 1h30m or 7d.", field=field)
    try:
        total = sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except OverflowError as error:
        raise InvalidInputError(f"{text!r} is longer than time is counted.", field=field) from error
    if total <= timedelta():
        raise InvalidInputError(f"{text!r} lasts no time: give at least 1s.", field=field)
    return total


def format_duration(value: timedelta) -> str:
    """Write whole seconds as `1h30m`; the inverse of `parse_duration` for whole seconds."""
    seconds = int(value.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_utc(text: str, *, field: str = "time") -> datetime:
    """Read an ISO 8601 moment with its offset, for example `2026-02-07T14:02:11Z`.

    Raises:
        InvalidInputError: `text` is no moment, or does not say its offset.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the first hours of year 1 have no UTC
        pass
    raise InvalidInputError(
        f"{text!r} is no moment with an offset: write for example 2026-02-07T14:02:11Z.", field=field
    )


def format_utc(moment: datetime) -> str:
    """Write a moment as `2026-02-07T14:02:11.123456Z`, without a fraction when there is none."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
