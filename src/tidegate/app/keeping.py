"""One at a time: what copies or changes the keys and the data of an installation as a whole."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tidegate.app.backup.errors import BackupUnderWayError
from tidegate.app.lock import DataDirectory

__all__ = ["only_one"]


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the lock of backups and key changes for the length of the block; the kernel drops it with its holder.

    Raises:
        BackupUnderWayError: somebody else holds it.
    """
    DataDirectory(data_dir).make()
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise BackupUnderWayError from None
    try:
        yield
    finally:
        os.close(file)
