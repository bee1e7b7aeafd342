"""A whole tidegate as a newcomer starts it: one `tidegate serve`, driven through its doors only."""

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

# How long something may take that has no bound of its own: a test measures behaviour, not the machine, and on one that
# does much besides a start of 4 s was seen to take 40.
PATIENCE_S = 120.0
GONE_WITHIN_S = 60.0
# Below the ports that the system gives to whoever asks for any, so that none of these is taken by a client of another
# test between this call and the server's start; each worker of a parallel run has a range of its own.
_PORTS_A_WORKER = 2_000
_FIRST_PORT = 20_000 + _PORTS_A_WORKER * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.count(random.randrange(_PORTS_A_WORKER))  # two runs on one machine hardly begin at the same one


def free_port() -> int:
    """Return a port that nobody listens on, and that this function has not given lately."""
    for number in _ports:
        port = _FIRST_PORT + number % _PORTS_A_WORKER
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def wait_until(condition: Any, *, within_s: float = PATIENCE_S, what: str | Callable[[], str]) -> Any:
    """Return the first true answer of `condition`; fail aloud when there is none in time: `what` says what is missing.

    The longer it takes the more rarely it asks: each question takes from what it waits for.
    """
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < within_s:
        answer = condition()
        if answer:
            return answer
        time.sleep(min(max(0.02, waited_s / 10), 0.5))
    message = f"not within {within_s} s: {what if isinstance(what, str) else what()}"
    raise AssertionError(message)


class Server:
    """One data directory and the server on it."""

    def __init__(self, folder: Path, *options: str, otlp_port: int = 0) -> None:
        self.data_dir = folder / "data"
        self.port = free_port()
        self.otlp_grpc_port = 0
        """Set it before the start to have OTLP over gRPC there."""
        self.url = f"http://127.0.0.1:{self.port}"
        self.otlp_url = f"http://127.0.0.1:{otlp_port}" if otlp_port else self.url
        self._options = ("--otlp-port", str(otlp_port), *options)
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._tokens: dict[tuple[str, str], str] = {}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        self.launch()
        try:
            self.wait_ready()
        except AssertionError:
            self.kill()
            raise

    def launch(self) -> None:
        """Start it without waiting until it is ready: it may never be."""
        command = [sys.executable, "-m", "tidegate", "serve", "--data-dir", str(self.data_dir)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *command,
                    *("--port", str(self.port), "--otlp-grpc-port", str(self.otlp_grpc_port)),
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )

    def wait_ready(self, *, within_s: float = PATIENCE_S) -> None:
        def ready() -> bool:
            assert self._process is None or self._process.poll() is None, self.log
            return self.get("/readyz")[0] == 200

        wait_until(ready, within_s=within_s, what=f"ready; {self.log}")

    def stop(self, *, by: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        self._process.send_signal(by)
        return self._process.wait(GONE_WITHIN_S)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def children(self) -> dict[str, int]:
        """Return the process id of each child by its name."""
        state = json.loads((self.data_dir / "run" / "state.json").read_text())
        return {child["name"]: child["pid"] for child in state["children"] if child["pid"]}

    def cli(
        self,
        *arguments: str,
        token: str | None = None,
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
        timeout_s: float = PATIENCE_S,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "TIDEGATE_URL": self.url, "TIDEGATE_DATA_DIR": str(self.data_dir)}
        variables.pop("TIDEGATE_TOKEN", None)
        variables |= {"TIDEGATE_TOKEN": token} if token else {}
        variables |= environment or {}
        return subprocess.run(
            [sys.executable, "-m", "tidegate", *arguments],
            env=variables,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def token(self, scope: str, workspace: str = "default") -> str:
        """Return a token of that scope, the same each time: to make one takes 0.6 s of a processor."""
        if (scope, workspace) not in self._tokens:
            made = self.cli("token", "create", "--workspace", workspace, "--scope", scope)
            assert made.returncode == 0, made.stderr
            self._tokens[scope, workspace] = made.stdout.strip()
        return self._tokens[scope, workspace]

    def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        return self.call("GET", path, token=token)

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return status and answer (JSON decoded, else text); status 0 while nobody answers."""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers or {})
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error.read())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, None


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
