"""The steps of `make run`, one method each: tidegate, tokens, gates, release, harbor, traffic, suite.

`run` puts them in order. What a step makes is kept here until `stop` takes it down again, last made first.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from examples.harbor.authz_reports import report_run
from examples.harbor.authz_suite import AuthzRegressionRun, run_suite
from examples.harbor.board import gate_files
from examples.harbor.children import Child, Command, StepError, run_verb, start_child, stop_child
from examples.harbor.faults import NONE_ON, Fault, write_faults
from examples.harbor.places import LOOPBACK, fault_file, harbor_dir
from examples.harbor.record import RunRecord, delete_record, write_record
from examples.harbor.traffic import Traffic, make_client

WORKSPACE = "default"
# A first start makes a database cluster; on two busy cores it was seen to take 20 s.
READY_DEADLINE_S = 60.0
READY_LOOK_S = 0.1
# The exporter gives up its last batch after ten seconds, when tidegate is what died.
STOP_HARBOR_S = 12.0
# Long enough for both engines to close their files; a stop is normally over in two seconds.
STOP_TIDEGATE_S = 30.0
CONFLICT = 6
"""The exit code of `tidegate` for what is there already."""


@dataclass(frozen=True, slots=True)
class Options:
    data_dir: Path
    port: int
    harbor_port: int
    version: str
    commit: str


@dataclass(frozen=True, slots=True)
class Tokens:
    ingest: str
    write: str


def choose_port(wanted: int) -> int:
    """Return `wanted` when it is free on loopback, else some free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((LOOPBACK, port))
                return int(probe.getsockname()[1])
    raise StepError(f"There is no free port on {LOOPBACK}.")


