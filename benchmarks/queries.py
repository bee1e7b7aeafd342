"""Claim: questions are answered fast while telemetry comes in, and a stored span takes at most 400 bytes.

The telemetry engine runs beside the server, by its own URL, so that this script can put to it the very statements that
the evaluator and the pages put. Routes are asked over one kept connection. First 200,000 spans of one workspace, then
as many tenants as told, then the steady load under which the rules' question is asked. Wall times: on a shared machine
trust them as far as what others took meanwhile allows.
"""

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conftest import EngineProcess
from tests.e2e.server import Server, wait_until

from benchmarks.harness import ROOT, Connection, Figure, Report, Watch, at_most, fresh_folder, percentile
from benchmarks.ingest import Load
from tidegate.kernel import SystemClock, TimeRange, WorkspaceId
from tidegate.signals import Family, SignalScope
from tidegate.signals.tasks import build_reader
from tidegate.storage import Database
from tidegate.storage.postgres import PostgresServer
from tidegate.storage.telemetry import TelemetryEngine

_WORKSPACE = WorkspaceId("default")
_VISIBLE_WITHIN_S = 180.0
_BYTES = """
    SELECT table, sum(bytes_on_disk) AS size, sum(rows) AS count_ FROM system.parts
    WHERE active AND database = 'tidegate' GROUP BY table
"""


