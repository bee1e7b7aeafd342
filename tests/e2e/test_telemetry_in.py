"""One span's way, and everything that must not get in."""

import gzip
import json
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e.server import Server, wait_until
from tests.factories import NANO, auth_span, make_request, make_span

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PROTOBUF = {"Content-Type": "application/x-protobuf"}
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}


@pytest.fixture(scope="module")
def ingest(server: Server) -> str:
    server.cli("workspace", "create", "telemetry-in")
    return server.token("ingest", "telemetry-in")


@pytest.fixture(scope="module")
def read(server: Server, ingest: str) -> str:
    return server.token("read", "telemetry-in")


def post(server: Server, token: str | None, body: bytes, **headers: str) -> tuple[int, Any]:
    return server.call(
        "POST",
        "/v1/traces",
        token=token,
        body=body,
        headers=PROTOBUF | {k.replace("_", "-"): v for k, v in headers.items()},
    )


def stored(server: Server, read: str) -> int:
    count: int = server.get("/api/v1/telemetry/stats", read)[1]["spans"]
    return count


@pytest.mark.parametrize("form", ["protobuf", "json", *PACKERS])
def test_a_span_is_stored_and_seen(server: Server, ingest: str, read: str, form: str) -> None:
    before = stored(server, read)
    request = make_request(auth_span(200, at_ns=time.time_ns()))
    if form == "json":
        span = request.resource_spans[0].scope_spans[0].spans[0]
        body = json.dumps(
            {
                "resourceSpans": [
                    {
                        "scopeSpans": [
                            {
                                "spans": [
                                    {
                                        "traceId": span.trace_id.hex(),
                                        "spanId": span.span_id.hex(),
                                        "name": span.name,
                                        "startTimeUnixNano": str(span.start_time_unix_nano),
                                        "endTimeUnixNano": str(span.end_time_unix_nano),
                                    }
                                ]
                            }
                        ]
                    }
                ]
            }
        ).encode()
        status, _ = post(server, ingest, body, Content_Type="application/json")
    elif form in PACKERS:
        status, _ = post(server, ingest, PACKERS[form](request.SerializeToString()), Content_Encoding=form)
    else:
        status, _ = post(server, ingest, request.SerializeToString())
    assert status == 200
    wait_until(lambda: stored(server, read) == before + 1, what="one more span")


def test_metrics_follow(server: Server, ingest: str, read: str) -> None:
    bodies = [auth_span(status, at_ns=time.time_ns(), tenant="metrics") for status in (200, 401, 403, 500)]
    assert post(server, ingest, make_request(*bodies).SerializeToString())[0] == 200

    def window() -> Any:
        found = server.get("/metrics/auth?workspaceId=metrics", read)[1]["window"]
        return found if found["requestCount"] == 4 else None

    figures = wait_until(window, what="four sign-ins")
    assert (figures["successCount"], figures["failureCount"], figures["unauthorizedCount"]) == (1, 3, 2)
    assert figures["failureRate"] == 0.75
    status, text = server.get("/metrics", read)
    assert status == 200
    assert 'tidegate_auth_by_route_total{route="/auth/login"}' in text
    assert 'tidegate_auth_by_status_total{status="403"} 1.0' in text
    assert "tenant=" not in text


def test_rates_without_data_are_null(server: Server, read: str) -> None:
    body = server.get("/metrics/ai?workspaceId=nobody", read)[1]
    assert body["window"]["failureRate"] is None
    assert body["window"]["averageCostPerRunUsd"] is None
    assert set(body["dashboards"]) == {
        "ai-runtime-run-reliability-v1",
        "ai-runtime-policy-safety-v1",
        "ai-runtime-token-cost-v1",
    }


def flood_of_attributes(count: int) -> bytes:
    """Return a body of one span, put together from bytes: a million attributes as objects would take seconds."""
    span = make_span().SerializeToString() + bytes.fromhex("4a050a016b1200") * count
    spans = field(2, span)  # ScopeSpans.spans
    return field(1, field(2, spans))  # ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans


