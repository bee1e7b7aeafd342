"""Trace bodies over HTTP and gRPC: read, checked, stored.

Contract. When `receive` returns, every span that it does not count as refused is on disk. A body is read whole or not
at all (400); a span that is bad alone is refused alone, counted, and the first one named: OTLP's partial success.
"""

import asyncio
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import Clock
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.errors import BodyTooLargeError
from tidegate.telemetry.logs.decode import rows_of
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.otlp import parse_json
from tidegate.telemetry.ports import NoQuotas, Quotas
from tidegate.telemetry.receiving import (
    MAX_JSON_BYTES,
    MAX_RECORDS,
    MAX_ROWS_BYTES,
    Ingest,
    RecordsTooManyError,
    batch_of,
)
from tidegate.telemetry.records import Arrival, Refusals
from tidegate.telemetry.sent import Letter, sent_in
from tidegate.telemetry.span_columns import BodySpans
from tidegate.telemetry.span_reading import SpanReader
from tidegate.telemetry.span_room import ReadingRoom

_JSON_AT_ONCE_BYTES: Final = 64 * 1024  # 10 ms
_BYTES_A_SPAN: Final = 1_024  # of what is kept of it beside its bytes
_NO_QUOTAS: Final = NoQuotas()


class SpanReceiver:
    """Reads and stores bodies of spans."""

    def __init__(self, *, ingest: Ingest, policy: ContentPolicy, clock: Clock, quotas: Quotas = _NO_QUOTAS) -> None:
        self._ingest = ingest
        self._quotas = quotas
        self._policy = policy
        self._room = ReadingRoom(SpanReader(policy))
        self._clock = clock
        self._one_large_json = asyncio.Lock()

    def refuse_if_full(self, caller: Caller) -> None:
        """Say no before a body is read, which costs more than to refuse it.

        Raises:
            IngestFullError: too much of the workspace is waiting.
            QuotaExceededError: a quota is used up.
            UnavailableError: intake is stopped.
        """
        self._quotas.refuse_if_spent(caller, Signal.TRACES)
        self._ingest.refuse_if_full(caller.workspace)

    async def receive(self, caller: Caller, body: bytes, *, is_json: bool) -> Refusals:
        """Store what is good in `body` and return what was refused alone.

        Raises:
            OtlpMalformedError: it cannot be read at all.
            SpansTooManyError: it is more than can wait.
            BodyTooLargeError: it is more JSON than can be held.
            RecordsTooManyError: so are the events of its spans.
            ReplayNotAllowedError: it is marked as a recording, and the caller may not replay.
            QuotaExceededError: it is more than a quota has room for.
        """
        if is_json:
            body = (await self._parsed_json(body)).SerializeToString()
        received_ns = int(self._clock.now().timestamp() * 1_000_000) * 1_000
        batches, refusals = await self._read(caller, body, received_ns)
        # Flushed together; one that fails is sent again with the other, which counts once.
        async with self._quotas.spending(caller, {batch.signal: batch.row_count for batch in batches}):
            await asyncio.gather(*(self._ingest.accept(caller.workspace, batch) for batch in batches))
        return refusals

    async def _read(self, caller: Caller, body: bytes, received_ns: int) -> tuple[list[Batch], Refusals]:
        """Return the spans of `body`, and the log records that events of theirs are."""
        letter, batches, extents = Letter(received_ns), [], []
        for sent in sent_in(body, letter, self._policy, may_replay=caller.may(Scope.WRITE)):
            extent = await self._room.read(caller.workspace, sent)
            if extent is not None:
                extents.append(extent)
        if extents:
            spans = BodySpans(extents)
            size = max(len(body), len(spans) * _BYTES_A_SPAN)
            batches.append(Batch(Signal.TRACES, spans, len(spans), spans.seconds(), received_ns, size_bytes=size))
        if letter.events.are_too_many:
            raise RecordsTooManyError(
                f"{MAX_RECORDS} events that count by their names, {MAX_ROWS_BYTES // 2**20} MB of them"
            )
        arrival = Arrival(workspace=caller.workspace, received_ns=received_ns, policy=self._policy)
        records = await batch_of(Signal.LOGS, rows_of(letter.events.request, arrival), received_ns)
        if records.row_count:
            batches.append(records)
        return batches, letter.refusals

    async def _parsed_json(self, body: bytes) -> ExportTraceServiceRequest:
        """Read JSON: 2 MB take 0.4 s in Python, so larger ones are read one at a time, while others are served."""
        if len(body) > MAX_JSON_BYTES:
            raise BodyTooLargeError(limit_bytes=MAX_JSON_BYTES, expanded=True)
        if len(body) <= _JSON_AT_ONCE_BYTES:
            return parse_json(body)
        async with self._one_large_json:
            return await asyncio.to_thread(parse_json, body)
