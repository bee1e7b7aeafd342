"""The same events in a Prometheus server, counted there by plain Python: the same queries have the same answers."""

import asyncio
import math
import random
import shutil
import socket
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.prometheus.conftest import Api, at
from tests.signals_rows import Row, request_row

from tidegate.signals.quantiles import upper_bound_ms

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
STEP_S, LENGTH_S = 15, 1_800
Key = tuple[str, ...]
QUERIES = [
    "sum by (service) (increase(tidegate_request_request_total[1m]))",
    "sum by (service, tenant) (rate(tidegate_request_request_total[5m]))",
    "rate(tidegate_request_failure_total[5m])",
    'sum(increase(tidegate_request_request_total{service="pay",tenant!="blue"}[2m]))',
    'sum by (tenant) (rate(tidegate_request_request_total{route=~"/a|/c"}[5m]))',
    (
        "sum by (tenant) (rate(tidegate_request_failure_total[5m]))"
        " / sum by (tenant) (rate(tidegate_request_request_total[5m]))"
    ),
    "max by (service) (rate(tidegate_request_request_total[5m])) > 0.02",
    "avg without (route) (increase(tidegate_request_request_total[5m]))",
    "sum by (service) (increase(tidegate_request_request_total[5m] offset 5m))",
    "max_over_time(sum(rate(tidegate_request_request_total[1m]))[5m:30s])",
    "count(rate(tidegate_request_request_total[5m]) >= 0) by (service)",
    'sum(rate(tidegate_request_request_total{service="pay"}[1m])) or vector(0)',
    (
        "sum by (service) (rate(tidegate_request_request_total[5m])) unless on (service)"
        " (sum by (service) (rate(tidegate_request_failure_total[5m])) > 100)"
    ),
    "histogram_quantile(0.9, sum by (le, service) (rate(tidegate_request_duration_seconds_bucket[5m])))",
    (
        "sum by (service) (rate(tidegate_request_duration_seconds_sum[5m]))"
        " / sum by (service) (rate(tidegate_request_duration_seconds_count[5m]))"
    ),
    'absent(sum(rate(tidegate_request_request_total{service="nobody"}[5m])))',
]  # fmt: skip


def traffic(api: Api) -> list[Row]:
    """Return some 30 requests a minute, each combination of labels among them at the beginning and at the end."""
    chance = random.Random(11)
    kinds = [
        (service, tenant, route) for service in ("pay", "chat") for tenant in ("acme", "blue") for route in ("/a", "/b")
    ]
    seconds = [(kind, edge) for kind in kinds for edge in (1, LENGTH_S)]
    seconds += [(chance.choice(kinds), chance.randrange(1, LENGTH_S)) for _ in range(900)]
    return [
        request_row(
            api.workspace, chance.choice((200, 200, 500)), service=service, tenant=tenant, route=route,
            end_ns=at(api.now_s - ago), duration_ns=chance.choice((5, 50, 500)) * 1_000_000,
        )
        for (service, tenant, route), ago in seconds
    ]  # fmt: skip


