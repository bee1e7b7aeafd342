"""The supervisor with all its real children: PostgreSQL, the telemetry engine, the migrations, the edge."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.app.memory import SUPERVISOR, memory_by_child
from tidegate.app.supervisor import read_state
from tidegate.storage.postgres import processes_of
from tidegate.storage.processes import is_alive

DEADLINE_S = 120.0
SERVE = """
import asyncio, sys
from pathlib import Path
from tidegate.app.supervisor import SupervisorSettings, run_supervisor
sys.exit(asyncio.run(run_supervisor(SupervisorSettings(data_dir=Path(sys.argv[1]), port=0, otlp_port=None))))
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("supervised") / "data"


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", SERVE, str(data_dir)], env=environment) as process:
        until(lambda: process.poll() is not None or is_ready(data_dir))
        assert process.poll() is None
        pids = [each["pid"] for each in children(data_dir).values()]
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    assert not [pid for pid in pids if pid is not None and is_alive(pid)]
    assert not processes_of(data_dir / "postgres")


def children(data_dir: Path) -> dict[str, dict[str, Any]]:
    state = read_state(data_dir)
    found: Any = [] if state is None else state["children"]
    return {each["name"]: each for each in found}


def is_ready(data_dir: Path) -> bool:
    found = children(data_dir)
    return bool(found) and all(each["ready"] for each in found.values())


def readiness(data_dir: Path) -> int:
    state = read_state(data_dir)
    assert state is not None
    try:
        with urllib.request.urlopen(f"{state['url']}/readyz", timeout=DEADLINE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("name", ["engine", "postgres", "edge"])
def test_the_server_is_whole_again_after_any_child_was_killed(
    server: subprocess.Popen[bytes], data_dir: Path, name: str
) -> None:
    until(lambda: readiness(data_dir) == 200)
    before = children(data_dir)[name]
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: is_ready(data_dir) and children(data_dir)[name]["restarts"] > before["restarts"])
    until(lambda: readiness(data_dir) == 200)
    assert server.poll() is None


def test_the_supervisor_stays_small(server: subprocess.Popen[bytes], data_dir: Path) -> None:
    memory = memory_by_child(data_dir)
    assert set(memory) >= {"postgres", "engine", "edge", SUPERVISOR}
    assert memory[SUPERVISOR].private_bytes <= 25_000_000


def test_no_secret_is_written_outside_of_the_secrets_folder(server: subprocess.Popen[bytes], data_dir: Path) -> None:
    passwords = json.loads((data_dir / "secrets/postgres.json").read_text()).values()
    texts = {
        path: path.read_bytes()
        for folder in ("logs", "run")
        for path in (data_dir / folder).iterdir()
        if path.is_file()
    }
    assert texts
    assert not [path for path, text in texts.items() for password in passwords if password.encode() in text]
