"""The folder of real inputs, and a server to send them to."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.server import Server
from tests.real.sender import Replayer

VARIABLE = "TIDEGATE_TEST_DATA"


def find_folder() -> Path:
    """Return the folder of real inputs.

    Nothing here is skipped: a run that was asked to prove something with real input and found none has not passed.
    """
    named = os.environ.get(VARIABLE, "")
    if not named:
        pytest.fail(f"{VARIABLE} is not set: let it name the folder of the real inputs, then run again.", pytrace=False)
    folder = Path(named).resolve()
    if not folder.is_dir():
        pytest.fail(f"{VARIABLE} names {folder}, which is no folder.", pytrace=False)
    return folder


def find_input(*parts: str) -> Path:
    found = find_folder().joinpath(*parts)
    if not found.is_file() or not found.stat().st_size:
        pytest.fail(f"{VARIABLE} holds no {Path(*parts)}: {found} is missing or empty.", pytrace=False)
    return found


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return find_folder()


@pytest.fixture(scope="session")
def otlp_json() -> dict[str, bytes]:
    """The protocol's own examples, by file name."""
    names = ("trace.json", "logs.json", "metrics.json", "events.json")
    return {name: find_input("otlp-json", name).read_bytes() for name in names}


@pytest.fixture(scope="session")
def agent_run_lines() -> list[str]:
    return find_input("agent-runs-halo", "openai-agents-traces.jsonl").read_text().splitlines()


@pytest.fixture
def replayer(server: Server, tmp_path: Path) -> Replayer:
    """A fresh workspace for the recordings of one test."""
    return Replayer(server, f"replay-{secrets.token_hex(4)}", tmp_path / "cache")


@pytest.fixture(scope="session")
def server(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, started only when there is data to send."""
    started = Server(tmp_path_factory.mktemp("real"))
    started.start()
    yield started
    started.stop()
