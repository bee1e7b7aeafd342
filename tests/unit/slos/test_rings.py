"""What a ring holds is what was said last of each minute, in any window, however late it was said."""

import random

import numpy as np
import pytest

from tidegate.slos.ring import CELL_S, FINEST_WINDOW_S, Ring

MINUTE = 60
BEGIN = 1_795_000_000 // CELL_S * CELL_S


@pytest.mark.parametrize("offset_s", [0, 1_800])
@pytest.mark.parametrize("seed", range(4))
def test_a_ring_equals_a_recount_after_late_and_changed_minutes(seed: int, offset_s: int) -> None:
    chance = random.Random(seed)
    ring = Ring(unit_s=MINUTE, cell_count=50, offset_s=offset_s)
    said: dict[int, tuple[int, int]] = {}
    now = BEGIN + offset_s
    for _ in range(300):
        now += MINUTE * chance.choice([1, 1, 2, 17, 70])
        ring.advance(now)
        late = now - MINUTE * chance.choice([0, 0, 1, 30, 200, 400])
        if late >= BEGIN + offset_s and ring.holds_unit(late):
            start = late - (late - offset_s) % MINUTE
            bad, total = chance.randrange(5), chance.randrange(5, 9)
            said[start] = (bad, total)
            column = np.array([0], np.int64)
            ring.set_units([start], {start: (column, np.array([bad]), np.array([total]))})
        end = now - (now - offset_s) % MINUTE + MINUTE
        for length in (5 * MINUTE, CELL_S, FINEST_WINDOW_S, 24 * CELL_S + MINUTE):
            for cell in ring.wanted_heads([end - length]):
                held = {at: _as_columns(said[at]) for at in range(cell, cell + CELL_S, MINUTE) if at in said}
                ring.set_head(cell, held)
            sums = ring.window(end - length, end)
            inside = [values for at, values in said.items() if end - length <= at < end]
            assert sums.end_s - sums.start_s == length
            assert (int(sums.bad[0]), int(sums.total[0])) == (sum(b for b, _ in inside), sum(t for _, t in inside))


def test_more_tenants_than_there_is_room_for_are_told_so() -> None:
    ring = Ring(unit_s=MINUTE, cell_count=3, most_columns=2)
    assert [ring.column_of(name) for name in ("a", "b", "c", "a")] == [1, 2, None, 1]
    assert ring.is_cut


def _as_columns(values: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array([0]), np.array([values[0]]), np.array([values[1]])
