"""The ledger on real PostgreSQL: what is added is there, once, and belongs to one worker at a time."""

from datetime import timedelta

import pytest
from tests.contract.jobs.conftest import World

from tidegate.jobs import Claimed, Done, Outcome, Retry
from tidegate.jobs.errors import LeaseLostError
from tidegate.jobs.model import Settled
from tidegate.storage.database import Connection


async def test_a_job_is_added_claimed_and_done(world: World) -> None:
    [job_id] = await world.add(world.job(payload={"a": [1, "ä\0"]}, key="k"))
    assert await world.worker().run_once() == 1
    [ran] = world.ran
    assert (ran.id, ran.workspace, ran.kind, ran.key) == (job_id, world.workspace, world.kind, "k")
    assert (ran.payload, ran.attempt) == ({"a": [1, "ä\0"]}, 1)
    assert (await world.row(job_id))["state"] == "done"
    assert await world.worker().run_once() == 0


async def test_a_failed_attempt_is_tried_again_after_its_wait(world: World) -> None:
    [job_id] = await world.add()

    async def fail(_: Claimed) -> Outcome:
        return Retry("nobody home", after=timedelta(hours=1))

    assert await world.worker(fail).run_once() == 1
    row = await world.row(job_id)
    assert (row["state"], row["reason"], row["attempt"]) == ("scheduled", "nobody home", 1)
    assert await world.worker().run_once() == 0
    await world.change(job_id, "run_at = now()")
    assert await world.worker().run_once() == 1
    assert world.ran[0].attempt == 2


async def test_effects_are_written_with_the_end_of_the_job_and_only_then(world: World) -> None:
    [job_id] = await world.add()

    async def add_another(connection: Connection) -> None:
        await world.outbox.add(connection, world.workspace, [world.job(key="next")])

    async def finish(_: Claimed) -> Outcome:
        return Done(also=add_another)

    [stale] = await world.claim()
    await world.lose_lease(job_id)
    assert await world.worker(finish).run_once() == 1
    with pytest.raises(LeaseLostError):
        async with world.ledger.settling(Settled(stale, Done())) as connection:
            await add_another(connection)
    assert (await world.row(job_id))["state"] == "done"
    assert await world.worker().run_once() == 1
    assert [job.key for job in world.ran] == ["next"]
