"""What an earlier start left behind: processes of this data folder, and a postmaster.pid that lies.

PostgreSQL trusts a pid file when any process of its user has that id, and counts a zombie as one. We know
better: the working folder of every PostgreSQL process is its data folder.
"""

import contextlib
import os
import signal
from pathlib import Path

from tidegate.storage.processes import all_pids, command_line, is_alive, parent_of, send, wait_gone

_FAST_STOP_S = 10.0  # a fast shutdown writes at most 16 MB of buffers
_IMMEDIATE_STOP_S = 5.0  # PostgreSQL itself kills its children 5 s after an immediate shutdown
_KILL_S = 10.0


async def stop_leftovers(folder: Path) -> tuple[int, ...]:
    """Stop every PostgreSQL process of the data folder, drop its stale pid file, return who was stopped.

    The caller holds the lock of the data directory: a process found here has lost its supervisor.
    """
    found = processes_of(folder)
    if found:
        await _stop(folder, found)
    (folder / "postmaster.pid").unlink(missing_ok=True)
    return found


def processes_of(folder: Path) -> tuple[int, ...]:
    """Return the living PostgreSQL processes that work in `folder`, servers before their children."""
    try:
        wanted = folder.stat()
    except OSError:
        return ()
    found = [pid for pid in all_pids() if _works_in(pid, wanted) and _is_postgres(pid)]
    return tuple(sorted(found, key=lambda pid: (parent_of(pid) in found, pid)))


async def _stop(folder: Path, found: tuple[int, ...]) -> None:
    servers = [pid for pid in found if parent_of(pid) not in found and _is_server(pid)]
    for pid in servers:
        send(pid, signal.SIGINT)
    if servers and await wait_gone(found, timeout_s=_FAST_STOP_S):
        return
    # Backends without a server do not know SIGINT as an end; SIGQUIT ends both at once, the log repairs the rest.
    for pid in processes_of(folder):
        send(pid, signal.SIGQUIT)
    if await wait_gone(found, timeout_s=_IMMEDIATE_STOP_S):
        return
    for pid in processes_of(folder):
        send(pid, signal.SIGKILL)
    await wait_gone(found, timeout_s=_KILL_S)


def _works_in(pid: int, wanted: os.stat_result) -> bool:
    # Through the link itself: it names the folder also when another mount or a rename changed its path.
    with contextlib.suppress(OSError):
        return os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), wanted)
    return False


def _is_postgres(pid: int) -> bool:
    words = command_line(pid)
    return bool(words) and (words[0].startswith("postgres:") or Path(words[0]).name == "postgres")


def _is_server(pid: int) -> bool:
    words = command_line(pid)
    return is_alive(pid) and bool(words) and not words[0].startswith("postgres:")
