"""Judgements and runs as the files of TREC write them. Pure."""

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from tidegate.signals.quality.errors import TrecFileInvalidError

Judgements = Mapping[str, Mapping[str, int]]
"""Query -> document -> how relevant it is; 0 and below: not."""
Run = Mapping[str, Mapping[str, float]]
"""Query -> document -> its score."""

MAX_LINES: Final = 5_000_000
_FLOAT: Final = struct.Struct("<f")


def read_judgements(text: str) -> Judgements:
    """Read `query iteration document relevance` lines.

    Raises:
        TrecFileInvalidError: a line is something else, or judges a document twice.
    """
    found: dict[str, dict[str, int]] = {}
    for number, (query, _, document, relevance) in _lines(text, "judgements", 4):
        try:
            level = int(relevance)
        except ValueError as error:
            raise TrecFileInvalidError("judgements", number, f"{relevance[:40]!r} is no whole number.") from error
        own = found.setdefault(query, {})
        if document in own:
            raise TrecFileInvalidError("judgements", number, f"{document[:80]!r} is judged twice for {query[:40]!r}.")
        own[document] = level
    return found


def read_run(text: str) -> Run:
    """Read `query Q0 document rank score name` lines; the rank is not believed, scores decide.

    Raises:
        TrecFileInvalidError: a line is something else, or a document stands twice in an answer.
    """
    found: dict[str, dict[str, float]] = {}
    for number, (query, _, document, _, score, _) in _lines(text, "run", 6):
        try:
            # trec_eval keeps scores in single precision: what is equal there is a tie here.
            value: float = _FLOAT.unpack(_FLOAT.pack(float(score)))[0]
        except (ValueError, OverflowError) as error:
            raise TrecFileInvalidError("run", number, f"{score[:40]!r} is no score.") from error
        if not math.isfinite(value):
            raise TrecFileInvalidError("run", number, f"{score[:40]!r} ranks nothing.")
        own = found.setdefault(query, {})
        if document in own:
            raise TrecFileInvalidError(
                "run", number, f"{document[:80]!r} stands twice in the answer to {query[:40]!r}."
            )
        own[document] = value
    return found


def _lines(text: str, what: str, columns: int) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if number > MAX_LINES:
            raise TrecFileInvalidError(what, number, f"there are more than {MAX_LINES:,} lines.")
        words = line.split()
        if not words:
            continue
        if len(words) != columns:
            raise TrecFileInvalidError(what, number, f"it has {len(words)} columns and not {columns}.")
        yield number, words