def field(number: int, content: bytes) -> bytes:
    """Return a protobuf field that holds bytes."""
    length, digits = len(content), bytearray()
    while length > 0x7F:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + content


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"\x0a\xff\xff", {}, 400, "otlp_malformed", id="truncated protobuf"),
        pytest.param(b"{}", {"Content_Type": "text/plain"}, 415, "content_type_unsupported", id="wrong content type"),
        pytest.param(b"x", {"Content_Encoding": "br"}, 415, "content_encoding_unsupported", id="wrong encoding"),
        pytest.param(b"not gzip", {"Content_Encoding": "gzip"}, 400, "otlp_malformed", id="damaged gzip"),
        pytest.param(
            gzip.compress(b"\0" * (65 * 2**20)), {"Content_Encoding": "gzip"}, 413, "body_too_large", id="gzip bomb"
        ),
        pytest.param(
            zstd.compress(b"\0" * (65 * 2**20)), {"Content_Encoding": "zstd"}, 413, "body_too_large", id="zstd bomb"
        ),
        pytest.param(b"\0" * (17 * 2**20), {}, 413, "body_too_large", id="over 16 MB"),
    ],
)
def test_a_bad_body_is_refused_with_a_code_and_a_field_and_nothing_is_stored(
    server: Server, ingest: str, read: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    before = stored(server, read)
    given, problem = post(server, ingest, body, **headers)
    assert (given, problem["code"]) == (status, code)
    assert problem["field"]
    assert problem["requestId"]
    assert stored(server, read) == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(make_request(make_span(trace_id=b"")).SerializeToString(), id="no trace id"),
        pytest.param(flood_of_attributes(500_000), id="half a million attributes"),
    ],
)
def test_a_span_that_is_bad_alone_is_left_out_of_what_is_stored(
    server: Server, ingest: str, read: str, body: bytes
) -> None:
    before = stored(server, read)
    assert post(server, ingest, body)[0] == 200  # the answer's partial success says so: see the door's own tests
    assert stored(server, read) == before


def test_times_a_year_off_are_stored_and_distrusted(server: Server, ingest: str, read: str) -> None:
    before = stored(server, read)
    year = 366 * 86_400 * NANO
    spans = [auth_span(401, at_ns=time.time_ns() + shift, tenant="timeless") for shift in (year, -year)]
    assert post(server, ingest, make_request(*spans).SerializeToString())[0] == 200
    wait_until(lambda: stored(server, read) == before + 2, what="both stored")
    totals = server.get("/metrics/auth?workspaceId=timeless", read)[1]["totals"]
    assert (totals["requestCount"], totals["distrustedCount"]) == (0, 2)


def test_without_a_token_nobody_gets_in(server: Server) -> None:
    assert post(server, None, b"")[0] == 401
    assert server.get("/metrics")[0] == 401
    assert server.get("/api/v1/telemetry/stats")[0] == 401


def test_a_token_of_another_kind_is_refused_by_its_scope(server: Server, ingest: str, read: str) -> None:
    status, problem = post(server, read, b"")
    assert (status, problem["code"]) == (403, "forbidden")
    assert server.get("/metrics/auth", ingest)[0] == 403


def test_another_workspaces_token_sees_nothing_of_this_one(server: Server, ingest: str) -> None:
    server.cli("workspace", "create", "elsewhere")
    other = server.token("admin", "elsewhere")
    assert post(server, ingest, make_request(auth_span(200, at_ns=time.time_ns())).SerializeToString())[0] == 200
    assert stored(server, other) == 0
    assert server.get("/metrics/auth", other)[1]["totals"]["requestCount"] == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [("/metrics/nothing", 404), ("/metrics/auth?from=2026-01-01T00:00:00Z", 422), ("/metrics/auth?from=x&to=y", 422)],
)
def test_bad_questions_get_a_problem_document(server: Server, read: str, path: str, status: int) -> None:
    given, problem = server.get(path, read)
    assert given == status
    assert problem["code"]
