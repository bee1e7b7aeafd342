"""Phoenix and MLflow beside tidegate: installed into a folder of their own, started on loopback, asked back."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.e2e.server import free_port, wait_until

from tidegate.storage.processes import descendants_of

_READY_WITHIN_S = 120.0
_INSTALL_LIMIT_S = 1_800
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """What a peer shows for one trace."""

    tokens: frozenset[tuple[int, int]]
    """Pairs of input and output; a peer that shows two is right when one of them is."""
    usd: float | None
    """`None`: it shows no cost."""


class Peer(ABC):
    """One product on a fresh directory."""

    package: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = {}
    database: ClassVar[str]

    def __init__(self, venvs: Path, folder: Path) -> None:
        self._venv = venvs / type(self).__name__.lower()
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def version(self) -> str:
        return self.package

    @property
    def bin(self) -> Path:
        return self._venv / "bin"

    def install(self) -> None:
        """Make its environment, unless it is there already."""
        if (self._venv / "installed").is_file():
            return
        subprocess.run([sys.executable, "-m", "venv", str(self._venv)], check=True)
        command = [str(self.bin / "pip"), "install", "--quiet", self.package]
        subprocess.run(command, check=True, timeout=_INSTALL_LIMIT_S, stdout=sys.stderr)
        (self._venv / "installed").touch()

    @abstractmethod
    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return how it is started, and with which variables."""

    @abstractmethod
    def figures(self, trace_id: str) -> PeerFigures | None:
        """Return what it shows for a trace; `None` when it does not know it."""

    @contextlib.contextmanager
    def running(self) -> Iterator["Peer"]:
        words, variables = self.command()
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                words, cwd=self.folder, env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(self._answers, within_s=_READY_WITHIN_S, what=f"{self.package} ready; see {self.folder}")
            yield self
        finally:
            members = descendants_of(self._process.pid)
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            for pid in members:  # its workers, which would outlive it
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            self._process.wait(10)

    def post(self, body: bytes) -> int:
        headers = {"content-type": "application/x-protobuf", **self.headers}
        request = urllib.request.Request(f"{self.url}/v1/traces", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            status: int = answer.status
        return status

    def span_count(self) -> int:
        """Return how many spans stand in its own database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder / self.database}?mode=ro", uri=True)) as database:
            count: int = database.execute("SELECT count(*) FROM spans").fetchone()[0]
        return count

    def cpu_s(self) -> float:
        assert self._process is not None
        return sum(_cpu_s(pid) for pid in {self._process.pid, *descendants_of(self._process.pid)})

    def call(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - decoded JSON
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "server.log").read_text()[-2_000:]
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                return bool(answer.status < 500)
        except OSError:
            return False


class Phoenix(Peer):
    """Arize Phoenix with its default SQLite."""

    package = "arize-phoenix==20.26.1"
    database = "phoenix.db"
    _QUERY = """
        query($project: ID!, $trace: ID!) { node(id: $project) { ... on Project { trace(traceId: $trace) {
            costSummary { prompt { tokens } completion { tokens } total { cost } }
            rootSpan { cumulativeTokenCountPrompt cumulativeTokenCountCompletion } } } } }
    """

    def command(self) -> tuple[list[str], dict[str, str]]:
        return [str(self.bin / "phoenix"), "serve"], {
            "PHOENIX_WORKING_DIR": str(self.folder),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self.port),
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }

    def figures(self, trace_id: str) -> PeerFigures | None:
        projects = self.call("/graphql", {"query": "{ projects { edges { node { id } } } }"})
        project = projects["data"]["projects"]["edges"][0]["node"]["id"]
        answer = self.call("/graphql", {"query": self._QUERY, "variables": {"project": project, "trace": trace_id}})
        trace = answer["data"]["node"]["trace"]
        if trace is None:
            return None
        cost, root = trace["costSummary"], trace["rootSpan"] or {}
        shown = {
            (root.get("cumulativeTokenCountPrompt"), root.get("cumulativeTokenCountCompletion")),
            (cost["prompt"]["tokens"], cost["completion"]["tokens"]),
        }
        return PeerFigures(frozenset((int(a or 0), int(b or 0)) for a, b in shown), cost["total"]["cost"])


class MLflow(Peer):
    """MLflow's tracking server with SQLite."""

    package = "mlflow==3.17.2"
    headers: ClassVar[Mapping[str, str]] = {"x-mlflow-experiment-id": "0"}
    database = "mlflow.db"

    def command(self) -> tuple[list[str], dict[str, str]]:
        store = f"sqlite:///{self.folder / self.database}"
        words = ["server", "--host", "127.0.0.1", "--port", str(self.port), "--backend-store-uri", store]
        return [str(self.bin / "mlflow"), *words, "--workers", "1"], {"MLFLOW_DISABLE_TELEMETRY": "true"}

    def figures(self, trace_id: str) -> PeerFigures | None:
        try:
            answer = self.call(f"/api/3.0/mlflow/traces/tr-{trace_id}")
        except OSError:
            return None
        metadata = answer["trace"]["trace_info"].get("trace_metadata", {})
        usage = json.loads(metadata.get("mlflow.trace.tokenUsage", "{}"))
        cost = json.loads(metadata.get("mlflow.trace.cost", "{}"))
        tokens = (int(usage.get("input_tokens", 0)), int(usage.get("output_tokens", 0)))
        return PeerFigures(frozenset({tokens}), cost.get("total_cost"))


PEERS: tuple[type[Peer], ...] = (Phoenix, MLflow)


def wait_for_spans(peer: Peer, count: int, *, within_s: float) -> float:
    """Return the seconds until `count` spans stand in the peer's database, or `within_s` when they do not."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        with contextlib.suppress(sqlite3.Error):
            if peer.span_count() >= count:
                break
        time.sleep(0.1)
    return time.monotonic() - began


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS_A_SECOND
