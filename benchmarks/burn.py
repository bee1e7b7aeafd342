"""Claim: the burn state of 1,000 tenants in 8 windows is known within 50 ms, and is what a recount finds.

Real engines, 30 days of counts made by the telemetry engine itself: minutes where windows begin and in the last hours,
hours elsewhere. Each round publishes the running second of all tenants anew, then brings the counts in memory up to it
and sums all windows. CPU time of this process and of the engine, and wall time: `python -m benchmarks.burn`.
"""

import argparse
import asyncio
import json
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from tests.conftest import EngineProcess, migrated_engine, migrated_state
from tests.doing import BY, trail_of
from tests.unit.slos.objectives import events_file

from benchmarks.harness import fresh_folder, percentile
from tidegate.kernel import SystemClock, TimeRange, WorkspaceId
from tidegate.signals import Family, Totals
from tidegate.signals.tasks import build_reader, build_stepped_reader
from tidegate.slos.freeze_rows import PostgresFreezeStore
from tidegate.slos.freezing import FreezeKeeper
from tidegate.slos.keeping import BurnKeeper
from tidegate.slos.objective_files import body_of, parse_objectives
from tidegate.slos.service import ObjectiveService
from tidegate.slos.states import Look, burning_of
from tidegate.slos.store import PostgresObjectiveStore
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine

BAR_MS = 50.0
WINDOWS = tuple(timedelta(minutes=one) for one in (5, 30, 60, 120, 360, 1_440, 4_320, 43_200))
_WORKSPACE = WorkspaceId("default")
_HOUR_S = 3_600
_COLUMNS = (
    "workspace", "family", "resolution", "second", "version", "written", "service", "tenant", "status", "count",
    "weight_milli",
)  # fmt: skip
_HASH = "cityHash64(tenant_number, minute)"
_WEIGHT = f"if(status_ = 200, {_HASH} % 50 + 1, {_HASH} % 7 = 0)"


class Store:
    """Counts as counting writes them."""

    def __init__(self, engine: TelemetryEngine, owner: "asyncpg.Connection[asyncpg.Record]", *, tenants: int) -> None:
        self._engine = engine
        self._owner = owner
        self._tenants = tenants
        self._version = 10

    async def fill(self, now_s: int) -> None:
        hour = now_s - now_s % _HOUR_S
        fine = [(hour - 9 * _HOUR_S, now_s - now_s % 60)]
        for length in WINDOWS[5:]:
            begin = now_s - now_s % 60 + 60 - int(length.total_seconds())
            fine.append((begin - begin % _HOUR_S, begin - begin % _HOUR_S + _HOUR_S))
        # Of the last quarter of an hour the seconds: the recount reads nothing else there.
        await self._add(1, now_s - now_s % 60 - 20 * 60, now_s - now_s % 60, version=1, step_s=60)
        for start_s, end_s in fine:
            await self._add(60, start_s, end_s, version=2, step_s=60)
        start_s = hour - 31 * 24 * _HOUR_S
        while start_s < hour - 9 * _HOUR_S:
            end_s = min(start_s + 48 * _HOUR_S, hour - 9 * _HOUR_S)
            await self._add(_HOUR_S, start_s, end_s, version=3, step_s=60)
            start_s = end_s
        await self.publish()

    async def add_second(self, now_s: int) -> None:
        """Publish the running second of all tenants once more."""
        self._version += 1
        await self._add(1, now_s, now_s + 1, version=self._version, step_s=1)
        await self.publish()

    async def publish(self) -> None:
        await self._owner.execute("UPDATE rollup_watermark SET version = $1, closed_at = now()", self._version)

    async def _add(self, resolution: int, start_s: int, end_s: int, *, version: int, step_s: int) -> None:
        """Store buckets that hold events every `step_s`, and that they are published."""
        steps, apart_s = (end_s - start_s) // step_s, max(step_s, resolution)
        bucket = f"intDiv(minute, {resolution}) * {resolution}"
        counts = f"""
            SELECT '{_WORKSPACE}' AS workspace, 'request' AS family, toUInt16({resolution}) AS resolution,
                toDateTime(toUInt32({bucket}), 'UTC') AS second, toUInt64({version}) AS version,
                now('UTC') AS written, 'harbor' AS service, concat('t', toString(tenant_number)) AS tenant,
                toUInt16(status_) AS status, toUInt64(sum({_WEIGHT})) AS count,
                toUInt64(sum({_WEIGHT}) * 1000) AS weight_milli
            FROM (SELECT arrayJoin(range({self._tenants})) AS tenant_number,
                    {start_s} + arrayJoin(range({steps})) * {step_s} AS minute, arrayJoin([200, 500]) AS status_)
            GROUP BY second, tenant_number, status_ HAVING weight_milli > 0
        """
        markers = f"""
            SELECT '{_WORKSPACE}' AS workspace, 'published' AS family, toUInt16({resolution}) AS resolution,
                toDateTime(toUInt32({start_s} + number * {apart_s}), 'UTC') AS second,
                toUInt64({version}) AS version, now('UTC') AS written, '' AS service, '' AS tenant,
                toUInt16(0) AS status, toUInt64({resolution // 60}) AS count, toUInt64(0) AS weight_milli
            FROM (SELECT arrayJoin(range({(end_s - start_s) // apart_s})) AS number)
        """
        for kind, select in (("counts", counts), ("markers", markers)):
            token = f"{kind}-{resolution}-{start_s}-{version}"
            await self._engine.insert_select([_WORKSPACE], "counts", _COLUMNS, select, token=token)


