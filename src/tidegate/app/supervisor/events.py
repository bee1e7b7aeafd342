"""What the supervisor did, one JSON line an event, for people and for `tidegate doctor`."""

import contextlib
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from tidegate.kernel import format_utc

LOG_BYTES = 16 * 1024 * 1024  # of a child; the 16 MB before are kept as well
_KEPT_BYTES = 4 * 1024 * 1024  # some 20,000 events; the file before is kept as well


class EventLog:
    """Appends events to a file, and to stderr when asked; a full disk or a closed terminal stops nobody."""

    def __init__(self, file: Path, *, to_stderr: bool) -> None:
        self._file = file
        self._to_stderr = to_stderr

    def emit(self, event: str, **fields: str | float | bool | None) -> None:
        """Write one event; `None` fields are left out."""
        known = {name: value for name, value in fields.items() if value is not None}
        line = json.dumps({"at": format_utc(datetime.now(UTC)), "event": event, **known}, ensure_ascii=False) + "\n"
        with contextlib.suppress(OSError):
            rotate(self._file, _KEPT_BYTES)
            with self._file.open("a", encoding="utf-8") as log:
                log.write(line)
        if self._to_stderr:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(line)
                sys.stderr.flush()


def rotate(file: Path, limit_bytes: int) -> None:
    """Move a log that has grown past its limit aside; the one that was aside before is dropped."""
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_size > limit_bytes:
            file.replace(file.with_name(f"{file.name}.1"))


def trim(file: Path, limit_bytes: int) -> bool:
    """Copy a log that has grown past its limit aside and empty it; return whether it had.

    For a log that is being written: its writer appends, so it goes on at the new end. What is written between copy and
    emptying is lost. On a full disk the copy is given up and the log emptied all the same.
    """
    try:
        if file.stat().st_size <= limit_bytes:
            return False
        aside = file.with_name(f"{file.name}.1")
        try:
            shutil.copyfile(file, aside)
            aside.chmod(0o600)
        except OSError:
            aside.unlink(missing_ok=True)
        os.truncate(file, 0)
    except OSError:
        return False
    return True


def last_lines(file: Path, count: int = 6) -> str:
    """Return the end of a log as one line, for an error message."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - 4096))
            lines = log.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return ""
    return " / ".join(line.strip() for line in lines if line.strip())
