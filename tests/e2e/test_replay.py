"""`tidegate replay` from the command line to what the server has counted."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.server import Server, wait_until

TOKENS = 5_050


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "requests.csv"
    lines = [f"2023-11-16 18:17:{second % 60:02d}.25,{second + 1},{second % 7}\n" for second in range(100)]
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(lines))
    return path


def replay(server: Server, token: str, cache: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return server.cli("replay", *arguments, token=token, environment={"XDG_CACHE_HOME": str(cache)})


def stored(server: Server, token: str) -> Any:
    return server.get("/api/v1/telemetry/stats", token)[1]["spans"]


def test_a_recording_is_counted_once_however_often_it_is_sent(server: Server, tmp_path: Path, recording: Path) -> None:
    server.cli("workspace", "create", "replayed")
    token = server.token("write", "replayed")
    arguments = (str(recording), "--format", "azure-llm", "--rebase", "now", "--json")

    sent = replay(server, token, tmp_path / "cache", *arguments)
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["totals"]["spans"] == 100
    wait_until(lambda: stored(server, token) == 100, what="a hundred spans")

    assert json.loads(replay(server, token, tmp_path / "cache", *arguments).stdout)["files"][0]["sentBefore"]
    once_more = replay(server, token, tmp_path / "cache", *arguments, "--restart")
    assert json.loads(once_more.stdout)["totals"]["spans"] == 100
    marker = recording.with_name("marker.csv")
    marker.write_text(recording.read_text().partition("\n")[0] + "\n2023-11-16 18:17:00,1,1\n")
    replay(server, token, tmp_path / "cache", str(marker), "--format", "azure-llm", "--rebase", "now")
    # The marker came later: once it is seen, the second sending has been counted as well.
    wait_until(lambda: stored(server, token) == 101, what="the marker")
    totals = server.get("/metrics/ai", token)[1]["totals"]
    assert (totals["runCount"], totals["inputTokens"]) == (101, TOKENS + 1)


def test_without_a_server_it_says_so_and_where_to_go_on(tmp_path: Path, recording: Path, server: Server) -> None:
    done = server.cli(
        "--url", "http://127.0.0.1:1", "replay", str(recording), "--format", "azure-llm", "--patience", "0",
        token="none", environment={"XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 7
    assert "goes on where this one stopped" in done.stderr


def test_a_file_of_another_format_is_wrong_use(tmp_path: Path, recording: Path, server: Server) -> None:
    done = replay(server, "none", tmp_path / "cache", str(recording), "--format", "nezha")
    assert done.returncode == 2
    assert "requests.csv: the first line names no TraceID" in done.stderr


def test_rows_that_are_lost_are_an_exit_code(tmp_path: Path, recording: Path, server: Server) -> None:
    recording.write_text(recording.read_text() + "never,1,1\n")
    done = replay(server, "none", tmp_path / "cache", str(recording), "--format", "azure-llm", "--dry-run")
    assert done.returncode == 1
    assert done.stdout.startswith("requests.csv: read 100 spans of 100 rows")
    assert "requests.csv, row 102: 'never' is no time" in done.stderr
