"""What counts late rows reads: nothing of the engine while all is remembered, and never less than what is stored."""

import random
from collections import Counter

import pytest
from tests.span_world import ACME, GLOBEX, NOW, Row, World

from tidegate.kernel import WorkspaceId
from tidegate.signals import fresh, packed, recent


async def counted_while_hot(*rows: Row) -> World:
    """Return a world in which `rows` were counted as they came, each second by itself, a minute ago."""
    world = World()
    for second in range(NOW - 70, NOW):
        own = [row for row in rows if row[1] == second]
        world.flush(*own, (ACME, second, second, 1))
        await world.closed({ACME: [second]}, second)
    world.store.reads.clear()
    world.store.searches.clear()
    return world


async def test_late_rows_of_what_is_remembered_are_counted_without_a_read() -> None:
    world = await counted_while_hot((ACME, NOW - 60, 7, 1), (ACME, NOW - 55, 7, 2))
    world.flush((ACME, NOW - 60, 7, 3), (ACME, NOW - 59, 8, 1), (ACME, NOW - 20, 9, 1))
    rows, spans = await world.closed({ACME: [NOW - 60, NOW - 59]}, NOW)
    assert (rows["acme"], spans) == (5, 6)  # five that ended in them, and one of their traces five seconds later
    assert (await world.closed({ACME: [NOW - 20]}, NOW))[0]["acme"] == 2
    world.flush((ACME, NOW - 60, 7, 4))
    assert (await world.closed({ACME: [NOW - 60]}, NOW))[0]["acme"] == 4
    assert world.store.reads == []
    assert world.store.searches == []


async def test_what_another_process_stored_late_is_read() -> None:
    world = await counted_while_hot((ACME, NOW - 60, 7, 1))
    world.flush((ACME, NOW - 60, 7, 2))
    world.flush((ACME, NOW - 60, 7, 3), is_own=False)
    assert (await world.closed({ACME: [NOW - 60]}, NOW))[0]["acme"] == 4
    assert world.store.reads == [{ACME: [NOW - 60]}]


async def test_an_erased_trace_does_not_come_back_with_a_late_row() -> None:
    world = await counted_while_hot((ACME, NOW - 60, 7, 1), (ACME, NOW - 60, 8, 1))
    world.flush((ACME, NOW - 60, 7, 2), (ACME, NOW - 60, 8, 2))
    world.erase(7)
    rows, _ = await world.closed({ACME: [NOW - 60]}, NOW)
    assert (rows["acme"], world.counted[ACME, NOW - 60, 7, 2]) == (3, 0)


async def test_erased_rows_of_a_second_that_waits_are_no_part_of_a_trace_that_is_counted() -> None:
    world = await counted_while_hot((ACME, NOW - 60, 7, 1), (ACME, NOW - 55, 7, 2))
    world.store.rows.remove((ACME, NOW - 55, 7, 2))  # of another customer, in the same trace
    world.touch(ACME, [NOW - 60, NOW - 55])
    await world.closed({ACME: [NOW - 60]}, NOW)
    assert "name 2" not in world.linked


async def test_an_erased_row_does_not_come_back_with_a_flush_that_is_confirmed_after_it() -> None:
    world = await counted_while_hot((ACME, NOW - 60, 8, 1))
    world.flush((ACME, NOW - 60, 7, 2), (ACME, NOW - 50, 7, 3))
    confirmed_late = world.touches.pop()
    world.erase(7)
    await world.closed({ACME: [NOW - 60]}, NOW)
    world.touches.append(confirmed_late)
    assert (await world.closed({ACME: [NOW - 60]}, NOW))[0]["acme"] == 2


@pytest.mark.parametrize("counted_first", [True, False])
async def test_an_erased_row_does_not_come_back_with_others_of_its_flush(*, counted_first: bool) -> None:
    world = await counted_while_hot()
    world.flush((ACME, NOW - 60, 7, 1), (ACME, NOW - 50, 8, 1), (ACME, NOW - 40, 8, 2))
    await world.closed({ACME: [NOW - 40]}, NOW)
    if counted_first:
        await world.closed({ACME: [NOW - 60]}, NOW)
    world.erase(7)
    await world.closed({ACME: [NOW - 60]}, NOW)
    world.flush((ACME, NOW - 60, 9, 1))
    await world.closed({ACME: [NOW - 60, NOW - 50]}, NOW)
    assert world.counted == Counter({(ACME, NOW - 60, 9, 1): 1, (ACME, NOW - 50, 8, 1): 1} | {
        (ACME, second, second, 1): 1 for second in (NOW - 60, NOW - 50)})  # fmt: skip


async def test_a_flush_is_whole_for_a_workspace_whose_touch_came_later() -> None:
    world = await counted_while_hot()
    world.flush((GLOBEX, NOW - 60, 9, 1))
    await world.closed({GLOBEX: [NOW - 60]}, NOW)
    world.flush((ACME, NOW - 60, 7, 1), (ACME, NOW - 50, 7, 2), (GLOBEX, NOW - 60, 8, 1))
    (late,) = [touch for touch in world.touches if touch.workspace == GLOBEX]
    world.touches.remove(late)
    await world.closed({ACME: [NOW - 60]}, NOW)
    world.touches.append(late)
    assert (await world.closed({GLOBEX: [NOW - 60]}, NOW))[0]["globex"] == 2
    assert (await world.closed({ACME: [NOW - 50]}, NOW))[0]["acme"] == 2


