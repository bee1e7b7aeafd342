"""Room on disk: the bound below which intake stops, and the ballast that lets the engines act when all of it is gone.

Contract. What was acknowledged lies on disk already; so only new telemetry is refused, reading goes on, and nothing is
dropped. Intake stops when the file system of the data has less free than the limit and goes on by itself a twentieth
above it. The ballast is 16 MB of the same file system: one process (the supervisor) keeps it, removes it when nothing
else is left, and makes it again once intake may go on. On a full disk even dropping a partition fails, and PostgreSQL
cannot write the record that it needs to go on; 16 MB cured both (measured).
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tidegate.kernel import InvalidInputError, UnavailableError

__all__ = ["Ballast", "DiskLimit", "DiskLimitInvalidError", "DiskRoom", "DiskWatch", "IntakeStoppedError", "measure"]

_MB, _GB = 10**6, 10**9
BALLAST_BYTES = 16 * 2**20
_LEAST_FREE_BYTES = 2 * _GB
_LEAST_FREE_RATIO = 0.1
_MOST_FREE_BYTES = 5 * _GB
"""A tenth of a large disk is far more than a merge takes: a laptop with 6 GB left of 500 shall work."""
_MOST_FREE_RATIO = 0.25
"""And 2 GB are more than all of a small one."""
_RESUME_SHARE = 1.05  # without a gap, one merge more or less would stop and start intake several times a second
_FULL_BYTES = 8 * 2**20  # PostgreSQL writes its log in files of 16 MB, the engine its parts in pieces of 1 MB
_LOOK_EVERY_S = 0.25  # a flush comes as often, and takes 16 MB at most
_RETRY_AFTER_S = 15.0  # room is made by people: senders keep their queue meanwhile
_CHUNK_BYTES = 2**20
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[kKMGT]?i?B?)")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class DiskLimitInvalidError(InvalidInputError):
    code: ClassVar[str] = "disk_limit_invalid"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"TIDEGATE_DISK_MIN_FREE is {given!r}: write a size (500MB, 2GB) or a share of the disk (5%); "
            "0 turns it off.",
            field="TIDEGATE_DISK_MIN_FREE",
        )


class IntakeStoppedError(UnavailableError):
    """No new telemetry is taken until there is room; what is stored can be read."""

    code: ClassVar[str] = "intake_stopped"

    def __init__(self, room: "DiskRoom") -> None:
        super().__init__(f"{room.sentence} Keep the batch and send it again.", retry_after_s=_RETRY_AFTER_S)


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """One file system at one moment."""

    free_bytes: int
    """What this user may still write."""
    total_bytes: int
    limit_bytes: int
    is_stopped: bool
    """Whether new telemetry is refused."""

    @property
    def used_ratio(self) -> float:
        return 1 - self.free_bytes / self.total_bytes if self.total_bytes else 1.0

    @property
    def sentence(self) -> str:
        free, limit = _words(self.free_bytes), _words(self.limit_bytes)
        if self.is_stopped:
            return f"Intake stopped: disk {self.used_ratio * 100:.0f} % full (free {free}, limit {limit})."
        return f"Disk {self.used_ratio * 100:.0f} % full: {free} free, intake stops below {limit}."


@dataclass(frozen=True, slots=True)
class DiskLimit:
    """How much must stay free: as told, else max(2 GB, 10 %), at most 5 GB and a quarter of the disk."""

    told_bytes: int | None = None
    told_ratio: float | None = None

    @classmethod
    def parse(cls, text: str | None) -> "DiskLimit":
        """Return what `TIDEGATE_DISK_MIN_FREE` says; unset and empty leave the default.

        Raises:
            DiskLimitInvalidError: it is neither a size nor a share.
        """
        if not text or not text.strip():
            return cls()
        found = _SIZE.fullmatch(text.strip())
        if found is None:
            raise DiskLimitInvalidError(text)
        number, unit = float(found[1]), found[2]
        if unit == "%":
            if number >= 100:
                raise DiskLimitInvalidError(text)
            return cls(told_ratio=number / 100)
        letter = unit[:1].upper() if unit[:1] not in {"", "B", "i"} else ""
        return cls(told_bytes=int(number * (_BINARY_UNITS if "i" in unit else _UNITS).get(letter, 1)))

    def bytes_of(self, total_bytes: int) -> int:
        """Return the limit on a disk of `total_bytes`."""
        if self.told_bytes is not None:
            return self.told_bytes
        if self.told_ratio is not None:
            return int(total_bytes * self.told_ratio)
        wanted = max(_LEAST_FREE_BYTES, int(total_bytes * _LEAST_FREE_RATIO))
        return min(wanted, _MOST_FREE_BYTES, int(total_bytes * _MOST_FREE_RATIO))


Measure = Callable[[Path], tuple[int, int]]
"""Returns free and total bytes of the file system of a folder; raises `OSError`."""


def measure(folder: Path) -> tuple[int, int]:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


class DiskWatch:
    """Looks at the file systems of a data directory; cheap enough to be asked for every batch."""

    def __init__(
        self,
        folders: Sequence[Path],
        limit: DiskLimit,
        *,
        measure: Measure = measure,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = tuple(folders)
        self._limit = limit
        self._measure = measure
        self._monotonic = monotonic
        self._room: DiskRoom | None = None
        self._looked_at = 0.0

    @classmethod
    def of(cls, data_dir: Path, limit: DiskLimit) -> "DiskWatch":
        """Watch a data directory; its engines may lie on file systems of their own."""
        return cls((data_dir, data_dir / "postgres", data_dir / "telemetry"), limit)

    def gate(self) -> None:
        """Let a batch in.

        Raises:
            IntakeStoppedError: there is too little room.
        """
        room = self.look()
        if room is not None and room.is_stopped:
            raise IntakeStoppedError(room)

    def look(self) -> DiskRoom | None:
        """Return the file system with the least room above its limit, at most a quarter of a second old.

        `None` when nothing can be measured: then nothing is refused, for the engines still refuse by themselves.
        """
        now = self._monotonic()
        if self._room is None or now - self._looked_at >= _LOOK_EVERY_S:
            self._room, self._looked_at = self._look_now(), now
        return self._room

    def _look_now(self) -> DiskRoom | None:
        was_stopped = self._room is not None and self._room.is_stopped
        rooms = []
        for folder in self._folders:
            with contextlib.suppress(OSError):  # an engine of one's own has no folder here
                free, total = self._measure(folder)
                limit = self._limit.bytes_of(total)
                rooms.append(
                    DiskRoom(free, total, limit, is_stopped=free < limit * (_RESUME_SHARE if was_stopped else 1))
                )
        return min(rooms, key=lambda room: room.free_bytes - room.limit_bytes, default=None)


class Ballast:
    """A file that takes room until the room is needed."""

    def __init__(
        self, data_dir: Path, limit: DiskLimit, *, measure: Measure = measure, size_bytes: int = BALLAST_BYTES
    ) -> None:
        self._folder = data_dir
        self._file = data_dir / "ballast"
        self._limit = limit
        self._measure = measure
        self._size = size_bytes
        self._was_released = False

    @property
    def is_there(self) -> bool:
        return self._file.exists()

    def keep(self) -> str | None:
        """Make the ballast when there is room, remove it when there is none; return what was done, if anything.

        Called every second or two: it looks once and returns.
        """
        try:
            free, total = self._measure(self._folder)
            if self._file.exists():
                if free >= min(_FULL_BYTES, self._size // 2):
                    return None
                self._file.unlink()
                self._was_released = True
                return "released"
            # Not at the first free megabyte: what was made free is for the engines.
            spare = self._limit.bytes_of(total) if self._was_released else 2 * self._size
            if free < self._size + max(spare, _FULL_BYTES):
                return None
            self._make()
        except OSError:
            self._file.unlink(missing_ok=True)
            return None
        return "made"

    def _make(self) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            # Random, because a file system that compresses would keep zeros in no room at all.
            for _ in range(0, self._size, _CHUNK_BYTES):
                os.write(descriptor, os.urandom(min(_CHUNK_BYTES, self._size)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _words(size: int) -> str:
    for unit, letter in ((_GB, "GB"), (_MB, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {letter}"
    return f"{size} bytes"
