"""From lines of each format to spans and log records."""

import json
from typing import Any

import pytest
from tests.unit.replays.recorded import READING, START_NS, event, reasons, rows

from tidegate.replays.formats import FORMATS
from tidegate.replays.formats.syslog import first_year
from tidegate.replays.model import Document, Log, Naming, Signal, Span, SpanKind, UnreadableFileError
from tidegate.replays.times import as_text, iso_ns

SSHD = "Dec 10 06:55:46 host-1 sshd[24200]: Invalid user webmaster from 203.0.113.9\n"
NOVA = (
    "nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO nova.osapi_compute.wsgi.server "
    "[req-38101a0b-2096-447d-96ea-a692162415ae 113d3a99c3da401fbd62cc2caa5b96d2 54fadb412c4e40cdbaed9335e4c35a9e - - -]"
    ' 10.11.10.1 "{} /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/{} HTTP/1.1" status: {} len: 1893 time: 0.2500000\n'
)


def test_every_format_names_a_reader() -> None:
    assert all(callable(each.reader()) for each in FORMATS.values())


def test_an_sshd_line_stays_as_it_is_and_gets_its_year() -> None:
    [row] = rows("sshd", SSHD)
    log = event(row)
    assert isinstance(log, Log)
    assert log.body == SSHD.rstrip()
    assert as_text(log.time_ns) == "2025-12-10T06:55:46.000Z"
    assert log.resource == {"service.name": "sshd", "tidegate.replayed": True, "host.name": "host-1"}
    assert log.attributes == {"process.pid": 24200, "syslog.appname": "sshd"}


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; rhost=203.0.113.4", "sshd"),
        ("Jun  9 06:06:20 combo syslogd 1.4.1: restart.", "syslogd"),
        ("Jun 15 04:06:18 combo logrotate: ALERT exited abnormally with [1]", "logrotate"),
        ("<34>2025-06-15T04:06:18.5+02:00 combo cron[7]: done", "cron"),
    ],
)
def test_the_service_of_a_syslog_line_is_its_program(line: str, program: str) -> None:
    assert event(rows("sshd", line)[0]).resource["service.name"] == program


def test_a_year_turns_between_december_and_january() -> None:
    first, last = rows("sshd", SSHD + SSHD.replace("Dec 10", "Jan  2"))
    assert (as_text(first.time_ns), as_text(last.time_ns)) == ("2025-12-10T06:55:46.000Z", "2026-01-02T06:55:46.000Z")


@pytest.mark.parametrize(
    ("lines", "written", "year"),
    [
        pytest.param([SSHD], "2025-12-20T00:00:00Z", 2025, id="written in the year of its lines"),
        pytest.param([SSHD], "2026-11-21T00:00:00Z", 2025, id="a line is never later than its file"),
        pytest.param([SSHD, SSHD.replace("Dec", "Jan")], "2026-02-01T00:00:00Z", 2025, id="over the turn of a year"),
        pytest.param(["no time at all"], "2026-02-01T00:00:00Z", 2026, id="nothing to go by"),
    ],
)
def test_lines_without_a_year_get_the_latest_that_their_file_allows(lines: list[str], written: str, year: int) -> None:
    assert first_year(lines, iso_ns(written) / 1e9) == year


def test_a_line_that_goes_on_has_the_time_of_the_one_before() -> None:
    first, second = rows("sshd", SSHD + "  and more of it\n")
    assert first.time_ns == second.time_ns
    assert reasons("sshd", "and more of it\n") == ["the line begins with no time of syslog, and none came before it"]


def test_a_nova_request_is_a_span_of_its_tenant() -> None:
    span = event(rows("openstack", NOVA.format("GET", "detail", 200))[0])
    assert isinstance(span, Span)
    assert (span.kind, span.name) == (SpanKind.SERVER, "GET /v2/{tenantId}/servers/detail")
    assert span.end_ns - span.start_ns == 250_000_000
    assert span.attributes["tenant.id"] == "54fadb412c4e40cdbaed9335e4c35a9e"
    assert span.attributes["tidegate.request_id"] == "req-38101a0b-2096-447d-96ea-a692162415ae"
    assert span.attributes["http.response.status_code"] == 200
    assert span.resource["service.name"] == "nova-api"


