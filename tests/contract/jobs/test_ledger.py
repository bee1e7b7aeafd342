"""The ledger on real PostgreSQL: what is added is there, once, and belongs to one worker at a time."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.jobs.conftest import NewWorkspace, World

from tidegate.jobs import (
    Claimed,
    Dead,
    Done,
    JobInvalidError,
    JobPayloadTooLargeError,
    PostgresLedger,
    PostgresOutbox,
    Retry,
)
from tidegate.jobs.errors import LeaseLostError
from tidegate.jobs.model import Release, Settled
from tidegate.jobs.store import CHANNEL
from tidegate.kernel import WorkspaceId
from tidegate.storage.hearing import hear
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.testing import FakeClock

PATIENCE_S = 60.0
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


async def test_a_job_is_added_with_its_transaction_or_not_at_all(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with world.database.transaction(world.workspace) as connection:
            await world.outbox.add(connection, world.workspace, [world.job()])
            raise ZeroDivisionError
    assert await world.claim() == []


async def test_what_was_added_is_what_is_claimed(world: World) -> None:
    text = "ä\0 and half a character \ud800"
    [job_id] = await world.add(world.job(payload={"a": [1, 0.5, None, text]}, key="k", max_attempts=3))
    [claimed] = await world.claim()
    assert (claimed.id, claimed.workspace, claimed.kind, claimed.key) == (job_id, world.workspace, world.kind, "k")
    assert (claimed.payload, claimed.attempt, claimed.max_attempts) == ({"a": [1, 0.5, None, text]}, 1, 3)
    assert await world.claim() == []


async def test_adding_wakes_whoever_listens(world: World, state_dsns: PostgresDsns) -> None:
    heard = asyncio.Event()
    listening = asyncio.create_task(hear(state_dsns.serving, CHANNEL, heard.set))
    async with asyncio.timeout(PATIENCE_S):
        await heard.wait()  # connected
        heard.clear()
        await world.add()
        await heard.wait()
    listening.cancel()


async def test_an_unfinished_job_of_a_key_is_the_same_job(world: World) -> None:
    first, other, first_again, without, without_too = await world.add(
        world.job(key="a", payload={"n": 1}),
        world.job(key="b"),
        world.job(key="a", payload={"n": 2}),
        world.job(),
        world.job(),
    )
    assert first == first_again
    assert len({first, other, without, without_too}) == 4
    assert await world.add(world.job(key="b"), world.job(key="a", payload={"n": 3})) == [other, first]
    claimed = {job.id: job for job in await world.claim()}
    assert len(claimed) == 4
    assert claimed[first].payload == {"n": 1}
    await world.ledger.settle([Settled(claimed[first], Done())])
    assert (await world.add(world.job(key="a")))[0] != first


async def test_a_job_that_is_added_again_moves_earlier_and_never_later(world: World) -> None:
    soon, later = FAR, FAR + timedelta(days=1)
    [job_id] = await world.add(world.job(key="k", run_at=soon))
    await world.add(world.job(key="k", run_at=later))
    assert (await world.row(job_id))["run_at"] == soon
    await world.add(world.job(key="k", run_at=soon - timedelta(hours=1)))
    assert (await world.row(job_id))["run_at"] == soon - timedelta(hours=1)
    assert await world.claim() == []
    assert await world.add(world.job(key="k")) == [job_id]
    assert [job.id for job in await world.claim()] == [job_id]


@pytest.mark.parametrize("ending", [Done(), Dead("no"), Retry("later")], ids=["done", "dead", "failed"])
async def test_a_job_that_is_added_again_while_it_runs_runs_once_more(
    world: World, ending: Done | Dead | Retry
) -> None:
    [job_id] = await world.add(world.job(key="k", max_attempts=1))
    [running] = await world.claim()
    assert await world.add(world.job(key="k"), world.job(key="k", run_at=FAR)) == [job_id] * 2
    assert await world.ledger.settle([Settled(running, ending, timedelta(hours=1))]) == {job_id}
    [again] = await world.claim()
    assert (again.id, again.attempt) == (job_id, 1)
    assert await world.ledger.settle([Settled(running, Done())]) == set()  # the same attempt, and not the same claim
    assert await world.ledger.settle([Settled(again, Done())]) == {job_id}
    assert (await world.row(job_id))["state"] == "done"


async def test_a_job_that_somebody_adds_again_is_not_run_before_that_is_committed(world: World) -> None:
    [job_id] = await world.add(world.job(key="k"))
    async with world.database.transaction(world.workspace) as connection:
        assert await world.outbox.add(connection, world.workspace, [world.job(key="k")]) == [job_id]
        assert await world.claim() == []
    assert [job.id for job in await world.claim()] == [job_id]


async def test_two_who_add_the_same_keys_in_different_orders_both_succeed(world: World) -> None:
    keys = [f"k{number}" for number in range(30)]
    for _ in range(5):
        found = await asyncio.gather(
            world.add(*(world.job(key=key) for key in keys)),
            world.add(*(world.job(key=key) for key in reversed(keys))),
        )
        assert found[0] == found[1][::-1]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"kind": "Not a kind"}, id="kind"),
        pytest.param({"key": "a\0b"}, id="key with NUL"),
        pytest.param({"key": "k" * 513}, id="long key"),
        pytest.param({"payload": {"a": float("nan")}}, id="no JSON"),
        pytest.param({"run_at": datetime(2026, 1, 1)}, id="no time zone"),  # noqa: DTZ001 - what is refused
        pytest.param({"max_attempts": 0}, id="no attempt"),
    ],
)
async def test_what_is_no_job_is_refused_before_it_is_sent(world: World, changes: dict[str, object]) -> None:
    with pytest.raises(JobInvalidError):
        await world.add(world.job(**changes))


async def test_a_payload_has_at_most_64_kilobytes(world: World) -> None:
    await world.add(world.job(payload={"a": "x" * (64 * 1024 - 8)}))
    with pytest.raises(JobPayloadTooLargeError):
        await world.add(world.job(payload={"a": "x" * (64 * 1024 - 7)}))


async def test_jobs_run_in_the_order_of_priority_then_of_their_moment(world: World) -> None:
    low, urgent, early = await world.add(
        world.job(), world.job(priority=5), world.job(run_at=LONG_AGO, payload={"early": True})
    )
    assert [job.id for job in await world.claim(limit=2)] in ([urgent, early], [early, urgent])
    assert [job.id for job in await world.claim()] == [low]


async def test_a_job_waits_for_its_moment(world: World) -> None:
    clock = FakeClock()
    ledger, outbox = PostgresLedger(world.database, clock=clock), PostgresOutbox(clock=clock)
    async with world.database.transaction(world.workspace) as connection:
        await outbox.add(connection, world.workspace, [world.job(run_at=clock.now() + timedelta(seconds=30))])
    assert await world.claim(ledger=ledger) == []
    clock.advance(timedelta(seconds=30))
    [claimed] = await world.claim(ledger=ledger)
    assert await ledger.settle([Settled(claimed, Retry("no"), timedelta(hours=2))])
    clock.advance(timedelta(minutes=119))
    assert await world.claim(ledger=ledger) == []
    clock.advance(timedelta(minutes=1))
    assert len(await world.claim(ledger=ledger)) == 1


async def test_a_clock_that_jumps_takes_no_job_from_its_worker(world: World) -> None:
    clock = FakeClock()
    ledger = PostgresLedger(world.database, clock=clock)
    [job_id] = await world.add(world.job(run_at=LONG_AGO))
    [claimed] = await world.claim(ledger=ledger)
    clock.advance(timedelta(days=365))
    assert await world.claim(ledger=ledger) == []
    clock.advance(-timedelta(days=730))
    assert await ledger.renew([claimed]) == {job_id}
    assert await ledger.settle([Settled(claimed, Done())]) == {job_id}


async def test_workers_that_claim_at_once_get_different_jobs(world: World) -> None:
    added = await world.add(*(world.job() for _ in range(200)))
    ledgers = [PostgresLedger(world.database, holder=f"w{number}") for number in range(4)]
    claimed = []
    while True:
        batches = await asyncio.gather(*(world.claim(limit=7, ledger=ledger) for ledger in ledgers))
        if not any(batches):
            break
        claimed += [job for batch in batches for job in batch]
    assert sorted(job.id for job in claimed) == sorted(added)


async def test_a_lease_that_nobody_renewed_gives_the_job_to_the_next_and_refuses_the_first(world: World) -> None:
    [job_id] = await world.add()
    [lost] = await world.claim()
    await world.lose_lease(job_id)
    [taken] = await world.claim()
    assert (taken.id, taken.attempt) == (job_id, 2)
    assert await world.ledger.renew([lost]) == set()
    assert await world.ledger.settle([Settled(lost, Done({"by": "lost"}))]) == set()
    with pytest.raises(LeaseLostError):
        async with world.ledger.settling(Settled(lost, Done())):
            pytest.fail("its effects would be written twice")
    assert await world.ledger.settle([Settled(taken, Done({"by": "taken"}))]) == {job_id}
    assert (await world.row(job_id))["result"] == '{"by":"taken"}'


async def test_a_lease_that_ran_out_and_that_nobody_took_is_still_ones_own(world: World) -> None:
    [job_id] = await world.add()
    [claimed] = await world.claim()
    await world.lose_lease(job_id)
    assert await world.ledger.renew([claimed]) == {job_id}
    assert await world.claim() == []
    await world.lose_lease(job_id)
    assert await world.ledger.settle([Settled(claimed, Done())]) == {job_id}


async def test_a_job_whose_last_attempt_was_lost_is_dead_and_says_so(world: World) -> None:
    [job_id] = await world.add(world.job(max_attempts=1))
    [claimed] = await world.claim()
    await world.lose_lease(job_id)
    assert await world.claim() == []
    row = await world.row(job_id)
    assert (row["state"], row["reason"]) == ("dead", "Its worker was lost: nobody renewed the lease.")
    assert await world.ledger.settle([Settled(claimed, Done())]) == set()


async def test_an_attempt_that_is_given_back_does_not_count(world: World) -> None:
    [job_id] = await world.add()
    [claimed] = await world.claim()
    assert await world.ledger.settle([Settled(claimed, Release())]) == {job_id}
    [again] = await world.claim()
    assert again.attempt == 1
    assert await world.ledger.settle([Settled(claimed, Done())]) == set()


async def test_one_statement_renews_and_settles_jobs_of_many_workspaces(
    world: World, new_workspace: NewWorkspace
) -> None:
    workspaces = [await new_workspace() for _ in range(5)]
    for workspace in workspaces:
        await world.add(world.job(), world.job(), workspace=workspace)
    claimed = await world.claim()
    ids = {job.id for job in claimed}
    assert len(ids) == 10
    assert await world.ledger.renew(claimed) == ids
    ends = [Done(), Retry("r"), Dead("d"), Release(), Done({"n": 1})] * 2
    assert await world.ledger.settle([Settled(job, end) for job, end in zip(claimed, ends, strict=True)]) == ids
    states = [(await world.row(job.id, job.workspace))["state"] for job in claimed]
    assert states == ["done", "ready", "dead", "ready", "done"] * 2


async def test_a_backlog_of_one_holds_up_nobody_else(world: World, new_workspace: NewWorkspace) -> None:
    await world.add(*(world.job() for _ in range(2_000)))
    quiet = [await new_workspace() for _ in range(5)]
    for workspace in quiet:
        await world.add(workspace=workspace)
    claimed = await world.claim(limit=12)
    assert {job.workspace for job in claimed} == {world.workspace, *quiet}
    assert len(claimed) <= 12
    assert len(claimed) >= 7  # the places that the quiet ones leave are not all empty


async def test_with_fewer_places_than_workspaces_all_have_their_turn(world: World, new_workspace: NewWorkspace) -> None:
    workspaces = {await new_workspace() for _ in range(7)}
    for workspace in workspaces:
        await world.add(*(world.job() for _ in range(3)), workspace=workspace)
    served = [job.workspace for _ in range(7) for job in await world.claim(limit=1)]
    assert set(served) == workspaces


async def test_a_workspace_that_fills_its_places_gets_no_more(world: World, new_workspace: NewWorkspace) -> None:
    await world.add(*(world.job() for _ in range(20)))
    other = await new_workspace()
    await world.add(workspace=other)
    claimed = await world.ledger.claim([world.kind], limit=10, of_one=4, busy={world.workspace: 3})
    assert sorted(job.workspace for job in claimed) == sorted([world.workspace, other])
    assert await world.ledger.claim([world.kind], limit=10, of_one=4, busy={world.workspace: 4}) == []


async def test_claiming_leaves_no_workspace_behind_in_the_connection(world: World) -> None:
    await world.add(world.job(), world.job())
    async with world.database.across_workspaces() as connection:
        found = await connection.fetch(
            "SELECT * FROM claim_jobs($1, 10, 10, '{}', '{}', '', '', interval '30 s', now())", [world.kind]
        )
        assert len(found) == 2
        assert await connection.fetchval("SELECT count(*) FROM jobs") == 0
    async with world.database.transaction(world.workspace) as connection:
        await connection.fetch("SELECT renew_jobs('{}', '{}', '{}', interval '30 s')")
        assert await connection.fetchval("SELECT count(*) FROM jobs") == 2


async def test_no_workspace_sees_or_ends_jobs_of_another(world: World, new_workspace: NewWorkspace) -> None:
    [job_id] = await world.add()
    [claimed] = await world.claim()
    other = await new_workspace()
    async with world.database.transaction(other) as connection:
        assert await connection.fetch("SELECT FROM jobs WHERE id = $1", job_id) == []
    in_other = await world.ledger.settle([Settled(replace(claimed, workspace=other), Done())])
    assert in_other == set()
    assert (await world.row(job_id))["state"] == "running"
