"""Rows of the telemetry tables as they are stored, for tests of what reads them."""

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage.telemetry import TelemetryEngine

Answer = TypeVar("Answer")
NANO = 1_000_000_000
AT_NS = 1_770_472_931 * NANO  # 2026-02-07 14:02:11 UTC, the moment of the page tests
TRACE = "5b8efff798038103d269b633813fc60c"


def span_id(number: int) -> str:
    return f"{number:016x}"


def make_span_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a row of `raw_spans`; `parent` is the number of its parent, times are in milliseconds."""
    parent = changes.pop("parent", 0)
    start_ns = AT_NS + changes.pop("start_ms", 0) * 1_000_000
    end_ns = start_ns + changes.pop("length_ms", 100) * 1_000_000
    row: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": span_id(number),
        "parent_span_id": span_id(parent) if parent else "",
        "start_ns": start_ns,
        "end_ns": end_ns,
        "received_ns": end_ns + 1_000_000,
        "precedence": 1,
        "name": f"step {number}",
        "kind": 1,
        "status": 0,
        "service": "harbor-api",
        "weight_milli": 1_000,
        "attributes": {},
        "resource": {},
    }
    row |= changes
    for column in ("events", "links"):
        if not isinstance(row.get(column, ""), str):
            row[column] = json.dumps(row[column])
    row.setdefault("second", row["end_ns"] // NANO)
    row.setdefault("duration_ns", max(0, row["end_ns"] - row["start_ns"]))
    return row


def make_log_row(**changes: Any) -> dict[str, Any]:
    time_ns = changes.pop("time_ns", AT_NS)
    return {
        "log_id": secrets.token_hex(8),
        "second": time_ns // NANO,
        "time_ns": time_ns,
        "received_ns": time_ns + 1,
        "trace_id": TRACE,
        "severity": 9,
        "severity_text": "INFO",
        "body": "a line",
        "service": "harbor-api",
        "attributes": {},
    } | changes


def make_run_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a row of `ai_runs`, counted under version 1."""
    start_ns = AT_NS + changes.pop("start_ms", 0) * 1_000_000
    end_ns = start_ns + changes.pop("length_ms", 100) * 1_000_000
    return {
        "second": end_ns // NANO,
        "trace_id": TRACE,
        "span_id": span_id(number),
        "version": 1,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "name": "invoke_agent harbor",
        "operation": "invoke_agent",
        "service": "harbor-api",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "outcome": "ok",
        "weight_milli": 1_000,
        "span_count": 1,
    } | changes


def marker_of(second: int, *, version: int = 1) -> dict[str, Any]:
    """Return the row that says that `second` was counted under `version`."""
    return {"second": second, "trace_id": "", "span_id": "", "version": version}


async def store(engine: TelemetryEngine, workspace: WorkspaceId, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Insert `rows` as they are, a day of arrival at a time: an insert is one partition."""
    days: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        moment = row["second"] if table == "ai_runs" else row["received_ns"] // NANO
        days[moment // 86_400].append({"workspace": workspace, **row})
    for found in days.values():
        columns = sorted({name for row in found for name in row})
        lines = "\n".join(json.dumps(row) for row in found).encode()
        insert = partial(engine.insert, [workspace], table, columns, lines, token=secrets.token_hex(8))
        await patiently(insert)


async def patiently(action: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do again what the engine had no memory for: merges of other tests' rows take their share of a small cap."""
    for _ in range(30):
        try:
            return await action()
        except UnavailableError:
            await asyncio.sleep(0.5)
    return await action()
