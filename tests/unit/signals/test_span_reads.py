"""What a closing reads: everything that is stored of its seconds, whatever was remembered, forgotten or read apart."""

from collections import Counter

import pytest
from tests.span_world import ACME, GLOBEX, NOW, World

from tidegate.signals import recent


async def test_rows_stay_their_workspaces_whatever_the_words_take(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.flush((ACME, NOW, 1, 1))
    await world.closed({ACME: [NOW]}, NOW)
    monkeypatch.setattr(recent, "MAX_WORDS", 10)
    world.flush(*((ACME, NOW, 1, span) for span in range(2, 32)))
    world.flush((GLOBEX, NOW, 2, 1), (GLOBEX, NOW, 2, 2), is_own=False)
    for _ in range(3):
        world.flush((ACME, NOW, 1, 40))
        rows, spans = await world.closed({ACME: [NOW], GLOBEX: [NOW]}, NOW)
        assert rows["globex"] == 2
        assert rows["acme"] >= 32
        assert spans == 34


async def test_no_limit_takes_rows_out_of_the_seconds_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_ROWS", 5)
    world = World()
    for second in (NOW - 2, NOW - 1, NOW):
        world.flush(*((ACME, second, 7, second * 100 + span) for span in range(20)))
        rows, spans = await world.closed({ACME: [second]}, second)
        assert rows["acme"] == 20
        assert spans == 20 * (second - NOW + 3)  # one trace goes through all of them


async def test_what_is_read_apart_is_remembered_by_nobody_as_it_was() -> None:
    world = World()
    world.flush((ACME, NOW, 1, 1))
    assert await world.closed({ACME: [NOW]}, NOW + 1) == (Counter(acme=1), 1)
    world.flush((ACME, NOW, 1, 2), (ACME, NOW - 60, 3, 1))
    rows, _ = await world.closed({ACME: [NOW - 60, NOW]}, NOW + 14)  # too far apart for what is remembered
    assert rows == Counter(acme=3)
    world.flush((ACME, NOW, 1, 3))
    assert await world.closed({ACME: [NOW]}, NOW + 15) == (Counter(acme=3), 3)


async def test_seconds_that_were_forgotten_are_read_again_only_for_traces_that_went_through_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.flush(*((ACME, NOW, 1, span) for span in range(9)), (ACME, NOW, 2, 1))
    await world.closed({ACME: [NOW]}, NOW)
    monkeypatch.setattr(recent, "MAX_ROWS", 5)
    world.flush((ACME, NOW + 1, 3, 1))
    world.store.reads.clear()
    assert (await world.closed({ACME: [NOW + 1]}, NOW + 1))[1] == 1
    assert all(NOW not in seconds[ACME] for seconds in world.store.reads)
    world.flush((ACME, NOW + 2, 2, 2))
    assert (await world.closed({ACME: [NOW + 2]}, NOW + 2))[1] == 2
    assert any(NOW in seconds[ACME] for seconds in world.store.reads)


async def test_flushes_without_spans_are_let_go_too() -> None:
    world = World()
    for number in range(200_000):
        world.reads.fresh.keep(f"flu_{number}", [])
    assert len(world.reads.fresh) <= 150_000
