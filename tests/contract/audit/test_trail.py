"""Recording in the real PostgreSQL: no gap, no fork, nothing half done, nobody held up by others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg
import pytest
import structlog
from tests.contract.audit.chains import AT, KEY, chain_of, make_deed

from tidegate.audit import (
    AuditService,
    Deed,
    Outcome,
    PostgresAuditStore,
    PostgresAuditTrail,
)
from tidegate.audit.model import Entry
from tidegate.audit.tasks import AuditKeeper
from tidegate.kernel import InvalidInputError, UnavailableError, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.testing import FakeClock

Owner = "asyncpg.Connection[asyncpg.Record]"
NewWorkspace = Callable[[], Awaitable[WorkspaceId]]


async def test_a_deed_is_read_back_as_it_was_recorded(
    trail: PostgresAuditTrail, store: PostgresAuditStore, workspace: WorkspaceId
) -> None:
    await trail.record(workspace, make_deed())
    (record,) = await chain_of(store, workspace)
    assert (record.deed, record.count, record.recorded_at) == (make_deed(), 1, AT)


async def test_fifty_writers_over_several_workspaces_leave_no_gap(
    database: Database, store: PostgresAuditStore, clock: FakeClock, new_workspace: NewWorkspace
) -> None:
    workspaces = [await new_workspace() for _ in range(5)]
    trails = [PostgresAuditTrail(store=store, clock=clock) for _ in range(3)]  # as many processes

    async def write(writer: int) -> None:
        workspace = workspaces[writer % len(workspaces)]
        for number in range(6):
            deed = make_deed(number, actor=f"tok_{writer}")
            if number % 3 == 2:
                async with database.transaction(workspace) as connection:
                    await trails[writer % 3].append(workspace, deed, within=connection)
            else:
                await trails[writer % 3].record(workspace, deed)

    await asyncio.gather(*(write(writer) for writer in range(50)))
    for place, workspace in enumerate(workspaces):
        records = await chain_of(store, workspace)
        assert len(records) == 60
        for writer in range(place, 50, 5):
            own = [each.deed.target for each in records if each.deed.actor == f"tok_{writer}"]
            assert own == [f"token/tok_{number}" for number in range(6)]


async def rolled_back(database: Database, trail: PostgresAuditTrail, workspace: WorkspaceId, deed: Deed) -> None:
    with suppress(LookupError):
        async with database.transaction(workspace) as connection:
            await trail.append(workspace, deed, within=connection)
            raise LookupError


async def test_a_transaction_that_is_rolled_back_leaves_nothing(
    database: Database, trail: PostgresAuditTrail, store: PostgresAuditStore, workspace: WorkspaceId
) -> None:
    await trail.record(workspace, make_deed(1))
    await rolled_back(database, trail, workspace, make_deed(2))
    await trail.record(workspace, make_deed(3))
    assert [each.deed.target for each in await chain_of(store, workspace)] == ["token/tok_1", "token/tok_3"]


async def test_the_first_deed_of_a_workspace_may_be_rolled_back_as_well(
    database: Database, trail: PostgresAuditTrail, store: PostgresAuditStore, workspace: WorkspaceId
) -> None:
    await rolled_back(database, trail, workspace, make_deed())
    assert await chain_of(store, workspace) == []
    assert await store.find_head(workspace) is None


async def test_a_process_that_dies_between_its_write_and_its_commit_leaves_the_chain_whole(
    state_dsns: PostgresDsns, trail: PostgresAuditTrail, store: PostgresAuditStore, clock: FakeClock,
    workspace: WorkspaceId, owner_connection: Owner,
) -> None:  # fmt: skip
    await trail.record(workspace, make_deed(1))
    doomed = await Database.connect(state_dsns.serving, size=1)
    other = PostgresAuditTrail(store=PostgresAuditStore(doomed), clock=clock)

    async def dies() -> None:
        async with doomed.transaction(workspace) as connection:
            await other.append(workspace, make_deed(2), within=connection)
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await owner_connection.execute("SELECT pg_terminate_backend($1)", pid)
            await connection.execute("SELECT 1")

    with pytest.raises(UnavailableError):
        await dies()
    await trail.record(workspace, make_deed(3))
    await doomed.close()
    assert [each.deed.target for each in await chain_of(store, workspace)] == ["token/tok_1", "token/tok_3"]


async def test_a_chain_that_somebody_holds_keeps_no_other_workspace_waiting(
    database: Database, trail: PostgresAuditTrail, store: PostgresAuditStore, new_workspace: NewWorkspace
) -> None:
    held, free = await new_workspace(), await new_workspace()
    for workspace in (held, free):
        await trail.record(workspace, make_deed(1))
    async with database.transaction(held) as connection:
        await trail.append(held, make_deed(2), within=connection)
        waiting = [asyncio.ensure_future(trail.record(held, make_deed(number))) for number in (3, 4)]
        await asyncio.gather(*(trail.record(free, make_deed(number)) for number in (2, 3)))
        later = asyncio.ensure_future(trail.record(held, make_deed(5)))
        await trail.record(free, make_deed(4))
        assert not any(each.done() for each in (*waiting, later))
    await asyncio.gather(*waiting, later)
    assert [each.deed.target[-1] for each in await chain_of(store, held)] == list("12345")
    assert len(await chain_of(store, free)) == 4


async def test_a_workspace_that_does_not_exist_fails_alone(
    trail: PostgresAuditTrail, store: PostgresAuditStore, workspace: WorkspaceId
) -> None:
    answers = await asyncio.gather(
        trail.record(WorkspaceId("w-nobody"), make_deed(1)),
        *(trail.record(workspace, make_deed(number)) for number in range(3)),
        return_exceptions=True,
    )
    assert isinstance(answers[0], asyncpg.ForeignKeyViolationError)
    assert answers[1:] == [None, None, None]
    assert len(await chain_of(store, workspace)) == 3


class Refusing(PostgresAuditStore):
    """Refuses the action `refused:by-engine`, as a constraint of the engine would."""

    refusal: Exception

    async def write(
        self, waiting: Sequence[tuple[WorkspaceId, Sequence[Entry]]], *, recorded_at: datetime
    ) -> list[WorkspaceId]:
        for _, entries in waiting:
            self._refuse(entries)
        return await super().write(waiting, recorded_at=recorded_at)

    async def write_one(self, workspace: WorkspaceId, entries: Sequence[Entry], *, recorded_at: datetime) -> None:
        self._refuse(entries)
        await super().write_one(workspace, entries, recorded_at=recorded_at)

    def _refuse(self, entries: Sequence[Entry]) -> None:
        if any(entry.deed.action == "refused:by-engine" for entry in entries):
            raise self.refusal


@pytest.mark.parametrize("refusal", [asyncpg.CheckViolationError("as if"), InvalidInputError("as if")])
async def test_a_deed_that_the_engine_refuses_fails_neither_its_neighbours_nor_other_workspaces(
    database: Database, clock: FakeClock, new_workspace: NewWorkspace, refusal: Exception
) -> None:
    one, two = await new_workspace(), await new_workspace()
    store = Refusing(database)
    store.refusal = refusal
    trail = PostgresAuditTrail(store=store, clock=clock)
    for workspace in (one, two):
        await trail.record(workspace, make_deed(0))
    answers = await asyncio.gather(
        trail.record(one, make_deed(1)),
        trail.record(one, make_deed(2, action="refused:by-engine")),
        trail.record(one, make_deed(3)),
        trail.record(two, make_deed(1)),
        return_exceptions=True,
    )
    assert answers == [None, refusal, None, None]
    assert [each.deed.target[-1] for each in await chain_of(store, one)] == list("013")
    assert len(await chain_of(store, two)) == 2


async def test_who_gives_up_waiting_takes_nobody_along(
    trail: PostgresAuditTrail, store: PostgresAuditStore, workspace: WorkspaceId
) -> None:
    recording = [asyncio.ensure_future(trail.record(workspace, make_deed(number))) for number in range(10)]
    await asyncio.sleep(0)
    recording[0].cancel()
    recording[5].cancel()
    await asyncio.gather(*recording, return_exceptions=True)
    assert [each.cancelled() for each in recording].count(True) == 2
    assert len(await chain_of(store, workspace)) == 10


async def test_texts_that_no_table_takes_are_recorded_nevertheless(
    trail: PostgresAuditTrail, store: PostgresAuditStore, workspace: WorkspaceId
) -> None:
    hostile = make_deed(target="a\0b\ud800" + "x" * 2_000, details={"\0": ["\0", 1.5, {"deep": "y" * 9_000}]})
    await trail.record(workspace, hostile)
    await trail.record(workspace, make_deed(details={"\0": ["\ud800", 1.5, 10**30, -0]}))
    first, second = await chain_of(store, workspace)
    assert first.deed.target.startswith("a\ufffdb\ufffdxx")
    assert len(first.deed.target) == 512
    assert str(first.deed.details["leftOut"]).startswith("sha256:")
    assert second.deed.details == {"\ufffd": ["\ufffd", "1.5", 10**30, 0]}


async def test_refusals_past_the_twentieth_are_one_record_when_the_minute_ends(
    trail: PostgresAuditTrail, store: PostgresAuditStore, clock: FakeClock, workspace: WorkspaceId
) -> None:
    for number in range(25):
        await trail.record(workspace, make_deed(number, outcome=Outcome.DENIED))
    await trail.record(workspace, make_deed(99, outcome=Outcome.DENIED, action="members:invite"))
    await trail.flush_counted()
    assert len(await chain_of(store, workspace)) == 21  # the minute is not over
    clock.advance(timedelta(minutes=1))
    await trail.record(workspace, make_deed(30, outcome=Outcome.DENIED))
    await trail.flush_counted()
    await trail.flush_counted()
    records = await chain_of(store, workspace)
    assert [each.count for each in records] == [1] * 22 + [5]
    assert records[-1].deed.target == "several"
    assert records[-1].deed.details["targets"] == [f"token/tok_{number}" for number in range(20, 25)]


async def test_what_was_only_counted_is_recorded_when_the_server_stops(
    trail: PostgresAuditTrail, store: PostgresAuditStore, clock: FakeClock, workspace: WorkspaceId
) -> None:
    audit = AuditService(store=store, key=KEY, clock=clock)
    keeping = asyncio.ensure_future(AuditKeeper(trail=trail, audit=audit, clock=clock).run())
    await asyncio.sleep(0)
    for _ in range(27):
        await trail.record(workspace, make_deed(outcome=Outcome.DENIED))
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    records = await chain_of(store, workspace)
    assert [each.count for each in records] == [1] * 20 + [7]
    assert [head.count for head in await store.list_signed_heads(workspace, after=0, up_to=99, limit=9)] == [21]
    await trail.record(workspace, make_deed(outcome=Outcome.DENIED))
    assert len(await chain_of(store, workspace)) == 22  # whoever is refused after that is recorded at once


async def test_counts_that_cannot_be_written_are_kept_and_then_named(
    trail: PostgresAuditTrail, clock: FakeClock
) -> None:
    nobody = WorkspaceId("w-nobody")
    for _ in range(21):
        await asyncio.gather(trail.record(nobody, make_deed(outcome=Outcome.DENIED)), return_exceptions=True)
    clock.advance(timedelta(minutes=1))
    with pytest.raises(UnavailableError):
        await trail.flush_counted()
    with structlog.testing.capture_logs() as logs, pytest.raises(UnavailableError):
        await trail.close()
    assert [(each["event"], each["count"]) for each in logs if "count" in each] == [
        ("refusals or reads could not be recorded", 1)
    ]
