"""Which rows a closing needs, and from where: what was read of late, else the engine."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.apart import apart
from tidegate.signals.fresh import FreshSpans
from tidegate.signals.packed import KEPT_S, is_of_late
from tidegate.signals.ports import Ranges, Seconds, Touch, TouchedSeconds
from tidegate.signals.recent import Part, RecentSpans, Second, by_workspace, joined, no_rows, of_traces, rows_in
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
_LEARNT_S: Final = 2 * MAX_SPAN_S  # asked for once an hour
_NEVER_S: Final = 2**32 // BLOCK_S * BLOCK_S
_MOST_WHOLE: Final = 10  # seconds; to search traces in whatever is stored costs the engine as much as to read these
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

    async def stored_seconds(self, ranges: Ranges) -> Seconds:
        """Return the seconds in `ranges`, which are whole blocks, in which something that is stored ended."""
        ...


@dataclass(slots=True)
class _Own:
    """Rows of seconds that are not hot, with words of their own: their traces are wanted next."""

    seconds: Seconds
    columns: Columns
    words: Dictionaries
    is_remembering: bool
    """Whether all touches are known, so that what is remembered of other seconds lacks nothing that was counted."""


@dataclass(slots=True)
class SpanReads:
    """Reads for one closing after the other."""

    rows: SpanRows
    fresh: FreshSpans = field(default_factory=FreshSpans)
    recent: RecentSpans = field(default_factory=RecentSpans)
    traces: RecentTraces = field(default_factory=RecentTraces)
    _before_s: int = LINK_SLACK_S + 3
    _own: _Own | None = None
    _strange: set[tuple[WorkspaceId, str]] = field(default_factory=set)
    """Whose touches wait that this process did not make, or knows no more."""
    _met: set[WorkspaceId] = field(default_factory=set)

    def hear(self, touches: Sequence[Touch]) -> None:
        """Forget the seconds of what others did, as soon as its touch is read: rows may be erased.

        Once: what is read after that has what they did. That their touches still wait is seen in `touched`.
        """
        strange: dict[tuple[WorkspaceId, str], list[int]] = {}
        for touch in touches:
            unknown = self.fresh.unknown_of(touch)
            if unknown:
                strange[touch.workspace, touch.flush_id] = list(unknown)
        for (workspace, flush_id), seconds in strange.items():
            if (workspace, flush_id) not in self._strange:
                self.recent.drop({workspace: seconds})
                self.fresh.lose(workspace, seconds)
        self._strange = set(strange)

    async def meet(self, touches: Sequence[Touch], now_s: int) -> None:
        """Learn, of workspaces that are met first, where nothing is stored yet: its first late rows need no read."""
        new = sorted({touch.workspace for touch in touches} - self._met)[:_MOST_AHEAD]
        if not new:
            return
        first, end = (now_s - KEPT_S) // BLOCK_S * BLOCK_S, min(now_s // BLOCK_S * BLOCK_S + _LEARNT_S, _NEVER_S)
        stored = await self.rows.stored_seconds({workspace: [(first, end)] for workspace in new})
        around = self.recent.unknown(new, first, now_s + _AHEAD_S)
        empty = {workspace: sorted({*own}.difference(stored.get(workspace, ()))) for workspace, own in around.items()}
        await apart(self._note, no_rows(), empty, now_s)
        for workspace in new:
            last = max([now_s + _AHEAD_S, *stored.get(workspace, ())])
            self.traces.know_empty(workspace, last + 1, end)
        self._met.update(new)

    def settle(self, touched: TouchedSeconds) -> None:
        """Hear that `touched` is counted and published."""
        self._own = None
        flushes = {one for found in touched.flushes.values() for one in found}
        self.fresh.settle(flushes, touched.touches, touched.seconds)

    async def rest(self, now_s: int) -> None:
        """Let go of what is of no use any more, while nothing is counted."""
        self._own = None
        await apart(self.recent.make_room, now_s)

    async def touched(self, seconds: Seconds, now_s: int, touches: Sequence[Touch] = ()) -> Columns:
        """Return all rows of `seconds`, with the columns of events as well; `touches` are all there are, or none."""
        self._own = None
        await apart(self.recent.make_room, now_s)
        known, fresh = self.fresh.of(touches, seconds)
        known = {one for one in known if self.recent.has_all_of(one)}
        left = by_workspace((workspace, one) for workspace, own in seconds.items() for one in own
                            if (workspace, one) not in known)  # fmt: skip
        if not self._is_hot(seconds, now_s):
            return await self._touched_late(seconds, now_s, (known, fresh, left), is_remembering=bool(touches))
        parts = [await apart(self._grown, known, fresh)] if known else []
        if left:
            parts.append(await self._fetched(left, now_s))
        return parts[0] if len(parts) == 1 else joined(parts, self.recent.dictionaries, _NUMBERS, _WORDS)

    def _grown(self, known: AbstractSet[Second], fresh: Sequence[Part]) -> Columns:
        columns = self.recent.grow(known, fresh)
        self.traces.keep(columns, by_workspace(known))
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

    async def _touched_late(
        self, seconds: Seconds, now_s: int, parts: tuple[AbstractSet[Second], Sequence[Part], Seconds], *,
        is_remembering: bool,
    ) -> Columns:  # fmt: skip
        known, fresh, left = parts
        words: Dictionaries = {}
        found = [await apart(self.recent.grown, known, fresh, words)] if known else []
        if left:
            found.append(await self.rows.spans(left, words))
        columns = joined(found, words, _NUMBERS, _WORDS)
        await apart(self._note, columns, seconds, now_s)
        self._own = _Own(seconds, columns, words, is_remembering)
        return columns

    def _note(self, columns: Columns, seconds: Seconds, now_s: int) -> None:
        self.recent.pack(columns, seconds, now_s)
        self.traces.keep(columns, seconds)

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
                return spans
            self._before_s = needed

    async def _traces(self, seconds: Seconds, now_s: int) -> Columns:
        if self._own is not None or not self._is_hot(seconds, now_s):
            return await self._late_traces(seconds, now_s)
        first, last = self._range(seconds, now_s)
        await apart(self.recent.restore, seconds)
        missing = self.recent.unknown_of(seconds)
        if missing:
            await self._kept(missing)
        own = joined([no_rows(), *self.recent.rows_of(seconds)], self.recent.dictionaries)
        around = {workspace: range(first, last + 1) for workspace in seconds}
        others = {workspace: sorted({*around[workspace]} - {*found}) for workspace, found in seconds.items()}
        wanted = await apart(self.traces.that_may_have, own, self.recent.cool_of(others))
        await apart(self.recent.restore, wanted)
        missing = self.recent.unknown_of(wanted)
        if missing:
            await self._kept(missing)
        words = self.recent.dictionaries
        their_rest = await apart(of_traces, self.recent.rows_of(others), own)
        return joined([own, *their_rest], words)

    async def _late_traces(self, seconds: Seconds, now_s: int) -> Columns:
        known = self._own or _Own({}, no_rows(), {}, is_remembering=False)
        words = known.words
        more = {workspace: sorted({*own}.difference(known.seconds.get(workspace, ())))
                for workspace, own in seconds.items()}  # fmt: skip
        own = joined([known.columns, *await self._late_rows(more, known, now_s)], words)
        moments = sorted({one for found in seconds.values() for one in found})
        around = read_ranges(moments, before_s=self._before_s, after_s=MAX_SPAN_S + LINK_SLACK_S)
        seen, unknown = await apart(self.traces.where, own, seconds, _moments(around))
        if unknown:
            await self._learn(unknown)
            seen, unknown = await apart(self.traces.where, own, seconds, _moments(around))
        near, left = await apart(self._remembered, seen, own, known)
        few = _together(left, unknown)
        if known.is_remembering and sum(map(len, few.values())) <= _MOST_WHOLE and _is_of_late(few, now_s):
            read = await self.rows.spans(few, words)  # costs no more than a search, and is remembered
            await apart(self._note, read, few, now_s)
            near, left, unknown = [*near, *await apart(of_traces, [read], own)], {}, {}
        blocks = {one - one % BLOCK_S for found in (left, unknown) for its in found.values() for one in its}
        if blocks:
            near.append(await self.rows.neighbours(seconds, blocks_as_ranges(sorted(blocks)), words))
        return joined([own, *near], words)

    async def _late_rows(self, seconds: Seconds, known: _Own, now_s: int) -> list[Columns]:
        """Return the rows of more seconds, with the words of those that are `known`."""
        wanted = {(workspace, one) for workspace, own in seconds.items() for one in own}
        remembered = {one for one in wanted if known.is_remembering and self.recent.has_all_of(one)}
        found = [await apart(self.recent.grown, remembered, (), known.words)] if remembered else []
        left = by_workspace(wanted - remembered)
        if left:
            columns = await self.rows.spans(left, known.words)
            await apart(self._note, columns, left, now_s)
            found.append(columns)
        return found

    async def _learn(self, unknown: Seconds) -> None:
        """Learn where nothing is stored: a trace may go on for an hour, most of which has not come yet."""
        newest = {workspace: _newest_of(own) for workspace, own in unknown.items()}
        ranges = {workspace: [(own[0] - own[0] % BLOCK_S, min(own[-1] - own[-1] % BLOCK_S + _LEARNT_S, _NEVER_S))]
                  for workspace, own in newest.items()}  # fmt: skip
        stored = await self.rows.stored_seconds(ranges)
        for workspace, ((_, end),) in ranges.items():
            known = [one for one in stored.get(workspace, ()) if not self.traces.knows(workspace, one)]
            self.traces.know_empty(workspace, max([newest[workspace][0], *(one + 1 for one in known)]), end)

    def _remembered(self, seen: Seconds, own: Columns, known: _Own) -> tuple[list[Columns], Seconds]:
        """Return the rows of the traces of `own` in seconds that are remembered, and which are not."""
        wanted = {(workspace, one) for workspace, found in seen.items() for one in found}
        found = sorted(one for one in wanted if known.is_remembering and self.recent.has_all_of(one))
        near = of_traces((self.recent.linked_of(one, known.words) for one in found), own)
        return near, by_workspace(wanted.difference(found))

    async def _kept(self, seconds: Seconds) -> Columns:
        columns = await self.rows.spans(seconds, self.recent.dictionaries)
        self.recent.keep(columns, seconds)
        await apart(self.traces.keep, columns, seconds)
        return columns

    def forget(self) -> None:
        """Know nothing: another process may have counted, or counting failed half way."""
        self._own = None
        self._met.clear()
        self.recent.forget()
        self.traces.forget()

    def _is_hot(self, seconds: Seconds, now_s: int) -> bool:
        first, last = self._range(seconds, now_s)
        return last - first <= _LONGEST_HOT_S

    def _range(self, seconds: Seconds, now_s: int) -> tuple[int, int]:
        first = min(found[0] for found in seconds.values())
        last = max(found[-1] for found in seconds.values())
        return max(0, first - self._before_s), max(last, now_s)


def _together(some: Seconds, others: Seconds) -> Seconds:
    return by_workspace((name, one) for seconds in (some, others) for name, own in seconds.items() for one in own)


def _is_of_late(seconds: Seconds, now_s: int) -> bool:
    return bool(seconds) and all(is_of_late(one, now_s) for own in seconds.values() for one in own)


def _moments(ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    return (moment for start, end in ranges for moment in range(start, end))


def _newest_of(moments: Sequence[int]) -> Sequence[int]:
    """Return the last of ascending `moments`, within two hours: by senders' clocks the others may be years away."""
    return moments[bisect_left(moments, moments[-1] - _LEARNT_S) :]


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
