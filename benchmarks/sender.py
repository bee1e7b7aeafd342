"""A plain OTLP sender of AI runs, for when no better load generator is named. Loopback only; ends by itself.

It takes the options of `otlp_load.py` that `ingest.py` uses and prints the same figures. Its spans carry a handful of
attributes, 210 bytes against 985: an easier load, whose figures compare with nothing but themselves.
"""

import argparse
import http.client
import json
import multiprocessing
import random
import secrets
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.factories import make_request, make_span

from benchmarks.harness import percentile

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_MS = 1_000_000
_CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 240,
    "gen_ai.response.finish_reasons": ["stop"],
}
# Name, kind, attributes, and the place of the parent in this list.
_TRACE = (
    ("POST /v1/runs", Span.SPAN_KIND_SERVER, {"http.request.method": "POST", "http.route": "/v1/runs",
                                              "http.response.status_code": 200}, None),
    ("invoke_agent support", Span.SPAN_KIND_INTERNAL, {"gen_ai.operation.name": "invoke_agent"}, 0),
    ("retrieval kb", Span.SPAN_KIND_CLIENT, {"gen_ai.operation.name": "retrieval"}, 1),
    ("guardrail input", Span.SPAN_KIND_INTERNAL, {"gen_ai.operation.name": "guardrail",
                                                  "guardrail.result": "allow"}, 1),
    ("chat gpt-4o-mini", Span.SPAN_KIND_CLIENT, _CHAT, 1),
    ("execute_tool search", Span.SPAN_KIND_INTERNAL, {"gen_ai.operation.name": "execute_tool",
                                                      "gen_ai.tool.name": "search"}, 1),
    ("chat gpt-4o-mini", Span.SPAN_KIND_CLIENT, _CHAT, 1),
    ("INSERT runs", Span.SPAN_KIND_CLIENT, {"db.system.name": "postgresql"}, 0),
)  # fmt: skip


@dataclass
class Sent:
    """What one process sent."""

    spans: int = 0
    sizes_bytes: int = 0
    latencies_s: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)


def body_of(spans: int, tenants: int) -> ExportTraceServiceRequest:
    """Return traces of eight spans, `spans` in all; `refresh` gives them new ids and times."""
    built = []
    for number in range(spans):
        name, kind, attributes, _ = _TRACE[number % len(_TRACE)]
        tenant = f"t-{number // len(_TRACE) % tenants:04d}"
        built.append(make_span(name=name, kind=kind, attributes={**attributes, "tenant.id": tenant}))
    return make_request(*built, service="loadgen")


def refresh(request: ExportTraceServiceRequest, *, late_s: float = 0) -> None:
    """Give all traces new ids; they end now, or each at some moment of the last `late_s` seconds."""
    end = time.time_ns()
    ids: list[bytes] = []
    trace, late_ns = b"", 0
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        place = number % len(_TRACE)
        if place == 0:
            ids, trace = [], secrets.token_bytes(16)
            late_ns = int(random.uniform(0, late_s) * 1e9)
        ids.append(secrets.token_bytes(8))
        parent = _TRACE[place][3]
        span.trace_id, span.span_id = trace, ids[place]
        span.parent_span_id = b"" if parent is None else ids[parent]
        span.start_time_unix_nano, span.end_time_unix_nano = end - late_ns - 900 * _MS, end - late_ns - 10 * _MS


def work(options: argparse.Namespace, deadline: float, results: "multiprocessing.Queue[Sent]") -> None:
    """Send until the deadline; what is refused for the moment is sent again, as exporters do."""
    request, sent = body_of(options.batch, options.tenants), Sent()
    address = urlsplit(options.url)
    headers = {"Content-Type": "application/x-protobuf", **dict(pair.split("=", 1) for pair in options.header)}
    pause_s = options.batch * options.procs / options.rate if options.rate else 0.0
    due = time.monotonic()
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=60)
    while time.monotonic() < deadline:
        refresh(request, late_s=options.late)
        body = request.SerializeToString()
        time.sleep(max(0.0, due - time.monotonic()))
        due += pause_s
        status = 0
        while status != 200 and time.monotonic() < deadline + 60:
            began = time.monotonic()
            connection.request("POST", address.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            sent.statuses[str(status)] = sent.statuses.get(str(status), 0) + 1
            if status == 200:
                sent.latencies_s.append(time.monotonic() - began)
                sent.spans += options.batch
                sent.sizes_bytes += len(body)
            elif status in {429, 503}:
                time.sleep(float(answer.getheader("Retry-After") or 0.2))
            else:
                sys.exit(f"refused with {status}")
    results.put(sent)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sender", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--procs", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=0, help="spans/s over all processes; 0: as fast as it goes")
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument("--late", type=float, default=0, help="seconds: traces ended at some moment of as many")
    parser.add_argument("--header", action="append", default=[], help="name=value")
    options = parser.parse_args()
    if urlsplit(options.url).hostname not in _LOOPBACK:
        sys.exit("Loopback only.")
    results: multiprocessing.Queue[Sent] = multiprocessing.Queue()
    began = time.monotonic()
    processes = [
        multiprocessing.Process(target=work, args=(options, began + options.seconds, results))
        for _ in range(options.procs)
    ]
    for process in processes:
        process.start()
    each = [results.get(timeout=options.seconds + 120) for _ in processes]
    for process in processes:
        process.join()
    _show(each, time.monotonic() - began)


def _show(each: list[Sent], wall_s: float) -> None:
    spans = sum(one.spans for one in each)
    latencies = [latency for one in each for latency in one.latencies_s] or [0.0]
    statuses: dict[str, int] = {}
    for one in each:
        for status, count in one.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    figures = {
        "accepted_spans": spans,
        "accept_s": round(wall_s, 2),
        "accept_spans_s": round(spans / wall_s),
        "bytes_per_span": round(sum(one.sizes_bytes for one in each) / max(1, spans)),
        **{f"ms_p{share}": round(percentile(latencies, share / 100) * 1000, 1) for share in (50, 95, 99)},
        "ms_max": round(max(latencies) * 1000, 1),
        "status": statuses,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
