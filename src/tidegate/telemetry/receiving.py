"""From the body of a log or metric request to stored rows: what HTTP and gRPC share.

Contract. When `receive` returns, every record that it does not count as refused is on disk. A body is read whole or not
at all (400); a record that is bad alone is refused alone, counted, and the first one named, as OTLP's partial success
says. Work is given up to others every few milliseconds. Memory: bodies are parsed in pieces of a megabyte, and become
at most 64 MB of JSON.
"""

import asyncio
import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Protocol

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import Clock, MalformedError, TooLargeError, WorkspaceId
from tidegate.telemetry.errors import BodyTooLargeError, OtlpMalformedError, ReplayNotAllowedError, SpansTooManyError
from tidegate.telemetry.logs.decode import rows_of as log_rows_of
from tidegate.telemetry.logs.model import LogRow
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.pieces import ResourcePlace, bodies_of, places_of
from tidegate.telemetry.points.decode import rows_of as point_rows_of
from tidegate.telemetry.points.model import PointRow
from tidegate.telemetry.ports import NoQuotas, Quotas
from tidegate.telemetry.records import Arrival, RecordPolicy, Refusals, Start
from tidegate.telemetry.salvage import NotWireFormatError, salvage

MAX_RECORDS: Final = 65_536  # as many rows as may wait for one workspace: a larger body could never be stored
MAX_ROWS_BYTES: Final = 64 * 2**20
MAX_RECORD_BYTES: Final = 8 * 2**20  # a metric of 65,536 points; 500 MB while it is parsed, when it is made to hurt
_ROWS_PER_TURN: Final = 256  # 5 ms of work: other requests are served in between
_JSON_AT_ONCE_BYTES: Final = 64 * 1024  # 10 ms
MAX_JSON_BYTES: Final = 16 * 2**20  # expanded; 700 MB while it is read, when it is made to hurt
_PIECE_OF_FIRST: Final = 512
_DAMAGED: Final = "its text is not UTF-8, it is nested too deep, or it is damaged."
_NO_QUOTAS: Final = NoQuotas()
_encoder = msgspec.json.Encoder()


class RecordsMalformedError(MalformedError):
    code: ClassVar[str] = "otlp_records_malformed"

    def __init__(self, what: str) -> None:
        super().__init__(f"The body is no OTLP request of this door: {what} Nothing of it was stored.", field="body")


class RecordsTooManyError(TooLargeError):
    code: ClassVar[str] = "records_too_many"

    def __init__(self, what: str) -> None:
        super().__init__(f"A body may have {what}. Send smaller batches; nothing of this one was stored.", field="body")


class Ingest(Protocol):
    """Where batches go."""

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None:
        """Store the batch; returns when it is durable.

        Raises:
            TooManyRequestsError: too much is waiting.
            UnavailableError: the engines do not answer, or take nothing at the moment.
        """
        ...

    def refuse_if_full(self, workspace: WorkspaceId) -> None:
        """Raise what `accept` would raise for a batch of any size."""
        ...


@dataclass(frozen=True, slots=True)
class RecordFormat:
    """One of the two kinds of requests that are read record by record."""

    signal: Signal
    request: type[Any]
    group: type[Any]
    record: type[Any]
    groups: str
    """Field of the request, as JSON and as Python spell it: `resourceLogs`, `resource_logs`."""
    groups_field: str
    rows_of: Callable[[Any, Arrival], Iterator[LogRow | PointRow]]
    ids_to_base64: Callable[[Any], None]


