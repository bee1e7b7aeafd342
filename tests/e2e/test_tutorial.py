"""The commands of the second tutorial, run as they stand on its page, against a real server."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.e2e.server import Server, free_port

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "your-service.md"
BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
# Forty sign-ins, the alert, fifteen quiet seconds; the rest is for a busy machine.
WITHIN_S = 240


def files_and_commands(page: str) -> tuple[dict[str, str], list[str]]:
    """Return what the page asks to save, by name, and what it asks to type, in order."""
    files: dict[str, str] = {}
    commands: list[str] = []
    for block in BLOCK.finditer(page):
        note = block["note"] or ""
        if note.startswith("file: "):
            files[note.removeprefix("file: ")] = block["text"]
        elif block["language"] == "sh" and not note.startswith("not run by the test: "):
            commands.append(block["text"])
    return files, commands


@pytest.fixture(scope="module")
def transcript(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    if shutil.which("curl") is None:
        pytest.skip("the tutorial asks with curl, which is not installed here")
    folder = tmp_path_factory.mktemp("shop")
    files, commands = files_and_commands(PAGE.read_text())
    for name, text in files.items():
        (folder / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TIDEGATE_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TIDEGATE_DATA_DIR": str(server.data_dir),
        "TIDEGATE_URL": server.url,
        "SHOP_PORT": str(free_port()),
    }
    with (folder / "typed.log").open("wb") as log:
        # A session of its own, so that the shop does not outlive a shell that had to be ended.
        shell = subprocess.Popen(
            ["bash", "-eu", "-c", "\n".join(commands)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        code = shell.wait(WITHIN_S)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    typed = (folder / "typed.log").read_text()
    assert code == 0, typed
    return typed


def test_signals_are_what_the_shop_did(transcript: str) -> None:
    assert '"requestCount":40,"successCount":0,"failureCount":40' in transcript
    assert '"runCount":60' in transcript
    assert '"inputTokens":7200' in transcript


def test_the_broken_sign_in_raises_an_alert_with_a_runbook(transcript: str) -> None:
    assert "FIRING  P1  auth_failure_rate_high" in transcript
    assert "/runbooks/auth_failure_rate_high" in transcript


def test_the_gate_says_no_go_and_what_is_missing(transcript: str) -> None:
    assert "exit code 3" in transcript
    assert "No run of the suite unit was received for shop at commit 4f1c2ab." in transcript


def test_after_the_fix_the_gate_says_go(transcript: str) -> None:
    assert "GO: 1.4.0 passed 3 required checks." in transcript