def openmetrics(api: Api) -> str:
    """Return the counters as a scrape every 15 seconds would have seen them: counted here, row by row."""
    bounds = [upper_bound_ms(bucket) for bucket in range(400)]
    used = sorted({next(one for one in bounds if one * 1e6 > row["duration_ns"]) for row in api.rows})
    groups: defaultdict[Key, list[Row]] = defaultdict(list)
    timed: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in api.rows:
        groups[row["service"], row["route"], row["tenant"]].append(row)
        timed[row["service"], row["route"]].append(row)
    moments = range(api.now_s - LENGTH_S - 600, api.now_s + 1, STEP_S)
    lines = []
    for name, is_meant in (("request", lambda _: True), ("failure", lambda row: row["http_status"] >= 500)):
        lines.append(f"# TYPE tidegate_request_{name} counter")
        for key, rows in groups.items():
            seen = [row["second"] for row in rows if is_meant(row)]
            series = f"tidegate_request_{name}_total{{{_labels(*key)}}}"
            lines += [f"{series} {sum(second < t for second in seen)} {t}" for t in moments]
    lines.append("# TYPE tidegate_request_duration_seconds histogram")
    for key, rows in timed.items():
        for t in moments:
            past = [row["duration_ns"] / 1e6 for row in rows if row["second"] < t]
            for bound in used:
                value, end = sum(one < bound for one in past), f"{bound / 1000:.9g}"
                lines.append(f'tidegate_request_duration_seconds_bucket{{{_labels(*key)},le="{end}"}} {value} {t}')
            lines.append(f'tidegate_request_duration_seconds_bucket{{{_labels(*key)},le="+Inf"}} {len(past)} {t}')
            lines.append(f"tidegate_request_duration_seconds_sum{{{_labels(*key)}}} {math.fsum(past) / 1000} {t}")
            lines.append(f"tidegate_request_duration_seconds_count{{{_labels(*key)}}} {len(past)} {t}")
    return "\n".join([*lines, "# EOF", ""])


def _labels(service: str, route: str, tenant: str = "") -> str:
    held = f'environment="prod",release="1",service="{service}",route="{route}"'
    return f'{held},tenant="{tenant}"' if tenant else held


@asynccontextmanager
async def prometheus(folder: Path, text: str) -> AsyncIterator[httpx.AsyncClient]:
    assert PROMETHEUS is not None
    assert PROMTOOL is not None
    (folder / "seen.om").write_text(text)
    (folder / "prometheus.yml").write_text("global: {}\n")
    made = await asyncio.create_subprocess_exec(
        PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", str(folder / "seen.om"), str(folder / "data"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await made.communicate()
    assert made.returncode == 0, out.decode()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        PROMETHEUS, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}", "--storage.tsdb.retention.time=10y", "--log.level=error",
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}/api/v1", trust_env=False) as client:
            async with asyncio.timeout(60):
                while not await _is_ready(client, address):  # noqa: ASYNC110 - another process gets ready
                    await asyncio.sleep(0.05)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def _is_ready(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"http://{address}/-/ready")).status_code == 200
    except httpx.TransportError:
        return False


def told(answer: httpx.Response) -> dict[tuple[tuple[str, str], ...], dict[float, float]]:
    body = answer.json()
    assert body["status"] == "success", body
    return {
        tuple(sorted(one["metric"].items())): {float(t): float(value) for t, value in one["values"]}
        for one in body["data"]["result"]
    }


@pytest.mark.skipif(PROMETHEUS is None or PROMTOOL is None, reason="there is no Prometheus on this machine")
async def test_prometheus_over_the_same_events_answers_the_same(api: Api, tmp_path: Path) -> None:
    await api.store(traffic(api))
    start, end = api.now_s - 900, api.now_s
    async with prometheus(tmp_path, openmetrics(api)) as peer:
        for query in QUERIES:
            asked: dict[str, Any] = {"query": query, "start": start, "end": end, "step": 30}
            theirs, ours = (
                told(await peer.get("/query_range", params=asked)),
                told(await api.get("/query_range", **asked)),
            )
            assert ours.keys() == theirs.keys(), query
            for labels, points in theirs.items():
                assert ours[labels].keys() == points.keys(), (query, labels)
                for moment, value in points.items():
                    assert math.isclose(ours[labels][moment], value, rel_tol=1e-9, abs_tol=1e-12) or (
                        math.isnan(value) and math.isnan(ours[labels][moment])
                    ), (query, labels, moment, value, ours[labels][moment])
            assert theirs, query
        wrong = {"query": "sum(", "start": "1", "end": "2", "step": "1"}
        for parameters in (wrong, {**wrong, "query": "1", "step": "0"}, {**wrong, "query": "1", "end": "99999"}):
            one, other = await peer.get("/query_range", params=parameters), await api.get("/query_range", **parameters)
            assert (one.status_code, one.json()["errorType"]) == (other.status_code, other.json()["errorType"])
            assert other.json().keys() == one.json().keys()
