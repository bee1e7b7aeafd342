"""Child processes: how they are launched, watched, found again and ended.

Contract: every child goes through `exec_child.py`, so it dies with the thread that spawned it; spawn from
the main thread only. Children registered here are reaped by `poll`; zombies of others, re-parented to this
process, by `reap_strangers`. Nothing here uses a pipe: a child that nobody reads from can never block.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

LAUNCHER = Path(__file__).with_name("exec_child.py")

_FIRST_POLL_S = 0.005
_SLOWEST_POLL_S = 0.1  # a stop that takes seconds needs no finer answer
_KILL_WAIT_S = 10.0  # a killed process leaves at once unless the disk holds it in the kernel

_spawned: dict[int, subprocess.Popen[bytes]] = {}


class LauncherExit(IntEnum):
    """Why a child did not even begin; the numbers are those of `exec_child.py`."""

    NAMESPACE_DENIED = 121
    USER_DENIED = 122
    FOLDER_DENIED = 123
    PARENT_GONE = 124
    COMMAND_DENIED = 126


@dataclass(frozen=True, slots=True)
class Launch:
    """How a command is started."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it: nothing is inherited."""
    flags: tuple[str, ...] = ()
    """Options of the launcher that choose an identity, for example `--unshare`."""
    log: Path | None = None
    """Where both outputs are appended; `None` discards them, or keeps them for `run_to_end`."""
    chdir: Path | None = None
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the parent ends without having stopped the child."""
    pass_fds: tuple[int, ...] = ()

    def argv(self) -> list[str]:
        """Return the launcher's command line."""
        options = ["--parent", str(os.getpid()), "--death-signal", self.death_signal.name, *self.flags]
        if self.log is not None:
            options += ["--log", str(self.log)]
        if self.chdir is not None:
            options += ["--chdir", str(self.chdir)]
        return [sys.executable, "-I", "-S", str(LAUNCHER), *options, "--", *self.command]


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    """The exit code; minus the signal's number when one ended it."""
    output: str
    """Both outputs, in the order they were written."""


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Start a child and return at once."""
    return _popen(launch, stdin=subprocess.DEVNULL, output=subprocess.DEVNULL)


async def run_to_end(launch: Launch, *, stdin: bytes = b"", timeout_s: float) -> Finished:
    """Run a command, wait for its end, and return what it said.

    A command that is still running after `timeout_s` is killed with its whole session.
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as sink:
        source.write(stdin)
        source.seek(0)
        process = _popen(launch, stdin=source.fileno(), output=sink.fileno())
        try:
            await wait_exit(process, timeout_s=timeout_s)
        finally:
            code = _end_now(process)
        sink.seek(0)
        return Finished(code, sink.read().decode(errors="replace"))


def _popen(launch: Launch, *, stdin: int, output: int) -> subprocess.Popen[bytes]:
    if threading.current_thread() is not threading.main_thread():
        # PR_SET_PDEATHSIG fires when the spawning thread ends, not the process.
        raise RuntimeError("Children are spawned from the main thread only: they die with the thread that did.")
    process = subprocess.Popen(  # noqa: S603 - our own launcher with an argument list, no shell
        launch.argv(),
        env=dict(launch.environment),
        stdin=stdin,
        stdout=output,
        stderr=output,
        pass_fds=launch.pass_fds,
    )
    _spawned[process.pid] = process
    return process


def poll(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of a child, or `None` while it runs."""
    code = process.poll()
    if code is not None:
        _spawned.pop(process.pid, None)
    return code


async def wait_exit(process: subprocess.Popen[bytes], *, timeout_s: float) -> int | None:
    """Wait for a child's end and return its exit code, or `None` when it outlasts `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_POLL_S
    while (code := poll(process)) is None and time.monotonic() < deadline:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _SLOWEST_POLL_S)
    return code


async def stop(process: subprocess.Popen[bytes], *, with_signal: signal.Signals, timeout_s: float) -> int:
    """End a child: ask, wait, then kill its session; return its exit code."""
    if poll(process) is None:
        process.send_signal(with_signal)
        if await wait_exit(process, timeout_s=timeout_s) is None:
            kill_session(process)
            await wait_exit(process, timeout_s=_KILL_WAIT_S)
    return process.returncode if process.returncode is not None else -signal.SIGKILL


def _end_now(process: subprocess.Popen[bytes]) -> int:
    if process.returncode is None:
        kill_session(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_WAIT_S)
    _spawned.pop(process.pid, None)
    return process.returncode if process.returncode is not None else -signal.SIGKILL


def kill_session(process: subprocess.Popen[bytes]) -> None:
    # The launcher made the child a group leader; before that moment the group does not exist yet.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def reap_strangers() -> list[int]:
    """Collect zombies that were re-parented to this process and return their ids.

    Needed as process 1 of a container and as a subreaper: a killed PostgreSQL leaves its backends to us. For a
    process whose every child comes from `spawn` and `run_to_end` only: it would steal the others' exit codes.
    """
    reaped: list[int] = []
    for pid in _children_of(os.getpid()):
        if pid in _spawned or not is_zombie(pid):
            continue
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
            reaped.append(pid)
    return reaped


def _children_of(parent: int) -> list[int]:
    return [pid for pid in all_pids() if (fields := _stat_fields(pid)) is not None and int(fields[1]) == parent]


def all_pids() -> Iterator[int]:
    """Yield the ids of all processes that this one can see."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _stat_fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on (proc(5) numbers it 3), or `None` for no process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()  # the name before it may contain blanks and brackets


def is_zombie(pid: int) -> bool:
    """Tell whether the process has ended and only waits to be reaped."""
    fields = _stat_fields(pid)
    return fields is not None and fields[0] in "ZX"


def is_alive(pid: int) -> bool:
    """Tell whether a process of this id runs; a zombie does not."""
    fields = _stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def start_ticks(pid: int) -> int | None:
    """Return when the process began, in clock ticks since boot: with the id, a name that is never reused."""
    fields = _stat_fields(pid)
    return None if fields is None else int(fields[19])


def parent_of(pid: int) -> int | None:
    """Return the parent's id, or `None` when there is no such process."""
    fields = _stat_fields(pid)
    return None if fields is None else int(fields[1])


def command_line(pid: int) -> tuple[str, ...]:
    """Return the words of the process's command line; empty for zombies, kernel threads and nobody."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in words.rstrip(b"\0").split(b"\0")) if words else ()


def descendants_of(root: int) -> tuple[int, ...]:
    """Return `root` and every living process below it."""
    parents = {pid: parent_of(pid) for pid in all_pids()}
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return tuple(pid for pid in found if is_alive(pid))


async def wait_gone(pids: Sequence[int], *, timeout_s: float) -> bool:
    """Wait until none of these processes, which need not be children, is alive; `False` when one outlasts it."""
    deadline = time.monotonic() + timeout_s
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
