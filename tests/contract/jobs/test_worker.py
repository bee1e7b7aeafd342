"""The worker over the real ledger: every end of an attempt, and a stop at any moment."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg
import pytest
from tests.contract.jobs.conftest import NewWorkspace, World

from tidegate.jobs import Backoff, Claimed, Dead, Done, JobId, NewJob, Outcome, PostgresLedger, Retry, Worker
from tidegate.jobs.model import Settled
from tidegate.jobs.tasks import PURGE, JobKeeper, Purge
from tidegate.kernel import UnavailableError
from tidegate.storage.database import Connection

Owner = "asyncpg.Connection[asyncpg.Record]"
PATIENCE_S = 60.0


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    finally:
        await stop(task)


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Stalling:
    """A handler that says when it runs, and ends when it is told to."""

    def __init__(self) -> None:
        self.is_running, self.may_end = asyncio.Event(), asyncio.Event()
        self.was_cancelled = False

    async def __call__(self, job: Claimed) -> Outcome:
        self.is_running.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return Done()


class Hurried(PostgresLedger):
    """A ledger whose first answers get lost on their way: what was asked for is stored all the same."""

    lost_answers = 0
    renewed = 0

    async def settle(self, settled: Sequence[Settled]) -> set[JobId]:
        found = await super().settle(settled)
        if self.lost_answers:
            self.lost_answers -= 1
            raise UnavailableError("gone")
        return found


async def test_a_running_worker_finds_what_is_added(world: World) -> None:
    stalling = Stalling()
    async with running(world.worker(stalling)):
        [job_id] = await world.add()
        await stalling.is_running.wait()
        assert (await world.row(job_id))["state"] == "running"
        stalling.may_end.set()


async def test_a_job_fails_by_the_backoff_of_its_kind_until_it_is_dead(world: World) -> None:
    [job_id] = await world.add(world.job(max_attempts=2))

    async def fail(_: Claimed) -> Outcome:
        raise ConnectionError("post https://hooks.example.com/services/T0/SECRET?x=1 failed: Bearer abcdefgh")

    worker = world.worker(fail, backoffs={world.kind: Backoff((timedelta(hours=3),))})
    assert await worker.run_once() == 1
    row = await world.row(job_id)
    assert row["state"] == "scheduled"
    assert row["reason"] == "ConnectionError: post https://hooks.example.com/… failed: Bearer [redacted]"
    await world.change(job_id, "run_at = now()")
    assert await worker.run_once() == 1
    assert (await world.row(job_id))["state"] == "dead"
    assert await worker.run_once() == 0


async def test_a_handler_decides_when_it_is_tried_again_or_that_it_is_not(world: World) -> None:
    [first, second] = await world.add(world.job(payload={"dead": True}), world.job())

    async def decide(job: Claimed) -> Outcome:
        return Dead("no such place") if job.payload else Retry("busy", after=timedelta(0))

    assert await world.worker(decide).run_once() == 2
    assert (await world.row(first))["state"] == "dead"
    assert (await world.row(second))["state"] == "ready"


async def test_effects_are_written_with_the_end_of_the_job(world: World) -> None:
    [job_id] = await world.add()

    async def add_another(connection: Connection) -> None:
        await world.outbox.add(connection, world.workspace, [world.job(key="next")])

    async def finish(_: Claimed) -> Outcome:
        return Done({"n": 1}, also=add_another)

    assert await world.worker(finish).run_once() == 1
    assert (await world.row(job_id))["state"] == "done"
    assert [job.key for job in await world.claim()] == ["next"]


async def test_effects_that_fail_leave_nothing_and_the_job_is_tried_again(world: World) -> None:
    [job_id] = await world.add()

    async def add_and_fail(connection: Connection) -> None:
        await world.outbox.add(connection, world.workspace, [world.job(key="next")])
        raise LookupError("the other row is gone")

    async def finish(_: Claimed) -> Outcome:
        return Done(also=add_and_fail)

    assert await world.worker(finish).run_once() == 1
    row = await world.row(job_id)
    assert (row["state"], row["reason"]) == ("scheduled", "LookupError: the other row is gone")
    assert await world.claim() == []


async def test_effects_of_an_attempt_that_lost_its_lease_are_not_written(world: World) -> None:
    [job_id] = await world.add()

    async def add_another(connection: Connection) -> None:
        await world.outbox.add(connection, world.workspace, [world.job(key="next")])

    async def finish_late(_: Claimed) -> Outcome:
        await world.lose_lease(job_id)
        [taken] = await world.claim()
        assert taken.attempt == 2
        return Done(also=add_another)

    assert await world.worker(finish_late).run_once() == 1
    assert (await world.row(job_id))["state"] == "running"
    assert await world.claim() == []


async def test_an_end_whose_answer_was_lost_is_stored_once(world: World) -> None:
    ledger = Hurried(world.database)
    ledger.lost_answers = 1
    [job_id] = await world.add()
    assert await world.worker(ledger=ledger).run_once() == 1
    assert (await world.row(job_id))["state"] == "done"
    assert len(world.ran) == 1


async def test_a_job_that_takes_too_long_is_stopped_and_tried_again(world: World) -> None:
    [job_id] = await world.add()
    stalling = Stalling()
    assert await world.worker(stalling, time_limit=timedelta(milliseconds=10)).run_once() == 1
    assert stalling.was_cancelled
    assert (await world.row(job_id))["reason"] == "It took longer than 0.01 s and was stopped."


async def test_a_handler_that_cancels_itself_stops_nothing_else(world: World) -> None:
    [job_id] = await world.add()

    async def cancel_itself(_: Claimed) -> Outcome:
        raise asyncio.CancelledError("inside")

    assert await world.worker(cancel_itself).run_once() == 1
    assert (await world.row(job_id))["reason"] == "CancelledError: inside"


async def test_leases_of_what_runs_are_renewed(world: World) -> None:
    lease = timedelta(milliseconds=600)
    ledger = PostgresLedger(world.database, lease=lease)
    stalling = Stalling()
    [job_id] = await world.add()
    async with running(world.worker(stalling, ledger=ledger, lease=lease)):
        await stalling.is_running.wait()
        first = (await world.row(job_id))["lease_until"]
        while (await world.row(job_id))["lease_until"] == first:
            await asyncio.sleep(0.01)
        stalling.may_end.set()


async def test_a_job_that_became_somebody_elses_is_stopped(world: World) -> None:
    stalling = Stalling()
    [job_id] = await world.add()
    async with running(world.worker(stalling, lease=timedelta(milliseconds=60))):
        await stalling.is_running.wait()
        await world.change(job_id, "fence = fence + 1")
        while not stalling.was_cancelled:
            await asyncio.sleep(0.01)
    assert (await world.row(job_id))["state"] == "running"  # the other's


async def test_a_stop_lets_what_runs_end(world: World) -> None:
    stalling = Stalling()
    [job_id] = await world.add()
    task = asyncio.create_task(world.worker(stalling, grace=timedelta(seconds=PATIENCE_S)).run())
    await stalling.is_running.wait()
    task.cancel()
    asyncio.get_running_loop().call_later(0.02, stalling.may_end.set)
    await stop(task)
    assert (await world.row(job_id))["state"] == "done"


async def test_a_stop_gives_back_what_does_not_end_and_claims_nothing_more(world: World) -> None:
    stalling = Stalling()
    [job_id, waiting] = await world.add(world.job(priority=1), world.job())
    task = asyncio.create_task(world.worker(stalling, grace=timedelta(0), concurrency=1).run())
    await stalling.is_running.wait()
    await stop(task)
    assert stalling.was_cancelled
    given_back, untouched = await world.row(job_id), await world.row(waiting)
    assert (given_back["state"], given_back["attempt"], given_back["lease_until"]) == ("ready", 0, None)
    assert (untouched["state"], untouched["fence"]) == ("ready", 0)


async def test_kinds_that_nobody_knows_wait_and_are_counted(world: World) -> None:
    [job_id] = await world.add(world.job(kind=f"{world.kind}.later"))
    await world.change(job_id, "run_at = now() - interval '1 hour'")
    assert await world.worker().run_once() == 0
    [counts] = await world.service.count(world.workspace)
    assert (counts.kind, counts.waiting, counts.running, counts.dead) == (f"{world.kind}.later", 1, 0, 0)
    assert 3_600 <= counts.oldest_wait_s < 3_600 + PATIENCE_S


async def test_jobs_of_a_suspended_workspace_wait_and_those_of_a_deleted_one_are_dropped(
    world: World, owner_connection: Owner
) -> None:
    [job_id] = await world.add()
    await owner_connection.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", world.workspace)
    assert await world.worker().run_once() == 0
    await owner_connection.execute("UPDATE workspaces SET state = 'active' WHERE id = $1", world.workspace)
    [claimed] = await world.claim()
    await owner_connection.execute(
        "UPDATE workspaces SET state = 'deleted', deleted_at = now() WHERE id = $1", world.workspace
    )
    await keeper(world).keep()
    assert await world.row(job_id) == {}
    assert await world.ledger.settle([Settled(claimed, Done())]) == set()


def keeper(world: World) -> JobKeeper:
    return JobKeeper(database=world.database, ledger=world.ledger, outbox=world.outbox)


async def test_what_was_kept_long_enough_is_removed_in_batches(world: World) -> None:
    ids = await world.add(*(world.job() for _ in range(7)))
    ends = [Done()] * 5 + [Dead("no")] * 2
    claimed = sorted(await world.claim(), key=lambda job: ids.index(job.id))
    await world.ledger.settle([Settled(job, end) for job, end in zip(claimed, ends, strict=True)])
    for old in [*ids[:4], ids[5]]:
        await world.change(old, "finished_at = now() - interval '2 days'")
    await world.change(ids[6], "finished_at = now() - interval '31 days'")
    await keeper(world).keep()
    await keeper(world).keep()
    worker = Worker(ledger=world.ledger, handlers={PURGE: Purge(world.ledger, batch=2)}, clock=world.clock)
    while await worker.run_once():
        continue
    left = [job_id for job_id in ids if await world.row(job_id)]
    assert left == [ids[4], ids[5]]
    async with world.database.transaction(world.workspace) as connection:
        purges = await connection.fetch("SELECT result FROM jobs WHERE kind = $1", PURGE)
    assert [row["result"] for row in purges] == ['{"removed":5}']


async def test_stalled_jobs_of_one_workspace_leave_room_for_others(world: World, new_workspace: NewWorkspace) -> None:
    await world.add(*(world.job(payload={"stall": True}) for _ in range(10)))
    other = await new_workspace()
    stalling = Stalling()

    async def stall(job: Claimed) -> Outcome:
        return await (stalling(job) if job.payload else world.note(job))

    async with running(world.worker(stall, concurrency=4, of_one=3)):
        await stalling.is_running.wait()
        await world.add(NewJob(world.kind, {}), workspace=other)
        while not world.ran:
            await asyncio.sleep(0.01)
        stalling.may_end.set()
    assert [job.workspace for job in world.ran] == [other]


@pytest.mark.parametrize("worker_count", [2])
async def test_two_workers_run_each_job_once(world: World, worker_count: int) -> None:
    ids = await world.add(*(world.job() for _ in range(300)))
    workers = [world.worker(ledger=PostgresLedger(world.database), concurrency=32) for _ in range(worker_count)]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    async with asyncio.timeout(PATIENCE_S):
        while len(world.ran) < len(ids):
            await asyncio.sleep(0.01)
    for task in tasks:
        await stop(task)
    assert sorted(job.id for job in world.ran) == sorted(ids)
    async with world.database.transaction(world.workspace) as connection:
        assert await connection.fetchval("SELECT count(*) FROM jobs WHERE state = 'done'") == len(ids)
