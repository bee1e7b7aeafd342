"""Which rows a closing needs, and from where: what was read of late, else the engine."""

from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from tidegate.signals.apart import apart
from tidegate.signals.ports import Seconds
from tidegate.signals.recent import RecentSpans, joined, no_rows, of_traces
from tidegate.signals.spans import LINK_SLACK_S, MAX_SPAN_S, Spans, link_spans, sort_spans
from tidegate.storage.native import Columns, Dictionaries, Numbers, Words

# Between the first and the last second that the cache is asked for: of all in between it has to know everything. Late
# rows of the last minute, at 20,000 spans/s, would have it read a million rows, and forget them for the next slice.
_LONGEST_HOT_S: Final = 30
_NANO: Final = 1_000_000_000
_WIDTH: Final = 2**33


class SpanRows(Protocol):
    """Raw spans as columns."""

    async def spans(self, seconds: Seconds, dictionaries: Dictionaries) -> Columns:
        """Return all rows of `seconds`."""
        ...

    async def neighbours(self, seconds: Seconds, *, before_s: int, dictionaries: Dictionaries) -> Columns:
        """Return believable rows outside of `seconds` of traces through them.

        Those that ended at most `before_s` before one of them, and as long after it as a part of it can.
        """
        ...


@dataclass(slots=True)
class SpanReads:
    """Reads for one closing after the other."""

    rows: SpanRows
    recent: RecentSpans = field(default_factory=RecentSpans)
    _before_s: int = LINK_SLACK_S + 3
    _own: tuple[Seconds, Columns, Dictionaries] | None = None
    """What was read last of seconds that are not hot: their traces are wanted next."""

    async def touched(self, seconds: Seconds, now_s: int) -> Columns:
        """Return all rows of `seconds`, with the columns of events as well."""
        self._own = None
        if not self._is_hot(seconds, now_s):
            words: Dictionaries = {}
            columns = await self.rows.spans(seconds, words)
            self._own = seconds, columns, words
            return columns
        more = self.recent.unknown(seconds, *self._range(seconds, now_s))
        fetched = {workspace: sorted({*own, *more.get(workspace, ())}) for workspace, own in seconds.items()}
        columns = await self.rows.spans(fetched, self.recent.dictionaries)
        self.recent.keep(columns, fetched, now_s)
        return columns

    async def linked(self, seconds: Seconds, now_s: int) -> Spans:
        """Return the spans of all traces through `seconds`, read back to where their longest span began.

        What `touched` returned before is not read again.
        """
        while True:
            traces = await self._traces(seconds, now_s)
            spans, needed = await apart(_linked, traces, seconds)
            if needed <= self._before_s:
                # Traces of the next closing are about as long; one that was very long is forgotten slowly.
                self._before_s = max(LINK_SLACK_S + 3, needed, self._before_s * 9 // 10)
                self._own = None
                return spans
            self._before_s = needed

    async def _traces(self, seconds: Seconds, now_s: int) -> Columns:
        if not self._is_hot(seconds, now_s):
            if self._own is None or self._own[0] != seconds:
                words: Dictionaries = {}
                self._own = seconds, await self.rows.spans(seconds, words), words
            _, own, words = self._own
            near = await self.rows.neighbours(seconds, before_s=self._before_s, dictionaries=words)
            return joined([own, near], words)
        first, last = self._range(seconds, now_s)
        around = {workspace: range(first, last + 1) for workspace in seconds}
        unknown = self.recent.unknown(seconds, first, last)
        if unknown:
            columns = await self.rows.spans(unknown, self.recent.dictionaries)
            self.recent.keep(columns, unknown, now_s)
        words = self.recent.dictionaries
        own = joined([no_rows(), *self.recent.rows_of(seconds)], words)
        others = {workspace: sorted({*around[workspace]} - {*found}) for workspace, found in seconds.items()}
        their_rest = await apart(of_traces, self.recent.rows_of(others), own)
        return joined([own, *their_rest], words)

    def _is_hot(self, seconds: Seconds, now_s: int) -> bool:
        first, last = self._range(seconds, now_s)
        return last - first <= _LONGEST_HOT_S

    def _range(self, seconds: Seconds, now_s: int) -> tuple[int, int]:
        first = min(found[0] for found in seconds.values())
        last = max(found[-1] for found in seconds.values())
        return max(0, first - self._before_s), max(last, now_s)


def _linked(traces: Columns, seconds: Seconds) -> tuple[Spans, int]:
    spans = link_spans(sort_spans(traces))
    return spans, _reach(spans, seconds)


def _reach(spans: Spans, seconds: Seconds) -> int:
    """Return how long before the seconds that it goes through the first part of a trace may have ended."""
    if not len(spans):
        return LINK_SLACK_S
    start, end = spans.number("start_ns").astype(np.int64), spans.number("end_ns").astype(np.int64)
    begun = np.maximum(start, end - MAX_SPAN_S * _NANO) // _NANO
    own = spans.number("second").astype(np.int64)
    first = own[is_in(spans, seconds)]
    traces = spans.trace
    _, at = np.unique(traces, return_inverse=True)
    of_trace = np.full(int(at.max()) + 1, 2**40)
    np.minimum.at(of_trace, at[is_in(spans, seconds)], first)
    back = of_trace[at] - begun
    longest = int(back[of_trace[at] < 2**40].max(initial=0)) + LINK_SLACK_S + 1
    return min(max(longest, LINK_SLACK_S), MAX_SPAN_S + 2 * LINK_SLACK_S)


def is_in(spans: Spans, seconds: Seconds, rows: Numbers | None = None) -> Numbers:
    """Return which spans, or which of `rows` of them, ended in `seconds`."""
    chosen = spans.rows if rows is None else spans.rows[rows]
    return rows_in(spans.columns, seconds)[chosen]


def rows_in(columns: Columns, seconds: Seconds) -> Numbers:
    """Return which rows ended in `seconds`."""
    workspace = columns.words["workspace"]
    codes = {word: code for code, word in enumerate(workspace.words)}
    wanted = [codes[name] * _WIDTH + one for name, found in seconds.items() if name in codes for one in found]
    moments = workspace.codes.astype(np.int64) * _WIDTH + columns.numbers["second"].astype(np.int64)
    found: Numbers = np.isin(moments, np.array(wanted, np.int64))
    return found


def rows_of(columns: Columns, rows: Numbers) -> Columns:
    """Return `rows` of `columns`."""
    return Columns(
        len(rows),
        {name: column[rows] for name, column in columns.numbers.items()},
        {name: Words(column.words, column.codes[rows]) for name, column in columns.words.items()},
    )
