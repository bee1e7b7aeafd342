"""Events of spans that are events of a family of their own: they become log records, as if they had been sent so."""

from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tidegate.telemetry import semconv
from tidegate.telemetry.logs.events import POLICY_EVENT, is_event
from tidegate.telemetry.receiving import MAX_RECORDS, MAX_ROWS_BYTES
from tidegate.telemetry.values import MAX_NAME_CHARACTERS, text_of

_FINDING: Final = "gen_ai.security.finding"
_VERDICTS: Final = frozenset({"gen_ai.security.verdict.type", "gen_ai.security.action.type"})
_TENANT_KEYS: Final = frozenset(semconv.TENANT)


class NamedEvents:
    """Collects the named events of one body, as many as may be stored of it."""

    def __init__(self) -> None:
        self.request = ExportLogsServiceRequest()
        self.are_too_many = False
        """Whether there were more of them: then none may be stored."""
        self._resource: Any = None
        self._records: Any = None
        self._count = self._bytes = 0

    def under(self, resource: Any, scope: Any) -> None:  # noqa: ANN401 - protobuf messages
        """Say whose spans come next."""
        self._resource, self._records = (resource, scope), None

    def add(self, span: Any) -> None:  # noqa: ANN401 - a protobuf message
        """Add a log record for each event of `span` that counts by its name; its id follows from span and place."""
        for number, event in enumerate(span.events):
            name = POLICY_EVENT if event.name == _FINDING else event.name
            if not is_event(name):
                continue
            record = self._group().add()
            _fill(record, name, span, number)
            self._count += 1
            self._bytes += record.ByteSize()
            # Each carries tenants of its span, and each group its resource: 64 MB of spans could become gigabytes.
            if self._count > MAX_RECORDS or self._bytes > MAX_ROWS_BYTES:
                self.are_too_many = True
                return

    def _group(self) -> Any:  # noqa: ANN401 - a protobuf container
        if self._records is None:
            resource, scope = self._resource
            group = self.request.resource_logs.add()
            group.resource.CopyFrom(resource)
            inner = group.scope_logs.add()
            inner.scope.CopyFrom(scope)
            self._records = inner.log_records
            self._bytes += group.ByteSize()
        return self._records


def _fill(record: Any, name: str, span: Any, number: int) -> None:  # noqa: ANN401 - protobuf messages
    event = span.events[number]
    record.event_name = name
    record.time_unix_nano = event.time_unix_nano
    record.trace_id = span.trace_id
    record.span_id = span.span_id
    for key, value in {pair.key: pair.value for pair in span.attributes if pair.key in _TENANT_KEYS}.items():
        record.attributes.add(key=key).value.string_value = text_of(value, MAX_NAME_CHARACTERS)
    record.attributes.extend(event.attributes)
    if name != event.name:
        record.attributes.extend(
            type(pair)(key="decision", value=pair.value) for pair in event.attributes if pair.key in _VERDICTS
        )
    uid = record.attributes.add(key="log.record.uid")
    uid.value.string_value = f"{span.trace_id.hex()}:{span.span_id.hex()}:{number}"