async def measure(folder: Path, *, tenants: int, rounds: int) -> dict[str, Any]:
    """Return how long a refresh and all windows take, and whether they equal a recount."""
    async with AsyncExitStack() as stack:
        for name in ("engine", "state"):
            (folder / name).mkdir()
        dsns = await stack.enter_async_context(migrated_state(folder / "state"))
        process = EngineProcess(folder / "engine")
        await process.start()
        stack.callback(process.stop)
        engine = await stack.enter_async_context(migrated_engine(process, dsns))
        owner = await asyncpg.connect(dsns.owner)
        stack.push_async_callback(owner.close)
        database = await Database.connect(dsns.serving)
        stack.push_async_callback(database.close)
        store, clock = Store(engine, owner, tenants=tenants), SystemClock()
        await store.fill(int(clock.now().timestamp()))
        objectives = PostgresObjectiveStore(database, trail_of(database))
        keeper = BurnKeeper(counts=build_stepped_reader(database, engine, clock), store=objectives)
        freezes = FreezeKeeper(PostgresFreezeStore(database, trail_of(database)))
        service = ObjectiveService(
            store=objectives, keeper=keeper, freezes=freezes, clock=clock, read=parse_objectives, body_of=body_of
        )
        await service.apply(_WORKSPACE, events_file(), by=BY)
        began = time.monotonic()
        await store.publish()
        await keeper.refresh(clock.now())
        loaded_s = time.monotonic() - began
        found = {"wallMs": [], "cpuMs": [], "engineCpuMs": [], "windowsMs": []}  # type: dict[str, list[float]]
        for _ in range(rounds + 3):
            await store.add_second(int(clock.now().timestamp()))
            look = await _round(keeper, process, found)
        reader = build_reader(database, engine, clock, max_lag=timedelta(days=1))
        different = await _different(look, reader)
    told = {name: round(percentile(values[3:], 0.5), 2) for name, values in found.items()}
    return {
        "tenants": tenants,
        "windows": len(WINDOWS),
        "loadedS": round(loaded_s, 2),
        **told,
        "wallP95Ms": round(percentile(found["wallMs"][3:], 0.95), 2),
        "different": different,
        "barMs": BAR_MS,
        "holds": told["cpuMs"] + told["engineCpuMs"] <= BAR_MS and not different,
    }


async def _round(keeper: BurnKeeper, process: EngineProcess, found: dict[str, list[float]]) -> Look:
    now = datetime.now(UTC)
    began, cpu, engine_cpu = time.monotonic(), time.process_time(), _engine_s(process)
    kept = (await keeper.refresh(now))[_WORKSPACE, "chat-availability"]
    summing = time.monotonic()
    look = Look(kept, now)
    for length in WINDOWS:
        look.window(length)
    burning_of(look)
    ended = time.monotonic()
    found["windowsMs"].append((ended - summing) * 1000)
    found["wallMs"].append((ended - began) * 1000)
    found["cpuMs"].append((time.process_time() - cpu) * 1000)
    found["engineCpuMs"].append((_engine_s(process) - engine_cpu) * 1000)
    return look


def _engine_s(process: EngineProcess) -> float:
    taken = psutil.Process(process.pid).cpu_times()
    return float(taken.user + taken.system)


async def _different(look: Look, reader: Any) -> dict[str, int]:  # noqa: ANN401 - the reader of figures
    """Return by window how many figures are not those of a recount."""
    found_different: dict[str, int] = {}
    for length in WINDOWS:
        sums, different = look.window(length), 0
        window = TimeRange(datetime.fromtimestamp(sums.start_s, UTC), datetime.fromtimestamp(sums.end_s, UTC))
        found = {one.tenant: one.totals for one in await reader.groups([_WORKSPACE], Family.REQUEST, window)}
        for tenant, column in [(None, 0), *look.kept.ring.columns.items()]:
            totals = found.get(tenant, Totals())
            told = int(sums.bad[column]), int(sums.total[column])
            different += told != (totals.failure_count, totals.count)
        different += abs(len(found) - 1 - int((sums.total[1:] > 0).sum()))
        if different:
            found_different[str(length)] = different
    return found_different


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with fresh_folder() as folder:
        print(json.dumps(asyncio.run(measure(folder, tenants=options.tenants, rounds=options.rounds))))


if __name__ == "__main__":
    main()
