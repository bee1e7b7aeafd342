"""A receiver of export requests that keeps what it was sent, and short ways to read a recording."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from tidegate.replays.formats import FORMATS, Unreadable
from tidegate.replays.model import Naming, Reading, Row, Signal

START_NS = 1_700_000_000_000_000_000
READING = Reading(naming=Naming("a digest"), start_ns=START_NS, year=2025)


def read(name: str, text: str, **changes: Any) -> list[Row | Unreadable]:
    return list(FORMATS[name].reader()(text.splitlines(keepends=True), replace(READING, **changes)))


def rows(name: str, text: str, **changes: Any) -> list[Row]:
    """Return the rows; every line must be one that can be read."""
    found = read(name, text, **changes)
    assert not [each for each in found if isinstance(each, Unreadable)]
    return [each for each in found if isinstance(each, Row)]


def reasons(name: str, text: str) -> list[str]:
    return [each.reason for each in read(name, text) if isinstance(each, Unreadable)]


def event(row: Row) -> Any:
    [only] = row.events
    return only


@dataclass
class Receiver:
    """Keeps requests; `refusing` items of the next request are refused, as a partial success says it."""

    requests: list[tuple[Signal, bytes, str]] = field(default_factory=list)
    refusing: int = 0
    breaks_after: int | None = None

    def send(self, signal: Signal, body: bytes, content_type: str) -> tuple[int, str]:
        if self.breaks_after is not None and len(self.requests) >= self.breaks_after:
            raise ConnectionError("cut")
        self.requests.append((signal, body, content_type))
        refused, self.refusing = self.refusing, 0
        return refused, "too long" if refused else ""

    def spans(self) -> Iterator[ProtoSpan]:
        for signal, body, _ in self.requests:
            if signal is Signal.TRACES:
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in group.scope_spans:
                        yield from scope.spans

    def logs(self) -> Iterator[LogRecord]:
        for signal, body, _ in self.requests:
            if signal is Signal.LOGS:
                for group in ExportLogsServiceRequest.FromString(body).resource_logs:
                    for scope in group.scope_logs:
                        yield from scope.log_records


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path
