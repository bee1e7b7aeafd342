"""Prometheus beside the rules: the same tenants as gauges, the same share of them beyond a bound.

Its rules compare gauges as they were scraped once, which is kinder to it than ratios over windows. Its evaluation ends
with writing its alerts as series, as ours ends with storing what moved.
"""

import http.server
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.e2e.server import free_port, wait_until

from benchmarks.harness import fresh_folder

_CONFIGURATION = """
global: {{scrape_interval: 2m, scrape_timeout: 1m, evaluation_interval: 2s}}
rule_files: [rules.json]
scrape_configs: [{{job_name: service, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
_ROUNDS = 2


def find_prometheus() -> str | None:
    return shutil.which("prometheus")


def measure_prometheus(rules: int, tenants: int, share: float) -> tuple[float, int]:
    """Return the processor seconds of one evaluation, and how many alerts are active."""
    body = _gauges(tenants, share)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    with fresh_folder() as folder:
        process = _start(folder, port, server.server_port, rules)
        try:
            wait_until(lambda: _iterations(port) > 0 and _active(port) > 0, within_s=180, what="rules that fire")
            began, before = _iterations(port), _cpu_s(process.pid)
            while _iterations(port) < began + _ROUNDS:
                time.sleep(0.05)
            return (_cpu_s(process.pid) - before) / _ROUNDS, _active(port)
        finally:
            process.terminate()
            process.wait(30)
            server.shutdown()


def _gauges(tenants: int, share: float) -> bytes:
    bad = int(tenants * share)
    lines = ["# TYPE failure_rate gauge"]
    lines += [
        f'failure_rate{{family="{family}",service="shop",tenant="tenant-{number:05}"}} {0.1 if number < bad else 0.001}'
        for family in range(6)
        for number in range(tenants)
    ]
    return ("\n".join(lines) + "\n").encode()


def _start(folder: Path, port: int, target: int, rules: int) -> subprocess.Popen[bytes]:
    said = [
        {"alert": f"rule_{number}", "expr": f'failure_rate{{family="{number % 6}"}} >= {0.05 + number / 100_000}',
         "annotations": {"summary": "{{ $value }} of {{ $labels.tenant }} failed"}}
        for number in range(rules)
    ]  # fmt: skip
    (folder / "prometheus.yml").write_text(_CONFIGURATION.format(port=target))
    (folder / "rules.json").write_text(json.dumps({"groups": [{"name": "all", "rules": said}]}))
    binary = find_prometheus()
    assert binary is not None
    return subprocess.Popen(
        [binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _iterations(port: int) -> int:
    return int(_metric(port, "prometheus_rule_group_iterations_total{"))


def _active(port: int) -> int:
    found = _get(port, '/api/v1/query?query=count(ALERTS{alertstate="firing"})')["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def _metric(port: int, name: str) -> float:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0)


def _get(port: int, path: str) -> Any:  # noqa: ANN401 - decoded JSON
    url = f"http://127.0.0.1:{port}{path.replace('{', '%7B').replace('}', '%7D').replace(chr(34), '%22')}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
