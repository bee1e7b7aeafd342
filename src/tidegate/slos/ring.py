"""Bad and total of one objective over time, for the service and each tenant, in arrays that never grow with time.

Two tiers: units (a minute, or a slice) of the last hours, and cells of an hour for the rest; and the units of those few
old hours in which windows begin now. A unit that changes moves
its cell by the difference, so that both always say the same; what left the finer tier is corrected by the cell. Sums
are whole numbers in any order: late rows lead to the same figures as early ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELL_S", "FINEST_WINDOW_S", "FINE_S", "WHOLE", "Ring", "Sums"]

Ints = NDArray[np.int64]
CELL_S: Final = 3_600
FINE_S: Final = 8 * CELL_S  # windows up to six hours are read by the unit; the rest is for clocks and for cells' ends
FINEST_WINDOW_S: Final = 6 * CELL_S
"""Up to here a window is read from units; a longer one from cells, less what its first hour holds before it begins."""
WHOLE: Final = 0
"""Column of the service as a whole, events without a tenant included."""
_FIRST_COLUMNS: Final = 64


@dataclass(frozen=True, slots=True)
class Sums:
    """Bad and total of each column in one window."""

    start_s: int
    """From when it was read."""
    end_s: int
    bad: Ints
    total: Ints


@dataclass(slots=True)
class Ring:
    """`units` and `cells` hold (bad or total, when, column)."""

    unit_s: int
    cell_count: int
    """How many hours are kept."""
    offset_s: int = 0
    """By how much cells begin after whole hours: of calendars whose zone is no whole hour away from UTC."""
    most_columns: int = 10_000
    columns: dict[str, int] = field(default_factory=dict)
    """By tenant; the service itself has column 0 and no name."""
    is_cut: bool = False
    """Whether there were more tenants than there is room for: they are in the service's column alone."""
    newest_unit: int = -1
    heads: dict[int, Ints] = field(default_factory=dict)
    """By the second at which an hour begins, its units: of the hours in which long windows begin."""
    _units: Ints = field(init=False)
    _cells: Ints = field(init=False)

    def __post_init__(self) -> None:
        self._units = np.zeros((2, FINE_S // self.unit_s, _FIRST_COLUMNS), np.int64)
        self._cells = np.zeros((2, self.cell_count, _FIRST_COLUMNS), np.int64)

    @property
    def column_count(self) -> int:
        return len(self.columns) + 1

    def column_of(self, tenant: str) -> int | None:
        """Return the column of a tenant, a new one if there is room."""
        known = self.columns.get(tenant)
        if known is not None:
            return known
        if len(self.columns) >= self.most_columns:
            self.is_cut = True
            return None
        column = self.columns[tenant] = self.column_count
        if column >= self._units.shape[2]:
            self._units, self._cells = _wider(self._units), _wider(self._cells)
        return column

    def advance(self, now_s: int) -> None:
        """Make room up to the unit in which `now_s` lies; a clock that went back changes nothing."""
        newest = (now_s - self.offset_s) // self.unit_s
        if newest <= self.newest_unit:
            return
        if self.newest_unit >= 0:
            _clear(self._units, self.newest_unit + 1, newest + 1)
            _clear(self._cells, self._cell_of(self.newest_unit) + 1, self._cell_of(newest) + 1)
        self.newest_unit = newest

    def holds_unit(self, start_s: int) -> bool:
        """Return whether the unit that begins then is in the finer tier."""
        unit = (start_s - self.offset_s) // self.unit_s
        return self.newest_unit - FINE_S // self.unit_s < unit <= self.newest_unit

    def holds_cell(self, start_s: int) -> bool:
        cell = (start_s - self.offset_s) // CELL_S
        newest = self._cell_of(self.newest_unit)
        return newest - self.cell_count < cell <= newest

    def set_units(self, starts_s: Sequence[int], values: Mapping[int, tuple[Ints, Ints, Ints]]) -> None:
        """Say what units hold now: those in `values` columns, bad and total, the others nothing."""
        for start_s in starts_s:
            unit = (start_s - self.offset_s) // self.unit_s
            row = unit % self._units.shape[1]
            cell = self._cell_of(unit) % self.cell_count
            self._cells[:, cell] -= self._units[:, row]
            self._put(self._units, row, values.get(start_s))
            self._cells[:, cell] += self._units[:, row]

    def load_units(self, values: Mapping[int, tuple[Ints, Ints, Ints]]) -> None:
        """Say what units hold whose cells are loaded already."""
        for start_s, found in values.items():
            if self.holds_unit(start_s):
                self._put(self._units, ((start_s - self.offset_s) // self.unit_s) % self._units.shape[1], found)

    def load_cells(self, starts_s: Sequence[int], values: Mapping[int, tuple[Ints, Ints, Ints]]) -> None:
        """Say what whole cells hold."""
        for start_s in starts_s:
            if self.holds_cell(start_s):
                self._put(self._cells, ((start_s - self.offset_s) // CELL_S) % self.cell_count, values.get(start_s))

    def wanted_heads(self, starts_s: Iterable[int]) -> set[int]:
        """Return which hours' units are needed for windows that begin then."""
        inside = {
            start_s - (start_s - self.offset_s) % CELL_S for start_s in starts_s if (start_s - self.offset_s) % CELL_S
        }
        return {start_s for start_s in inside if self.holds_cell(start_s)}

    def set_head(self, start_s: int, values: Mapping[int, tuple[Ints, Ints, Ints]]) -> None:
        """Say what the units of one hour hold."""
        head = np.zeros((2, CELL_S // self.unit_s, self.column_count), np.int64)
        for place in range(head.shape[1]):
            self._put(head, place, values.get(start_s + place * self.unit_s))
        self.heads[start_s] = head

    def settle(self, last_s: int) -> None:
        """Forget what was loaded from `last_s` on: it is not over, and is said by `set_units` when it is."""
        last = (last_s - self.offset_s) // self.unit_s
        size = self._units.shape[1]
        for unit in range(max(last, self.newest_unit + 1 - size), self.newest_unit + 1):
            self._units[:, unit % size] = 0
        for cell in {self._cell_of(last), self._cell_of(self.newest_unit)}:
            if cell <= self._cell_of(self.newest_unit):
                first = cell * CELL_S // self.unit_s
                bad, total = self._sum(self._units, first, min(first + CELL_S // self.unit_s, self.newest_unit + 1))
                self._cells[0, cell % self.cell_count, : self.column_count] = bad
                self._cells[1, cell % self.cell_count, : self.column_count] = total

    def window(self, start_s: int, end_s: int) -> Sums:
        """Return what lies in a window; to the unit, where the units of its first hour are known.

        Else it is widened to that whole hour. The end is the end of a unit.
        """
        last = min((end_s - self.offset_s) // self.unit_s, self.newest_unit + 1)
        if end_s - start_s <= FINEST_WINDOW_S:
            first = (start_s - self.offset_s) // self.unit_s
            bad, total = self._sum(self._units, max(first, self.newest_unit + 1 - self._units.shape[1]), last)
            return Sums(start_s, end_s, bad, total)
        first_cell = (start_s - self.offset_s) // CELL_S
        cell_s = first_cell * CELL_S + self.offset_s
        last_cell = self._cell_of(last)
        oldest = self._cell_of(self.newest_unit) + 1 - self.cell_count
        bad, total = self._sum(self._cells, max(first_cell, oldest), last_cell)
        rest_bad, rest_total = self._sum(self._units, last_cell * CELL_S // self.unit_s, last)
        bad, total = bad + rest_bad, total + rest_total
        head = self.heads.get(cell_s)
        if head is None or first_cell < oldest:
            return Sums(cell_s, end_s, bad, total)
        before = head[:, : (start_s - cell_s) // self.unit_s].sum(axis=1)
        bad[: before.shape[1]] -= before[0]
        total[: before.shape[1]] -= before[1]
        return Sums(start_s - (start_s - cell_s) % self.unit_s, end_s, bad, total)

    def _cell_of(self, unit: int) -> int:
        return unit * self.unit_s // CELL_S

    def _sum(self, tier: Ints, first: int, last: int) -> tuple[Ints, Ints]:
        """Return the sums of rows `first` to before `last`."""
        found = np.zeros((2, self.column_count), np.int64)
        if first < last:
            size = tier.shape[1]
            begin, end = first % size, last % size
            parts = [(begin, end)] if begin < end else [(begin, size), (0, end)]
            for part_begin, part_end in parts:
                found += tier[:, part_begin:part_end, : self.column_count].sum(axis=1)
        return found[0], found[1]

    @staticmethod
    def _put(tier: Ints, row: int, values: tuple[Ints, Ints, Ints] | None) -> None:
        tier[:, row] = 0
        if values is not None:
            columns, bad, total = values
            tier[0, row, columns], tier[1, row, columns] = bad, total


def _clear(tier: Ints, first: int, last: int) -> None:
    size = tier.shape[1]
    if last - first >= size:
        tier[:] = 0
        return
    for row in range(first, last):
        tier[:, row % size] = 0


def _wider(tier: Ints) -> Ints:
    wider = np.zeros((*tier.shape[:2], tier.shape[2] * 2), np.int64)
    wider[:, :, : tier.shape[2]] = tier
    return wider
