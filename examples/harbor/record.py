"""The record of a running `make run`: what another terminal needs to know to talk to it. Gone when it stops."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from examples.harbor.places import harbor_dir


@dataclass(frozen=True, slots=True)
class RunRecord:
    pid: int
    tidegate_url: str
    harbor_url: str
    token: str
    """Writes in tidegate's workspace `default`; that is why the file is for its owner alone."""
    commit: str
    release: str


class AlreadyRunningError(Exception):
    """Another driver uses this data directory."""


def record_file(data_dir: Path) -> Path:
    return harbor_dir(data_dir) / "run.json"


def write_record(data_dir: Path, record: RunRecord) -> None:
    path = record_file(data_dir)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(record), file)


def find_record(data_dir: Path) -> RunRecord | None:
    """Return the record of the run under way; a record that a killed run left behind is not one."""
    try:
        record = RunRecord(**json.loads(record_file(data_dir).read_text(encoding="utf-8")))
        os.kill(record.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return record


def delete_record(data_dir: Path) -> None:
    record_file(data_dir).unlink(missing_ok=True)


def lock_directory(data_dir: Path) -> int:
    """Claim harbor's part of the data directory for this process and return the descriptor that holds the claim.

    The lock is on the directory itself: no lock file can be left behind, and the kernel frees it with the process.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    directory = harbor_dir(data_dir)
    # One after the other: `parents=True` would give the data directory, which holds keys, the mode of the shell.
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    data_dir.mkdir(mode=0o700, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        record = find_record(data_dir)
        who = f" (process {record.pid}, tidegate at {record.tidegate_url})" if record else ""
        raise AlreadyRunningError(
            f"A run already uses {data_dir}{who}. Stop it with Ctrl-C, or choose another --data-dir."
        ) from error
    return descriptor


def is_served(data_dir: Path) -> bool:
    """Tell whether a tidegate server uses the directory: it holds a lock on the file `lock` as long as it lives."""
    try:
        descriptor = os.open(data_dir / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
