"""Telemetry against quotas: whole bodies, days that no process and no restart stretches, what is given back."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.identity.usage import FakeUsage

from tidegate.edge.caller import Caller, Scope
from tidegate.edge.quotas import Quota, QuotaExceededError, QuotasSet
from tidegate.identity.quotas.metering import Meter, Refusals
from tidegate.identity.quotas.ports import UsageStore
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.testing import FakeClock

ACME = WorkspaceId("acme")


def caller(**own: int) -> Caller:
    quotas = QuotasSet(own={Quota(name): amount for name, amount in own.items()})
    return Caller(ACME, Scope.INGEST, "tok_1", by_session=False, quotas=quotas)


class Process:
    """One process over a store that others share."""

    def __init__(self, usage: UsageStore, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.refusals = Refusals(usage)
        self.meter = Meter(
            usage,
            self.clock,
            defaults={},
            on_refused=self.refusals.note,
            monotonic=self._monotonic,
        )

    def _monotonic(self) -> float:
        return self.clock.now().timestamp()

    async def send(self, sender: Caller, spans: int, *, logs: int = 0, trouble: Exception | None = None) -> None:
        async with self.meter.spending(sender, {"traces": spans, "logs": logs}):
            if trouble is not None:
                raise trouble

    async def let_in(self, sender: Caller, spans: int) -> int:
        try:
            await self.send(sender, spans)
        except QuotaExceededError:
            return 0
        return spans


@pytest.fixture
def usage() -> FakeUsage:
    return FakeUsage()


@given(
    bodies=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 700)), max_size=60),
    quota=st.integers(1, 30_000),
)
def test_several_processes_never_let_in_more_than_a_day_has(bodies: list[tuple[int, int]], quota: int) -> None:
    async def sent() -> int:
        usage, clock = FakeUsage(), FakeClock()
        processes = [Process(usage, clock) for _ in range(3)]
        return sum([await processes[which].let_in(caller(spans_per_day=quota), n) for which, n in bodies])

    wanted, let_in = sum(count for _, count in bodies), asyncio.run(sent())
    assert let_in <= quota
    # Whatever is refused is refused for want of room, but for what two others hold.
    assert let_in == wanted or let_in > quota - 700 - 2 * max(1, quota // 1_000)


async def test_a_restart_forgets_nothing_and_a_stop_gives_back_what_was_held(usage: FakeUsage) -> None:
    first = Process(usage)
    stopping = asyncio.create_task(first.meter.run())
    await asyncio.sleep(0)
    await first.send(caller(spans_per_day=100_000), 30)
    assert sum(usage.used.values()) == 100  # held in advance
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    assert sum(usage.used.values()) == 30
    with pytest.raises(QuotaExceededError):
        await Process(usage).send(caller(spans_per_day=100_000), 99_971)
    await Process(usage).send(caller(spans_per_day=100_000), 99_970)


async def test_what_is_not_stored_is_given_back(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_day=10, spans_per_second=1)
    for _ in range(20):
        with pytest.raises(UnavailableError):
            await process.send(sender, 10, trouble=UnavailableError("not stored"))
    await process.send(sender, 10)


async def test_a_body_that_one_quota_has_no_room_for_costs_no_other_quota_anything(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_day=10, logs_per_day=5)
    with pytest.raises(QuotaExceededError, match="log records a day"):
        await process.send(sender, 10, logs=6)
    await process.send(sender, 10, logs=5)


async def test_who_hangs_up_takes_nothing_back(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_day=10)
    with pytest.raises(asyncio.CancelledError):
        async with process.meter.spending(sender, {"traces": 10}):
            raise asyncio.CancelledError
    with pytest.raises(QuotaExceededError):
        await process.send(sender, 1)


async def test_a_day_ends_at_midnight_utc(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_day=10)
    await process.send(sender, 10)
    with pytest.raises(QuotaExceededError) as refused:
        await process.send(sender, 1)
    assert refused.value.retry_after_s == 10 * 3_600  # it is 14:00
    process.clock.advance(timedelta(hours=10))
    await process.send(sender, 10)


async def test_a_flood_of_what_there_is_no_room_for_asks_the_store_once_a_second(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_day=10)
    await process.send(sender, 10)
    asked = usage.asked_count
    for _ in range(100):
        assert not await process.let_in(sender, 5)
    assert usage.asked_count == asked + 1
    with pytest.raises(QuotaExceededError):
        process.meter.refuse_if_spent(sender, "traces")  # before the body is read
    process.meter.refuse_if_spent(sender, "logs")
    process.clock.advance(timedelta(seconds=1))
    process.meter.refuse_if_spent(sender, "traces")
    assert await process.let_in(caller(spans_per_day=20), 5) == 5  # raised meanwhile


async def test_many_at_once_are_counted_one_by_one(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_day=10_000)
    let_in = await asyncio.gather(*(process.let_in(sender, 30) for _ in range(500)))
    assert 9_970 < sum(let_in) <= 10_000


async def test_what_others_take_while_one_asks_the_store_is_not_taken_twice(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_day=13)
    with pytest.raises(UnavailableError):
        await process.send(sender, 5, trouble=UnavailableError("not stored"))  # five are held
    let_in = await asyncio.gather(*(process.let_in(sender, spans) for spans in (8, 5)))
    let_in += [await Process(usage).let_in(sender, 5)]
    assert sum(let_in) <= 13


async def test_a_rate_refuses_before_the_body_is_read_and_says_when(usage: FakeUsage) -> None:
    process, sender = Process(usage), caller(spans_per_second=10)
    await process.send(sender, 150)
    with pytest.raises(QuotaExceededError, match=r"10 spans a second") as refused:
        process.meter.refuse_if_spent(sender, "traces")
    assert refused.value.retry_after_s == pytest.approx(5)
    assert not await process.let_in(sender, 1)
    process.clock.advance(timedelta(seconds=5.1))
    process.meter.refuse_if_spent(sender, "traces")
    await process.send(sender, 1)


async def test_without_a_store_that_answers_a_day_is_not_guessed_and_rates_go_on(usage: FakeUsage) -> None:
    process = Process(usage)
    usage.is_away = True
    with pytest.raises(UnavailableError):
        await process.send(caller(spans_per_day=10), 1)
    await process.send(caller(spans_per_second=10), 1)


async def test_refusals_are_written_down_and_kept_while_nobody_can_write(usage: FakeUsage) -> None:
    process = Process(usage)
    for _ in range(3):
        await process.let_in(caller(spans_per_day=10), 11)
    usage.is_away = True
    await process.refusals.write()
    usage.is_away = False
    await process.refusals.write()
    await process.refusals.write()
    assert usage.refused == {(ACME, "", Quota.SPANS_PER_DAY): 3}


async def test_what_was_counted_is_written_when_the_process_stops(usage: FakeUsage) -> None:
    process = Process(usage)
    running = asyncio.create_task(process.refusals.run())
    await asyncio.sleep(0)
    await process.let_in(caller(spans_per_day=1), 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sum(usage.refused.values()) == 1


async def test_who_has_no_quota_costs_the_store_nothing(usage: FakeUsage) -> None:
    process = Process(usage)
    await process.send(caller(), 1_000_000)
    process.meter.refuse_if_spent(caller(), "traces")
    assert usage.asked_count == 0
