"""The data directory: made once, ours alone, and used by one server at a time.

The lock is `flock` on the file `lock`: the kernel drops it with its holder, however that ends, so no stale
file can keep anybody out. The JSON inside only tells people who holds it.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, format_utc, parse_utc

_PATIENCE_S = 0.3  # `holder` takes the lock for microseconds when it asks; a start must not fail over that
_RETRY_S = 0.02


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who uses the data directory."""

    pid: int | None
    """`None` when the file does not say: its holder has only just taken the lock."""
    url: str | None
    """Where its pages are; `None` for an operator's command that only borrows the database."""
    since: datetime | None


class DataDirectoryInUseError(ConflictError):
    code: ClassVar[str] = "data_directory_in_use"

    def __init__(self, path: Path, holder: LockHolder) -> None:
        who = f"process {holder.pid}" if holder.pid is not None else "another process"
        where = f" at {holder.url}" if holder.url else ""
        since = f" since {format_utc(holder.since)}" if holder.since is not None else ""
        super().__init__(
            f"{path} is in use by {who}{where}{since}. Stop it first, or choose another folder with --data-dir."
        )
        self.holder = holder


class ForeignDataDirectoryError(ForbiddenError):
    code: ClassVar[str] = "data_directory_foreign"

    def __init__(self, path: Path, *, owner: int, us: int) -> None:
        super().__init__(
            f"{path} belongs to user {owner}, and this is user {us}. Run tidegate as its owner, "
            "or choose another folder with --data-dir."
        )


class DataDirectoryUnusableError(InvalidInputError):
    code: ClassVar[str] = "data_directory_unusable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be the data directory: {reason}. Choose another folder with --data-dir.")


class HeldLock:
    """The lock while it is held."""

    def __init__(self, file: int, *, since: datetime) -> None:
        self._file = file
        self._since = since

    def tell(self, *, url: str | None) -> None:
        """Write down who holds the lock, for those who come later."""
        note = {"pid": os.getpid(), "url": url, "since": format_utc(self._since)}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(note).encode() + b"\n", 0)


class DataDirectory:
    """The folder that holds all state of one installation."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def make(self) -> None:
        """Create the folder with mode 0700, or check the one that is there.

        Raises:
            ForeignDataDirectoryError: it belongs to another user.
            DataDirectoryUnusableError: it is no folder, or cannot be made.
        """
        if {"?", "&"} & set(str(self.path)):
            raise DataDirectoryUnusableError(self.path, "the telemetry engine reads ? and & in a path as options")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            owner = self.path.stat().st_uid
        except OSError as error:
            raise DataDirectoryUnusableError(self.path, error.strerror or str(error)) from error
        if owner != os.geteuid():
            raise ForeignDataDirectoryError(self.path, owner=owner, us=os.geteuid())
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise DataDirectoryUnusableError(self.path, "it cannot be written to")

    @contextlib.contextmanager
    def lock(self, *, url: str | None = None) -> Iterator["HeldLock"]:
        """Hold the data directory for the length of the block.

        Raises:
            DataDirectoryInUseError: somebody else holds it; the error says who.
        """
        file = self._acquire()
        try:
            held = HeldLock(file, since=datetime.now(UTC))
            held.tell(url=url)
            yield held
        finally:
            # The file stays: removing it would let two holders lock two files of one name.
            os.ftruncate(file, 0)
            os.close(file)

    def find_holder(self) -> LockHolder | None:
        """Return who holds the data directory now, or `None`."""
        try:
            file = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_note(os.pread(file, 4096, 0))
        else:
            return None
        finally:
            os.close(file)

    @property
    def _file(self) -> Path:
        return self.path / "lock"

    def _acquire(self) -> int:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            file = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _read_note(os.pread(file, 4096, 0))
                os.close(file)
                if time.monotonic() >= deadline:
                    raise DataDirectoryInUseError(self.path, holder) from None
                time.sleep(_RETRY_S)
            else:
                return file


def _read_note(data: bytes) -> LockHolder:
    try:
        note = json.loads(data)
        return LockHolder(pid=int(note["pid"]), url=note["url"], since=parse_utc(note["since"]))
    except (ValueError, KeyError, TypeError, InvalidInputError):
        return LockHolder(pid=None, url=None, since=None)
