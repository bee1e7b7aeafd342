"""Spans that this process stored itself, until they are counted: they need not be read again.

Contract. A flush is kept when all of it is stored, before it is confirmed: so whoever reads its touch finds it here, or
reads the engine. It is of use only to who knows all other rows of a second, and reads all touches there are: then these
are the rows that came since. Once some of its seconds are counted, its rows of the others are kept, as far as its touch
says which these are; of every other second it is not known.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Seconds, Touch
from tidegate.signals.recent import Part, by_workspace, recoded, rows_in
from tidegate.storage.native import Columns, Dictionaries, Words

_MOST_ROWS: Final = 150_000  # 300 bytes each; more wait only when counting is behind

Second = tuple[WorkspaceId, int]
_NOTHING: Final[frozenset[int]] = frozenset()


@dataclass(slots=True)
class _Flush:
    spans: Sequence[Columns]
    seconds: dict[WorkspaceId, set[int]] | None = None
    """Those of which all its rows are here; `None`: all."""

    def unknown_of(self, touch: Touch) -> set[int]:
        """Return the seconds of `touch` of which its rows are not all here."""
        return set() if self.seconds is None else set(touch.seconds) - self.seconds.get(touch.workspace, _NOTHING)


class FreshSpans:
    """Rows by flush."""

    def __init__(self) -> None:
        self._flushes: OrderedDict[str, _Flush] = OrderedDict()
        self._row_count = 0

    def __len__(self) -> int:
        return len(self._flushes)

    def keep(self, flush_id: str, spans: Sequence[Columns]) -> None:
        """Know that `spans` are all of a flush that is stored; the oldest make room."""
        self._drop(flush_id)
        self._flushes[flush_id] = _Flush(spans)
        self._row_count += _weight_of(spans)
        while self._row_count > _MOST_ROWS:
            self._drop(next(iter(self._flushes)))

    def _drop(self, flush_id: str) -> None:
        flush = self._flushes.pop(flush_id, None)
        self._row_count -= 0 if flush is None else _weight_of(flush.spans)

    def settle(self, flush_ids: Iterable[str], touches: Sequence[Touch], counted: Seconds) -> None:
        """Forget of flushes what was `counted`; `touches` are all that there were, or none."""
        settled = set(flush_ids)
        left: dict[str, dict[WorkspaceId, set[int]]] = {}
        for touch in touches:
            if touch.flush_id in settled:
                seconds = set(touch.seconds).difference(counted.get(touch.workspace, ()))
                if seconds:
                    left.setdefault(touch.flush_id, {})[touch.workspace] = seconds
        for flush_id in settled:
            self._keep_only(flush_id, left.get(flush_id, {}))

    def lose(self, workspace: WorkspaceId, seconds: Iterable[int]) -> None:
        """Know nothing of `seconds` any more: of what is here, some may be erased."""
        lost = set(seconds)
        for flush_id, flush in list(self._flushes.items()):
            if flush.seconds is None:
                flush.seconds = _seconds_of(flush.spans)
            if not lost.isdisjoint(flush.seconds.get(workspace, _NOTHING)):
                left = {**flush.seconds, workspace: flush.seconds[workspace] - lost}
                self._keep_only(flush_id, {owner: own for owner, own in left.items() if own})

    def _keep_only(self, flush_id: str, seconds: dict[WorkspaceId, set[int]]) -> None:
        flush = self._flushes.get(flush_id)
        if flush is None:
            return
        if not seconds:
            self._drop(flush_id)
        elif flush.seconds is None:  # its other rows are most of it; later there is little to win
            self._row_count -= _weight_of(flush.spans)
            flush.spans, flush.seconds = _rows_in(flush.spans, seconds), seconds
            self._row_count += _weight_of(flush.spans)
        else:
            known = flush.seconds
            left = {owner: own & known.get(owner, _NOTHING) for owner, own in seconds.items()}
            flush.seconds = {owner: own for owner, own in left.items() if own}
            if not flush.seconds:
                self._drop(flush_id)

    def unknown_of(self, touch: Touch) -> Iterable[int]:
        """Return those of the seconds of `touch` of which its rows are not all here."""
        flush = self._flushes.get(touch.flush_id)
        return touch.seconds if flush is None else flush.unknown_of(touch)

    def of(self, touches: Sequence[Touch], seconds: Seconds) -> tuple[set[Second], list[Part]]:
        """Return those of `seconds` whose `touches` are all known here, and the spans of these flushes.

        Of a flush that has rows of other seconds too, some of these may be counted, and erased since: they are not
        among those that it is asked for.
        """
        wanted = {workspace: set(found) for workspace, found in seconds.items()}
        touched: dict[Second, set[str]] = {}
        unknown: set[Second] = set()
        for touch in touches:
            own = wanted.get(touch.workspace, set()).intersection(touch.seconds)
            if not own:
                continue
            for second in own:
                touched.setdefault((touch.workspace, second), set()).add(touch.flush_id)
            unknown |= {(touch.workspace, second) for second in own.intersection(self.unknown_of(touch))}
        known = touched.keys() - unknown
        asked: dict[str, set[Second]] = {}
        for moment in known:
            for flush_id in touched[moment]:
                asked.setdefault(flush_id, set()).add(moment)
        parts: list[Part] = [
            (spans, by_workspace(asked[flush_id]))
            for flush_id in sorted(asked)
            for spans in self._flushes[flush_id].spans
        ]
        return known, parts


def _weight_of(spans: Sequence[Columns]) -> int:
    return 1 + sum(one.row_count for one in spans)  # one without spans takes room too


def _rows_in(spans: Sequence[Columns], seconds: Mapping[WorkspaceId, set[int]]) -> Sequence[Columns]:
    """Return the rows of `seconds`, with words of their own: those of a whole flush are more than they."""
    wanted = {workspace: sorted(own) for workspace, own in seconds.items()}
    found: list[Columns] = []
    for one in spans:
        rows = np.flatnonzero(rows_in(one, wanted))
        if len(rows):
            words: Dictionaries = {}
            part = recoded(one, rows, words)
            own = {name: Words(list(words[name]), column.codes) for name, column in part.words.items()}
            found.append(Columns(part.row_count, part.numbers, own))
    return found


def _seconds_of(spans: Sequence[Columns]) -> dict[WorkspaceId, set[int]]:
    found: dict[WorkspaceId, set[int]] = {}
    for one in spans:
        owners = one.words["workspace"]
        for code in np.unique(owners.codes).tolist():
            seconds = np.unique(one.numbers["second"][owners.codes == code]).tolist()
            found.setdefault(WorkspaceId(owners.words[code]), set()).update(seconds)
    return found
