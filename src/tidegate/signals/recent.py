"""Spans of the last seconds as they were read when these were counted, so that hot traces are not read again.

Contract. One process counts, and whatever is stored touches its seconds: so what was read of a second is all there is
of it until it is touched again, and then it is read again. What the cache does not know is read once, empty seconds
too. It knows nothing after another process counted, or when counting failed half way.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Seconds
from tidegate.signals.statements import EVENT_NUMBERS, EVENT_WORDS, LINK_NUMBERS, LINK_WORDS
from tidegate.storage.native import Columns, Dictionaries, Numbers, Words

MAX_ROWS: Final = 300_000  # 170 bytes each; ten seconds of full load
MAX_WORDS: Final = 300_000  # of all dictionaries together: ids of conversations never end
_KEPT_S: Final = 120
_MAX_EVENTS: Final = 120_000  # 120 bytes each
_EVENTS_KEPT_S: Final = 5

Second = tuple[WorkspaceId, int]


class RecentSpans:
    """Rows by second."""

    def __init__(self) -> None:
        self.dictionaries: Dictionaries = {}
        self._rows: dict[Second, Columns] = {}
        self._events: dict[Second, Columns] = {}
        """Of the newest seconds what is counted of events besides."""

    def forget(self) -> None:
        self.dictionaries = {}
        self._rows.clear()
        self._events.clear()

    def unknown(self, workspaces: Iterable[WorkspaceId], first: int, last: int) -> Seconds:
        """Return the seconds of `workspaces` from `first` to `last` that are not known."""
        found = {
            workspace: [one for one in range(first, last + 1) if (workspace, one) not in self._rows]
            for workspace in workspaces
        }
        return {workspace: seconds for workspace, seconds in found.items() if seconds}

    def unknown_of(self, seconds: Seconds) -> Seconds:
        """Return those of `seconds` that are not known."""
        found = {
            workspace: [one for one in own if (workspace, one) not in self._rows] for workspace, own in seconds.items()
        }
        return {workspace: own for workspace, own in found.items() if own}

    def make_room(self, now_s: int) -> None:
        """Forget what is old or too much. Between closings only: within one, rows keep the codes of their words."""
        if sum(map(len, self.dictionaries.values())) > MAX_WORDS:
            self.forget()  # the next closing begins anew, with the words that are still said
        _let_go(self._rows, now_s - _KEPT_S, MAX_ROWS)
        _let_go(self._events, now_s - _EVENTS_KEPT_S, _MAX_EVENTS)

    def drop(self, seconds: Seconds) -> None:
        """Know nothing of `seconds`: they were counted from what was read elsewhere."""
        for workspace, found in seconds.items():
            for one in found:
                self._rows.pop((workspace, one), None)
                self._events.pop((workspace, one), None)

    def keep(self, columns: Columns, seconds: Seconds) -> None:
        """Know that `columns` hold all rows of `seconds`."""
        workspace, second = columns.words["workspace"], columns.numbers["second"]
        codes = {word: code for code, word in enumerate(workspace.words)}
        place = workspace.codes.astype(np.int64) * _WIDTH + second
        order = np.argsort(place, kind="stable")
        ranked = place[order]
        for name, found in seconds.items():
            for one in found:
                moment = codes.get(name, -1) * _WIDTH + one
                start, end = np.searchsorted(ranked, [moment, moment + 1])
                self._rows[name, one] = _picked(columns, order[start:end], LINK_NUMBERS, LINK_WORDS)
                self._events[name, one] = _picked(columns, order[start:end], EVENT_NUMBERS, EVENT_WORDS)

    def grow(self, seconds: AbstractSet[Second], fresh: Sequence[Columns]) -> Columns:
        """Know that `fresh` holds all rows that came to `seconds` since, and return all of these; they were known."""
        own: dict[WorkspaceId, list[int]] = {}
        for workspace, second in sorted(seconds):
            own.setdefault(workspace, []).append(second)
        parts = [_recoded(one, np.flatnonzero(rows_in(one, own)), self.dictionaries) for one in fresh]
        for known in sorted(seconds):
            linked, event = self._rows[known], self._events[known]
            numbers, words = {**linked.numbers, **event.numbers}, {**linked.words, **event.words}
            parts.append(Columns(linked.row_count, numbers, words))
        found = joined(parts, self.dictionaries, LINK_NUMBERS + EVENT_NUMBERS, LINK_WORDS + EVENT_WORDS)
        self.keep(found, own)
        return found

    def has_all_of(self, second: Second) -> bool:
        """Say whether all of a second is known, events too."""
        return second in self._rows and second in self._events

    def rows_of(self, seconds: Seconds) -> list[Columns]:
        """Return what is known of `seconds`."""
        found = [self._rows.get((workspace, one)) for workspace, own in seconds.items() for one in own]
        return [one for one in found if one is not None and one.row_count]


_WIDTH: Final = 2**33  # more than there are seconds


def _let_go(rows: dict[Second, Columns], oldest: int, most: int) -> None:
    for key in [key for key in rows if key[1] < oldest]:
        del rows[key]
    while sum(one.row_count for one in rows.values()) > most:
        del rows[min(rows, key=lambda key: key[1])]


def _picked(columns: Columns, rows: Numbers, numbers: Sequence[str], words: Sequence[str]) -> Columns:
    return Columns(
        len(rows),
        {name: columns.numbers[name][rows] for name in numbers},
        {name: Words((), columns.words[name].codes[rows]) for name in words},
    )


def _recoded(columns: Columns, rows: Numbers, dictionaries: Dictionaries) -> Columns:
    """Return `rows` with codes of `dictionaries`, which grow."""
    words: dict[str, Words] = {}
    for name in LINK_WORDS + EVENT_WORDS:
        column, known = columns.words[name], dictionaries.setdefault(name, {})
        used, places = np.unique(column.codes[rows], return_inverse=True)
        own = [known.setdefault(column.words[code], len(known)) for code in used.tolist()]
        words[name] = Words((), np.array(own, np.int32)[places])
    return Columns(len(rows), {name: column[rows] for name, column in columns.numbers.items()}, words)


def rows_in(columns: Columns, seconds: Seconds) -> Numbers:
    """Return which rows ended in `seconds`."""
    workspace = columns.words["workspace"]
    codes = {word: code for code, word in enumerate(workspace.words)}
    wanted = [codes[name] * _WIDTH + one for name, found in seconds.items() if name in codes for one in found]
    moments = workspace.codes.astype(np.int64) * _WIDTH + columns.numbers["second"].astype(np.int64)
    found: Numbers = np.isin(moments, np.array(wanted, np.int64))
    return found


def no_rows() -> Columns:
    """Return columns of the right types without a row."""
    return Columns(
        0,
        {name: np.zeros(0, np.uint64 if name != "cost_nano_usd" else np.int64) for name in LINK_NUMBERS},
        {name: Words((), np.zeros(0, np.int32)) for name in LINK_WORDS},
    )


def joined(
    parts: Sequence[Columns],
    dictionaries: Dictionaries,
    numbers: Sequence[str] = LINK_NUMBERS,
    words: Sequence[str] = LINK_WORDS,
) -> Columns:
    """Return rows of several reads, with the columns that make runs; words have codes of `dictionaries`."""
    return Columns(
        sum(one.row_count for one in parts),
        {name: np.concatenate([one.numbers[name] for one in parts]) for name in numbers},
        {
            name: Words(list(dictionaries.get(name, ())), np.concatenate([one.words[name].codes for one in parts]))
            for name in words
        },
    )


def of_traces(parts: Sequence[Columns], wanted: Columns) -> list[Columns]:
    """Return the rows of `parts` whose trace is one of those of `wanted`; others may slip in, none is missed."""
    theirs = np.unique(_trace_of(wanted))
    return [_picked(part, _places_among(theirs, _trace_of(part)), LINK_NUMBERS, LINK_WORDS) for part in parts]


def _places_among(theirs: Numbers, mine: Numbers) -> Numbers:
    if not len(theirs) or not len(mine):
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(theirs, mine), len(theirs) - 1)
    return np.flatnonzero(theirs[place] == mine)


def _trace_of(columns: Columns) -> Numbers:
    found: Numbers = columns.numbers["trace_hi"] ^ columns.numbers["trace_lo"]
    return found
