"""Spans of the last seconds as they were read when these were counted, so that hot traces are not read again.

Contract. One process counts, and whatever is stored touches its seconds: so what was read of a second is all there is
of it until it is touched again, and then it is read again. What the cache does not know is read once, empty seconds
too. It knows nothing after another process counted, or when counting failed half way.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Seconds
from tidegate.signals.statements import LINK_NUMBERS, LINK_WORDS
from tidegate.storage.native import Columns, Dictionaries, Numbers, Words

MAX_ROWS: Final = 300_000  # 170 bytes each; ten seconds of full load
MAX_WORDS: Final = 300_000  # of all dictionaries together: ids of conversations never end
_KEPT_S: Final = 120

Second = tuple[WorkspaceId, int]


class RecentSpans:
    """Rows by second."""

    def __init__(self) -> None:
        self.dictionaries: Dictionaries = {}
        self._rows: dict[Second, Columns] = {}

    def forget(self) -> None:
        self.dictionaries = {}
        self._rows.clear()

    def unknown(self, workspaces: Iterable[WorkspaceId], first: int, last: int) -> Seconds:
        """Return the seconds of `workspaces` from `first` to `last` that are not known."""
        found = {
            workspace: [one for one in range(first, last + 1) if (workspace, one) not in self._rows]
            for workspace in workspaces
        }
        return {workspace: seconds for workspace, seconds in found.items() if seconds}

    def keep(self, columns: Columns, seconds: Seconds, now_s: int) -> None:
        """Know that `columns` hold all rows of `seconds`, and forget what is old."""
        if sum(map(len, self.dictionaries.values())) > MAX_WORDS:
            self.forget()  # the next closing begins anew, with the words that are still said
            return
        workspace, second = columns.words["workspace"], columns.numbers["second"]
        codes = {word: code for code, word in enumerate(workspace.words)}
        place = workspace.codes.astype(np.int64) * _WIDTH + second
        order = np.argsort(place, kind="stable")
        ranked = place[order]
        for name, found in seconds.items():
            for one in found:
                moment = codes.get(name, -1) * _WIDTH + one
                start, end = np.searchsorted(ranked, [moment, moment + 1])
                self._rows[name, one] = _picked(columns, order[start:end])
        old = [key for key in self._rows if key[1] < now_s - _KEPT_S]
        for key in old:
            del self._rows[key]
        while sum(one.row_count for one in self._rows.values()) > MAX_ROWS:
            del self._rows[min(self._rows, key=lambda key: key[1])]

    def rows_of(self, seconds: Seconds) -> list[Columns]:
        """Return what is known of `seconds`."""
        found = [self._rows.get((workspace, one)) for workspace, own in seconds.items() for one in own]
        return [one for one in found if one is not None and one.row_count]


_WIDTH: Final = 2**33  # more than there are seconds


def _picked(columns: Columns, rows: Numbers) -> Columns:
    return Columns(
        len(rows),
        {name: columns.numbers[name][rows] for name in LINK_NUMBERS},
        {name: Words((), columns.words[name].codes[rows]) for name in LINK_WORDS},
    )


def no_rows() -> Columns:
    """Return columns of the right types without a row."""
    return Columns(
        0,
        {name: np.zeros(0, np.uint64 if name != "cost_nano_usd" else np.int64) for name in LINK_NUMBERS},
        {name: Words((), np.zeros(0, np.int32)) for name in LINK_WORDS},
    )


def joined(parts: Sequence[Columns], dictionaries: Dictionaries) -> Columns:
    """Return rows of several reads, with the columns that make runs; words have codes of `dictionaries`."""
    return Columns(
        sum(one.row_count for one in parts),
        {name: np.concatenate([one.numbers[name] for one in parts]) for name in LINK_NUMBERS},
        {
            name: Words(list(dictionaries.get(name, ())), np.concatenate([one.words[name].codes for one in parts]))
            for name in LINK_WORDS
        },
    )


def of_traces(parts: Sequence[Columns], wanted: Columns) -> list[Columns]:
    """Return the rows of `parts` whose trace is one of those of `wanted`; others may slip in, none is missed."""
    theirs = np.unique(_trace_of(wanted))
    return [_picked(part, _places_among(theirs, _trace_of(part))) for part in parts]


def _places_among(theirs: Numbers, mine: Numbers) -> Numbers:
    if not len(theirs) or not len(mine):
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(theirs, mine), len(theirs) - 1)
    return np.flatnonzero(theirs[place] == mine)


def _trace_of(columns: Columns) -> Numbers:
    found: Numbers = columns.numbers["trace_hi"] ^ columns.numbers["trace_lo"]
    return found