def test_ids_in_a_nova_path_do_not_become_routes() -> None:
    path = "b9000564-fe1a-409b-b8cc-1e88b294cd1d?limit=1"
    span = event(rows("openstack", NOVA.format("DELETE", path, 503))[0])
    assert span.attributes["http.route"] == "/v2/{tenantId}/servers/{id}"
    assert (span.status, span.attributes["error.type"]) == (2, "503")


def test_a_nova_line_about_no_request_is_a_log_record() -> None:
    line = "nova-compute.log 2017-05-16 00:00:04.500 2931 WARNING nova.virt [-] Unknown base file\n"
    log = event(rows("openstack", line)[0])
    assert isinstance(log, Log)
    assert (log.body, log.severity_text) == ("Unknown base file", "WARNING")
    assert "tenant.id" not in log.attributes


def test_a_request_of_the_azure_trace_is_an_inference_with_its_tokens() -> None:
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n"
    row = rows("azure-llm", text, model="gpt-4o")[0]
    span = event(row)
    assert row.time_ns == 1_700_158_623_979_960_000
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.usage.input_tokens": 4808,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.request.model": "gpt-4o",
    }


def test_a_bad_row_is_passed_over_and_named() -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1\n2023-11-16 18:17:03,many,1\n2023-11-16 18:17:03,1,1\n"
    )
    assert reasons("azure-llm", text) == ["'yesterday' is no time", "ContextTokens is 'many', which is no count"]


def test_a_table_without_its_columns_is_refused_whole() -> None:
    with pytest.raises(UnreadableFileError, match="GeneratedTokens"):
        rows("azure-llm", "TIMESTAMP,ContextTokens\n")


@pytest.mark.parametrize(
    ("graded", "error"),
    [
        ("1,", None),
        ("0,ast_decoder:decoder_failed", "validation_error"),
        ("0,type_error:nested", "validation_error"),
        ("0,executable_decoder:wrong_output_format", "validation_error"),
        ("0,relevance_error:decoder_success", "relevance_error:decoder_success"),
        ("0,value_error:string", "value_error:string"),
    ],
)
def test_a_graded_run_fails_or_breaks_its_contract_as_it_was_graded(graded: str, error: str | None) -> None:
    header = "model,category,case,valid,error_type,input_tokens,output_tokens,latency_s\n"
    span = event(rows("bfcl", f"{header}m,simple,1,{graded},316,19,1.5\n")[0])
    assert span.attributes.get("error.type") == error
    assert span.status == (2 if error else 0)
    assert (span.start_ns, span.end_ns) == (START_NS, START_NS + 1_500_000_000)


def test_a_customer_service_run_is_an_agent_with_its_tools() -> None:
    call: dict[str, Any] = {"id": "c1", "function": {"name": "get_user", "arguments": "{}"}}
    trajectory = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Error: user not found"},
    ]
    [row] = rows("tau", json.dumps([{"task_id": 3, "trial": 1, "reward": 0.0, "traj": trajectory}]))
    tool, agent = row.events
    assert isinstance(tool, Span)
    assert isinstance(agent, Span)
    assert (tool.name, tool.status, tool.attributes["error.type"]) == ("execute_tool get_user", 2, "tool_error")
    assert tool.parent_id == agent.span_id
    assert (tool.start_ns, tool.end_ns, agent.end_ns) == tuple(START_NS + s * 10**9 for s in (1, 2, 3))
    assert agent.events[0].attributes["gen_ai.evaluation.score.value"] == 0.0


def test_a_row_of_spans_keeps_its_own_ids() -> None:
    header = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano\n"
    pod = "ts-order-service-6f6cfc45b-h5m2n"
    line = f"{'a' * 32},{'b' * 16},root,{pod},/*,1675002228983000000,1675002229074759059\n"
    span = event(rows("nezha", header + line)[0])
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_id) == ("a" * 32, "b" * 16, b"")
    assert (span.resource["service.name"], span.kind) == ("ts-order-service", SpanKind.SERVER)
    again = event(rows("nezha", header + line, naming=Naming("a digest", "again 1"))[0])
    assert again.trace_id != span.trace_id


