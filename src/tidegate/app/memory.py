"""What our processes cost in memory, honestly: resident size counts the engine's 250 MB of program text in full.

Private is what a process has written and nobody shares, in memory or swapped out: it must be kept somewhere as
long as the process lives. Clean pages of files are not in it, for the kernel drops and re-reads them at will; they
would count fully for the only process that maps a library and not at all for two. PSS contains its share of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tidegate.app.supervisor.state import read_state
from tidegate.storage.processes import command_line, descendants_of

SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """One process, in bytes, at one moment."""

    pid: int
    command: str
    pss_bytes: int
    private_bytes: int
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class MemorySum:
    """Several processes together."""

    process_count: int
    pss_bytes: int
    private_bytes: int

    @classmethod
    def of(cls, processes: Iterable[ProcessMemory]) -> "MemorySum":
        each = tuple(processes)
        return cls(len(each), sum(one.pss_bytes for one in each), sum(one.private_bytes for one in each))


def find_memory(pid: int) -> ProcessMemory | None:
    """Return the memory of a process, or `None` when it is gone or not ours to look at."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in _lines(text)}
    return ProcessMemory(
        pid=pid,
        command=" ".join(command_line(pid)),
        pss_bytes=sizes.get("Pss", 0),
        private_bytes=sizes.get("Private_Dirty", 0) + sizes.get("Private_Hugetlb", 0) + sizes.get("SwapPss", 0),
        resident_bytes=sizes.get("Rss", 0),
    )


def _lines(text: str) -> list[tuple[str, str, str]]:
    # The first line is the range of addresses; the others are `Name:   12 kB`.
    return [line.partition(":") for line in text.splitlines()[1:] if line.endswith(" kB")]


def memory_of(root: int | None) -> MemorySum:
    """Return the memory of a process and of all below it; of nobody, when the process is not known or gone."""
    return MemorySum.of(_each(() if root is None else descendants_of(root)))


def _each(pids: Iterable[int]) -> tuple[ProcessMemory, ...]:
    return tuple(found for pid in pids if (found := find_memory(pid)) is not None)


def memory_by_child(data_dir: Path) -> dict[str, MemorySum]:
    """Return the memory of the running server, by child with all processes below it, and of the supervisor itself.

    Empty when no server runs here.
    """
    state = read_state(data_dir)
    if state is None:
        return {}
    children = state.get("children")
    sums: dict[str, MemorySum] = {}
    for child in children if isinstance(children, list) else ():
        pid = child.get("pid")
        if isinstance(pid, int):
            sums[str(child.get("name"))] = memory_of(pid)
    supervisor = state.get("pid")
    if isinstance(supervisor, int):
        sums[SUPERVISOR] = MemorySum.of(_each([supervisor]))
    return sums
