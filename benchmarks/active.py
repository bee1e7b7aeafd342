"""Claim: with 100,000 active alerts the first page takes 100 ms, one alert 20 ms, why it was not paged 100 ms.

As many tenants as alerts are each denied a request for another tenant's data, in spans that come in by the front door:
the rule `cross_tenant_denied` fires for each. A silence keeps them from being told, so that why is a question. Times
are those of the whole request over a kept connection; memory is the private one of the process that evaluates, serves
and pages, once all of them burn and everything was asked.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.e2e.server import Server, wait_until
from tests.factories import make_request, make_span

from benchmarks.harness import Connection, Figure, Report, Watch, at_most, percentile, running_server
from tidegate.app.memory import memory_by_child

RULE = "cross_tenant_denied"
_MB = 2**20
_BODY_SPANS = 2_000
_ALL_WITHIN_S = 300.0  # they burn for 15 minutes, the window of the rule
_LOOK_EVERY_S = 10.0
_ROUTING = """
apiVersion: tidegate/v1
kind: Routing
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 1s
"""


def send_denials(connection: Connection, count: int) -> None:
    for first in range(0, count, _BODY_SPANS):
        now = time.time_ns()
        spans = [
            make_span(
                name="GET /tenants/{tenant}/documents",
                attributes={
                    "http.request.method": "GET",
                    "http.route": "/tenants/{tenant}/documents",
                    "http.response.status_code": 403,
                    "tenant.id": f"t-{number:06}",
                    "tidegate.denial.class": "cross_tenant",
                },
                start_time_unix_nano=now - 5_000_000,
                end_time_unix_nano=now,
            )
            for number in range(first, min(first + _BODY_SPANS, count))
        ]
        connection.send("POST", "/v1/traces", make_request(*spans).SerializeToString(), "application/x-protobuf")


def silence_all(admin: Connection) -> None:
    admin.send(
        "POST", "/api/v1/channels", json.dumps({"name": "hook", "webhook": {"url": "https://example.com/"}}).encode()
    )
    admin.send("PUT", "/api/v1/routing", _ROUTING.encode(), "application/yaml")
    silence = {
        "matchers": [f'alertname="{RULE}"'],
        "reason": "measured, not told",
        "endsAt": (datetime.now(UTC) + timedelta(hours=2)).isoformat(),
    }
    admin.send("POST", "/api/v1/silences", json.dumps(silence).encode())


def timed(reader: Connection, paths: Callable[[], str], *, times: int) -> list[float]:
    """Return milliseconds of as many requests; the first one, which also plans its statements, is left out."""
    found = []
    for _ in range(times + 1):
        path = paths()
        began = time.monotonic()
        reader.get(path)
        found.append((time.monotonic() - began) * 1_000)
    return found[1:]


def pages_through(reader: Connection, count: int) -> list[str]:
    """Return ids of alerts from all over the list."""
    ids: list[str] = []
    cursor = ""
    while len(ids) < count:
        page = reader.get(f"/api/v1/alerts?state=firing&limit=200{cursor}")
        ids += [alert["id"] for alert in page["items"]]
        if not page.get("nextCursor"):
            break
        cursor = f"&cursor={page['nextCursor']}"
    return ids


def measure(server: Server, *, count: int, requests: int) -> tuple[list[Figure], Watch]:
    silence_all(Connection(server.url, server.token("admin")))
    sender = Connection(server.url, server.token("ingest"))
    token = server.token("read")
    watch = Watch(server)
    began = time.monotonic()
    send_denials(sender, count)
    sent_s = time.monotonic() - began

    def found() -> bool:
        time.sleep(_LOOK_EVERY_S)  # to look costs the server as much as a page of all
        return len(pages_through(Connection(server.url, token), count)) >= count

    wait_until(found, within_s=_ALL_WITHIN_S, what=f"{count:,} alerts that fire")
    burning_s = time.monotonic() - began
    reader = Connection(server.url, token)
    ids = pages_through(reader, count)
    choose = random.Random(7)
    first = timed(reader, lambda: "/api/v1/alerts?state=firing", times=requests)
    one = timed(reader, lambda: f"/api/v1/alerts/{choose.choice(ids)}", times=requests)
    why = timed(reader, lambda: f"/api/v1/alerts/{choose.choice(ids)}/pages", times=requests)
    said = reader.get(f"/api/v1/alerts/{choose.choice(ids)}/pages")
    assert "silence" in json.dumps(said).lower(), said
    private = {name: each.private_bytes / _MB for name, each in memory_by_child(server.data_dir).items()}
    watch.stop()
    return [
        *_times("first page", first, 100),
        *_times("one alert", one, 20),
        *_times("why it was not paged", why, 100),
        at_most("private memory of the process", private["edge"], 500, unit="MB", digits=0),
        Figure("of all processes", f"{sum(private.values()):.0f} MB"),
        Figure("alerts that fire", f"{len(ids):,}"),
        Figure("all sent / all seen firing after", f"{sent_s:.1f} / {burning_s:.1f} s"),
    ], watch


def _times(what: str, found: list[float], bar_ms: float) -> list[Figure]:
    return [
        Figure(f"{what}, p50", f"{percentile(found, 0.5):.1f} ms"),
        at_most(f"{what}, p95", percentile(found, 0.95), bar_ms, unit="ms", digits=1),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.active", description=__doc__)
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=100, help="of each kind")
    options = parser.parse_args()
    with running_server() as server:
        figures, watch = measure(server, count=options.alerts, requests=options.requests)
    Report("active", figures, watch.others_cores, {"cpuS": watch.cpu}).show()


if __name__ == "__main__":
    main()
