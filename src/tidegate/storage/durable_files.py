"""Small files that are there as a whole or not at all, also after a power cut."""

import contextlib
import os
from pathlib import Path


def write_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `data`, and return when a power cut can no longer undo it."""
    _replace(path, data, mode=mode, synced=True)
    sync_folder(path.parent)


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `data` at once: a reader sees the old file or the new one. Nothing waits for the disk."""
    _replace(path, data, mode=mode, synced=False)


def _replace(path: Path, data: bytes, *, mode: int, synced: bool) -> None:
    # The process id in the name keeps two writers from spoiling each other's half.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(file, "wb") as writer:
            writer.write(data)
            if synced:
                writer.flush()
                os.fsync(writer.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last: fsync of a file does not cover its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
