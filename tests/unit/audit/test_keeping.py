"""The trail and its keeper while the state store is away, and when the server stops."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import structlog
from tests.unit.audit.fakes import AT, KEY, FakeChains, make_deed

from tidegate.audit import AuditService, Outcome, PostgresAuditTrail
from tidegate.audit.model import Entry
from tidegate.audit.tasks import AuditKeeper
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.testing import FakeClock

HARBOR, OTHER = WorkspaceId("harbor"), WorkspaceId("other")
AWAY = UnavailableError("The state store does not answer.")


class HeldChains(FakeChains):
    """Writes when it is let."""

    def __init__(self, *, leaves_out: bool = False) -> None:
        super().__init__()
        self.may_write = asyncio.Event()
        self.began = asyncio.Event()
        self._leaves_out = leaves_out

    async def write(
        self, waiting: Sequence[tuple[WorkspaceId, Sequence[Entry]]], *, recorded_at: datetime
    ) -> list[WorkspaceId]:
        if self._leaves_out:
            return [workspace for workspace, _ in waiting]
        await self._wait()
        return await super().write(waiting, recorded_at=recorded_at)

    async def write_one(self, workspace: WorkspaceId, entries: Sequence[Entry], *, recorded_at: datetime) -> None:
        await self._wait()
        await super().write_one(workspace, entries, recorded_at=recorded_at)

    async def _wait(self) -> None:
        self.began.set()
        await self.may_write.wait()


async def refuse(trail: PostgresAuditTrail, times: int) -> None:
    for _ in range(times):
        await trail.record(HARBOR, make_deed(outcome=Outcome.DENIED))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(AT)


async def test_everybody_who_waits_is_told_that_the_store_is_away_and_the_next_one_is_recorded(
    clock: FakeClock,
) -> None:
    chains = FakeChains()
    trail = PostgresAuditTrail(store=chains, clock=clock)
    chains.trouble = AWAY
    answers = await asyncio.gather(
        *(trail.record(each, make_deed()) for each in (HARBOR, OTHER, HARBOR)), return_exceptions=True
    )
    assert answers == [AWAY, AWAY, AWAY]
    chains.trouble = None
    await trail.record(HARBOR, make_deed(2))
    assert [each.deed.target for each in chains.chains[HARBOR]] == ["token/tok_2"]


@pytest.mark.parametrize("leaves_out", [False, True])
async def test_closing_waits_for_what_is_being_written(clock: FakeClock, *, leaves_out: bool) -> None:
    chains = HeldChains(leaves_out=leaves_out)
    trail = PostgresAuditTrail(store=chains, clock=clock)
    recording = asyncio.ensure_future(trail.record(HARBOR, make_deed()))
    await chains.began.wait()
    closing = asyncio.ensure_future(trail.close())
    await asyncio.sleep(0)
    assert not closing.done()
    chains.may_write.set()
    await asyncio.gather(closing, recording)
    assert len(chains.chains[HARBOR]) == 1


@pytest.mark.parametrize("leaves_out", [False, True])
async def test_whoever_waits_when_the_loop_ends_is_told_that_nobody_knows(
    clock: FakeClock, *, leaves_out: bool
) -> None:
    chains = HeldChains(leaves_out=leaves_out)
    trail = PostgresAuditTrail(store=chains, clock=clock)
    recording = asyncio.ensure_future(trail.record(HARBOR, make_deed()))
    await chains.began.wait()
    for task in (trail._writer, *trail._alone.values()):
        if task is not None:
            task.cancel()
    with pytest.raises(UnavailableError):
        await recording


async def test_the_keeper_wakes_with_the_minute_and_goes_on_when_the_store_is_away(clock: FakeClock) -> None:
    clock.advance(timedelta(seconds=59.99))
    chains = FakeChains()
    trail = PostgresAuditTrail(store=chains, clock=clock)
    keeper = AuditKeeper(trail=trail, audit=AuditService(store=chains, key=KEY, clock=clock), clock=clock)
    await refuse(trail, 23)
    clock.advance(timedelta(seconds=60.005))
    chains.trouble = AWAY
    with structlog.testing.capture_logs() as logs:
        await keeper.keep()
    assert [each["event"] for each in logs] == ["refusals and reads are recorded later", "heads are signed later"]
    chains.trouble = None
    running = asyncio.ensure_future(keeper.run())
    async with asyncio.timeout(10):
        while HARBOR not in chains.heads:  # noqa: ASYNC110 - it wakes by the clock, within 5 ms
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [each.count for each in chains.chains[HARBOR]] == [1] * 20 + [3]


async def test_a_server_that_cannot_record_what_it_counted_says_so_when_it_stops(clock: FakeClock) -> None:
    chains = FakeChains()
    trail = PostgresAuditTrail(store=chains, clock=clock)
    keeper = AuditKeeper(trail=trail, audit=AuditService(store=chains, key=KEY, clock=clock), clock=clock)
    await refuse(trail, 25)
    chains.trouble = AWAY
    running = asyncio.ensure_future(keeper.run())
    await asyncio.sleep(0)
    with structlog.testing.capture_logs() as logs:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert ("refusals or reads could not be recorded", 5) in [(each["event"], each.get("count")) for each in logs]
