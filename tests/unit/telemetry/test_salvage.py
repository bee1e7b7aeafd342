"""One bad text among good ones."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from tests.unit.telemetry.logs.records import make_logs, make_record

from tidegate.telemetry.salvage import NotWireFormatError, salvage


def kept(body: bytes) -> tuple[list[str], int]:
    found = salvage(body, group=ResourceLogs, record=LogRecord)
    request = ExportLogsServiceRequest.FromString(found.body)
    bodies = [
        record.body.string_value
        for group in request.resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
    ]
    return bodies, found.refused_count


def broken(request: ExportLogsServiceRequest, mark: str) -> bytes:
    """Return the body with `mark` turned into a text that is not UTF-8, of the same length."""
    raw = request.SerializeToString()
    assert mark.encode() in raw
    return raw.replace(mark.encode(), b"\xff" * len(mark))


def test_the_bad_record_goes_alone() -> None:
    records = [make_record("first"), make_record("BADBAD"), make_record("third")]
    body = broken(make_logs(*records), "BADBAD") + make_logs(make_record("fourth")).SerializeToString()
    assert kept(body) == (["first", "third", "fourth"], 1)


def test_under_a_resource_that_is_bad_nothing_can_be_read() -> None:
    body = broken(make_logs(make_record("a"), make_record("b"), service="BADBAD"), "BADBAD")
    assert kept(body + make_logs(make_record("c")).SerializeToString()) == (["c"], 2)


def test_under_a_scope_that_is_bad_nothing_can_be_read() -> None:
    request = make_logs(make_record("a"))
    request.resource_logs[0].scope_logs[0].scope.name = "BADBAD"
    request.resource_logs[0].scope_logs.add().log_records.append(make_record("b"))
    assert kept(broken(request, "BADBAD")) == (["b"], 1)


@pytest.mark.parametrize("body", [b"\x0a\xff\xff", b"\x0b", b"\xff" * 20, b"\x0a\x05ab", b"\x09abc"])
def test_what_is_no_protobuf_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(NotWireFormatError):
        salvage(body, group=ResourceLogs, record=LogRecord)
