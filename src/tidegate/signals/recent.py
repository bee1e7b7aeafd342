"""Spans of the last seconds as they were read when these were counted, so that hot traces are not read again.

Contract. One process counts, and whatever is stored touches its seconds: so what was read of a second is all there is
of it until it is touched again, and then it is read again, or grows by what this process stored itself. What the cache
does not know is read once, empty seconds too. It knows nothing after another process counted, or when counting failed
half way. What is no longer hot is kept in few bytes (`packed`); what is known of a second in both ways is the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.packed import Packed, PackedSpans, is_of_late, pack, unpacked
from tidegate.signals.ports import Seconds
from tidegate.signals.statements import EVENT_NUMBERS, EVENT_WORDS, LINK_NUMBERS, LINK_WORDS
from tidegate.storage.native import Columns, Dictionaries, Numbers, Words, stable_order, used_of

MAX_ROWS: Final = 240_000  # 170 bytes each; twelve seconds of full load
MAX_WORDS: Final = 300_000  # of all dictionaries together: ids of conversations never end
_KEPT_S: Final = (
    15  # what traces reach back for, mostly; older seconds are packed, and at hand when traces go through them
)
_MAX_EVENTS: Final = 120_000  # 120 bytes each
_EVENTS_KEPT_S: Final = 5

Second = tuple[WorkspaceId, int]
Part = tuple[Columns, Seconds]
"""Rows of a flush, and of which seconds they are wanted."""


class RecentSpans:
    """Rows by second."""

    def __init__(self) -> None:
        self.dictionaries: Dictionaries = {}
        self._rows: dict[Second, Columns] = {}
        self._events: dict[Second, Columns] = {}
        """Of the newest seconds what is counted of events besides."""
        self._packed = PackedSpans()

    def forget(self) -> None:
        self._forget_hot()
        self._packed.forget()

    def _forget_hot(self) -> None:
        self.dictionaries = {}
        self._rows.clear()
        self._events.clear()

    def unknown(self, workspaces: Iterable[WorkspaceId], first: int, last: int) -> Seconds:
        """Return the seconds of `workspaces` from `first` to `last` that are not known."""
        return self.unknown_of({workspace: range(first, last + 1) for workspace in workspaces})

    def unknown_of(self, seconds: Seconds) -> Seconds:
        """Return those of `seconds` that are not known."""
        return _those(seconds, lambda one: one not in self._rows and one not in self._packed)

    def cool_of(self, seconds: Seconds) -> Seconds:
        """Return those of `seconds` that are not at hand: packed, or not known."""
        return _those(seconds, lambda one: one not in self._rows)

    def make_room(self, now_s: int) -> None:
        """Pack or forget what is old or too much. Between closings only: within one, rows keep the codes of words."""
        has_many_words = sum(map(len, self.dictionaries.values())) > MAX_WORDS
        whole = self._events.keys() & self._rows.keys()
        stays = set() if has_many_words else _newest(self._events, now_s - _EVENTS_KEPT_S, _MAX_EVENTS)
        going = whole - stays
        words = {name: list(codes) for name, codes in self.dictionaries.items()} if going else {}
        for second in going:
            if is_of_late(second[1], now_s):
                self._packed.put(second, self._pack(second, words))
        if has_many_words:
            self._forget_hot()  # the next closing begins anew, with the words that are still said
        _keep_only(self._events, stays)
        _keep_only(self._rows, _newest(self._rows, now_s - _KEPT_S, MAX_ROWS))
        self._packed.make_room(now_s)

    def _pack(self, second: Second, words: dict[str, list[str]] | None = None) -> Packed:
        linked, event = self._rows[second], self._events[second]
        known = {name: list(codes) for name, codes in self.dictionaries.items()} if words is None else words
        whole = Columns(linked.row_count, {**linked.numbers, **event.numbers}, {**linked.words, **event.words})
        return pack(whole, known)

    def drop(self, seconds: Seconds) -> None:
        """Know nothing of `seconds`."""
        for workspace, found in seconds.items():
            for one in found:
                self._rows.pop((workspace, one), None)
                self._events.pop((workspace, one), None)
                self._packed.drop([(workspace, one)])

    def keep(self, columns: Columns, seconds: Seconds) -> None:
        """Know that `columns` hold all rows of `seconds`, with codes of the dictionaries."""
        for second, rows in _by_second(columns, seconds):
            self._packed.drop([second])
            self._rows[second] = _picked(columns, rows, LINK_NUMBERS, LINK_WORDS)
            self._events[second] = _picked(columns, rows, EVENT_NUMBERS, EVENT_WORDS)

    def pack(self, columns: Columns, seconds: Seconds, now_s: int) -> None:
        """Know that `columns`, with words of their own, hold all rows of `seconds`, none of which is hot."""
        self.drop(seconds)
        words = {name: column.words for name, column in columns.words.items()}
        for second, rows in _by_second(columns, seconds):
            if is_of_late(second[1], now_s):
                whole = _picked(columns, rows, LINK_NUMBERS + EVENT_NUMBERS, LINK_WORDS + EVENT_WORDS)
                self._packed.put(second, pack(whole, words))

    def grow(self, seconds: AbstractSet[Second], fresh: Sequence[Part]) -> Columns:
        """Know that `fresh` holds all rows that came to `seconds` since, and return all of these; they were known."""
        found = self.grown(seconds, fresh, self.dictionaries)
        self.keep(found, by_workspace(seconds))
        return found

    def grown(self, seconds: AbstractSet[Second], fresh: Sequence[Part], dictionaries: Dictionaries) -> Columns:
        """Return all rows of `seconds`, which are known, and those of them in `fresh`, with codes of `dictionaries`."""
        parts = [recoded(one, np.flatnonzero(rows_in(one, own)), dictionaries) for one, own in fresh]
        parts += [self._whole(second, dictionaries) for second in sorted(seconds)]
        return joined(parts, dictionaries, LINK_NUMBERS + EVENT_NUMBERS, LINK_WORDS + EVENT_WORDS)

    def _whole(self, second: Second, dictionaries: Dictionaries) -> Columns:
        if second in self._packed:
            return unpacked(self._packed[second], dictionaries)
        if dictionaries is not self.dictionaries:
            return unpacked(self._pack(second), dictionaries)
        linked, event = self._rows[second], self._events[second]
        return Columns(linked.row_count, {**linked.numbers, **event.numbers}, {**linked.words, **event.words})

    def has_all_of(self, second: Second) -> bool:
        """Say whether all of a second is known, events too."""
        return second in self._packed or (second in self._rows and second in self._events)

    def restore(self, seconds: Seconds) -> None:
        """Have those of `seconds` at hand that are packed."""
        for workspace, found in self.cool_of(seconds).items():
            for one in found:
                if (workspace, one) in self._packed:
                    packed = self._packed[workspace, one]
                    self._rows[workspace, one] = unpacked(packed, self.dictionaries, only_linked=True)

    def rows_of(self, seconds: Seconds) -> list[Columns]:
        """Return what is at hand of `seconds`."""
        found = [self._rows.get((workspace, one)) for workspace, own in seconds.items() for one in own]
        return [one for one in found if one is not None and one.row_count]

    def linked_of(self, second: Second, dictionaries: Dictionaries) -> Columns:
        """Return what linking needs of a second of which all is known, with codes of other `dictionaries`."""
        packed = self._packed[second] if second in self._packed else self._pack(second)
        return unpacked(packed, dictionaries, only_linked=True)


def by_workspace(seconds: Iterable[Second]) -> dict[WorkspaceId, list[int]]:
    """Return `seconds` by whose they are, in ascending order."""
    own: dict[WorkspaceId, list[int]] = {}
    for workspace, second in sorted(seconds):
        own.setdefault(workspace, []).append(second)
    return own


def _those(seconds: Seconds, is_wanted: Callable[[Second], bool]) -> Seconds:
    found = {workspace: [one for one in own if is_wanted((workspace, one))] for workspace, own in seconds.items()}
    return {workspace: own for workspace, own in found.items() if own}


def _newest(rows: dict[Second, Columns], oldest: int, most: int) -> set[Second]:
    """Return which seconds from `oldest` on have at most so many rows, the newest first."""
    found: set[Second] = set()
    for second in sorted(rows, key=lambda one: -one[1]):
        most -= rows[second].row_count
        if second[1] < oldest or most < 0:
            break
        found.add(second)
    return found


def _keep_only(rows: dict[Second, Columns], seconds: AbstractSet[Second]) -> None:
    for second in rows.keys() - seconds:
        del rows[second]


def _by_second(columns: Columns, seconds: Seconds) -> Iterator[tuple[Second, Numbers]]:
    """Yield the rows of each of `seconds`."""
    workspace, second = columns.words["workspace"], columns.numbers["second"]
    codes = {word: code for code, word in enumerate(workspace.words)}
    place = workspace.codes.astype(np.int64) * _WIDTH + second
    order = stable_order(place)
    ranked = place[order]
    for name, found in seconds.items():
        for one in found:
            moment = codes.get(name, -1) * _WIDTH + one
            start, end = np.searchsorted(ranked, [moment, moment + 1])
            yield (name, one), order[start:end]


_WIDTH: Final = 2**33  # more than there are seconds


def _picked(columns: Columns, rows: Numbers, numbers: Sequence[str], words: Sequence[str]) -> Columns:
    return Columns(
        len(rows),
        {name: columns.numbers[name][rows] for name in numbers},
        {name: Words((), columns.words[name].codes[rows]) for name in words},
    )


def recoded(columns: Columns, rows: Numbers, dictionaries: Dictionaries) -> Columns:
    """Return `rows` with codes of `dictionaries`, which grow."""
    words: dict[str, Words] = {}
    for name in LINK_WORDS + EVENT_WORDS:
        column, known = columns.words[name], dictionaries.setdefault(name, {})
        used, places = used_of(column.codes[rows], len(column.words))
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
    """Return all columns without a row."""
    return Columns(
        0,
        {name: np.zeros(0, np.uint64) for name in LINK_NUMBERS + EVENT_NUMBERS},
        {name: Words((), np.zeros(0, np.int32)) for name in LINK_WORDS + EVENT_WORDS},
    )


def joined(
    parts: Sequence[Columns],
    dictionaries: Dictionaries,
    numbers: Sequence[str] = LINK_NUMBERS,
    words: Sequence[str] = LINK_WORDS,
) -> Columns:
    """Return rows of several reads, with the columns that make runs; words have codes of `dictionaries`."""
    parts = [one for one in parts if one.row_count] or parts[:1]  # without rows, types may be any
    return Columns(
        sum(one.row_count for one in parts),
        {name: np.concatenate([one.numbers[name] for one in parts]) for name in numbers},
        {
            name: Words(list(dictionaries.get(name, ())), np.concatenate([one.words[name].codes for one in parts]))
            for name in words
        },
    )


def of_traces(parts: Iterable[Columns], wanted: Columns) -> list[Columns]:
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