def test_an_event_line_is_a_log_record_with_its_name() -> None:
    line = {
        "time": "2026-02-07T14:00:00.5Z",
        "event": "usage.recorded",
        "service": "billing",
        "environment": "production",
        "tenant.id": "acme",
        "usage": {"meter": "runs", "quantity": 3},
    }
    log = event(rows("jsonl", json.dumps(line))[0])
    assert (log.event_name, as_text(log.time_ns)) == ("usage.recorded", "2026-02-07T14:00:00.500Z")
    assert log.attributes == {"tenant.id": "acme", "usage.meter": "runs", "usage.quantity": 3}
    assert log.resource["deployment.environment.name"] == "production"


def test_a_json_log_line_without_an_event_stays_as_it_is() -> None:
    line = '{"requestTimestamp": "2026-02-07T14:00:00Z", "requestId": "r1", "severity": "WARNING"}'
    log = event(rows("jsonl", line)[0])
    assert (log.body, log.event_name, log.severity_text) == (line, "", "WARNING")


def test_an_event_with_an_id_of_its_own_keeps_it() -> None:
    line = '{"time": 1770000000, "event": "usage.recorded", "id": "evt_1"}'
    assert event(rows("jsonl", line)[0]).uid == "evt_1"
    assert event(rows("jsonl", line, naming=Naming("a digest", "rebased"))[0]).uid != "evt_1"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "the JSON cannot be read"),
        ("[1]", "the line is no JSON object"),
        ('{"event": "a.b"}', "the event says no `time`"),
        ('{"time": "soon", "event": "a.b"}', "'soon' is no time"),
        ('{"time": 17, "event": "a.b"}', "17 is no time"),
        ('{"time": "2026-02-30T00:00:00Z"}', "2026-2-30 is no day"),
        ('{"time": "1969-12-31T00:00:00Z"}', "'1969-12-31T00:00:00Z' is no time from 1970 to 2262"),
    ],
)
def test_a_line_that_is_no_event_is_named(line: str, reason: str) -> None:
    [found] = reasons("jsonl", line)
    assert found.startswith(reason)


def trace_request(**span: Any) -> dict[str, Any]:
    facts = {"traceId": "a" * 32, "spanId": "b" * 16, "startTimeUnixNano": "5", "endTimeUnixNano": 7} | span
    return {"resourceSpans": [{"scopeSpans": [{"spans": [facts]}]}]}


def test_a_request_of_the_protocol_is_passed_on_and_marked() -> None:
    [row] = rows("otlp-json", json.dumps(trace_request(), indent=1), service="shop")
    document = event(row)
    assert isinstance(document, Document)
    assert (document.signal, document.item_count, row.time_ns) == (Signal.TRACES, 1, 7)
    [group] = document.content["resourceSpans"]
    assert group["resource"]["attributes"] == [
        {"key": "tidegate.replayed", "value": {"boolValue": True}},
        {"key": "service.name", "value": {"stringValue": "shop"}},
    ]
    assert group["scopeSpans"][0]["spans"][0]["spanId"] == "b" * 16


def test_requests_may_stand_one_a_line() -> None:
    text = f"{json.dumps(trace_request())}\n\n{{\n{json.dumps(trace_request())}\n"
    assert [row.number for row in rows("otlp-json", text.replace("{\n", ""))] == [1, 3]
    assert len(reasons("otlp-json", text)) == 1


def test_a_large_request_is_sent_in_pieces() -> None:
    request = trace_request()
    spans = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans *= 1_001
    [row] = rows("otlp-json", json.dumps(request))
    assert [piece.item_count for piece in row.events if isinstance(piece, Document)] == [500, 500, 1]