class RecordsReceiver:
    """Reads and stores the bodies of one format."""

    def __init__(
        self,
        kind: RecordFormat,
        *,
        ingest: Ingest,
        policy: RecordPolicy,
        clock: Clock,
        quotas: Quotas = _NO_QUOTAS,
    ) -> None:
        self._kind = kind
        self._quotas = quotas
        self._ingest = ingest
        self._policy = policy
        self._clock = clock
        self._one_large_json = asyncio.Lock()

    def refuse_if_full(self, caller: Caller) -> None:
        """Say no before a body is read, which costs more than to refuse it.

        Raises:
            IngestFullError: too much of the workspace is waiting.
            QuotaExceededError: a quota is used up.
            UnavailableError: intake is stopped.
        """
        self._quotas.refuse_if_spent(caller, self._kind.signal)
        self._ingest.refuse_if_full(caller.workspace)

    async def receive(self, caller: Caller, body: bytes, *, is_json: bool) -> Refusals:
        """Store what is good in `body` and return what was refused alone.

        Raises:
            RecordsMalformedError: it cannot be read at all.
            RecordsTooManyError: it is more than can wait.
            BodyTooLargeError: it is more JSON than can be held.
            ReplayNotAllowedError: it is marked as a recording, and the caller may not replay.
            QuotaExceededError: it is more than a quota has room for.
        """
        received_ns = int(self._clock.now().timestamp() * 1_000_000) * 1_000
        arrival = Arrival(workspace=caller.workspace, received_ns=received_ns, policy=self._policy)
        if is_json:
            rows = self._rows_in(await self._parsed_json(body), arrival, caller)
        else:
            rows = self._rows_of(body, arrival, caller)
        batch = await batch_of(self._kind.signal, rows, received_ns)
        if batch.row_count:
            async with self._quotas.spending(caller, {batch.signal: batch.row_count}):
                await self._ingest.accept(caller.workspace, batch)
        return arrival.refusals

    def _rows_in(self, request: Any, arrival: Arrival, caller: Caller) -> Iterator[LogRow | PointRow]:  # noqa: ANN401 - a generated protobuf message
        self._check_replay(request, caller, arrival.start.resource)
        yield from self._kind.rows_of(request, arrival)

    def _rows_of(self, body: bytes, arrival: Arrival, caller: Caller) -> Iterator[LogRow | PointRow]:
        """Yield the rows of `body`, piece by piece: parsed at once, 64 MB of empty records would take 4 GB."""
        try:
            resources = places_of(body)
        except SpansTooManyError as error:
            raise RecordsTooManyError(f"{MAX_RECORDS} records") from error
        except OtlpMalformedError as error:
            raise RecordsMalformedError("the protobuf cannot be read, or most of it is no records.") from error
        _refuse_large(resources, arrival.refusals)
        good_count = bad_count = 0
        for start, piece in bodies_of(body, resources):
            request, good, bad = self._parsed(piece)
            good_count, bad_count = good_count + good, bad_count + bad
            if good:
                yield from self._rows_in(request, replace(arrival, start=Start(*start)), caller)
        if bad_count:
            if not good_count:
                raise RecordsMalformedError(f"no record of it can be read: {_DAMAGED}")
            arrival.refusals.add(f"A record cannot be read: {_DAMAGED}", count=bad_count)

    def _parsed(self, piece: bytes) -> tuple[Any, int, int]:
        """Return what can be read of `piece`, how many groups or records that is, and how many records cannot."""
        try:
            return self._kind.request.FromString(piece), 1, 0
        except (DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            found = salvage(piece, group=self._kind.group, record=self._kind.record)
            return self._kind.request.FromString(found.body), found.kept_count, found.refused_count
        except (NotWireFormatError, DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordsMalformedError("the protobuf cannot be read.") from error

    async def _parsed_json(self, body: bytes) -> Any:  # noqa: ANN401 - a generated protobuf message
        """Read JSON: 2 MB take 0.4 s in Python, so larger ones are read one at a time, while others are served."""
        if len(body) > MAX_JSON_BYTES:
            raise BodyTooLargeError(limit_bytes=MAX_JSON_BYTES, expanded=True)
        if len(body) <= _JSON_AT_ONCE_BYTES:
            return self._from_json(body)
        async with self._one_large_json:
            return await asyncio.to_thread(self._from_json, body)

    def _from_json(self, body: bytes) -> Any:  # noqa: ANN401 - a generated protobuf message
        try:
            document = msgspec.json.decode(body)
            self._kind.ids_to_base64(document)
            return json_format.ParseDict(document, self._kind.request(), ignore_unknown_fields=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordsMalformedError("the JSON cannot be read.") from error
        except (json_format.ParseError, AttributeError, TypeError, ValueError) as error:
            raise RecordsMalformedError("the JSON has other shapes than OTLP/JSON.") from error

    def _check_replay(self, request: Any, caller: Caller, first: int) -> None:  # noqa: ANN401 - a generated protobuf message
        if caller.may(Scope.WRITE):
            return
        for position, group in enumerate(getattr(request, self._kind.groups_field), first):
            for pair in group.resource.attributes:
                if pair.key == "tidegate.replayed" and (
                    pair.value.bool_value or pair.value.string_value.lower() == "true"
                ):
                    raise ReplayNotAllowedError(f"{self._kind.groups}.{position}.resource.attributes.tidegate.replayed")


def _refuse_large(resources: Sequence[ResourcePlace], refusals: Refusals) -> None:
    for scope in (scope for resource in resources for scope in resource.scopes):
        fine = [(start, end) for start, end in scope.spans if end - start <= MAX_RECORD_BYTES]
        if len(fine) < len(scope.spans):
            words = f"A record has more than {MAX_RECORD_BYTES // 2**20} MB."
            refusals.add(words, count=len(scope.spans) - len(fine))
            scope.spans = fine


async def batch_of(signal: Signal, rows: Iterator[LogRow | PointRow], received_ns: int) -> Batch:
    """Return `rows` as they are stored.

    Raises:
        RecordsTooManyError: they are more than can wait.
    """
    lines, count, seconds = bytearray(), 0, Counter[int]()
    for row in rows:
        lines += _encoder.encode(row)
        lines += b"\n"
        seconds[row.second] += 1
        count += 1
        if count > MAX_RECORDS:
            raise RecordsTooManyError(f"{MAX_RECORDS} records")
        # Each row carries its resource: 8 MB of it under 8,000 empty records would become 64 GB.
        if len(lines) > MAX_ROWS_BYTES:
            raise RecordsTooManyError(f"{MAX_ROWS_BYTES // 2**20} MB of rows, each with its resource")
        if count % _ROWS_PER_TURN == 0:
            await asyncio.sleep(0)
    return Batch(signal, bytes(lines), count, seconds, received_ns, size_bytes=len(lines))


def partial_success(signal: Signal, refusals: Refusals) -> dict[str, Any]:
    """Return the answer to a request as OTLP/JSON has it: empty when everything was stored."""
    if not refusals.count:
        return {}
    field = {Signal.TRACES: "rejectedSpans", Signal.LOGS: "rejectedLogRecords", Signal.POINTS: "rejectedDataPoints"}
    more = f" (and {refusals.count - 1} more)" if refusals.count > 1 else ""
    message = f"{refusals.first[:_PIECE_OF_FIRST]}{more}"
    return {"partialSuccess": {field[signal]: str(refusals.count), "errorMessage": message}}


def _log_ids(document: Mapping[str, Any]) -> None:
    for group in document.get("resourceLogs", ()):
        for scope in group.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                _hex_to_base64(record)


def _exemplar_ids(document: Mapping[str, Any]) -> None:
    for group in document.get("resourceMetrics", ()):
        for scope in group.get("scopeMetrics", ()):
            for metric in scope.get("metrics", ()):
                for kind in ("gauge", "sum", "histogram", "exponentialHistogram"):
                    for point in metric.get(kind, {}).get("dataPoints", ()):
                        for exemplar in point.get("exemplars", ()):
                            _hex_to_base64(exemplar)


def _hex_to_base64(holder: dict[str, Any]) -> None:
    """Write ids as ParseDict reads bytes; OTLP/JSON has them in hexadecimal."""
    for field in ("traceId", "spanId"):
        if field in holder:
            holder[field] = base64.b64encode(bytes.fromhex(holder[field])).decode()


LOGS: Final = RecordFormat(
    Signal.LOGS,
    ExportLogsServiceRequest,
    ResourceLogs,
    LogRecord,
    "resourceLogs",
    "resource_logs",
    log_rows_of,
    _log_ids,
)
POINTS: Final = RecordFormat(
    Signal.POINTS,
    ExportMetricsServiceRequest,
    ResourceMetrics,
    Metric,
    "resourceMetrics",
    "resource_metrics",
    point_rows_of,
    _exemplar_ids,
)
