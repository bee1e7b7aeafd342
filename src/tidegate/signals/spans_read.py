"""Which rows a closing needs, and from where: what was read of late, else the engine."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.apart import apart
from tidegate.signals.fresh import FreshSpans
from tidegate.signals.ports import Seconds, Touch
from tidegate.signals.recent import RecentSpans, Second, joined, no_rows, of_traces, rows_in
from tidegate.signals.recent_traces import RecentTraces
from tidegate.signals.spans import LINK_SLACK_S, MAX_SPAN_S, Spans, link_spans, sort_spans
from tidegate.signals.statements import (
    BLOCK_S,
    EVENT_NUMBERS,
    EVENT_WORDS,
    LINK_NUMBERS,
    LINK_WORDS,
    blocks_as_ranges,
    read_ranges,
)
from tidegate.storage.native import Columns, Dictionaries, Numbers, Words

# Between the first and the last second that the cache is asked for: of all in between it has to know everything. Late
# rows of the last minute, at 20,000 spans/s, would have it read a million rows, and forget them for the next slice.
_LONGEST_HOT_S: Final = 30
_NANO: Final = 1_000_000_000
# A second that is known while it is empty need not be read when the first rows of it come.
_AHEAD_S: Final = 30
_MOST_AHEAD: Final = 50  # workspaces
_NUMBERS: Final = LINK_NUMBERS + EVENT_NUMBERS
_WORDS: Final = LINK_WORDS + EVENT_WORDS


class SpanRows(Protocol):
    """Raw spans as columns."""

    async def spans(self, seconds: Seconds, dictionaries: Dictionaries) -> Columns:
        """Return all rows of `seconds`."""
        ...

    async def neighbours(
        self, seconds: Seconds, ranges: Sequence[tuple[int, int]], dictionaries: Dictionaries
    ) -> Columns:
        """Return believable rows in `ranges`, which are whole blocks, and not in `seconds`, of traces through them."""
        ...


@dataclass(slots=True)
class SpanReads:
    """Reads for one closing after the other."""

    rows: SpanRows
    fresh: FreshSpans = field(default_factory=FreshSpans)
    recent: RecentSpans = field(default_factory=RecentSpans)
    traces: RecentTraces = field(default_factory=RecentTraces)
    _before_s: int = LINK_SLACK_S + 3
    _own: tuple[Seconds, Columns, Dictionaries] | None = None
    """What was read last of seconds that are not hot: their traces are wanted next."""

    async def touched(self, seconds: Seconds, now_s: int, touches: Sequence[Touch] = ()) -> Columns:
        """Return all rows of `seconds`, with the columns of events as well; `touches` are all there are, or none."""
        self._own = None
        self.recent.make_room(now_s)
        if not self._is_hot(seconds, now_s):
            return (await self._read_apart(seconds))[0]
        known, fresh = self.fresh.of(touches, seconds)
        known = {one for one in known if self.recent.has_all_of(one)}
        left = {workspace: [one for one in own if (workspace, one) not in known] for workspace, own in seconds.items()}
        left = {workspace: own for workspace, own in left.items() if own}
        parts = [await apart(self._grown, known, fresh)] if known else []
        if left:
            parts.append(await self._fetched(left, now_s))
        return parts[0] if len(parts) == 1 else joined(parts, self.recent.dictionaries, _NUMBERS, _WORDS)

    def _grown(self, known: AbstractSet[Second], fresh: Sequence[Columns]) -> Columns:
        columns = self.recent.grow(known, fresh)
        own: dict[WorkspaceId, list[int]] = {}
        for workspace, second in known:
            own.setdefault(workspace, []).append(second)
        self.traces.keep(columns, own)
        return columns

    async def _fetched(self, seconds: Seconds, now_s: int) -> Columns:
        """Read `seconds`, and what is not known around them: the next ones too, which hold nothing yet."""
        first, last = self._range(seconds, now_s)
        more = self.recent.unknown(seconds, first, last + (_AHEAD_S if len(seconds) <= _MOST_AHEAD else 0))
        # Of those that were known before, traces say whether they are wanted.
        never = {workspace: [one for one in found if not self.traces.knows(workspace, one)]
                 for workspace, found in more.items()}  # fmt: skip
        fetched = {workspace: sorted({*own, *never.get(workspace, ())}) for workspace, own in seconds.items()}
        return await self._kept(fetched)

    async def _read_apart(self, seconds: Seconds) -> tuple[Columns, Dictionaries]:
        """Read `seconds` with words of their own, and know of them no more than their traces."""
        words: Dictionaries = {}
        columns = await self.rows.spans(seconds, words)
        self.recent.drop(seconds)
        await apart(self.traces.keep, columns, seconds)
        self._own = seconds, columns, words
        return columns, words

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
                own, words = await self._read_apart(seconds)
            else:
                _, own, words = self._own
            ranges = await apart(self._ranges_of_others, own, seconds)
            near = await self.rows.neighbours(seconds, ranges, words) if ranges else no_rows()
            return joined([own, near], words)
        first, last = self._range(seconds, now_s)
        missing = self.recent.unknown_of(seconds)
        if missing:
            await self._kept(missing)
        own = joined([no_rows(), *self.recent.rows_of(seconds)], self.recent.dictionaries)
        around = {workspace: range(first, last + 1) for workspace in seconds}
        others = {workspace: sorted({*around[workspace]} - {*found}) for workspace, found in seconds.items()}
        wanted = await apart(self.traces.that_may_have, own, self.recent.unknown_of(others))
        if wanted:
            await self._kept(wanted)
        words = self.recent.dictionaries
        their_rest = await apart(of_traces, self.recent.rows_of(others), own)
        return joined([own, *their_rest], words)

    async def _kept(self, seconds: Seconds) -> Columns:
        columns = await self.rows.spans(seconds, self.recent.dictionaries)
        self.recent.keep(columns, seconds)
        await apart(self.traces.keep, columns, seconds)
        return columns

    def _ranges_of_others(self, own: Columns, seconds: Seconds) -> list[tuple[int, int]]:
        """Return where rows of the traces of `own` may be that are not among them."""
        moments = sorted({moment for found in seconds.values() for moment in found})
        ranges = read_ranges(moments, before_s=self._before_s, after_s=MAX_SPAN_S + LINK_SLACK_S)
        blocks = [block for start, end in ranges for block in range(start, end, BLOCK_S)]
        without = self.traces.blocks_without(own, seconds, blocks)
        return blocks_as_ranges(block for block in blocks if block not in without)

    def forget(self) -> None:
        """Know nothing: another process may have counted, or counting failed half way."""
        self.recent.forget()
        self.traces.forget()

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


def rows_of(columns: Columns, rows: Numbers) -> Columns:
    """Return `rows` of `columns`."""
    return Columns(
        len(rows),
        {name: column[rows] for name, column in columns.numbers.items()},
        {name: Words(column.words, column.codes[rows]) for name, column in columns.words.items()},
    )
