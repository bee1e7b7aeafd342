"""Prometheus's durations: `1h30m`, in whole milliseconds."""

import re
from typing import Final

from tidegate.promql.errors import ExpressionError

__all__ = ["DAY_MS", "HOUR_MS", "MINUTE_MS", "duration_of", "parse_duration"]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
_UNITS: Final = (("y", 365 * DAY_MS), ("w", 7 * DAY_MS), ("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", 1000),
                 ("ms", 1))  # fmt: skip
_PATTERN: Final = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit, _ in _UNITS))
# Prometheus writes weeks and years only where nothing is left over.
_WHOLE_ONLY: Final = ("y", "w")
_LONGEST_MS: Final = 2**63 // 1_000_000  # a duration of Prometheus is 64 bits of nanoseconds


def parse_duration(text: str) -> int:
    """Return the milliseconds of `text`.

    Raises:
        ExpressionError: it is no duration.
    """
    if text == "0":
        return 0
    found = _PATTERN.fullmatch(text) if text else None
    if found is None:
        raise ExpressionError(f"{text!r} is no duration. Write it like 5m, 1h30m or 30d.")
    total = sum(int(number) * size for number, (_, size) in zip(found.groups(), _UNITS, strict=True) if number)
    if total >= _LONGEST_MS:
        raise ExpressionError(f"{text!r} is longer than 292 years.")
    return total


def duration_of(ms: int) -> str:
    """Return `ms` as Prometheus writes it: `1h30m`, `30d`, `0s`."""
    if ms == 0:
        return "0s"
    written = []
    for unit, size in _UNITS:
        if unit in _WHOLE_ONLY and ms % size:
            continue
        count, ms = divmod(ms, size)
        if count:
            written.append(f"{count}{unit}")
    return "".join(written)
