"""What a process stored itself is counted without being read again, and comes to the same."""

import random
import secrets
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.factories import NANO, auth_span, make_request, make_span
from tests.span_rows import batch_of
from tests.traps import TRAPS, request_of

from tidegate.kernel import RandomIds, SystemClock, WorkspaceId
from tidegate.signals.ports import Ranges, Seconds
from tidegate.signals.statements import COUNT_COLUMNS, EVENT_NUMBERS, EVENT_WORDS, LINK_NUMBERS, LINK_WORDS
from tidegate.signals.store import EngineCounts
from tidegate.signals.tasks import RollupCloser, build_closer
from tidegate.storage import Database
from tidegate.storage.native import Columns, Dictionaries
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry import EngineBatchStore, PostgresTouchLedger
from tidegate.telemetry.model import Batch, Signal

_COUNTED = ", ".join(name for name in COUNT_COLUMNS if name not in {"workspace", "version", "written", "arrived"})
_NEWEST = f"""
    SELECT {_COUNTED} FROM counts
    WHERE resolution = 1 AND (second, version, if(startsWith(family, 'ai_run'), 'published.ai_run', 'published')) IN (
        SELECT second, max(version), family FROM counts
        WHERE resolution = 1 AND family IN ('published', 'published.ai_run') GROUP BY second, family)
    ORDER BY ALL
"""


class Process:
    """Takes telemetry in and, with a closer, counts."""

    def __init__(self, database: Database, engine: TelemetryEngine, closer: RollupCloser | None = None) -> None:
        self._ledger = PostgresTouchLedger(database, writer=f"writer-{secrets.token_hex(4)}")
        self._store = EngineBatchStore(engine, returns_columns=closer is not None)
        self._closer = closer

    async def flush(self, *bodies: tuple[WorkspaceId, Batch]) -> None:
        flush_id = RandomIds().new_id("flu")
        seconds: dict[WorkspaceId, dict[int, int]] = {}
        for workspace, batch in bodies:
            own = seconds.setdefault(workspace, {})
            for second, count in batch.seconds.items():
                own[second] = own.get(second, 0) + count
        await self._ledger.announce(flush_id, seconds)
        spans = await self._store.add(bodies, signal=Signal.TRACES, token=flush_id)
        if self._closer is not None:
            self._closer.keep(flush_id, spans)
        await self._ledger.confirm(flush_id, sorted(seconds))


class CountingReads:
    """Rows of the engine, and how often spans were asked for."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.reads = 0

    async def spans(self, seconds: Seconds, dictionaries: Dictionaries) -> Columns:
        self.reads += 1
        found: Columns = await self._rows.spans(seconds, dictionaries)
        return found

    async def neighbours(
        self, seconds: Seconds, ranges: Sequence[tuple[int, int]], dictionaries: Dictionaries
    ) -> Columns:
        found: Columns = await self._rows.neighbours(seconds, ranges, dictionaries)
        return found

    async def stored_seconds(self, ranges: Ranges) -> Seconds:
        found: Seconds = await self._rows.stored_seconds(ranges)
        return found


def anything(chance: random.Random, now_ns: int) -> Batch:
    """Return a body of what senders send, of the last seconds, at times of the last minute."""
    end_ns = now_ns - int(chance.uniform(0, 6 if chance.random() < 0.7 else 60) * NANO)
    if chance.random() < 0.5:
        request = request_of([chance.choice(TRAPS)], end_ns=end_ns, service="harbor")
        trace = secrets.token_bytes(16)
        for span in request.resource_spans[0].scope_spans[0].spans:
            span.trace_id = trace
        return batch_of(request, now_ns)
    spans = [
        auth_span(
            chance.choice((200, 401, 500)),
            at_ns=end_ns,
            tenant=chance.choice(("acme", "globex")),
            attributes={"client.address": f"10.0.0.{chance.randrange(9)}"},
        ),
        make_span(
            name="queue.wait",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=end_ns + chance.choice((-NANO, NANO)),  # some end before they began
            end_time_unix_nano=end_ns,
            status=chance.choice((0, 2)),
            attributes={"messaging.system": "kafka", "tenant.id": "acme", "error.type": "timeout"},
        ),
    ]
    return batch_of(make_request(*spans, service=chance.choice(("harbor", "pier"))), now_ns)


async def test_what_is_kept_of_a_flush_is_what_the_engine_gives_back(
    engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    chance, now_ns = random.Random(7), time.time_ns()
    batches = [anything(chance, now_ns) for _ in range(120)]
    store = EngineBatchStore(engine, returns_columns=True)
    (kept,) = await store.add([(workspace, one) for one in batches], signal=Signal.TRACES, token=secrets.token_hex(8))
    seconds = {workspace: sorted({second for one in batches for second in one.seconds})}
    read = await EngineCounts(engine, SystemClock()).spans(seconds, {})
    assert kept.row_count == read.row_count > 100
    own, stored = (np.lexsort((one.numbers["trace_lo"], one.numbers["span"])) for one in (kept, read))
    for name in (*LINK_NUMBERS, *EVENT_NUMBERS):
        assert kept.numbers[name].dtype == read.numbers[name].dtype, name
        assert (kept.numbers[name][own] == read.numbers[name][stored]).all(), name
    for name in (*LINK_WORDS, *EVENT_WORDS):
        said, found = (
            [one.words[name].words[code] for code in one.words[name].codes[order].tolist()]
            for one, order in ((kept, own), (read, stored))
        )
        assert said == found, name


@pytest.mark.parametrize("seed", range(3))
async def test_counts_of_what_was_kept_are_those_of_what_is_read(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId, seed: int
) -> None:
    chance = random.Random(seed)
    closer = build_closer(database, engine, SystemClock())
    rows = CountingReads(closer.reads.rows)
    closer.reads.rows = rows
    own, other = Process(database, engine, closer), Process(database, engine)
    sent: list[Batch] = []
    closings = 0
    for _ in range(25):
        batches = [anything(chance, time.time_ns()) for _ in range(chance.randrange(1, 6))]
        batches += chance.sample(sent, min(len(sent), chance.randrange(2)))  # sent again
        sent += batches
        process = other if chance.random() < 0.15 else own
        await process.flush(*((workspace, one) for one in batches))
        if chance.random() < 0.6:
            closings += await closer.close_once()
    while await closer.close_once():
        closings += 1
    assert 0 < rows.reads < closings
    counted = await engine.select([workspace], _NEWEST)
    assert len(counted) > 30

    again = build_closer(database, engine, SystemClock())
    touched = {second: 1 for one in sent for second in one.seconds}
    await PostgresTouchLedger(database, writer="again").announce("flu_again", {workspace: touched})
    await PostgresTouchLedger(database, writer="again").confirm("flu_again", [workspace])
    while await again.close_once():
        pass
    assert await engine.select([workspace], _NEWEST) == counted
