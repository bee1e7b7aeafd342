"""Files of a recording: found, opened and named by a digest of what they hold, compressed or not."""

import gzip
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, cast

from tidegate.replays.formats import Format
from tidegate.replays.model import UnreadableFileError

MAX_LINE_BYTES = 16 * 2**20
"""As long as a request may be: what is longer could never be sent."""
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    digest: str
    line_count: int


def files_of(path: Path, form: Format) -> list[Path]:
    """Return the file, or the files of a folder and the folders in it that are named like `form`'s, by name.

    Raises:
        UnreadableFileError: the folder holds none.
    """
    if not path.is_dir():
        return [path]
    patterns = [*form.patterns, *(f"{pattern}.gz" for pattern in form.patterns)]
    found = sorted(
        file for file in path.rglob("*") if file.is_file() and any(fnmatch(file.name, each) for each in patterns)
    )
    if not found:
        raise UnreadableFileError(f"no file in it is named like {', '.join(form.patterns)}; name the files one by one")
    return found


def fingerprint_of(path: Path) -> Fingerprint:
    """Return the digest of the text: a file has the same one with and without its compression."""
    digest = hashlib.sha256()
    lines = 0
    with _opened(path) as file:
        while chunk := _read(file):
            digest.update(chunk)
            lines += chunk.count(b"\n")
    return Fingerprint(digest.hexdigest(), lines)


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines; one that is too long is cut, bytes that are no UTF-8 are replaced.

    Raises:
        UnreadableFileError: its compression is damaged.
    """
    with _opened(path) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES):
                is_cut = not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES
                yield line.decode("utf-8", "replace")
                while is_cut:
                    rest = file.readline(MAX_LINE_BYTES)
                    is_cut = bool(rest) and not rest.endswith(b"\n")
        except (EOFError, OSError) as error:
            raise UnreadableFileError(f"it cannot be read to its end: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnreadableFileError(f"it cannot be opened: {error.strerror}") from error
    with file:
        head = file.read(len(_GZIP))
        file.seek(0)
        if head == _GZIP:
            # The compressed file leaves the one below it open when it is closed.
            yield cast("BinaryIO", gzip.GzipFile(fileobj=file))
        else:
            yield file


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(_CHUNK_BYTES)
    except (EOFError, OSError) as error:
        raise UnreadableFileError(f"it cannot be read to its end: {error}") from error
