"""A store of spans and one process that fills and counts it, without an engine: what its closings read can be seen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Ranges, Seconds, Touch, TouchedSeconds
from tidegate.signals.spans_read import SpanReads
from tidegate.signals.statements import EVENT_NUMBERS, EVENT_WORDS, LINK_NUMBERS, LINK_WORDS
from tidegate.storage.native import Columns, Dictionaries, Words

ACME, GLOBEX = WorkspaceId("acme"), WorkspaceId("globex")
NOW = 1_790_000_000
Row = tuple[WorkspaceId, int, int, int]
"""Workspace, second, trace, span."""


def columns_of(rows: Sequence[Row], dictionaries: Dictionaries | None = None) -> Columns:
    known: Dictionaries = {} if dictionaries is None else dictionaries
    count = len(rows)
    numbers = {name: np.zeros(count, np.int64 if name == "cost_nano_usd" else np.uint64)
               for name in (*LINK_NUMBERS, *EVENT_NUMBERS)}  # fmt: skip
    numbers["second"] = np.array([row[1] for row in rows], np.uint32)
    numbers["trace_hi"] = np.array([row[2] for row in rows], np.uint64)
    numbers["span"] = np.array([row[3] for row in rows], np.uint64)
    for name in ("start_ns", "end_ns"):
        numbers[name] = numbers["second"].astype(np.uint64) * np.uint64(10**9)
    words: dict[str, Words] = {}
    for name in (*LINK_WORDS, *EVENT_WORDS):
        codes = known.setdefault(name, {})
        said = {"workspace": [row[0] for row in rows], "role": ["agent"] * count}.get(name)
        texts = said or [f"{name} {row[3]}" if name == "name" else "" for row in rows]
        own = [codes.setdefault(text, len(codes)) for text in texts]
        words[name] = Words(list(codes), np.array(own, np.int32))
    return Columns(count, numbers, words)


class Store:
    """Keeps rows, and notes which seconds were read."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.reads: list[Seconds] = []
        self.searches: list[Seconds] = []

    async def spans(self, seconds: Seconds, dictionaries: Dictionaries) -> Columns:
        self.reads.append(seconds)
        return columns_of([row for row in self.rows if row[1] in seconds.get(row[0], ())], dictionaries)

    async def neighbours(
        self, seconds: Seconds, ranges: Sequence[tuple[int, int]], dictionaries: Dictionaries
    ) -> Columns:
        traces = {(row[0], row[2]) for row in self.rows if row[1] in seconds.get(row[0], ())}
        near = [
            row for row in self.rows
            if (row[0], row[2]) in traces and row[1] not in seconds.get(row[0], ())
            and any(start <= row[1] < end for start, end in ranges)
        ]  # fmt: skip
        self.searches.append(seconds)
        return columns_of(near, dictionaries)

    async def stored_seconds(self, ranges: Ranges) -> Seconds:
        found = {workspace: {row[1] for row in self.rows if row[0] == workspace
                             and any(start <= row[1] < end for start, end in own)}
                 for workspace, own in ranges.items()}  # fmt: skip
        return {workspace: sorted(own) for workspace, own in found.items()}


class World:
    """A store, and one process that fills and counts it."""

    def __init__(self) -> None:
        self.store = Store()
        self.reads = SpanReads(self.store)
        self.touches: list[Touch] = []
        self.flush_count = 0
        self.linked: set[str] = set()
        """Names of the spans that the last closing linked."""
        self.counted: Counter[Row] = Counter()

    def flush(self, *rows: Row, is_own: bool = True) -> None:
        self.flush_count += 1
        name = f"flu_{self.flush_count}"
        self.store.rows += rows
        for workspace in {row[0] for row in rows}:
            seconds = sorted({row[1] for row in rows if row[0] == workspace})
            self.touches.append(Touch(workspace, name, NOW, seconds, [1] * len(seconds)))
        if is_own:
            self.reads.fresh.keep(name, [columns_of(rows)])

    def erase(self, trace: int) -> None:
        """Erase the rows of a trace, as another process does."""
        self.flush_count += 1
        gone = [row for row in self.store.rows if row[2] == trace]
        self.store.rows = [row for row in self.store.rows if row[2] != trace]
        for workspace in {row[0] for row in gone}:
            seconds = sorted({row[1] for row in gone if row[0] == workspace})
            self.touches.append(Touch(workspace, f"era_{self.flush_count}", NOW, seconds, [None] * len(seconds)))

    def touch(self, workspace: WorkspaceId, seconds: Sequence[int]) -> None:
        """Say that another process changed `seconds`."""
        self.flush_count += 1
        self.touches.append(Touch(workspace, f"other_{self.flush_count}", NOW, seconds, [None] * len(seconds)))

    async def closed(self, seconds: Seconds, now_s: int) -> tuple[Counter[str], int]:
        """Return how many rows of each workspace one closing reads, and how many spans it links."""
        self.reads.hear(self.touches)
        await self.reads.meet(self.touches, now_s)
        touches = list(self.touches)
        flushes: dict[WorkspaceId, list[str]] = {}
        found = await self.reads.touched(seconds, now_s, touches)
        self.touches = []
        for touch in touches:
            left = [one for one in touch.seconds if one not in seconds.get(touch.workspace, ())]
            if len(left) < len(touch.seconds):
                flushes.setdefault(touch.workspace, []).append(touch.flush_id)
            if left:
                self.touches.append(replace(touch, seconds=left, row_counts=[1] * len(left)))
        owners = found.words["workspace"]
        spans = await self.reads.linked(seconds, now_s)
        self.reads.settle(TouchedSeconds(seconds, flushes, 1, None, touches=touches))
        names = spans.columns.words["name"]
        self.linked = {names.words[code] for code in spans.codes("name").tolist()}
        self.counted = Counter(
            (WorkspaceId(owners.words[code]), second, trace, span)
            for code, second, trace, span in zip(
                owners.codes.tolist(), *(found.numbers[name].tolist() for name in ("second", "trace_hi", "span")),
                strict=True)
        )  # fmt: skip
        return Counter(owners.words[code] for code in owners.codes.tolist()), len(spans)
