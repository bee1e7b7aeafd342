"""What a closing reads: everything that is stored of its seconds, whatever was remembered, forgotten or read apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tidegate.kernel import WorkspaceId
from tidegate.signals import recent
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

    def flush(self, *rows: Row, is_own: bool = True) -> None:
        name = f"flu_{len(self.store.rows)}"
        self.store.rows += rows
        for workspace in {row[0] for row in rows}:
            seconds = sorted({row[1] for row in rows if row[0] == workspace})
            self.touches.append(Touch(workspace, name, NOW, seconds, [1] * len(seconds)))
        if is_own:
            self.reads.fresh.keep(name, [columns_of(rows)])

    async def closed(self, seconds: Seconds, now_s: int) -> tuple[Counter[str], int]:
        """Return how many rows of each workspace one closing reads, and how many spans it links."""
        self.reads.hear(self.touches)
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
        return Counter(owners.words[code] for code in owners.codes.tolist()), len(spans)


async def test_rows_stay_their_workspaces_whatever_the_words_take(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.flush((ACME, NOW, 1, 1))
    await world.closed({ACME: [NOW]}, NOW)
    monkeypatch.setattr(recent, "MAX_WORDS", 10)
    world.flush(*((ACME, NOW, 1, span) for span in range(2, 32)))
    world.flush((GLOBEX, NOW, 2, 1), (GLOBEX, NOW, 2, 2), is_own=False)
    for _ in range(3):
        world.flush((ACME, NOW, 1, 40))
        rows, spans = await world.closed({ACME: [NOW], GLOBEX: [NOW]}, NOW)
        assert rows["globex"] == 2
        assert rows["acme"] >= 32
        assert spans == 34


async def test_no_limit_takes_rows_out_of_the_seconds_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_ROWS", 5)
    world = World()
    for second in (NOW - 2, NOW - 1, NOW):
        world.flush(*((ACME, second, 7, second * 100 + span) for span in range(20)))
        rows, spans = await world.closed({ACME: [second]}, second)
        assert rows["acme"] == 20
        assert spans == 20 * (second - NOW + 3)  # one trace goes through all of them


async def test_what_is_read_apart_is_remembered_by_nobody_as_it_was() -> None:
    world = World()
    world.flush((ACME, NOW, 1, 1))
    assert await world.closed({ACME: [NOW]}, NOW + 1) == (Counter(acme=1), 1)
    world.flush((ACME, NOW, 1, 2), (ACME, NOW - 60, 3, 1))
    rows, _ = await world.closed({ACME: [NOW - 60, NOW]}, NOW + 14)  # too far apart for what is remembered
    assert rows == Counter(acme=3)
    world.flush((ACME, NOW, 1, 3))
    assert await world.closed({ACME: [NOW]}, NOW + 15) == (Counter(acme=3), 3)


async def test_seconds_that_were_forgotten_are_read_again_only_for_traces_that_went_through_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.flush(*((ACME, NOW, 1, span) for span in range(9)), (ACME, NOW, 2, 1))
    await world.closed({ACME: [NOW]}, NOW)
    monkeypatch.setattr(recent, "MAX_ROWS", 5)
    world.flush((ACME, NOW + 1, 3, 1))
    world.store.reads.clear()
    assert (await world.closed({ACME: [NOW + 1]}, NOW + 1))[1] == 1
    assert all(NOW not in seconds[ACME] for seconds in world.store.reads)
    world.flush((ACME, NOW + 2, 2, 2))
    assert (await world.closed({ACME: [NOW + 2]}, NOW + 2))[1] == 2
    assert any(NOW in seconds[ACME] for seconds in world.store.reads)


async def test_flushes_without_spans_are_let_go_too() -> None:
    world = World()
    for number in range(200_000):
        world.reads.fresh.keep(f"flu_{number}", [])
    assert len(world.reads.fresh) <= 150_000
