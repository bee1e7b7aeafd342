"""promtool's notation of samples: `0+10x60 _x3 stale`."""

import re
from typing import Final

import numpy as np

from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.parsing import parse_series_name
from tidegate.promql.series import STALE, Floats, Labels, Moments, Series, labels_of

__all__ = ["MOST_SAMPLES", "parse_input_series", "parse_labels"]

MOST_SAMPLES: Final = 5_000_000
# Without hexadecimal numbers: `0x10` is eleven times 0.
_NUMBER: Final = r"(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?|nan|inf)"
_ITEM: Final = re.compile(
    rf"(?P<gap>_)(?:x(?P<gaps>[0-9]+))?|(?P<stale>stale)|(?P<start>[-+]?{_NUMBER})(?P<step>[-+]{_NUMBER})?(?:x(?P<times>[0-9]+))?",
    re.IGNORECASE,
)


def parse_labels(written: str) -> Labels:
    """Read `up{job="a"}`.

    Raises:
        ExpressionError: it names no series.
    """
    selector = parse_series_name(written)
    return labels_of({matcher.label: matcher.value for matcher in selector.matchers})


def parse_input_series(name: str, values: str, *, start_ms: int, interval_ms: int) -> Series:
    """Read one series, whose samples come every `interval_ms` from `start_ms` on.

    Raises:
        NotSupportedError: it has native histograms.
        RuleFileError: the notation is wrong, or means more samples than a test may have.
    """
    labels = parse_labels(name)
    parts: list[Floats] = []
    places: list[Moments] = []
    at = 0
    for word in _words(name, values):
        found = _ITEM.fullmatch(word)
        if found is None:
            raise RuleFileError(f"{name}: {word[:60]!r} is no value. Write 1, 0+10x60, _x3 or stale.")
        if found["gap"]:
            at += int(found["gaps"] or 1)
            continue
        count = int(found["times"]) + 1 if found["times"] else 1
        if at + count > MOST_SAMPLES:
            raise RuleFileError(f"{name}: more than {MOST_SAMPLES} samples.")
        parts.append(_values(found, count))
        places.append(np.arange(at, at + count))
        at += count
    if not parts:
        return Series(labels, np.empty(0, dtype=np.int64), np.empty(0))
    return Series(labels, np.concatenate(places).astype(np.int64) * interval_ms + start_ms, np.concatenate(parts))


def _words(name: str, values: str) -> list[str]:
    if "{{" in values:
        raise NotSupportedError("{{", where=name, why="native histograms are not read; classic buckets are")
    return values.split()


def _values(found: re.Match[str], count: int) -> Floats:
    if found["stale"]:
        return np.array([STALE])
    start, step = float(found["start"]), float(found["step"] or "0")
    if found["step"] is not None and not found["times"]:
        raise RuleFileError(f"{found[0]!r} is no value. Write 0+10x60.")
    # One addition after the other, as promtool does: the last digits are those of a running sum.
    return np.cumsum(np.concatenate([[start], np.full(count - 1, step)]))