class Launch:
    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._children: list[Child] = []
        self._died: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._watchers: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self.port = options.port
        self.harbor_port = options.harbor_port

    @property
    def data_dir(self) -> Path:
        return self._options.data_dir

    @property
    def tidegate_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def harbor_url(self) -> str:
        return f"http://{LOOPBACK}:{self.harbor_port}"

    @property
    def release(self) -> str:
        # The commit is part of the name: the same version built again is another release.
        return f"{self._options.version}-{self._options.commit[:7]}"

    def choose_ports(self) -> None:
        for name, wanted in (("tidegate", self._options.port), ("harbor", self._options.harbor_port)):
            port = choose_port(wanted)
            if port != wanted:
                self._say(f"port {wanted} is busy: {name} takes {port}")
            if name == "tidegate":
                self.port = port
            else:
                self.harbor_port = port

    def plant_default_fault(self) -> None:
        """Open the authorization hole: a first board has something to say no to."""
        write_faults(fault_file(self._options.data_dir), {**NONE_ON, Fault.AUTHORIZATION_HOLE: True})

    async def start_tidegate(self) -> None:
        data_dir = self._options.data_dir
        args = ["serve", "--data-dir", str(data_dir), "--port", str(self.port)]
        log = harbor_dir(data_dir) / "tidegate.log"
        await self._start("tidegate", self._tidegate(*args), log)
        await self._wait_until_ready(f"{self.tidegate_url}/readyz")

    async def make_tokens(self) -> Tokens:
        ingest, write = await asyncio.gather(self._make_token("ingest"), self._make_token("write"))
        return Tokens(ingest=ingest, write=write)

    async def apply_gates(self, tokens: Tokens) -> None:
        files = gate_files()
        if not files:
            raise StepError("examples/harbor/gates holds no gate file.")
        for file in files:
            await run_verb(self._tidegate("gate", "apply", str(file), token=tokens.write))

    async def make_release(self, tokens: Tokens) -> None:
        args = ["release", "create", self.release, "--service", "harbor"]
        args += ["--version", self._options.version, "--commit", self._options.commit]
        # A second run of the same commit finds its release of before.
        await run_verb(self._tidegate(*args, token=tokens.write), good_codes=frozenset({0, CONFLICT}))

    async def start_harbor(self, tokens: Tokens) -> None:
        directory = harbor_dir(self._options.data_dir)
        json_log = directory / "harbor.log"
        # What the shell says about OpenTelemetry is meant for other services.
        env = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        env["OTEL_EXPORTER_OTLP_ENDPOINT"] = self.tidegate_url
        env["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization={quote(f'Bearer {tokens.ingest}')}"
        args = [sys.executable, "-m", "examples.harbor.service", "--port", str(self.harbor_port)]
        args += ["--service-version", self._options.version, "--log-file", str(json_log)]
        args += ["--faults", str(fault_file(self._options.data_dir))]
        await self._start("harbor", Command(args, env), directory / "harbor-output.log", json_log)
        await self._wait_until_ready(f"{self.harbor_url}/healthz")

    async def warm_up(self, client: httpx.AsyncClient) -> Traffic:
        traffic = Traffic(client)
        try:
            await traffic.warm_up()
        except httpx.HTTPError as error:
            raise StepError(f"harbor does not answer its first requests: {error!r}") from error
        return traffic

    def traffic_client(self) -> httpx.AsyncClient:
        return make_client(self.harbor_url)

    async def run_suite(self, tokens: Tokens) -> AuthzRegressionRun:
        run = await run_suite(self.harbor_url, commit=self._options.commit)
        await report_run(run, tidegate_url=self.tidegate_url, token=tokens.write)
        return run

    def keep_record(self, tokens: Tokens) -> RunRecord:
        record = RunRecord(
            pid=os.getpid(),
            tidegate_url=self.tidegate_url,
            harbor_url=self.harbor_url,
            token=tokens.write,
            commit=self._options.commit,
            release=self.release,
        )
        write_record(self._options.data_dir, record)
        return record

    async def sign_in_link(self) -> str:
        return await run_verb(self._tidegate("sign-in-link", "--data-dir", str(self._options.data_dir)))

    async def fail_when_a_child_dies(self) -> None:
        """Wait for the death of a child.

        Raises:
            StepError: it came.
        """
        child = await asyncio.shield(self._died)
        raise StepError(f"{child.name} {child.how_it_ended()}.\n{child.last_words()}")

    async def stop(self) -> None:
        """Stop what was started, last first, so that harbor's last spans still find tidegate."""
        self._is_stopping = True
        delete_record(self._options.data_dir)
        for child in reversed(self._children):
            await stop_child(child, within_s=STOP_TIDEGATE_S if child.name == "tidegate" else STOP_HARBOR_S)
        for watcher in self._watchers:
            await watcher

    async def _make_token(self, scope: str) -> str:
        args = ["token", "create", "--workspace", WORKSPACE, "--scope", scope]
        return await run_verb(self._tidegate(*args, "--data-dir", str(self._options.data_dir)))

    def _tidegate(self, *args: str, token: str | None = None) -> Command:
        env = {**os.environ, "TIDEGATE_URL": self.tidegate_url}
        env.pop("TIDEGATE_TOKEN", None)
        if token is not None:
            env["TIDEGATE_TOKEN"] = token
        return Command([sys.executable, "-m", "tidegate", *args], env)

    async def _start(self, name: str, command: Command, *logs: Path) -> None:
        child = await start_child(name, command, *logs)
        self._children.append(child)
        self._watchers.append(asyncio.create_task(self._watch(child)))

    async def _watch(self, child: Child) -> None:
        await child.process.wait()
        if not self._is_stopping and not self._died.done():
            self._died.set_result(child)

    async def _wait_until_ready(self, url: str) -> None:
        deadline = time.monotonic() + READY_DEADLINE_S
        async with httpx.AsyncClient(timeout=5) as client:
            while time.monotonic() < deadline:
                with suppress(httpx.HTTPError):
                    if (await client.get(url)).status_code == 200:
                        return
                await asyncio.sleep(READY_LOOK_S)
        child = self._children[-1]
        raise StepError(f"{url} was not ready within {READY_DEADLINE_S:.0f} s.\n{child.last_words()}")
