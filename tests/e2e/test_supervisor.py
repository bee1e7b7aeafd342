"""The supervisor for real: real processes, the real PostgreSQL, small programs in place of engine and edge."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tidegate.app.supervisor import read_state
from tidegate.storage.postgres import processes_of
from tidegate.storage.processes import command_line, is_alive, start_ticks

SERVE = Path(__file__).parent / "standins" / "serve.py"
DEADLINE_S = 120.0
Answer = TypeVar("Answer")


def until(condition: Callable[[], Answer], *, within_s: float = DEADLINE_S) -> Answer:
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(OSError, KeyError):
            if answer := condition():
                return answer
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


class Server:
    """One supervisor in a process of its own."""

    def __init__(self, data_dir: Path, changes: dict[str, Any]) -> None:
        self.data_dir = data_dir
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.errors = data_dir.parent / f"stderr-{time.monotonic_ns()}"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVE), str(data_dir), json.dumps(changes)],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def state(self) -> dict[str, Any]:
        state = read_state(self.data_dir)
        if state is None or state["pid"] != self.pid:
            return {"children": [], "ready": False}
        return dict(state)

    def child(self, name: str) -> dict[str, Any]:
        return next((dict(each) for each in self.state()["children"] if each["name"] == name), {})

    def ready(self) -> "Server":
        until(lambda: self.state()["ready"] or self._refuse_early_end())
        return self

    def _refuse_early_end(self) -> bool:
        assert self.process.poll() is None, self.said()
        return False

    def pids(self) -> set[int]:
        named = {each["pid"] for each in self.state()["children"] if each["pid"] is not None}
        return named | set(processes_of(self.data_dir / "postgres"))

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.state()["url"] + path, timeout=DEADLINE_S) as answer:
            return bytes(answer.read())

    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/told")))

    def send(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def said(self) -> str:
        return self.errors.read_text()

    def events(self) -> list[dict[str, Any]]:
        lines = (self.data_dir / "logs/supervisor.log").read_text().splitlines()
        return [json.loads(line) for line in lines]


Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after one start and stop: most tests begin with a copy, which spares them initdb."""
    folder = tmp_path_factory.mktemp("served") / "data"
    server = Server(folder, {})
    try:
        assert server.ready().send(signal.SIGTERM) == 0
    finally:
        server.process.kill()
        server.process.wait()
    return folder


@pytest.fixture
def new_dir(tmp_path: Path) -> Path:
    return tmp_path / "new"


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "data")
    (tmp_path / "data" / "logs" / "supervisor.log").unlink()
    return tmp_path / "data"


