"""Rows in memory under a path of this process, which the engine opens like any file."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Final, TypeAlias

Rows: TypeAlias = bytes | bytearray | memoryview
_KEPT_BYTES: Final = 16 * 2**20  # an insert of spans is at most as large


class MemoryFiles:
    """Files for inserts, from several threads at once.

    One is kept and written over: its memory is there already, which saves 0.7 of 5.4 us a span.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: int | None = None

    @contextlib.contextmanager
    def holding(self, rows: Rows) -> Iterator[str]:
        """Lend the path of a file that holds `rows` and nothing else."""
        with self._lock:
            descriptor, self._idle = self._idle, None
        if descriptor is None:
            descriptor = os.memfd_create("rows")
        try:
            _write(descriptor, rows)
            yield f"/proc/self/fd/{descriptor}"
        except BaseException:
            os.close(descriptor)
            raise
        self._keep(descriptor, memoryview(rows).nbytes)

    def _keep(self, descriptor: int, size: int) -> None:
        with self._lock:
            if self._idle is None and size <= _KEPT_BYTES:
                self._idle = descriptor
                return
        os.close(descriptor)


def _write(descriptor: int, rows: Rows) -> None:
    """Write from the beginning and cut off what was there before, which gives its memory back."""
    left, at = memoryview(rows), 0
    while left:
        written = os.pwrite(descriptor, left, at)
        left, at = left[written:], at + written
    os.ftruncate(descriptor, at)