def test_a_rebased_request_moves_in_time_and_gets_other_ids_that_still_fit_together() -> None:
    request = trace_request(links=[{"traceId": "a" * 32, "spanId": "c" * 16}], parentSpanId="d" * 16)
    moved = READING.naming.digest
    document = event(rows("otlp-json", json.dumps(request), shift_ns=100, naming=Naming(moved, "rebased"))[0])
    [span] = document.content["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("105", "107")
    assert span["traceId"] == span["links"][0]["traceId"] != "a" * 32
    assert len({span["spanId"], span["parentSpanId"], span["links"][0]["spanId"], "b" * 16}) == 4


def test_a_log_record_without_an_id_gets_one_that_stays() -> None:
    request = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "5"}, {"timeUnixNano": "5"}]}]}]}

    def uids() -> list[str]:
        document = event(rows("otlp-json", json.dumps(request))[0])
        records = document.content["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
        return [record["attributes"][0]["value"]["stringValue"] for record in records]

    assert uids() == uids()
    assert len(set(uids())) == 2


def test_a_flat_span_of_an_agent_is_read() -> None:
    line = {
        "trace_id": "8" * 32,
        "span_id": "7" * 24,
        "parent_span_id": "6" * 24,
        "name": "response",
        "kind": "SPAN_KIND_CLIENT",
        "start_time": "2026-04-24T18:12:13.315189000Z",
        "end_time": "2026-04-24T18:12:14.955088000Z",
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
        "resource": {"attributes": {"service.name": "demo"}},
        "attributes": {"openinference.span.kind": "LLM", "llm.token_count.prompt": 325, "inference.user_id": None},
    }
    span = event(rows("otlp-json", json.dumps(line))[0])
    assert isinstance(span, Span)
    assert (len(span.trace_id), len(span.span_id), len(span.parent_id)) == (16, 8, 8)
    assert (span.kind, span.status, span.status_message) == (SpanKind.CLIENT, 2, "no")
    assert span.attributes == {"openinference.span.kind": "LLM", "llm.token_count.prompt": 325}
    assert span.resource["service.name"] == "demo"


@pytest.mark.parametrize(
    "text", ["[]", '"text"', "{}", '{"resourceSpans": 5}', '{"resourceSpans": [{"scopeSpans": 1}]}']
)
def test_json_of_another_shape_is_named(text: str) -> None:
    assert len(reasons("otlp-json", text)) == 1


EXPOSITION = """# TYPE jobs counter
# HELP jobs Jobs done.
jobs_total{queue="mail"} 17 1700000000.5
jobs_created{queue="mail"} 1600000000 1700000000.5
# TYPE depth gauge
depth 3
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{le="0.1"} 2
wait_seconds_bucket{le="+Inf"} 5
wait_seconds_count 5
wait_seconds_sum 1.5
# EOF
"""


def test_an_exposition_becomes_points() -> None:
    [row] = rows("openmetrics", EXPOSITION)
    document = event(row)
    assert (document.signal, document.item_count) == (Signal.METRICS, 3)
    jobs, depth, wait = document.content["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    [point] = jobs["sum"]["dataPoints"]
    assert (jobs["name"], jobs["sum"]["isMonotonic"], point["asDouble"]) == ("jobs", True, 17.0)
    assert (point["timeUnixNano"], point["startTimeUnixNano"]) == ("1700000000500000000", "1600000000000000000")
    assert depth["gauge"]["dataPoints"][0]["timeUnixNano"] == str(START_NS)
    [histogram] = wait["histogram"]["dataPoints"]
    assert (histogram["bucketCounts"], histogram["explicitBounds"], histogram["sum"]) == (["2", "3"], [0.1], 1.5)


def test_a_broken_exposition_is_refused_with_its_line() -> None:
    with pytest.raises(UnreadableFileError, match="line 6: it breaks OpenMetrics"):
        rows("openmetrics", EXPOSITION.replace("depth 3", "depth three"))


def test_a_sample_of_no_time_that_can_be_sent_is_passed_over() -> None:
    text = "# TYPE a gauge\na 1 12345678901234567890.1234567890\n# TYPE b gauge\nb 2\n# EOF\n"
    assert reasons("openmetrics", text) == ["a: '12345678901234567890.123456789' is no time from 1970 to 2262"]