@pytest.fixture
def serve(data_dir: Path) -> Iterator[Serve]:
    servers: list[Server] = []

    def start(folder: Path = data_dir, **changes: object) -> Server:
        servers.append(Server(folder, changes))
        return servers[-1]

    yield start
    for server in servers:
        left = server.pids() if server.process.poll() is None else set(processes_of(server.data_dir / "postgres"))
        server.process.kill()
        server.process.wait()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def gone(pids: set[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


def test_the_first_start_makes_everything_and_the_edge_reads_what_the_migration_wrote(
    serve: Serve, new_dir: Path
) -> None:
    server = serve(new_dir).ready()
    assert server.get("/runs") == b"1"
    told = server.told()
    assert told["publicUrl"] == server.state()["url"]
    assert told["telemetryUrl"].startswith("http://127.0.0.1:")
    assert "tidegate_serving" in told["databaseDsn"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_stop_signal_ends_all_in_order_and_leaves_nothing_behind(serve: Serve, number: signal.Signals) -> None:
    server = serve().ready()
    pids = server.pids()
    assert len(pids) >= 6
    assert server.send(number) == 0
    assert gone(pids)
    assert list((server.data_dir / "run").iterdir()) == []
    stopped = [event["child"] for event in server.events() if event["event"] == "child.stopped"]
    assert stopped == ["edge", "engine", "postgres"]


def test_a_warm_start_serves_the_same_data(serve: Serve) -> None:
    assert serve().ready().send(signal.SIGTERM) == 0
    assert serve().ready().get("/runs") == b"3"


def test_children_of_a_killed_supervisor_end_by_themselves_and_the_next_start_recovers(serve: Serve) -> None:
    server = serve().ready()
    pids = server.pids()
    server.send(signal.SIGKILL)
    until(lambda: gone(pids))
    assert serve().ready().get("/runs") == b"3"


def test_what_outlives_a_killed_supervisor_is_stopped_by_the_next_one(serve: Serve) -> None:
    # A child may be deaf to the kernel's signal, for example when it has reset it after becoming another user.
    deaf = (
        "import ctypes, http.server, os, signal, socket, sys, time\n"
        "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self):\n        self.send_response(200); self.end_headers(); self.wfile.write(b'1\\n')\n"
        "s = http.server.HTTPServer(('127.0.0.1', 0), H, bind_and_activate=False)\n"
        "s.socket.close(); s.socket = socket.socket(fileno=int(sys.argv[-1])); s.serve_forever()\n"
    )
    server = serve(engine_command=deaf).ready()
    engine = server.child("engine")["pid"]
    server.send(signal.SIGKILL)
    assert is_alive(engine)
    serve().ready()
    assert not is_alive(engine)


@pytest.mark.parametrize("name", ["postgres", "engine", "edge"])
def test_a_killed_child_is_started_again_and_the_state_file_says_so(serve: Serve, name: str) -> None:
    server = serve().ready()
    before = server.child(name)
    others = {each["name"]: each["pid"] for each in server.state()["children"] if each["name"] != name}
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: server.child(name)["restarts"] == 1 and server.child(name)["ready"])
    after = server.child(name)
    assert after["pid"] != before["pid"]
    assert after["lastExit"] == "signal SIGKILL"
    assert {each["name"]: each["pid"] for each in server.state()["children"] if each["name"] != name} == others
    assert server.get("/runs") == b"2"
    assert server.send(signal.SIGTERM) == 0


def test_connections_wait_while_the_edge_restarts(serve: Serve) -> None:
    server = serve().ready()
    edge = server.child("edge")["pid"]
    os.kill(edge, signal.SIGKILL)
    until(lambda: not is_alive(edge))
    assert server.told()["pid"] != edge


def test_the_engine_keeps_its_port_over_a_restart(serve: Serve) -> None:
    server = serve().ready()
    before = server.told()["telemetryUrl"]
    os.kill(server.child("engine")["pid"], signal.SIGKILL)
    until(lambda: server.child("engine")["restarts"] == 1 and server.child("engine")["ready"])
    request = urllib.request.Request(before, data=b"SELECT 1")
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        assert answer.read() == b"1\n"


def test_a_child_that_dies_again_and_again_is_restarted_more_and_more_slowly(serve: Serve) -> None:
    server = serve().ready()
    for restarts in range(1, 4):
        os.kill(server.child("engine")["pid"], signal.SIGKILL)
        until(lambda: server.child("engine")["ready"] and len(_starts(server)) > restarts)  # noqa: B023 - used at once
    moments = [
        (event["event"], event["at"])
        for event in server.events()
        if event.get("child") == "engine" and event["event"] in {"child.ended", "child.started"}
    ]
    assert [event for event, _ in moments] == ["child.started", *["child.ended", "child.started"] * 3]
    pauses = [_seconds(moments[i + 1][1]) - _seconds(moments[i][1]) for i in range(1, len(moments) - 1, 2)]
    assert pauses[1] >= 0.2
    assert pauses[2] >= 0.4


def _starts(server: Server) -> list[dict[str, Any]]:
    return [event for event in server.events() if (event["event"], event.get("child")) == ("child.started", "engine")]


def _seconds(moment: str) -> float:
    from tidegate.kernel import parse_utc

    return parse_utc(moment).timestamp()


def test_a_child_that_ignores_the_stop_signal_is_killed_at_its_bound(serve: Serve) -> None:
    stubborn = (
        "import json, os, signal, socket\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "s = socket.socket(fileno=json.loads(os.environ['TIDEGATE_CHILD'])['httpFd'])\n"
        "while True:\n    c, _ = s.accept(); c.recv(4096); c.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n'); c.close()\n"
    )
    server = serve(edge_command=stubborn).ready()
    pids = server.pids()
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.child("edge")["state"] == "stopping")
    assert server.send(signal.SIGTERM) == 0  # the second signal does not wait for the bound
    assert gone(pids)
    assert [event for event in server.events() if event.get("child") == "edge"][-1]["killed"] is True


def test_grandchildren_are_not_left_behind(serve: Serve) -> None:
    edge = (
        "import json, os, socket, subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "s = socket.socket(fileno=json.loads(os.environ['TIDEGATE_CHILD'])['httpFd'])\n"
        "while True:\n    c, _ = s.accept(); c.recv(4096)\n"
        "    c.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n' + str(p.pid).encode()); c.close()\n"
    )
    server = serve(edge_command=edge).ready()
    grandchild = int(server.get("/"))
    assert is_alive(grandchild)
    assert server.send(signal.SIGTERM) == 0
    assert not is_alive(grandchild)


def test_a_second_serve_is_refused_and_told_about_the_first(serve: Serve) -> None:
    first = serve().ready()
    url = first.state()["url"]
    second = serve()
    assert second.process.wait(DEADLINE_S) == 1
    assert (
        f"data_directory_in_use: {first.data_dir} is in use by process {first.pid} at {url} since 20" in second.said()
    )
    assert first.get("/runs") == b"2"


def test_a_taken_port_is_named_before_anything_starts(serve: Serve, new_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve(new_dir, port=port)
        assert server.process.wait(DEADLINE_S) == 1
    assert f"port_busy: Port {port} on 127.0.0.1 is taken" in server.said()
    assert sorted(path.name for path in new_dir.iterdir()) == ["lock"]


def test_a_taken_otlp_port_is_given_up_and_said(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = serve(otlp_port=taken.getsockname()[1]).ready()
        assert server.state()["otlpUrl"] is None
        assert server.told()["otlpFd"] is None


def test_a_free_otlp_port_is_handed_to_the_edge(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = serve(otlp_port=port).ready()
    assert server.state()["otlpUrl"] == f"http://127.0.0.1:{port}"
    assert isinstance(server.told()["otlpFd"], int)


def test_a_failing_migration_stops_the_start_and_says_what_it_said(serve: Serve) -> None:
    server = serve(migrate_command="import sys; sys.exit('table of contents missing')")
    assert server.process.wait(DEADLINE_S) == 1
    assert "migrate did not start: exit code 1. It said: table of contents missing" in server.said()
    assert not processes_of(server.data_dir / "postgres")


def test_a_child_that_never_gets_ready_stops_the_start(serve: Serve) -> None:
    server = serve(engine_command="import sys; sys.exit('no space left on device')")
    assert server.process.wait(DEADLINE_S) == 1
    assert "engine did not start" in server.said()
    assert "no space left on device" in server.said()
    assert not processes_of(server.data_dir / "postgres")


def test_a_first_start_killed_during_initdb_recovers(serve: Serve, new_dir: Path) -> None:
    first = serve(new_dir)
    until((new_dir / "postgres.new/base").exists)
    first.send(signal.SIGKILL)
    assert serve(new_dir).ready().get("/runs") == b"1"


@pytest.mark.parametrize("name", ["x" * 120, "mit Leerzeichen und Umlaut ü 潮"], ids=["long", "blanks and unicode"])
def test_any_path_serves(serve: Serve, made: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(made, tmp_path / name)
    server = serve(tmp_path / name).ready()
    assert server.get("/runs") == b"2"
    sockets = list((tmp_path / name / "run").glob("postgres-socket-folder"))
    outside = [Path(os.fsdecode(note.read_bytes())) for note in sockets]
    assert outside or len(name) < 100
    assert server.send(signal.SIGTERM) == 0
    assert not any(folder.exists() for folder in outside)


def test_a_terminal_s_interrupt_reaches_the_supervisor_only(serve: Serve) -> None:
    server = serve().ready()
    own = os.getsid(server.pid)
    assert all(os.getsid(pid) != own for pid in server.pids())


def test_no_secret_stands_on_a_command_line(serve: Serve) -> None:
    server = serve().ready()
    told = server.told()
    password = told["databaseDsn"].split(":")[2].split("@")[0]
    lines = [" ".join(command_line(pid)) for pid in server.pids()]
    assert not [line for line in lines if password in line or told["telemetrySecret"] in line]
    assert all(start_ticks(pid) for pid in server.pids())
