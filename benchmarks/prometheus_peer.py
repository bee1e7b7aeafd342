"""Prometheus beside tidegate: a counter crosses its bound, and its alert shows in the API.

The Debian package `prometheus`. Scraping and evaluating every second is the fastest that its users run; the rule reads
the counter as it is, which is kinder to it than a window, in which a series that is new counts nothing.
"""

import http.server
import json
import os
import random
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.e2e.server import free_port, wait_until

from benchmarks.harness import fresh_folder

_BOUND = 10
_POLL_S = 0.02
_CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: service, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
_RULES = f"""
groups: [{{name: auth, rules: [{{alert: spike, expr: "auth_unauthorized_total >= {_BOUND}"}}]}}]
"""


class Exporter(threading.Thread):
    """A service that counts its unauthorized sign-ins by tenant."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        counts: dict[str, int] = {}
        self.counts = counts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                lines = ["# TYPE auth_unauthorized_total counter"]
                lines += [f'auth_unauthorized_total{{tenant="{t}"}} {n}' for t, n in list(counts.items())]
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(("\n".join(lines) + "\n").encode())

            def log_message(self, *_: object) -> None:
                """Say nothing: the table is what this prints."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def run(self) -> None:
        self.server.serve_forever()


def find_prometheus() -> str | None:
    return shutil.which("prometheus")


def measure_prometheus(crossings: int) -> tuple[list[float], float]:
    """Return the seconds from crossing to a firing alert, and the processor seconds that Prometheus took for all."""
    exporter = Exporter()
    exporter.start()
    port = free_port()
    with fresh_folder() as folder:
        process = _start(folder, port, exporter.server.server_port)
        try:
            wait_until(lambda: _is_scraping(port), within_s=60, what="Prometheus ready and scraping")
            before = _cpu_s(process.pid)
            choose = random.Random(7)
            times = []
            for number in range(crossings):
                time.sleep(choose.uniform(0, 1))
                times.append(_cross(exporter, port, f"t-{number}"))
            return times, _cpu_s(process.pid) - before
        finally:
            process.terminate()
            process.wait(30)
            exporter.server.shutdown()


def _start(folder: Path, port: int, target: int) -> subprocess.Popen[bytes]:
    (folder / "prometheus.yml").write_text(_CONFIGURATION.format(port=target))
    (folder / "rules.yml").write_text(_RULES)
    binary = find_prometheus()
    assert binary is not None
    return subprocess.Popen(
        [
            binary,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _is_scraping(port: int) -> bool:
    try:
        found = _get(port, "/api/v1/query?query=up")
    except OSError:
        return False
    return any(series["value"][1] == "1" for series in found["data"]["result"])


def _cross(exporter: Exporter, port: int, tenant: str) -> float:
    crossed_at = time.monotonic()
    exporter.counts[tenant] = _BOUND
    while time.monotonic() < crossed_at + 30:
        asked_at = time.monotonic()
        alerts = _get(port, "/api/v1/alerts")["data"]["alerts"]
        if any(alert["labels"]["tenant"] == tenant and alert["state"] == "firing" for alert in alerts):
            return time.monotonic() - crossed_at
        time.sleep(max(0.0, asked_at + _POLL_S - time.monotonic()))
    raise AssertionError("Prometheus fired no alert within 30 s")


def _get(port: int, path: str) -> Any:  # noqa: ANN401 - decoded JSON
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
