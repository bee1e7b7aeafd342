"""Log records as rows: identity, times, bounds, what they say in general."""

import json
import re
from importlib import resources
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from tests.factories import NANO
from tests.unit.telemetry.logs.records import NOW_NS, make_logs, make_record, read, read_one

from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs.decode import CUT, MAX_BODY_CHARACTERS
from tidegate.telemetry.logs.model import LOG_COLUMNS
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.values import MAX_ATTRIBUTES


def ids(*requests: ExportLogsServiceRequest) -> set[str]:
    return {row.log_id for request in requests for row in read(request)}


def test_rows_have_the_columns_of_the_table() -> None:
    folder = resources.files("tidegate.storage.migrations") / "telemetry" / "0003_raw_logs_and_points.sql"
    ddl = folder.read_text(encoding="utf-8").partition("raw_logs\n(")[2].partition("INDEX")[0]
    columns = set(re.findall(r"^    (\w+) [A-Z]", ddl, re.MULTILINE))
    assert set(LOG_COLUMNS) == columns


def test_a_body_that_comes_twice_counts_once_also_joined_with_others() -> None:
    first, second, third = (make_record(f"line {n}", {"k": n}) for n in range(3))
    assert len(ids(make_logs(first, second), make_logs(first, third), make_logs(third, first))) == 3


