"""Trace bodies over HTTP and gRPC: read, checked, stored.

Contract. When `receive` returns, every span that it does not count as refused is on disk. A body is read whole or not
at all (400); a span that is bad alone is refused alone, counted, and the first one named: OTLP's partial success.
"""

import asyncio
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import Clock, WorkspaceId
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.model import Batch, Signal, second_of
from tidegate.telemetry.otlp import parse_json, parse_protobuf
from tidegate.telemetry.receiving import Ingest
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.span_columns import SpanReader
from tidegate.telemetry.spans import read_spans

_JSON_AT_ONCE_BYTES: Final = 64 * 1024  # 10 ms
_BYTES_A_SPAN: Final = 1_024  # of what is kept of it beside its bytes


class SpanReceiver:
    """Reads and stores bodies of spans."""

    def __init__(self, *, ingest: Ingest, policy: ContentPolicy, clock: Clock) -> None:
        self._ingest = ingest
        self._reader = SpanReader(policy)
        self._clock = clock
        self._one_large_json = asyncio.Lock()

    def refuse_if_full(self, workspace: WorkspaceId) -> None:
        """Say no before a body is read, which costs more than to refuse it.

        Raises:
            IngestFullError: too much of `workspace` is waiting.
            UnavailableError: intake is stopped.
        """
        self._ingest.refuse_if_full(workspace)

    async def receive(self, caller: Caller, body: bytes, *, is_json: bool) -> Refusals:
        """Store what is good in `body` and return what was refused alone.

        Raises:
            OtlpMalformedError: it cannot be read at all.
            SpansTooManyError: it is more than can wait.
            ReplayNotAllowedError: it is marked as a recording, and the caller may not replay.
        """
        request = await self._parsed_json(body) if is_json else parse_protobuf(body)
        received_ns = int(self._clock.now().timestamp() * 1_000_000) * 1_000
        refusals = Refusals()
        columns = await read_spans(
            request,
            self._reader,
            received_ns=received_ns,
            may_replay=caller.may(Scope.WRITE),
            refusals=refusals,
        )
        if columns:
            seconds = frozenset(second_of(one.end_ns) for one in columns.ids)
            size = len(body) if not is_json else len(body) // 2
            size = max(size, len(columns) * _BYTES_A_SPAN)
            await self._ingest.accept(
                caller.workspace, Batch(Signal.TRACES, columns, len(columns), seconds, received_ns, size_bytes=size)
            )
        return refusals

    async def _parsed_json(self, body: bytes) -> ExportTraceServiceRequest:
        """Read JSON: 2 MB take 0.4 s in Python, so larger ones are read one at a time, while others are served."""
        if len(body) <= _JSON_AT_ONCE_BYTES:
            return parse_json(body)
        async with self._one_large_json:
            return await asyncio.to_thread(parse_json, body)
