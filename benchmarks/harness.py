"""What the scripts share: a server of their own, the cost of its processes, and how figures are shown.

Time on a shared machine says little, so processor seconds and ratios stand beside it, and so does what everybody else
took meanwhile.
"""

import contextlib
import http.client
import json
import logging
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from tests.e2e.server import Server, free_port

from tidegate.app.supervisor import read_state
from tidegate.storage.processes import descendants_of

# One client with one token stands for many here.
os.environ.setdefault("TIDEGATE_REQUEST_LIMIT", "0")

ROOT = Path(__file__).parents[1]
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    value: str
    bar: str = ""
    """Empty: reported, no bar."""
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one script found."""

    benchmark: str
    figures: Sequence[Figure]
    others_cores: float | None
    """Processor time of everybody else on the machine meanwhile, in cores; `None` where it cannot be told."""
    details: Mapping[str, Any] = field(default_factory=dict)

    def show(self) -> None:
        """Print the table for people and, last, one line of JSON."""
        rows = [("", "figure", "bar", "holds"), *((f.what, f.value, f.bar, _HOLDS[f.holds]) for f in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        others = "unknown" if self.others_cores is None else f"{self.others_cores:.1f} cores"
        print(f"\n{self.benchmark}: {machine()}; taken by others meanwhile: {others}")
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        print(json.dumps(self.as_json()), flush=True)

    def as_json(self) -> dict[str, Any]:
        command = f"python -m benchmarks.{self.benchmark} {' '.join(sys.argv[1:])}".strip()
        return {
            "benchmark": self.benchmark,
            "command": command,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine(),
            "othersCores": None if self.others_cores is None else round(self.others_cores, 2),
            "figures": [asdict(figure) for figure in self.figures],
            "details": dict(self.details),
        }


_HOLDS: Mapping[bool | None, str] = {True: "yes", False: "NO", None: "-"}


def machine() -> str:
    release = platform.freedesktop_os_release()
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{release.get('NAME', 'Linux').split()[0]} {release.get('VERSION_ID', '')}".strip()
    return f"{os.cpu_count()} cores, {memory_gb:.0f} GB, {system}, Python {platform.python_version()}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def at_most(what: str, value: float, bar: float, *, unit: str, digits: int = 2) -> Figure:
    return Figure(what, f"{value:.{digits}f} {unit}", f"≤ {bar:g} {unit}", value <= bar)


def cpu_by_process(server: Server) -> dict[str, float]:
    """Return the processor seconds of each child with all below it, and of the supervisor itself."""
    state = read_state(server.data_dir)
    assert state is not None, "no server runs here"
    children = state["children"]
    assert isinstance(children, list)
    spent = {
        str(child["name"]): sum(_cpu_s(pid) for pid in descendants_of(child["pid"]))
        for child in children
        if child["pid"]
    }
    return {**spent, "supervisor": _cpu_s(server.pid)}


def cpu_below(pid: int) -> float:
    """Return the processor seconds of all processes that a process started, and of those below them."""
    return sum(_cpu_s(each) for each in descendants_of(pid) if each != pid)


def _cpu_s(pid: int) -> float:
    """Return the time of a process and of those of its children that ended: backends come and go."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text[text.rindex(")") + 2 :].split()
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS_A_SECOND


def _machine_busy_s() -> float:
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / _TICKS_A_SECOND


def _own_cpu_s() -> float:
    each = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in each)


class Watch:
    """Measures what happens between its making and `stop`; the children of the script must have ended by then."""

    def __init__(self, server: Server | None = None) -> None:
        self._server = server
        self._before = cpu_by_process(server) if server else {}
        self._busy, self._own, self._at = _machine_busy_s(), _own_cpu_s(), time.monotonic()
        self.wall_s = 0.0
        self.cpu: dict[str, float] = {}
        self.own_cpu_s = 0.0
        self.others_cores = 0.0

    @property
    def cpu_s(self) -> float:
        """Processor seconds of all processes of tidegate."""
        return sum(self.cpu.values())

    def stop(self) -> "Watch":
        self.wall_s = time.monotonic() - self._at
        after = cpu_by_process(self._server) if self._server else {}
        self.cpu = {name: spent - self._before.get(name, 0.0) for name, spent in after.items()}
        self.own_cpu_s = _own_cpu_s() - self._own
        others = _machine_busy_s() - self._busy - self.own_cpu_s - self.cpu_s
        self.others_cores = max(0.0, others) / self.wall_s
        return self


@contextlib.contextmanager
def fresh_folder() -> Iterator[Path]:
    """Yield a folder that is gone afterwards, whoever of the engines' users owns what is in it."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
    folder.chmod(0o711)  # the engines may run as another user than root: they must be able to pass
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_server(*, ingest_edge: bool = False) -> Iterator[Server]:
    """Yield a server on a fresh directory; it is stopped and everything of it removed afterwards."""
    with fresh_folder() as folder:
        server = Server(folder, "--ingest-edge", otlp_port=free_port()) if ingest_edge else Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def quieten() -> None:
    """Leave out the log line of each request that is answered within this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class Connection:
    """One kept connection to the server with one token: what a poll costs is the question, not the handshake."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:  # noqa: ANN401 - decoded JSON
        return self.send("GET", path)

    def send(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> Any:  # noqa: ANN401 - decoded JSON
        self._connection.request(method, path, body or None, {**self._headers, "Content-Type": content_type})
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {content[:500]!r}"
        return json.loads(content) if content.startswith((b"{", b"[")) else content

    def stored_spans(self) -> int:
        count: int = self.get("/api/v1/telemetry/stats")["spans"]
        return count