def test_identical_records_of_one_body_are_as_many_as_they_are() -> None:
    record = make_record("again")
    assert len(ids(make_logs(record, record, record))) == 3
    assert len(ids(make_logs(record, record, record), make_logs(record, record, record))) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "other"},
        {"attributes": {"k": "w"}},
        {"time_unix_nano": NOW_NS},
        {"observed_time_unix_nano": 5},
        {"severity_number": 9},
        {"trace_id": b"\1" * 16},
        {"event_name": "x"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_records_that_differ_in_anything_are_two(changes: dict[str, Any]) -> None:
    facts: dict[str, Any] = {"body": "line", "attributes": {"k": "v"}}
    assert read_one(**facts).log_id != read_one(**(facts | changes)).log_id


def test_the_same_line_of_another_service_or_scope_is_another_record() -> None:
    other = make_logs(make_record("line"))
    other.resource_logs[0].scope_logs[0].scope.name = "scope"
    assert len(ids(make_logs(make_record("line")), make_logs(make_record("line"), service="x"), other)) == 3


def test_the_senders_own_id_is_the_identity() -> None:
    one, two = (make_record(body, {"log.record.uid": "01ARZ"}) for body in ("a", "b"))
    assert ids(make_logs(one, two)) == {"u:01ARZ"}


def test_a_record_without_a_time_of_its_own_has_the_time_it_was_observed_at() -> None:
    row = read_one("x", time_unix_nano=0, observed_time_unix_nano=NOW_NS - 5 * NANO)
    assert (row.second, row.distrusted) == (NOW_NS // NANO - 5, 0)


def test_a_record_without_any_time_is_stored_and_distrusted() -> None:
    row = read_one("x", time_unix_nano=0)
    assert (row.second, row.time_ns, row.distrusted) == (0, 0, 1)


@pytest.mark.parametrize("shift_days", [-2, 2])
def test_a_time_of_another_day_is_distrusted_unless_it_is_a_recording(shift_days: int) -> None:
    record = make_record("x", time_unix_nano=NOW_NS + shift_days * 86_400 * NANO)
    assert [row.distrusted for row in read(make_logs(record))] == [1]
    recorded = read(make_logs(record, **{"tidegate.replayed": True}))
    assert [(row.distrusted, row.replayed) for row in recorded] == [(0, 1)]


def test_times_beyond_the_columns_are_bounded() -> None:
    row = read_one("x", time_unix_nano=2**64 - 1)
    assert (row.time_ns, row.second, row.distrusted) == (2**63 - 1, 2**32 - 1, 1)


def test_a_long_body_is_cut_and_says_how_long_it_was() -> None:
    row = read_one("é" * 1_000_000)
    assert (len(row.body), row.attributes[CUT]) == (MAX_BODY_CHARACTERS, "1000000")
    assert read_one("é" * 1_000_000 + "x").log_id != row.log_id


def test_too_many_attributes_refuse_one_record_alone() -> None:
    refusals = Refusals()
    flood = make_record("bad", {f"k{n}": n for n in range(MAX_ATTRIBUTES + 1)})
    rows = read(make_logs(make_record("good"), flood, make_record("fine")), refusals)
    assert [row.body for row in rows] == ["good", "fine"]
    assert (refusals.count, refusals.first) == (
        1,
        "resourceLogs.0.scopeLogs.0.logRecords.1: more than 1024 attributes.",
    )


def test_a_record_that_says_nothing_is_refused_alone() -> None:
    refusals = Refusals()
    assert len(read(make_logs(LogRecord(), make_record("x")), refusals)) == 1
    assert (refusals.count, refusals.first) == (1, "resourceLogs.0.scopeLogs.0.logRecords.0: it says nothing.")


def test_control_characters_are_kept_and_nul_is_replaced() -> None:
    row = read_one("a\0b\x1b[31mc\n", {"k\0": "v\0"})
    assert row.body == "a\ufffdb\x1b[31mc\n"
    assert row.attributes == {"k\ufffd": "v\ufffd"}


def test_a_body_of_fields_is_json() -> None:
    record = make_record()
    pair = record.body.kvlist_value.values.add(key="a")
    pair.value.int_value = 1
    (row,) = read(make_logs(record))
    assert json.loads(row.body) == {"a": 1}


def test_an_id_of_a_wrong_length_is_none() -> None:
    row = read_one("x", trace_id=b"\1" * 15, span_id=b"\1" * 8)
    assert (row.trace_id, row.span_id) == ("", "")
    row = read_one("x", trace_id=b"\1" * 16, span_id=b"\2" * 8)
    assert (row.trace_id, row.span_id) == ("01" * 16, "02" * 8)


@pytest.mark.parametrize(
    ("number", "text", "severity"), [(17, "", 17), (0, "WARNING", 13), (99, "Error", 17), (0, "loud", 0)]
)
def test_severity_is_the_number_else_the_word(number: int, text: str, severity: int) -> None:
    assert read_one("x", severity_number=number, severity_text=text).severity == severity


def test_a_json_request_line_is_a_request() -> None:
    line = {
        "severity": "WARNING", "message": "POST /workspaces/acme/notes", "requestTimestamp": "2023-11-14T22:13:20.000Z",
        "requestId": "r-1", "correlationId": "c-1", "authMethod": "session", "sessionId": "5f", "errorCode": "role",
        "denialClass": "cross_tenant", "targetResource": "note", "tenant": "acme", "status": 403, "durationMs": 12.5,
    }  # fmt: skip
    row = read_one(json.dumps(line))
    assert row.families == FAMILY_BITS["request"] | FAMILY_BITS["tenant"]
    assert (row.http_method, row.route, row.http_status) == ("POST", "/workspaces/acme/notes", 403)
    assert (row.tenant, row.denial_class, row.detail, row.error_type) == (
        "acme",
        "cross_tenant",
        "cross_tenant",
        "role",
    )
    assert (row.request_id, row.correlation_id, row.auth_method) == ("r-1", "c-1", "session")
    assert (row.duration_ns, row.severity) == (12_500_000, 13)


def test_a_json_sign_in_is_a_sign_in() -> None:
    row = read_one(json.dumps({"event": "request", "method": "POST", "path": "/auth/login", "status": 401}))
    assert row.families == FAMILY_BITS["request"] | FAMILY_BITS["auth"]
    assert row.outcome == ""  # counted by its status


def test_fields_of_structured_logging_stand_in_attributes() -> None:
    row = read_one("GET /items", {"status": 200, "durationMs": 3, "requestId": "r"})
    assert (row.families, row.route, row.request_id) == (FAMILY_BITS["request"], "/items", "r")


def test_the_line_of_a_request_inside_a_sampled_span_does_not_count_it_twice() -> None:
    line = json.dumps({"method": "GET", "path": "/", "status": 200})
    span = {"trace_id": b"\1" * 16, "span_id": b"\2" * 8}
    assert read_one(line, **span, flags=1).families == 0
    assert read_one(line, **span, flags=0).families == FAMILY_BITS["request"]


@pytest.mark.parametrize("body", ['{"status": 200', '{"a": "\\ud800"}', "[1]", '{"status": 200}', '{"status": "ok"}'])
def test_json_that_is_no_request_is_a_line(body: str) -> None:
    assert read_one(body).families == 0


def test_ids_in_a_json_line_lead_to_its_trace() -> None:
    row = read_one(json.dumps({"traceId": "AB" * 16, "spanId": "cd" * 8}))
    assert (row.trace_id, row.span_id) == ("ab" * 16, "cd" * 8)
    assert read_one(json.dumps({"traceId": "xy" * 16})).trace_id == ""
