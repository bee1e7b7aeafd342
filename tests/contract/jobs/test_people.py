"""What people do with jobs: look at them, count them, replay dead ones under the same id, remove them."""

from datetime import timedelta

import pytest
from tests.contract.jobs.conftest import NewWorkspace, World

from tidegate.jobs import Dead, Done, JobId, JobKeyTakenError, JobNotDeadError, JobNotFoundError, JobState, NewJob
from tidegate.jobs.model import Settled
from tidegate.kernel import WorkspaceId


async def kill(world: World, *jobs: NewJob) -> list[JobId]:
    """Add jobs that die at their first attempt, one after the other."""
    ids = []
    for job in jobs:
        [job_id] = await world.add(job)
        [claimed] = await world.claim()
        await world.ledger.settle([Settled(claimed, Dead("no"))])
        ids.append(job_id)
    return ids


async def replay(world: World, job_id: JobId, workspace: WorkspaceId | None = None) -> None:
    where = workspace or world.workspace
    async with world.database.transaction(where) as connection:
        await world.service.replay(connection, where, job_id)


async def purge(world: World, job_id: JobId) -> None:
    async with world.database.transaction(world.workspace) as connection:
        await world.service.purge(connection, world.workspace, job_id)


async def test_a_dead_job_is_replayed_under_its_id_with_all_its_attempts(world: World) -> None:
    [job_id] = await kill(world, world.job(key="k", max_attempts=1))
    await replay(world, job_id)
    [again] = await world.claim()
    assert (again.id, again.attempt, again.key) == (job_id, 1, "k")
    await world.ledger.settle([Settled(again, Done())])
    assert (await world.service.get(world.workspace, job_id)).state is JobState.DONE


async def test_a_dead_job_stays_dead_while_another_is_there_for_the_same_thing(world: World) -> None:
    older, newer = await kill(world, world.job(key="k"), world.job(key="k"))
    async with world.database.transaction(world.workspace) as connection:
        assert await world.jobs.replay(connection, world.workspace, [older, newer]) == {older}
    with pytest.raises(JobKeyTakenError):
        await replay(world, newer)


async def test_only_a_dead_job_is_replayed_or_removed(world: World, new_workspace: NewWorkspace) -> None:
    [waiting] = await world.add()
    for deed in (replay, purge):
        with pytest.raises(JobNotDeadError):
            await deed(world, waiting)
        with pytest.raises(JobNotFoundError):
            await deed(world, JobId("job_none"))
    other = await new_workspace()
    with pytest.raises(JobNotFoundError):
        await replay(world, waiting, other)


async def test_a_dead_job_is_removed_for_good(world: World) -> None:
    [job_id] = await kill(world, world.job())
    await purge(world, job_id)
    with pytest.raises(JobNotFoundError):
        await world.service.get(world.workspace, job_id)


async def test_dead_jobs_are_listed_newest_first_page_by_page(world: World) -> None:
    ids = await kill(world, *(world.job() for _ in range(5)))
    await world.add(world.job(kind=f"{world.kind}.other"))
    pages, cursor = [], None
    while True:
        page = await world.service.list_jobs(world.workspace, state=JobState.DEAD, limit=2, cursor=cursor)
        pages.append([job.id for job in page.items])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert page.items[0].reason == "no"


async def test_waiting_jobs_are_listed_in_the_order_of_their_moment_and_by_kind(world: World) -> None:
    now = world.clock.now()
    ids = await world.add(*(world.job(run_at=now + timedelta(days=36_500 - n)) for n in range(3)))
    await world.add(world.job(kind=f"{world.kind}.other", run_at=now + timedelta(days=36_500)))
    first = await world.service.list_jobs(world.workspace, state=JobState.SCHEDULED, kind=world.kind, limit=2)
    rest = await world.service.list_jobs(
        world.workspace, state=JobState.SCHEDULED, kind=world.kind, limit=2, cursor=first.next_cursor
    )
    assert [job.id for job in (*first.items, *rest.items)] == ids[::-1]


async def test_jobs_are_counted_by_kind_and_of_ones_own_workspace(world: World, new_workspace: NewWorkspace) -> None:
    await kill(world, world.job())
    await world.add(world.job(), world.job(), world.job(run_at=world.clock.now() + timedelta(days=36_500)))
    assert len(await world.claim(limit=1)) == 1
    [counts] = await world.service.count(world.workspace)
    assert (counts.kind, counts.waiting, counts.running, counts.dead) == (world.kind, 2, 1, 1)
    assert await world.service.count(await new_workspace()) == []
