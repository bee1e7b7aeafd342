"""`run/state.json`: what runs now, for `tidegate status`, and for the next start after a crash."""

import json
import signal
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from tidegate.kernel.canonical import JsonValue
from tidegate.storage.durable_files import write_whole
from tidegate.storage.processes import send, start_ticks, wait_gone

_ASKED_S = 3.0  # the engine closes in 0.5 s; after that its data are as safe as after a power cut
_KILLED_S = 10.0


class ChildState(StrEnum):
    """Where a child stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    DONE = "done"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ChildReport:
    """One child in the state file."""

    name: str
    state: ChildState
    pid: int | None
    start_ticks: int | None
    """With the process id and the boot, a name that is never reused."""
    restarts: int
    ready: bool
    last_exit: str | None
    """How it ended last: `exit code 1`, `signal SIGKILL`."""


@dataclass(frozen=True, slots=True)
class ServerReport:
    """The whole state file."""

    pid: int
    started_at: str
    url: str
    otlp_url: str | None
    """`None` when the port was taken."""
    otlp_grpc_url: str | None
    """The same for gRPC."""
    public_url: str
    ready: bool
    """Every child is ready."""
    children: tuple[ChildReport, ...]
    versions: dict[str, str]
    boot: str

    def write(self, data_dir: Path) -> None:
        content = {_camel(name): value for name, value in asdict(self).items()}
        content["children"] = [{_camel(name): value for name, value in asdict(each).items()} for each in self.children]
        write_whole(_file(data_dir), json.dumps(content, indent=2).encode() + b"\n")


def read_state(data_dir: Path) -> dict[str, JsonValue] | None:
    """Return what the state file says, or `None` without one; whether its writer lives, the lock tells."""
    try:
        content = json.loads(_file(data_dir).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def remove_state(data_dir: Path) -> None:
    _file(data_dir).unlink(missing_ok=True)


def boot_id() -> str:
    """Return what tells this boot of the machine from others: process ids begin anew with each."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def living_children(data_dir: Path) -> tuple[int, ...]:
    """Return the children of an earlier supervisor that still run; PostgreSQL has its own way (`leftovers`)."""
    content = read_state(data_dir)
    if content is None or content.get("boot") != boot_id():
        return ()
    children = content.get("children")
    found: list[int] = []
    for child in children if isinstance(children, list) else ():
        pid, ticks = child.get("pid"), child.get("startTicks")
        if child.get("name") != "postgres" and isinstance(pid, int) and ticks is not None and ticks == start_ticks(pid):
            found.append(pid)
    return tuple(found)


async def stop_leftover_children(data_dir: Path) -> tuple[int, ...]:
    """End the children that an earlier supervisor could not take with it; they hold locks and ports."""
    found = living_children(data_dir)
    for number, limit_s in ((signal.SIGTERM, _ASKED_S), (signal.SIGKILL, _KILLED_S)):
        for pid in found:
            send(pid, number)
        if await wait_gone(found, timeout_s=limit_s):
            break
    return found


def _file(data_dir: Path) -> Path:
    return data_dir / "run" / "state.json"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
