"""The launcher and what is known about processes, on the real kernel."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tidegate.app.memory import find_memory
from tidegate.storage import processes
from tidegate.storage.processes import Launch, LauncherExit, run_to_end

PYTHON = sys.executable
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def python(code: str, **changes: object) -> Launch:
    return Launch(command=(PYTHON, "-c", code), environment=ENVIRONMENT, **changes)  # type: ignore[arg-type] # a factory


async def test_input_and_both_outputs_reach_their_ends() -> None:
    code = "import sys; sys.stderr.write(sys.stdin.read()); sys.exit(3)"
    finished = await run_to_end(python(code), stdin=b"tide", timeout_s=20)
    assert (finished.code, finished.output) == (3, "tide")


async def test_a_command_that_does_not_end_is_killed_with_its_whole_session(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid))\ntime.sleep(600)\n"
    )
    finished = await run_to_end(python(code), timeout_s=1.0)
    assert finished.code == -signal.SIGKILL
    assert await processes.wait_gone([int((tmp_path / "pid").read_text())], timeout_s=10)


async def test_a_child_gets_its_own_session_and_only_the_environment_it_is_given() -> None:
    code = "import os; print(os.getsid(0) == os.getpid(), sorted(os.environ), oct(os.umask(0)))"
    finished = await run_to_end(python(code), timeout_s=20)
    names = finished.output.split("[")[1].split("]")[0]
    assert finished.output.startswith("True")
    assert set(names.replace("'", "").split(", ")) <= {"PATH", "LC_CTYPE"}  # Python adds the second by itself
    assert finished.output.strip().endswith("0o77")


@pytest.mark.parametrize(
    ("launch", "code", "words"),
    [
        pytest.param(Launch(("/nonexistent",), ENVIRONMENT), LauncherExit.COMMAND_DENIED, "cannot run", id="command"),
        pytest.param(
            Launch(("/bin/true",), ENVIRONMENT, chdir=Path("/nonexistent")),
            LauncherExit.FOLDER_DENIED,
            "cannot enter",
            id="folder",
        ),
    ],
)
async def test_what_keeps_a_child_from_beginning_is_told_apart(launch: Launch, code: int, words: str) -> None:
    finished = await run_to_end(launch, timeout_s=20)
    assert finished.code == code
    assert words in finished.output


def test_a_child_whose_parent_is_gone_does_not_begin() -> None:
    launch = Launch(("/bin/echo", "begun"), ENVIRONMENT)
    words = [word if word != str(os.getpid()) else "1" for word in launch.argv()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (LauncherExit.PARENT_GONE, "")


def test_children_are_spawned_from_the_main_thread_only() -> None:
    caught: list[Exception] = []

    def spawn() -> None:
        try:
            processes.spawn(Launch(("/bin/true",), ENVIRONMENT))
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=spawn)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")
async def test_in_a_namespace_a_child_is_nobody_without_rights_and_its_files_are_root_s(tmp_path: Path) -> None:
    file = tmp_path / "file"
    code = (
        f"import os; open({str(file)!r}, 'w'); print('user', os.geteuid(), flush=True); os.chown({str(file)!r}, 1, 1)"
    )
    finished = await run_to_end(python(code, flags=("--unshare",)), timeout_s=20)
    assert "user 65534" in finished.output
    assert "Error" in finished.output  # another owner is out of its reach
    assert file.stat().st_uid == 0


async def test_a_process_has_a_name_that_is_never_reused() -> None:
    process = processes.spawn(python("import time; time.sleep(600)"))
    ticks = processes.start_ticks(process.pid)
    assert ticks is not None
    assert processes.is_alive(process.pid)
    assert processes.parent_of(process.pid) == os.getpid()
    assert await processes.stop(process, with_signal=signal.SIGTERM, timeout_s=10) == -signal.SIGTERM
    assert processes.start_ticks(process.pid) is None


async def test_a_child_deaf_to_the_stop_signal_is_killed_at_its_bound(tmp_path: Path) -> None:
    mark = tmp_path / "deaf"
    code = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(mark)!r}, 'w'); time.sleep(600)"
    process = processes.spawn(python(code))
    while not mark.exists():
        assert await processes.wait_exit(process, timeout_s=0.02) is None
    assert await processes.stop(process, with_signal=signal.SIGTERM, timeout_s=0.2) == -signal.SIGKILL


def test_memory_tells_private_from_shared() -> None:
    memory = find_memory(os.getpid())
    assert memory is not None
    assert 0 < memory.private_bytes <= memory.pss_bytes <= memory.resident_bytes
    assert find_memory(2**22 + 1) is None
