"""Counts of every objective, kept in memory and kept right: read once, then only what changed.

Contract. `refresh` brings every ring up to one watermark: it reads which minutes were published since the last one
(late rows, recounts and erasures included, whatever their age) and reads those again, whole. Who asks while it runs
waits. Everything is read again every hour, because what retention drops is told by nobody; and when objectives were
set, those that are new. A process that fails in the middle of a refresh has the watermark of before, and repeats it:
saying twice what a minute holds changes nothing. Measured by `benchmarks/burn.py`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, SignalScope, StepCounts
from tidegate.slos.model import (
    SHOWN,
    Calendar,
    Objective,
    Rolling,
    Slices,
    StoredObjective,
    is_bad_slice,
    nominal_length,
    windows_of,
)
from tidegate.slos.ports import ObjectiveStore
from tidegate.slos.ring import CELL_S, FINE_S, FINEST_WINDOW_S, WHOLE, Ring
from tidegate.slos.sorting import Columns, values_of

__all__ = ["BurnKeeper", "Kept"]

_EVERYTHING_EVERY: Final = timedelta(hours=1)
_AHEAD_S: Final = 86_400  # what claims to be of later is distrusted
_MOST_BYTES: Final = 192 * 1024 * 1024  # the process may hold 500 MB in all
_MOST_STEPS: Final = 1_000  # a statement's parameters stand in a URL of 64 kB
_STEPS_A_CHUNK: Final = 180  # of 1,000 tenants: half a million rows of an answer
_FEW_ROWS: Final = 100_000
_MINUTE_S: Final = 60


@dataclass(slots=True)
class Kept:
    """One objective and its counts."""

    workspace: WorkspaceId
    stored: StoredObjective
    ring: Ring
    pending: set[int] = field(default_factory=set)
    """Steps that were not over when they were read, or lay in the future."""
    is_loaded: bool = False

    @property
    def objective(self) -> Objective:
        return self.stored.objective

    def end_s(self, now_s: int) -> int:
        """Return where windows end now: with the running minute, or with the last slice that is over."""
        unit = self.ring.unit_s
        whole = now_s - (now_s - self.ring.offset_s) % unit
        return whole if isinstance(self.objective.indicator, Slices) else whole + unit


class BurnKeeper:
    """Holds the rings of one process."""

    def __init__(self, *, counts: StepCounts, store: ObjectiveStore) -> None:
        self._counts = counts
        self._store = store
        self._kept: dict[tuple[WorkspaceId, str], Kept] = {}
        self._change_count = -1
        self._watermark = 0
        self._everything_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def refresh(
        self, now: datetime, *, asked: WorkspaceId | None = None
    ) -> Mapping[tuple[WorkspaceId, str], Kept]:
        """Bring everything up to what is published now, and return it.

        One workspace that is `asked` for is refused while its own telemetry waits to be counted; of all at once it is
        enough that counting goes on.

        Raises:
            UnavailableError: an engine does not answer for the moment, or counting is behind.
        """
        async with self._lock:
            await self._find_objectives()
            if asked is not None and any(workspace == asked for workspace, _ in self._kept):
                await self._counts.watermark([asked])
            if self._kept:
                await self._catch_up(now)
            return self._kept

    async def _find_objectives(self) -> None:
        change_count = await self._store.change_count()  # first: what is set while they are read moves it again
        if change_count == self._change_count:
            return
        found: dict[tuple[WorkspaceId, str], Kept] = {}
        stored = [
            (workspace, one)
            for workspace in await self._store.workspaces()
            for one in await self._store.find_all(workspace)
        ]
        for workspace, one in stored:
            key = (workspace, one.objective.name)
            known = self._kept.get(key)
            if known is not None and known.stored.digest == one.digest:
                known.stored = one
                found[key] = known
            else:
                found[key] = Kept(workspace, one, Ring(unit_s=_MINUTE_S, cell_count=1))
        self._kept = found
        self._change_count = change_count

    async def _catch_up(self, now: datetime) -> None:
        now_s = int(now.timestamp())
        watermark = await self._counts.watermark({kept.workspace for kept in self._kept.values()})
        is_all = self._everything_at is None or not timedelta() <= now - self._everything_at < _EVERYTHING_EVERY
        for kept in self._kept.values():
            kept.is_loaded = kept.is_loaded and not is_all and kept.ring.offset_s == _offset_of(kept.objective, now)
        waiting = [kept for kept in self._kept.values() if not kept.is_loaded]
        loaded = [kept for kept in self._kept.values() if kept.is_loaded]
        changed = await self._counts.changed(
            {kept.workspace for kept in loaded}, since=self._watermark, watermark=watermark
        )
        for kept in loaded:
            kept.ring.advance(now_s)
        await self._read_changed(loaded, changed, now_s=now_s, watermark=watermark)
        await self._load(waiting, now=now, watermark=watermark)
        await self._read_heads(now_s, watermark=watermark)
        self._watermark = watermark
        if is_all:
            self._everything_at = now

    async def _read_changed(
        self, loaded: Sequence[Kept], changed: Mapping[WorkspaceId, Collection[int]], *, now_s: int, watermark: int
    ) -> None:
        """Read again what changed: units of the last hours at once, what is older by the hour."""
        fresh: defaultdict[_Question, _Steps] = defaultdict(dict)
        old: defaultdict[_Question, _Steps] = defaultdict(dict)
        waits: list[tuple[Kept, set[int]]] = []
        for kept in loaded:
            ring = kept.ring
            steps = {minute - (minute - ring.offset_s) % ring.unit_s for minute in changed.get(kept.workspace, ())}
            steps |= kept.pending
            due = {step for step in steps if step < kept.end_s(now_s)}
            waits.append((kept, steps - due))
            for step in due:
                if ring.holds_unit(step):
                    fresh[_question(kept)].setdefault(step, {})[id(kept)] = kept
                elif ring.holds_cell(step):
                    cell = step - (step - ring.offset_s) % CELL_S
                    ring.heads.pop(cell, None)
                    old[_question(kept)].setdefault(cell, {})[id(kept)] = kept
        for question, by_step in fresh.items():
            for some in _parts(sorted(by_step), _MOST_STEPS):
                await self._set_units(_those_of(by_step, some), question, some, watermark=watermark)
        for question, by_cell in old.items():
            for cell in sorted(by_cell):
                own = list(by_cell[cell].values())
                await self._load_cells(own, question, cell, cell + CELL_S, watermark=watermark)
        for kept, pending in waits:
            kept.pending = pending

    async def _set_units(
        self, kepts: Sequence[Kept], question: "_Question", steps: Sequence[int], *, watermark: int
    ) -> None:
        end_s = steps[-1] + question.step_s
        found = await self._values(kepts, question, steps[0], end_s, watermark=watermark, steps=steps)
        for kept in kepts:
            own = [step for step in steps if kept.ring.holds_unit(step)]
            kept.ring.set_units(own, found[id(kept)])

    async def _load_cells(
        self, kepts: Sequence[Kept], question: "_Question", start_s: int, end_s: int, *, watermark: int
    ) -> int:
        """Read the cells from `start_s` to `end_s`, where cells begin: as they are stored, or units put together.

        Return how many there were to put together.
        """
        asked = question.by_the_hour
        found = await self._values(kepts, asked, start_s, end_s, watermark=watermark)
        for kept in kepts:
            kept.ring.load_cells(range(start_s, end_s, CELL_S), _in_cells(found[id(kept)], kept.ring))
        return max(sum(len(one) for one, _, _ in found[id(kept)].values()) for kept in kepts)

    async def _load(self, waiting: Sequence[Kept], *, now: datetime, watermark: int) -> None:
        """Read everything of objectives that are new."""
        now_s = int(now.timestamp())
        alike: defaultdict[_Question, list[Kept]] = defaultdict(list)
        for kept in waiting:
            kept.ring = _ring_for(kept.objective, now, ring_count=len(self._kept))
            kept.ring.advance(now_s)
            kept.pending = set()
            alike[_question(kept)].append(kept)
        for question, kepts in alike.items():
            begin = now_s - max(kept.ring.cell_count for kept in kepts) * CELL_S
            begin += -(begin - question.offset_s) % CELL_S
            end = now_s - (now_s - question.offset_s) % CELL_S + CELL_S
            await self._load_range(kepts, question, (begin, end), watermark=watermark)
            await self._load_fine(kepts, question, now_s=now_s, watermark=watermark)
            for kept in kepts:
                kept.is_loaded = True

    async def _read_heads(self, now_s: int, *, watermark: int) -> None:
        """Read the units of the hours in which long windows begin: once an hour, and when they changed."""
        missing: defaultdict[_Question, _Steps] = defaultdict(dict)
        for kept in self._kept.values():
            wanted = kept.ring.wanted_heads(kept.end_s(now_s) - length_s for length_s in _long_windows(kept.objective))
            for cell in kept.ring.heads.keys() - wanted:
                del kept.ring.heads[cell]
            for cell in wanted - kept.ring.heads.keys():
                missing[_question(kept)].setdefault(cell, {})[id(kept)] = kept
        for question, by_cell in missing.items():
            for cells in _parts(sorted(by_cell), _MOST_STEPS * question.step_s // CELL_S):
                steps = [step for cell in cells for step in range(cell, cell + CELL_S, question.step_s)]
                own = _those_of(by_cell, cells)
                end_s = cells[-1] + CELL_S
                found = await self._values(own, question, cells[0], end_s, watermark=watermark, steps=steps)
                for cell in cells:
                    for kept in by_cell[cell].values():
                        kept.ring.set_head(cell, found[id(kept)])

    async def _load_range(
        self, kepts: Sequence[Kept], question: "_Question", window: tuple[int, int], *, watermark: int
    ) -> None:
        """Read cells part by part: each twice as long as the one before while they hold few rows."""
        start_s, end_s = window
        chunk_s = question.by_the_hour.chunk_s
        while start_s < end_s:
            until = min(start_s + chunk_s, end_s)
            row_count = await self._load_cells(kepts, question, start_s, until, watermark=watermark)
            start_s = until
            if row_count < _FEW_ROWS:
                chunk_s *= 2
            elif chunk_s > question.by_the_hour.chunk_s:
                chunk_s //= 2

    async def _load_fine(self, kepts: Sequence[Kept], question: "_Question", *, now_s: int, watermark: int) -> None:
        """Read the units of the last hours; what is not over, or lies in the future, waits until it is over."""
        begin = now_s - (now_s - question.offset_s) % CELL_S - FINE_S
        windows = [(start, start + question.chunk_s) for start in range(begin, now_s + 1, question.chunk_s)]
        for start_s, end_s in (*windows, (now_s - now_s % CELL_S, now_s + _AHEAD_S)):
            found = await self._values(kepts, question, start_s, end_s, watermark=watermark)
            for kept in kepts:
                kept.ring.load_units(found[id(kept)])
                kept.pending.update(step for step in found[id(kept)] if step >= kept.end_s(now_s))
        for kept in kepts:
            kept.ring.settle(kept.end_s(now_s))

    async def _values(
        self,
        kepts: Sequence[Kept],
        question: "_Question",
        start_s: int,
        end_s: int,
        *,
        watermark: int,
        steps: Sequence[int] | None = None,
    ) -> dict[int, Columns]:
        """Return what each of `kepts` holds in a range, step by step."""
        step_s = question.step_s
        window = TimeRange(datetime.fromtimestamp(max(start_s, 0), UTC), datetime.fromtimestamp(end_s, UTC))
        timed = [kept for kept in kepts if kept.objective.is_of_durations]
        found = {id(kept): await self._durations(kept, window, step_s=step_s) for kept in timed}
        counted = [kept for kept in kepts if not kept.objective.is_of_durations]
        if counted:
            sums = await self._counts.sums(
                {kept.workspace for kept in counted},
                question.family,
                window,
                step_s=step_s,
                watermark=watermark,
                services={kept.objective.service for kept in counted},
                steps=steps,
                by_tenant=question.by_tenant,
            )
            for kept in counted:
                found[id(kept)] = values_of(kept.objective, kept.workspace, sums, kept.ring, step_s=step_s)
        return found

    async def _durations(self, kept: Kept, window: TimeRange, *, step_s: int) -> Columns:
        """Return which slices took too long."""
        objective = kept.objective
        assert isinstance(objective.indicator, Slices)  # noqa: S101 - only slices are of durations
        scope = SignalScope(service=objective.service, environment=objective.environment, replayed=False)
        points = await self._counts.duration_series(
            kept.workspace, objective.family, window, step_s=step_s, scope=scope
        )
        name = {"meanMs": "mean_ms", "p50Ms": "p50_ms", "p95Ms": "p95_ms", "p99Ms": "p99_ms"}[
            objective.indicator.figure
        ]
        found: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for point in points:
            value = getattr(point.durations, name)
            if value is not None and point.durations.count > 0:
                is_bad = is_bad_slice(objective.indicator, Decimal(repr(value)))
                one = np.array([1], np.int64)
                found[int(point.start.timestamp())] = (np.array([WHOLE]), one * is_bad, one)
        return found


class _Question(NamedTuple):
    """What is asked at once for all that have the same."""

    family: Family
    step_s: int
    by_tenant: bool
    offset_s: int
    is_of_events: bool
    """Sums of minutes are sums of hours; slices have to be told one by one."""

    @property
    def by_the_hour(self) -> "_Question":
        """Return the same in hours, where hours as they are stored say the same."""
        return self._replace(step_s=CELL_S) if self.is_of_events and not self.offset_s else self

    @property
    def chunk_s(self) -> int:
        """Return how much time is read at once."""
        return max(_STEPS_A_CHUNK * self.step_s // CELL_S, 1) * CELL_S


_Steps = dict[int, dict[int, Kept]]


def _question(kept: Kept) -> _Question:
    objective = kept.objective
    is_of_events = not isinstance(objective.indicator, Slices)
    return _Question(objective.family, kept.ring.unit_s, objective.is_per_tenant, kept.ring.offset_s, is_of_events)


def _those_of(by_step: _Steps, steps: Sequence[int]) -> list[Kept]:
    return list({key: kept for step in steps for key, kept in by_step[step].items()}.values())


def _begin_of(objective: Objective, now: datetime) -> int:
    return int(objective.window.range_at(now).start.timestamp())


def _long_windows(objective: Objective) -> set[int]:
    """Return the lengths of windows, in seconds, that are read from hours."""
    lengths = {*SHOWN, *windows_of(objective.burn_pairs)}
    if isinstance(objective.window, Rolling):
        lengths.add(objective.window.length)
    found = {int(length.total_seconds()) for length in lengths if length <= nominal_length(objective.window)}
    return {length_s for length_s in found if length_s > FINEST_WINDOW_S}


def _offset_of(objective: Objective, now: datetime) -> int:
    """Return by how much cells begin after whole hours. Slices begin with whole hours wherever people live."""
    is_aligned = isinstance(objective.window, Calendar) and not isinstance(objective.indicator, Slices)
    return _begin_of(objective, now) % CELL_S if is_aligned else 0


def _ring_for(objective: Objective, now: datetime, *, ring_count: int) -> Ring:
    unit_s = int(objective.resolution.total_seconds())
    length = objective.window.range_at(now).length
    longest = max([length, *(pair.long for pair in objective.burn_pairs)])
    cell_count = int(longest.total_seconds()) // CELL_S + 3
    column_bytes = 2 * 8 * (cell_count + FINE_S // unit_s)
    most = max(_MOST_BYTES // max(ring_count, 1) // column_bytes, 16)
    return Ring(unit_s=unit_s, cell_count=cell_count, offset_s=_offset_of(objective, now), most_columns=most)


def _in_cells(values: Columns, ring: Ring) -> Columns:
    """Return values of steps put together to those of cells."""
    parts: defaultdict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = defaultdict(list)
    for step, found in values.items():
        parts[step - (step - ring.offset_s) % CELL_S].append(found)
    cells: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for cell, several in parts.items():
        if len(several) == 1:
            cells[cell] = several[0]
            continue
        sums = np.zeros((2, ring.column_count), np.int64)
        for columns, bad, total in several:
            sums[0, columns] += bad
            sums[1, columns] += total
        used = np.flatnonzero(sums.any(axis=0))
        cells[cell] = (used, sums[0, used], sums[1, used])
    return cells


def _parts(steps: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    for start in range(0, len(steps), size):
        yield steps[start : start + size]
