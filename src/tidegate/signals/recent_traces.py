"""Which traces the seconds of late have, so that a late row's traces are not searched where they are not.

Contract. As with `recent`: whatever is stored touches its seconds, so what was read of a second is all there is of it
until it is touched again. A trace that goes on in a second which is touched and not yet counted is found when that is.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Seconds
from tidegate.storage.native import Columns, Numbers, stable_order

_MOST_TRACES: Final = 1_500_000  # 4 bytes each
_MOST_SECONDS: Final = 50_000
_MOST_EMPTY: Final = 5_000
_WIDTH: Final = 2**33  # more than there are seconds

Second = tuple[WorkspaceId, int]


class RecentTraces:
    """Of each second that was read the traces, as 32 bits of their ids: alike ones cost a read, and hide nothing."""

    def __init__(self) -> None:
        self._traces: OrderedDict[Second, Numbers] = OrderedDict()
        self._row_counts: dict[Second, int] = {}
        self._count = 0
        self._empty: dict[WorkspaceId, tuple[int, int]] = {}
        """From where until where nothing is stored but what is known; gone as soon as anything of that is forgotten."""

    def forget(self) -> None:
        self._empty.clear()
        self._traces.clear()
        self._row_counts.clear()
        self._count = 0

    def keep(self, columns: Columns, seconds: Seconds) -> None:
        """Know that `columns` hold all rows of `seconds`."""
        rows = np.flatnonzero(columns.numbers["distrusted"] == 0)
        workspace, second = columns.words["workspace"], columns.numbers["second"]
        moments = workspace.codes[rows].astype(np.int64) * _WIDTH + second[rows]
        order = stable_order(moments)
        ranked, traces = moments[order], _short(columns, rows[order])
        codes = {word: code for code, word in enumerate(workspace.words)}
        for name, found in seconds.items():
            for one in found:
                moment = codes.get(name, -1) * _WIDTH + one
                start, end = np.searchsorted(ranked, [moment, moment + 1])
                self._put((name, one), np.unique(traces[start:end]))
                self._row_counts[name, one] = int(end - start)
        while self._count > _MOST_TRACES or len(self._traces) > _MOST_SECONDS:
            oldest, dropped = self._traces.popitem(last=False)
            del self._row_counts[oldest]
            if self._is_empty(*oldest):
                del self._empty[oldest[0]]
            self._count -= len(dropped)

    def _put(self, second: Second, traces: Numbers) -> None:
        known = self._traces.pop(second, None)
        self._count += len(traces) - (0 if known is None else len(known))
        self._traces[second] = traces

    def count_of(self, workspace: WorkspaceId, second: int) -> int:
        """Return how many believable rows are known of a second; 0 when it is not known."""
        return self._row_counts.get((workspace, second), 0)

    def know_empty(self, workspace: WorkspaceId, first: int, end: int) -> None:
        """Know that nothing is stored of the seconds from `first` until `end` that are not known otherwise."""
        if len(self._empty) >= _MOST_EMPTY:
            self._empty.clear()
        known_first, known_end = self._empty.get(workspace, (first, first))
        self._empty[workspace] = (known_first if known_first <= first <= known_end else first), end

    def where(self, columns: Columns, seconds: Seconds, moments: Iterable[int]) -> tuple[Seconds, Seconds]:
        """Return in which of ascending `moments` outside of `seconds` rows of the traces of `columns` may be.

        First those where traces like theirs were seen, then those of which nothing is known. `columns` are the rows of
        `seconds`; traces that can join no AI run are of no interest.
        """
        role, parent = columns.words["role"], columns.numbers["parent"]
        plain = role.words.index("") if "" in role.words else -1
        is_wanted = (columns.numbers["distrusted"] == 0) & ((role.codes != plain) | (parent != 0))
        around = list(moments)
        seen: dict[WorkspaceId, list[int]] = {}
        unknown: dict[WorkspaceId, list[int]] = {}
        for workspace, found in seconds.items():
            own, wanted = set(found), np.unique(_short(columns, np.flatnonzero(is_wanted & _is_of(columns, workspace))))
            for second in around if len(wanted) else ():
                known = None if second in own else self._traces.get((workspace, second))
                if known is not None:
                    if _meet(known, wanted):
                        seen.setdefault(workspace, []).append(second)
                elif second not in own and not self._is_empty(workspace, second):
                    unknown.setdefault(workspace, []).append(second)
        return seen, unknown

    def _is_empty(self, workspace: WorkspaceId, second: int) -> bool:
        first, end = self._empty.get(workspace, (0, 0))
        return first <= second < end

    def knows(self, workspace: WorkspaceId, second: int) -> bool:
        return (workspace, second) in self._traces

    def that_may_have(self, columns: Columns, seconds: Seconds) -> dict[WorkspaceId, list[int]]:
        """Return those of `seconds` in which traces of `columns` may have rows."""
        found: dict[WorkspaceId, list[int]] = {}
        for workspace, own in seconds.items():
            wanted = np.unique(_short(columns, np.flatnonzero(_is_of(columns, workspace))))
            for second in own:
                known = self._traces.get((workspace, second))
                if known is None or _meet(known, wanted):
                    found.setdefault(workspace, []).append(second)
        return found


def _meet(some: Numbers, others: Numbers) -> bool:
    """Say whether two ascending arrays have anything in common."""
    if not len(some) or not len(others):
        return False
    place = np.minimum(np.searchsorted(others, some), len(others) - 1)
    return bool((others[place] == some).any())


def _is_of(columns: Columns, workspace: WorkspaceId) -> Numbers:
    words: Sequence[str] = columns.words["workspace"].words
    found: Numbers = columns.words["workspace"].codes == (words.index(workspace) if workspace in words else -1)
    return found


def _short(columns: Columns, rows: Numbers) -> Numbers:
    whole = columns.numbers["trace_hi"][rows] ^ columns.numbers["trace_lo"][rows]
    short: Numbers = (whole ^ (whole >> np.uint64(32))).astype(np.uint32)
    return short
