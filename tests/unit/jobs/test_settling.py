import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from tidegate.jobs import Claimed, Done, JobId, Ledger
from tidegate.jobs.model import Settled
from tidegate.jobs.settling import Settler
from tidegate.jobs.store import LEASE
from tidegate.jobs.worker import _LEASE
from tidegate.kernel import UnavailableError, WorkspaceId

AT = datetime(2026, 2, 7, tzinfo=UTC)


class Slow:
    """Settles all but `lost`, one batch a turn of `may_go`."""

    def __init__(self, *problems: Exception) -> None:
        self.batches: list[int] = []
        self.is_asked, self.may_go = asyncio.Event(), asyncio.Event()
        self.problems = list(problems)

    async def settle(self, settled: Sequence[Settled]) -> set[JobId]:
        self.batches.append(len(settled))
        self.is_asked.set()
        await self.may_go.wait()
        if self.problems:
            raise self.problems.pop(0)
        return {one.job.id for one in settled} - {JobId("lost")}


def ended(name: str) -> Settled:
    job = Claimed(JobId(name), WorkspaceId("w"), "a.b", None, {}, 1, AT, AT, 12)
    return Settled(job, Done())


def settler_of(ledger: Slow) -> Settler:
    return Settler(cast("Ledger", cast("Any", ledger)))


async def test_ends_that_come_while_others_are_written_are_written_together() -> None:
    ledger = Slow()
    settler = settler_of(ledger)
    first = asyncio.create_task(settler.settle(ended("first")))
    await ledger.is_asked.wait()
    rest = [asyncio.create_task(settler.settle(ended(name))) for name in ("a", "lost", "b")]
    await asyncio.sleep(0)
    ledger.may_go.set()
    assert await asyncio.gather(first, *rest) == [True, True, False, True]
    assert ledger.batches == [1, 3]


async def test_an_end_that_cannot_be_stored_is_heard_of_and_holds_up_no_later_one() -> None:
    ledger = Slow(ValueError("no"))
    ledger.may_go.set()
    settler = settler_of(ledger)
    with pytest.raises(ValueError, match="no"):
        await settler.settle(ended("a"))
    assert await settler.settle(ended("b"))


async def test_while_the_store_is_away_ends_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.jobs.settling._AGAIN_S", 0.0)
    ledger = Slow(UnavailableError("away"), UnavailableError("away"))
    ledger.may_go.set()
    assert await settler_of(ledger).settle(ended("a"))
    assert ledger.batches == [1, 1, 1]


async def test_a_stop_does_not_wait_for_a_store_that_is_away() -> None:
    ledger = Slow()
    settler = settler_of(ledger)
    waiting = asyncio.create_task(settler.settle(ended("a")))
    await ledger.is_asked.wait()
    await settler.close()
    waiting.cancel()
    assert ledger.batches == [1]


def test_the_worker_renews_leases_of_the_length_that_the_ledger_gives() -> None:
    assert _LEASE == LEASE
