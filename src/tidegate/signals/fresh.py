"""Spans that this process stored itself, until they are counted: they need not be read again.

Contract. A flush is kept when all of it is stored, before it is confirmed: so whoever reads its touch finds it here, or
reads the engine. It is of use only to who knows all other rows of a second, and reads all touches there are: then these
are the rows that came since.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Seconds, Touch
from tidegate.storage.native import Columns

_MOST_ROWS: Final = 150_000  # 300 bytes each; more wait only when counting is behind

Second = tuple[WorkspaceId, int]


class FreshSpans:
    """Rows by flush."""

    def __init__(self) -> None:
        self._flushes: OrderedDict[str, Sequence[Columns]] = OrderedDict()
        self._row_count = 0

    def keep(self, flush_id: str, spans: Sequence[Columns]) -> None:
        """Know that `spans` are all of a flush that is stored; the oldest make room."""
        self._flushes[flush_id] = spans
        self._row_count += _weight_of(spans)
        while self._row_count > _MOST_ROWS:
            self._row_count -= _weight_of(self._flushes.popitem(last=False)[1])

    def drop(self, flush_ids: Iterable[str]) -> None:
        """Forget flushes that were counted."""
        for flush_id in flush_ids:
            spans = self._flushes.pop(flush_id, None)
            self._row_count -= 0 if spans is None else _weight_of(spans)

    def of(self, touches: Sequence[Touch], seconds: Seconds) -> tuple[set[Second], list[Columns]]:
        """Return those of `seconds` whose `touches` are all known here, and the spans of these flushes."""
        wanted = {workspace: set(found) for workspace, found in seconds.items()}
        touched: dict[Second, set[str]] = {}
        for touch in touches:
            own = wanted.get(touch.workspace, set())
            for second in touch.seconds:
                if second in own:
                    touched.setdefault((touch.workspace, second), set()).add(touch.flush_id)
        known = {second for second, flushes in touched.items() if flushes <= self._flushes.keys()}
        needed = {flush_id for second in known for flush_id in touched[second]}
        return known, [spans for flush_id in sorted(needed) for spans in self._flushes[flush_id]]


def _weight_of(spans: Sequence[Columns]) -> int:
    return 1 + sum(one.row_count for one in spans)  # one without spans takes room too
