import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from tidegate.kernel import SystemClock
from tidegate.signals.closer import RollupCloser
from tidegate.signals.surges import Surges
from tidegate.storage.native import Columns, Words

WORDS = ("error_type", "denial_class", "run_outcome", "detail")


def spans(count: int = 500, **troubled: tuple[int, str]) -> list[Columns]:
    """Return one flush in which so many rows have such a word."""
    status = np.full(count, 200, "u2")
    bad, text = troubled.pop("http_status", (0, "0"))
    status[:bad] = int(text)
    words = {}
    for name in WORDS:
        bad, text = troubled.get(name, (0, "x"))
        words[name] = Words(["", text], np.array([1] * bad + [0] * (count - bad), np.int32))
    return [Columns(count, {"http_status": status}, words)]


@pytest.mark.parametrize(
    ("flush", "is_one"),
    [
        pytest.param(spans(), False, id="nothing fails"),
        pytest.param([], False, id="no spans at all: logs"),
        pytest.param(spans(0), False, id="no rows"),
        pytest.param(spans(http_status=(10, "401")), True, id="sign-ins are refused"),
        pytest.param(spans(http_status=(500, "302")), False, id="a redirection is no trouble"),
        pytest.param(spans(error_type=(1, "timeout")), True, id="an error"),
        pytest.param(spans(denial_class=(1, "cross_tenant")), True, id="a denial"),
        pytest.param(spans(run_outcome=(3, "failed")), True, id="runs fail"),
        pytest.param(spans(run_outcome=(500, "ok")), False, id="runs go well"),
        pytest.param(spans(detail=(1, "leak")), True, id="a leak"),
    ],
)
def test_trouble_after_none_is_a_surge(flush: Sequence[Columns], *, is_one: bool) -> None:
    surges = Surges()
    assert not any(surges.note(spans()) for _ in range(10))
    assert surges.note(flush) is is_one


def test_trouble_as_usual_is_no_surge_and_much_more_of_it_is_one() -> None:
    surges, chance = Surges(), random.Random(1)
    for _ in range(20):
        surges.note(spans(http_status=(12, "500")))
    usual = [surges.note(spans(http_status=(int(chance.gauss(12, 12**0.5)), "500"))) for _ in range(1_000)]
    assert sum(usual) < 20
    assert surges.note(spans(http_status=(40, "500")))


def test_a_leak_is_seen_beside_any_number_of_failures() -> None:
    surges = Surges()
    for _ in range(20):
        surges.note(spans(http_status=(400, "500")))
    assert surges.note(spans(http_status=(400, "500"), detail=(1, "leak")))


def closer() -> RollupCloser:
    nothing = cast("Any", None)  # it rests here: it neither reads nor writes
    return RollupCloser(touches=nothing, counts=nothing, clock=SystemClock())


async def rested_s(one: RollupCloser, *flushes: Sequence[Columns], wanted_s: float) -> float:
    """Return how long it rests of `wanted_s` while flushes are stored every 50 ms."""
    began = time.monotonic()
    resting = asyncio.create_task(one._rest(wanted_s))
    waiting = [*flushes]
    while not resting.done():
        await asyncio.sleep(0.05)
        one.keep("flu_some", waiting.pop(0) if waiting else spans())
        one.wake()
    return time.monotonic() - began


# Bounds are far apart: how long a busy machine takes for a moment is not what is tested.


async def test_a_surge_ends_the_rest_between_two_closings_and_ordinary_rows_do_not() -> None:
    assert await rested_s(closer(), wanted_s=0.4) >= 0.4
    assert await rested_s(closer(), spans(), spans(http_status=(10, "401")), wanted_s=20) < 10


async def test_surges_in_waves_end_a_rest_at_most_twice_a_second() -> None:
    one = closer()
    one._hurried_at = time.monotonic()  # as after a closing in a hurry
    assert 0.5 <= await rested_s(one, spans(http_status=(10, "401")), wanted_s=20) < 10
