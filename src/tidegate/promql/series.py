"""Series, how they are chosen, and where an evaluation gets them from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegate.promql.errors import ExpressionError

__all__ = [
    "METRIC_NAME",
    "STALE",
    "Floats",
    "Labels",
    "MatchOp",
    "Matcher",
    "MemorySource",
    "Moments",
    "Series",
    "SeriesSource",
    "is_stale",
    "labels_of",
    "labels_text",
    "quoted",
]

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Sorted by name, without empty values; the metric's name is `__name__`."""
Moments: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

METRIC_NAME: Final = "__name__"
_STALE_BITS: Final = 0x7FF0000000000002  # Prometheus: value.StaleNaN
STALE: Final = float(np.array([_STALE_BITS], dtype=np.uint64).view(np.float64)[0])
# The longest pattern of a selector. Linear in the text whatever it says (RE2), so that this bounds memory alone.
_LONGEST_PATTERN: Final = 8192
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def labels_of(pairs: Mapping[str, str]) -> Labels:
    """Return `pairs` as a series has them."""
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


def quoted(text: str) -> str:
    """Return `text` as a string of the language."""
    return '"' + "".join(_ESCAPES.get(c, c if c.isprintable() else _escaped(c)) for c in text) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def labels_text(labels: Labels) -> str:
    """Return `labels` as Prometheus writes a series: `up{job="a"}`."""
    name = dict(labels).get(METRIC_NAME, "")
    inside = ", ".join(f"{key}={quoted(value)}" for key, value in labels if key != METRIC_NAME)
    return f"{name}{{{inside}}}" if inside or not name else name


class MatchOp(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    label: str
    op: MatchOp
    value: str

    def __str__(self) -> str:
        bare = self.label.isidentifier() and self.label.isascii()
        return f"{self.label if bare else quoted(self.label)}{self.op}{quoted(self.value)}"

    def matches(self, value: str) -> bool:
        """Say whether `value` of the label is meant; a label that is not there is empty."""
        match self.op:
            case MatchOp.EQUAL:
                return value == self.value
            case MatchOp.NOT_EQUAL:
                return value != self.value
            case MatchOp.MATCHES:
                return _meets(self.value, value)
            case MatchOp.NOT_MATCHES:
                return not _meets(self.value, value)


@lru_cache(maxsize=4096)
def _meets(pattern: str, value: str) -> bool:
    return bool(compile_pattern(pattern).fullmatch(value))


class Pattern(Protocol):
    def fullmatch(self, text: str) -> object: ...


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Pattern:
    """Compile `pattern` as Prometheus does: RE2, `.` also meets a line's end, always the whole value.

    Raises:
        ExpressionError: it is too long or no pattern.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise ExpressionError(f"A pattern has {len(pattern)} characters; {_LONGEST_PATTERN} are the most.")
    import re2

    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        found: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0]
        words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ExpressionError(f"{pattern!r} is no RE2 pattern: {words}.") from error
    return found


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of one label set, oldest first, no moment twice."""

    labels: Labels
    moments: Moments
    """Milliseconds since 1970."""
    values: Floats


class SeriesSource(Protocol):
    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Series]:
        """Return the series that meet all `matchers`, sorted by their labels.

        Holds at least the samples from `start_ms` to `end_ms`, both included; markers of staleness among them.
        """
        ...


def is_stale(values: Floats) -> NDArray[np.bool_]:
    """Say which of `values` are Prometheus's markers of the end of a series."""
    bits: NDArray[np.uint64] = values.view(np.uint64)
    return np.asarray(bits == _STALE_BITS)


@dataclass(slots=True)
class MemorySource:
    """Series in memory, found by their metric's name first."""

    series: dict[Labels, Series] = field(default_factory=dict)
    _by_name: dict[str, list[Labels]] = field(default_factory=dict)

    @classmethod
    def of(cls, series: Iterable[Series]) -> "MemorySource":
        source = cls()
        for one in series:
            source.put(one)
        return source

    def put(self, series: Series) -> None:
        """Hold `series`, in place of what was held under its labels."""
        if series.labels not in self.series:
            self._by_name.setdefault(dict(series.labels).get(METRIC_NAME, ""), []).append(series.labels)
        self.series[series.labels] = series

    def add(self, labels: Labels, moment: int, value: float) -> None:
        """Append a sample; one that is not newer than the newest is dropped, as Prometheus does."""
        held = self.series.get(labels)
        if held is None:
            self.put(Series(labels, np.array([moment], dtype=np.int64), np.array([value])))
        elif moment > held.moments[-1]:
            self.series[labels] = Series(labels, np.append(held.moments, moment), np.append(held.values, value))

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Series]:
        del start_ms, end_ms  # everything is here: the evaluation cuts what it needs
        named = [m.value for m in matchers if m.label == METRIC_NAME and m.op is MatchOp.EQUAL]
        candidates = self._by_name.get(named[0], []) if named else list(self.series)
        found = [labels for labels in candidates if _all_meet(dict(labels), matchers)]
        return [self.series[labels] for labels in sorted(found)]


def _all_meet(labels: Mapping[str, str], matchers: Sequence[Matcher]) -> bool:
    return all(matcher.matches(labels.get(matcher.label, "")) for matcher in matchers)
