"""Claim: policies decide eight thousand times a second, and a thousand deeds a second are recorded and chained.

Decisions are counted by CPU time, with callers that come again and with ones never seen before. The record:

Callers record one deed after the other, each waiting for its commit; what waits at the same moment is written in one
transaction over all workspaces. Alone, with a PostgreSQL of its own and no server around it: what is measured is the
trail. At a steady pace below the most it can take, the time of one record is what a caller waits for.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from tests.conftest import migrated_state

from benchmarks.decisions import BAR_A_SECOND, measure_decisions
from benchmarks.harness import Figure, Report, at_most, percentile
from tidegate.audit import ActorKind, AuditKey, AuditService, Deed, PostgresAuditStore, PostgresAuditTrail
from tidegate.audit.verify import read_keys, verify_export
from tidegate.kernel import SystemClock, WorkspaceId
from tidegate.storage import Database

_WORKSPACES = [WorkspaceId(f"bench-{number}") for number in range(10)]
_BAR_PER_S = 1_000
_BAR_MS = 25
_WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run found."""

    per_s: float
    took_ms: list[float]
    own_cpu_us: float
    """Of this process, a record; the engine's comes on top."""


def make_deed(number: int) -> Deed:
    return Deed(
        ActorKind.PERSON,
        f"ses_{number % 50}",
        "gates:approve",
        f"gate/gate-{number % 12}",
        member=f"usr_{number % 50}",
        policy_ids=("approvers-approve",),
        request_id=f"{number:032x}",
        before="sha256:" + "a" * 64,
        after="sha256:" + "b" * 64,
        details={"reason": "all checks passed", "release": "2026.02.1"},
    )


async def as_fast_as_it_goes(trail: PostgresAuditTrail, *, seconds: float, callers: int) -> Measured:
    """Let `callers` record one deed after the other."""
    took: list[float] = []
    number_of = [0]
    begins = time.monotonic() + _WARM_UP_S
    ends = begins + seconds

    async def call(caller: int) -> None:
        number = caller
        while (began := time.monotonic()) < ends:
            await trail.record(_WORKSPACES[number % len(_WORKSPACES)], make_deed(number))
            number_of[0] += 1
            if began >= begins:
                took.append((time.monotonic() - began) * 1_000)
            number += callers

    cpu = time.process_time()
    await asyncio.gather(*(call(caller) for caller in range(callers)))
    spent_us = (time.process_time() - cpu) * 1e6
    return Measured(len(took) / seconds, took, spent_us / max(1, number_of[0]))


async def at_a_pace(trail: PostgresAuditTrail, *, seconds: float, per_s: int) -> Measured:
    """Begin `per_s` records a second, whether or not those before have ended: a slow one hides no other."""
    took: list[float] = []
    begins = time.monotonic()
    cpu = time.process_time()

    async def call(number: int) -> None:
        planned = begins + number / per_s
        await asyncio.sleep(max(0.0, planned - time.monotonic()))
        await trail.record(_WORKSPACES[number % len(_WORKSPACES)], make_deed(number))
        if number >= per_s * _WARM_UP_S:
            took.append((time.monotonic() - planned) * 1_000)

    await asyncio.gather(*(call(number) for number in range(int((seconds + _WARM_UP_S) * per_s))))
    spent_us = (time.process_time() - cpu) * 1e6
    count = int((seconds + _WARM_UP_S) * per_s)
    return Measured(len(took) / (time.monotonic() - begins - _WARM_UP_S), took, spent_us / count)


async def prove(audit: AuditService, key: AuditKey) -> tuple[int, float]:
    """Export and verify every chain; return how many records that were and the seconds."""
    keys, count, began = read_keys([key.public_text]), 0, time.process_time()
    for workspace in _WORKSPACES:
        lines = b"".join([chunk async for chunk in audit.export(workspace)]).splitlines(keepends=True)
        count += verify_export(lines, keys=keys).count
    return count, time.process_time() - began


async def measure(folder: Path, *, seconds: float, callers: int, per_s: int) -> list[Figure]:
    async with migrated_state(folder) as dsns:
        owner = await asyncpg.connect(dsns.owner)
        await owner.executemany(
            "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, $2)",
            [(workspace, datetime.now(UTC)) for workspace in _WORKSPACES],
        )
        await owner.close()
        database = await Database.connect(dsns.serving)
        store, key = PostgresAuditStore(database), AuditKey(b"b" * 32)
        trail = PostgresAuditTrail(store=store, clock=SystemClock())
        paced = await at_a_pace(trail, seconds=seconds, per_s=per_s)
        most = await as_fast_as_it_goes(trail, seconds=seconds, callers=callers)
        count, proving_s = await prove(AuditService(store=store, key=key, clock=SystemClock()), key)
        await database.close()
    return [
        *_figures(paced, most, per_s=per_s, callers=callers),
        Figure(f"export and verify {count:,} records, CPU a record", f"{proving_s / count * 1e6:.0f} µs"),
    ]


def _figures(paced: Measured, most: Measured, *, per_s: int, callers: int) -> Sequence[Figure]:
    return [
        Figure(f"records/s over 10 workspaces, {callers} callers", f"{most.per_s:,.0f}", f"≥ {_BAR_PER_S:,}",
               most.per_s >= _BAR_PER_S),
        Figure("the same, p50 / p99", f"{percentile(most.took_ms, 0.5):.1f} / {percentile(most.took_ms, 0.99):.1f} ms"),
        Figure(f"at {per_s:,} records/s, p50", f"{percentile(paced.took_ms, 0.5):.1f} ms"),
        at_most(f"at {per_s:,} records/s, p99", percentile(paced.took_ms, 0.99), _BAR_MS, unit="ms", digits=1),
        Figure("CPU of the recording process, a record", f"{most.own_cpu_us:.0f} µs"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.authz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--callers", type=int, default=100, help="at once, for the most it can take")
    parser.add_argument("--rate", type=int, default=1_000, help="records a second, for the time of one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(
            measure(Path(folder), seconds=options.seconds, callers=options.callers, per_s=options.rate)
        )
    decided = measure_decisions(options.seconds)
    figures += [
        Figure("decisions a CPU-second, callers that come again", f"{decided['decisionsPerCpuSecond']:,}",
               f"≥ {BAR_A_SECOND:,}", decided["holds"]),
        Figure("the same, callers never seen before", f"{decided['decisionsPerCpuSecondOfNewCallers']:,}"),
    ]  # fmt: skip
    Report("authz", figures, None, {"workspaces": len(_WORKSPACES), "decisions": decided}).show()


if __name__ == "__main__":
    main()
