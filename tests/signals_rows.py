"""Rows of the raw tables as intake writes them, for tests of counting, and a pipeline that counts them."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tidegate.kernel import Clock, RandomIds, SystemClock, WorkspaceId
from tidegate.signals.ports import PriceBooks
from tidegate.signals.tasks import RollupCloser, build_closer, build_reader
from tidegate.signals.touches import MAX_LAG
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry import PostgresTouchLedger
from tidegate.telemetry.families import FAMILY_BITS

NANO = 1_000_000_000
Row = dict[str, Any]

_EVENT: Row = {
    "families": 0, "distrusted": 0, "replayed": 0, "is_sampled": 0, "weight_milli": 1000, "service": "harbor",
    "environment": "prod", "release": "1", "tenant": "", "duration_ns": 5_000_000,
}  # fmt: skip


def bits(*families: str) -> int:
    return sum(FAMILY_BITS[name] for name in families)


def precedence_of(row: Mapping[str, Any]) -> int:
    """Believable before distrusted, first received before later."""
    return (0 if row["distrusted"] else 2**63) + (2**63 - 1 - int(row["received_ns"]))


def span_row(workspace: WorkspaceId, **changes: Any) -> Row:
    """Return a span with fresh ids that ended now, or at `end_ns`."""
    end_ns = changes.pop("end_ns", None) or time.time_ns()
    row = {
        **_EVENT,
        "workspace": workspace,
        "trace_id": secrets.token_hex(16),
        "span_id": secrets.token_hex(8),
        "parent_span_id": "",
        "start_ns": end_ns - 5_000_000,
        "end_ns": end_ns,
        "received_ns": time.time_ns(),
        "name": "span",
        "kind": 1,
        **changes,
    }
    row["second"] = row["end_ns"] // NANO
    row["duration_ns"] = changes.get("duration_ns", max(0, row["end_ns"] - row["start_ns"]))
    return {**row, "precedence": precedence_of(row)}


def log_row(workspace: WorkspaceId, **changes: Any) -> Row:
    """Return a log record of now, or of `time_ns`."""
    row = {
        **_EVENT,
        "workspace": workspace,
        "log_id": secrets.token_hex(16),
        "time_ns": time.time_ns(),
        "received_ns": time.time_ns(),
        "duration_ns": 0,
        **changes,
    }
    row["second"] = row["time_ns"] // NANO
    return {**row, "precedence": precedence_of(row)}


def request_row(workspace: WorkspaceId, status: int, **changes: Any) -> Row:
    facts: Row = {
        "families": bits("request"), "kind": 2, "http_method": "GET", "route": "/runs", "http_status": status,
    }  # fmt: skip
    return span_row(workspace, **{**facts, **changes})


def auth_row(workspace: WorkspaceId, status: int, **changes: Any) -> Row:
    facts: Row = {"families": bits("request", "auth"), "http_method": "POST", "route": "/auth/login"}
    return request_row(workspace, status, **{"tenant": "acme", **facts, **changes})


def agent_rows(workspace: WorkspaceId, at_ns: int, *, outcome: str = "ok", tenant: str = "acme") -> list[Row]:
    """Return an agent that claims 1,700 tokens, and the only call below it, which used 700 and cost 0.25 USD."""
    trace_id, root = secrets.token_hex(16), secrets.token_hex(8)
    shared = {"trace_id": trace_id, "tenant": tenant, "service": "harbor"}
    agent = span_row(
        workspace, **shared, span_id=root, role="agent", operation="invoke_agent", run_outcome="ok",
        input_tokens=1700, start_ns=at_ns - 100, end_ns=at_ns,
    )  # fmt: skip
    error = "" if outcome == "ok" else outcome
    chat = span_row(
        workspace, **shared, parent_span_id=root, role="inference", operation="chat", model="m", provider="p",
        run_outcome=outcome, error_type=error, input_tokens=700, cost_nano_usd=250_000_000, start_ns=at_ns - 90,
        end_ns=at_ns - 10,
    )  # fmt: skip
    return [agent, chat]


class Pipeline:
    """Intake without its timer and counting without its pace: each call is one flush, or counts all that waits."""

    def __init__(
        self,
        database: Database,
        engine: TelemetryEngine,
        *,
        clock: Clock | None = None,
        prices: PriceBooks | None = None,
    ) -> None:
        self._engine = engine
        self.database = database
        self.touches = PostgresTouchLedger(database, writer="tests")
        # A test counts when it says so, and asks for as long as its machine takes.
        max_lag = MAX_LAG if clock is not None else timedelta(hours=1)
        clock = clock or SystemClock()
        self.closer: RollupCloser = build_closer(database, engine, clock, prices=prices)
        self.reader = build_reader(database, engine, clock, max_lag=max_lag)

    async def flush(self, spans: Sequence[Row] = (), logs: Sequence[Row] = ()) -> None:
        flush_id = RandomIds().new_id("flu")
        rows = [*spans, *logs]
        workspaces = sorted({row["workspace"] for row in rows})
        await self.touches.announce(
            flush_id, {w: Counter(row["second"] for row in rows if row["workspace"] == w) for w in workspaces}
        )
        for table, found in (("raw_spans", spans), ("raw_logs", logs)):
            days = sorted({row["received_ns"] // (86_400 * NANO) for row in found})
            for day in days:  # one insert, one partition
                part = [row for row in found if row["received_ns"] // (86_400 * NANO) == day]
                await insert_rows(self._engine, table, part, token=f"{flush_id}-{table}-{day}")
        await self.touches.confirm(flush_id, workspaces)

    async def close(self) -> None:
        while await self.closer.close_once():
            pass


async def insert_rows(engine: TelemetryEngine, table: str, rows: Sequence[Row], *, token: str) -> None:
    columns = sorted({name for row in rows for name in row})
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    workspaces = sorted({row["workspace"] for row in rows})
    await engine.insert(workspaces, table, columns, lines, token=token)
