"""Comma-separated rows with a header, by name."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from tidegate.replays.model import UnreadableFileError


def table_rows(lines: Iterable[str], columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its number, the header being row 1; what a short row lacks is empty.

    Raises:
        UnreadableFileError: the header lacks one of `columns`.
    """
    reader = csv.reader(_without_nul(lines))
    header = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
    lacking = [name for name in columns if name not in header]
    if lacking:
        wanted = f": it must name {', '.join(columns)}" if len(lacking) < len(columns) else ""
        raise UnreadableFileError(f"the first line names no {', '.join(lacking)}{wanted}")
    try:
        for number, cells in enumerate(reader, 2):
            if cells:
                yield number, dict.fromkeys(header, "") | dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise UnreadableFileError(f"line {reader.line_num}: {error}") from error


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    return (line.replace("\0", "") for line in lines)
