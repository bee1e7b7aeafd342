"""Builders of OTLP log bodies."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from tests.factories import NANO, any_value, key_values

from tidegate.kernel import WorkspaceId
from tidegate.telemetry.logs.decode import rows_of
from tidegate.telemetry.logs.model import LogRow
from tidegate.telemetry.records import Arrival, Refusals

NOW_NS = 1_700_000_002 * NANO
W = WorkspaceId("default")


class Everything:
    """A policy that keeps all there is."""

    def attribute(self, key: str, value: str) -> str | None:
        return value

    def text(self, text: str) -> str:
        return text


def make_record(body: Any = "", attributes: Mapping[str, Any] | None = None, **changes: Any) -> LogRecord:
    facts = {"time_unix_nano": NOW_NS - NANO} | changes
    return LogRecord(body=any_value(body), attributes=key_values(attributes or {}), **facts)


def make_logs(*records: LogRecord, service: str = "harbor", **resource: Any) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    holder = request.resource_logs.add()
    holder.resource.attributes.extend(key_values({"service.name": service} | resource))
    holder.scope_logs.add().log_records.extend(records)
    return request


def read(request: ExportLogsServiceRequest, refusals: Refusals | None = None) -> list[LogRow]:
    arrival = Arrival(workspace=W, received_ns=NOW_NS, policy=Everything(), refusals=refusals or Refusals())
    return list(rows_of(request, arrival))


def read_one(body: Any = "", attributes: Mapping[str, Any] | None = None, **changes: Any) -> LogRow:
    (row,) = read(make_logs(make_record(body, attributes, **changes)))
    return row