async def test_what_no_longer_fits_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await counted_while_hot((ACME, NOW - 60, 7, 1))
    world.flush((ACME, NOW - 60, 7, 2))
    monkeypatch.setattr(packed, "MAX_BYTES", 0)
    assert (await world.closed({ACME: [NOW - 60]}, NOW))[0]["acme"] == 3
    world.flush((ACME, NOW - 58, 7, 2), (ACME, NOW - 57, 7, 3))
    monkeypatch.setattr(fresh, "_MOST_ROWS", 1)
    world.flush((ACME, NOW - 60, 7, 4))
    assert (await world.closed({ACME: [NOW - 58]}, NOW))[0]["acme"] == 2
    assert (await world.closed({ACME: [NOW - 60, NOW - 57]}, NOW))[0]["acme"] == 6


async def test_words_without_end_cost_no_second_that_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_WORDS", 10)
    world = await counted_while_hot(*((ACME, second, 7, second % 97) for second in range(NOW - 70, NOW)))
    world.flush((ACME, NOW - 60, 7, 200))
    assert (await world.closed({ACME: [NOW - 60]}, NOW))[0]["acme"] == 3
    assert world.store.reads == []


async def test_nothing_is_remembered_when_counting_failed_half_way_or_another_process_counted() -> None:
    world = await counted_while_hot((ACME, NOW - 60, 7, 1))
    world.flush((ACME, NOW - 60, 7, 2))
    world.reads.hear(world.touches)
    await world.reads.touched({ACME: [NOW - 60]}, NOW, world.touches)
    world.reads.forget()
    world.store.rows.append((ACME, NOW - 60, 7, 3))  # counted there, so no touch waits here
    assert (await world.closed({ACME: [NOW - 60]}, NOW))[0]["acme"] == 4


async def test_what_rests_is_let_go_once_it_is_of_no_use() -> None:
    world = await counted_while_hot((ACME, NOW - 1, 7, 1))
    await world.reads.rest(NOW + 10)
    assert world.reads.recent.has_all_of((ACME, NOW - 1))
    await world.reads.rest(NOW + 300)
    assert not world.reads.recent.has_all_of((ACME, NOW - 1))


def some_rows(chance: random.Random, now_s: int) -> list[Row]:
    return [
        (
            chance.choice((ACME, ACME, GLOBEX)),
            now_s - chance.choice((0, 0, 0, 1, 2, 3, 8, 12, 30, 45, 60)),
            chance.randrange(1, 12),
            chance.randrange(10_000),
        )
        for _ in range(chance.randrange(1, 12))
    ]


async def random_life(seed: int, *, steps: int) -> None:
    """Let anything happen, and hold each closing against what is stored."""
    chance, world = random.Random(seed), World()
    now_s = NOW
    for _ in range(steps):
        now_s += chance.choice((0, 0, 1, 1, 2, 20))
        what = chance.random()
        if what < 0.45:
            world.flush(*some_rows(chance, now_s), is_own=chance.random() < 0.9)
        elif what < 0.5 and world.store.rows:
            world.erase(chance.choice(world.store.rows)[2])
        elif what < 0.52:
            world.reads.forget()
        elif what < 0.56:
            await world.reads.rest(now_s)
        elif world.touches:
            await one_closing(world, chance, now_s)


async def one_closing(world: World, chance: random.Random, now_s: int) -> None:
    waiting = sorted({(touch.workspace, second) for touch in world.touches for second in touch.seconds})
    if chance.random() < 0.5:
        waiting = [one for one in waiting if one[1] >= now_s - 10] or waiting
    seconds: dict[WorkspaceId, list[int]] = {}
    for workspace, second in sorted(chance.sample(waiting, chance.randrange(1, len(waiting) + 1))):
        seconds.setdefault(workspace, []).append(second)
    await world.closed(seconds, now_s)
    stored = Counter(row for row in world.store.rows if row[1] in seconds.get(row[0], ()))
    assert {row: 1 for row in world.counted if row[1] in seconds.get(row[0], ())} == dict.fromkeys(stored, 1)
    waits = {(touch.workspace, second) for touch in world.touches for second in touch.seconds}
    traces = {(row[0], row[2]) for row in stored}
    near = {row for row in world.store.rows if (row[0], row[2]) in traces
            and any(second - 10 <= row[1] <= second + 10 for second in seconds.get(row[0], ()))}  # fmt: skip
    assert {f"name {row[3]}" for row in near if (row[0], row[1]) not in waits} <= world.linked
    assert world.linked <= {f"name {row[3]}" for row in world.store.rows}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_a_closing_reads_what_is_stored(seed: int) -> None:
    await random_life(seed, steps=60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 500))
async def test_whatever_happens_a_closing_reads_what_is_stored_in_long_lives(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(recent, "MAX_WORDS", chance.choice((10, 200, 10**6)))
    monkeypatch.setattr(recent, "MAX_ROWS", chance.choice((5, 10**6)))
    monkeypatch.setattr(recent, "_MAX_EVENTS", chance.choice((5, 10**6)))
    monkeypatch.setattr(packed, "MAX_BYTES", chance.choice((0, 100_000, 10**8)))
    monkeypatch.setattr(fresh, "_MOST_ROWS", chance.choice((10, 150_000)))
    await random_life(seed, steps=150)