def fill(load: Load, server: Server, token: str, *, spans: int, tenants: int) -> int:
    """Send `spans` of AI runs over `tenants` and return how many were taken."""
    command = [*load.command, "--url", f"{server.url}/v1/traces", "--header", f"Authorization=Bearer {token}"]
    command += ["--batch", "512", "--procs", str(load.procs), "--tenants", str(tenants)]
    # The plain sender knows no number of spans, only a time.
    command += ["--spans", str(spans)] if "otlp_load" in load.name else ["--seconds", str(max(5, spans // 8_000))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert ran.returncode == 0, ran.stderr
    return int(json.loads(ran.stdout.splitlines()[-1])["accepted_spans"])


def wait_counted(connection: Connection, expected: int) -> None:
    wait_until(lambda: connection.stored_spans() >= expected, within_s=_VISIBLE_WITHIN_S, what=f"{expected} spans")


def timed(ask: Callable[[], object], rounds: int) -> list[float]:
    """Return milliseconds, the first two left out: they compile and warm."""
    found = []
    for _ in range(rounds + 2):
        began = time.monotonic()
        ask()
        found.append((time.monotonic() - began) * 1000)
    return found[2:]


async def timed_async(ask: Callable[[], Awaitable[object]], rounds: int, *, every_s: float = 0.0) -> list[float]:
    found = []
    for _ in range(rounds + 2):
        began = time.monotonic()
        await ask()
        took = time.monotonic() - began
        found.append(took * 1000)
        await asyncio.sleep(max(0.0, every_s - took))
    return found[2:]


def routes_of(connection: Connection, *, rounds: int) -> tuple[list[float], list[float], str]:
    """Return the times of one tenant with one outcome and of one trace, and what was found in words."""
    runs = connection.get("/api/v1/runs?outcome=failed&limit=50")["items"]
    assert runs, "the load has no failed run"
    tenant, trace = runs[0].get("tenant") or "t-0001", runs[0]["traceId"]
    of_tenant = timed(lambda: connection.get(f"/api/v1/runs?tenant={tenant}&outcome=failed&limit=50"), rounds)
    of_trace = timed(lambda: connection.get(f"/api/v1/traces/{trace}"), rounds)
    return of_tenant, of_trace, f"tenant {tenant}"


async def statements_of(
    server: Server, engine: EngineProcess, load: Load, *, token: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Ask what the evaluator asks, under load, and the same over an hour; read what the tables take on disk."""
    database = await Database.connect(PostgresServer(server.data_dir).dsns().serving)
    store = await TelemetryEngine.connect(engine.url, secret=engine.secret)
    try:

        async def groups(window: timedelta) -> int:
            # A reader of its own each time: one remembers what it was asked last.
            reader = build_reader(database, store, SystemClock())
            now = datetime.now(UTC)
            return len(await reader.groups([_WORKSPACE], Family.REQUEST, TimeRange(now - window, now)))

        async def hour_of_tenants() -> object:
            reader = build_reader(database, store, SystemClock())
            now = datetime.now(UTC)
            window = TimeRange(now - timedelta(hours=1), now)
            return await reader.totals_by(_WORKSPACE, Family.REQUEST, window, by="tenant", scope=SignalScope())

        sending = asyncio.create_task(asyncio.to_thread(load.send, server, token, rate=options.rate))
        await asyncio.sleep(2)
        under_load = await timed_async(lambda: groups(timedelta(minutes=5)), int(load.seconds) - 5, every_s=1.0)
        found = await groups(timedelta(minutes=5))
        told = await sending
        hour = await timed_async(hour_of_tenants, options.rounds)
        sizes = {str(row["table"]): (int(row["size"]), int(row["count_"])) for row in await store.admin(_BYTES)}
    finally:
        await store.close()
        await database.close()
    return {"underLoad": under_load, "groups": found, "hour": hour, "sizes": sizes, "load": told}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries", description=__doc__)
    parser.add_argument("--load", default=os.environ.get("TIDEGATE_LOAD"), help="path of otlp_load.py")
    parser.add_argument("--spans", type=int, default=200_000, help="stored before the first question")
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=20_000, help="spans/s while the rules' question is asked")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--procs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    load = Load.of(options)
    with fresh_folder() as folder:
        engine = EngineProcess(folder / "engine")
        engine.folder.mkdir()
        engine.secret = secrets.token_hex(32)
        asyncio.run(engine.start())
        os.environ |= {"TIDEGATE_TELEMETRY_URL": engine.url, "TIDEGATE_TELEMETRY_SECRET": engine.secret}
        server = Server(folder)
        try:
            server.start()
            figures, details, others = measure(server, engine, load, options)
        finally:
            server.stop()
            engine.stop()
    Report("queries", figures, others, details).show()


def measure(
    server: Server, engine: EngineProcess, load: Load, options: argparse.Namespace
) -> tuple[list[Figure], dict[str, Any], float]:
    ingest, read = server.token("ingest"), server.token("read")
    connection = Connection(server.url, read)
    taken = fill(load, server, ingest, spans=options.spans, tenants=50)
    wait_counted(connection, taken)
    watch = Watch(server)
    of_tenant, of_trace, words = routes_of(connection, rounds=options.rounds)
    taken += fill(load, server, ingest, spans=8 * options.tenants, tenants=options.tenants)
    wait_counted(connection, taken)
    found = asyncio.run(statements_of(server, engine, load, token=ingest, options=options))
    watch.stop()
    raw_bytes, raw_rows = found["sizes"]["raw_spans" if "raw_spans" in found["sizes"] else "spans"]
    told = found["load"]
    rate = f"{told['accept_spans_s']:,} spans/s, {found['groups']:,} groups"
    figures = [
        at_most(
            f"{words}, failed runs, of {options.spans:,} spans, p95",
            percentile(of_tenant, 0.95),
            50,
            unit="ms",
            digits=0,
        ),
        at_most("trace by its id, p95", percentile(of_trace, 0.95), 50, unit="ms", digits=0),
        at_most(
            f"5 minutes of all tenants at {rate}, p50", percentile(found["underLoad"], 0.5), 60, unit="ms", digits=0
        ),
        at_most(
            f"one hour by tenant, {options.tenants:,} tenants, p95",
            percentile(found["hour"], 0.95),
            100,
            unit="ms",
            digits=0,
        ),
        at_most(
            f"bytes on disk per raw span of {told['bytes_per_span']} bytes",
            raw_bytes / raw_rows,
            400,
            unit="bytes",
            digits=0,
        ),
        Figure("all tables per raw span", f"{sum(size for size, _ in found['sizes'].values()) / raw_rows:.0f} bytes"),
    ]
    details = {"sizes": found["sizes"], "generator": load.name, "underLoadMs": found["underLoad"], "load": told}
    return figures, details, watch.others_cores


if __name__ == "__main__":
    sys.exit(main())
