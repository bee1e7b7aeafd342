"""Chains in the real PostgreSQL: nothing is changed afterwards, what is asked is found, heads are signed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
import structlog
from tests.contract.audit.chains import AT, KEY, chain_of, make_deed

from tidegate.audit import (
    ActorKind,
    AuditService,
    Outcome,
    PostgresAuditStore,
    PostgresAuditTrail,
    append_deed,
)
from tidegate.audit.errors import AuditChainBrokenError
from tidegate.audit.ports import AuditFilter
from tidegate.audit.tasks import AuditKeeper
from tidegate.audit.verify import read_keys, verify_export
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.testing import FakeClock

Owner = "asyncpg.Connection[asyncpg.Record]"
NewWorkspace = Callable[[], Awaitable[WorkspaceId]]


async def test_another_workspace_sees_and_writes_nothing_of_this_one(
    database: Database, trail: PostgresAuditTrail, store: PostgresAuditStore, new_workspace: NewWorkspace
) -> None:
    own, foreign = await new_workspace(), await new_workspace()
    await trail.record(own, make_deed())
    async with database.transaction(foreign) as connection:
        for table in ("audit_records", "audit_heads", "audit_signed_heads"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE workspace = $1", own) == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction(foreign) as connection:
            await connection.execute(
                """
                INSERT INTO audit_records SELECT $1, 1, now(), 'system', '', NULL, '', '', 'done', 1, '{}', '',
                    NULL, NULL, '{}', $2, $2
                """,
                own,
                b"0" * 32,
            )
    async with database.transaction(foreign) as connection:
        changed = await connection.execute("UPDATE audit_heads SET seq = 9 WHERE workspace = $1", own)
    assert changed == "UPDATE 0"
    assert len(await chain_of(store, own)) == 1


@pytest.mark.parametrize("table", ["audit_records", "audit_signed_heads", "audit_heads"])
@pytest.mark.parametrize("role", ["serving", "owner"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET workspace = workspace"])
async def test_nobody_changes_what_was_recorded(
    state_dsns: PostgresDsns, trail: PostgresAuditTrail, workspace: WorkspaceId, table: str, role: str, statement: str
) -> None:
    await trail.record(workspace, make_deed())
    connection = await asyncpg.connect(getattr(state_dsns, role))
    try:
        await connection.execute("SELECT set_config('tidegate.workspace', $1, false)", workspace)
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
            await connection.execute(statement.format(table))
    finally:
        await connection.close()


@pytest.mark.parametrize(("seq", "previous"), [(3, b"0" * 32), (2, b"0" * 32)])
async def test_the_engine_takes_no_record_that_follows_none(
    database: Database, trail: PostgresAuditTrail, workspace: WorkspaceId, seq: int, previous: bytes
) -> None:
    await trail.record(workspace, make_deed())
    with pytest.raises(asyncpg.CheckViolationError):
        async with database.transaction(workspace) as connection:
            await connection.execute(
                """
                INSERT INTO audit_records SELECT $1, $2, now(), 'system', '', NULL, '', '', 'done', 1, '{}', '',
                    NULL, NULL, '{}', $3, $3
                """,
                workspace,
                seq,
                previous,
            )


async def test_the_operator_records_in_the_transaction_of_the_owner(
    trail: PostgresAuditTrail, store: PostgresAuditStore, workspace: WorkspaceId, owner_connection: Owner
) -> None:
    deed = make_deed(actor_kind=ActorKind.OPERATOR, actor="operator", member=None)
    async with owner_connection.transaction():
        await append_deed(workspace, deed, within=owner_connection, recorded_at=AT)
    await trail.record(workspace, make_deed(2))
    assert [each.deed.actor for each in await chain_of(store, workspace)] == ["operator", "ses_1"]


async def test_more_workspaces_than_a_round_takes_are_all_served(
    trail: PostgresAuditTrail, store: PostgresAuditStore, new_workspace: NewWorkspace
) -> None:
    workspaces = [await new_workspace() for _ in range(120)]
    for _ in range(2):
        await asyncio.gather(*(trail.record(each, make_deed()) for each in workspaces for _ in range(6)))
    assert {len(await chain_of(store, each)) for each in workspaces} == {12}


async def test_heads_are_signed_once_a_chain_grew_and_exports_prove_themselves(
    trail: PostgresAuditTrail, store: PostgresAuditStore, clock: FakeClock, workspace: WorkspaceId
) -> None:
    audit = AuditService(store=store, key=KEY, clock=clock)
    keeper = AuditKeeper(trail=trail, audit=audit, clock=clock)
    for number in range(3):
        await trail.record(workspace, make_deed(number))
    assert workspace in await store.list_unsigned()
    await keeper.keep()
    await keeper.keep()
    assert workspace not in await store.list_unsigned()
    await trail.record(workspace, make_deed(4))
    lines = b"".join([chunk async for chunk in audit.export(workspace)]).splitlines(keepends=True)
    proven = verify_export(lines, keys=read_keys([KEY.public_text]))
    assert (proven.workspace, proven.count, proven.heads) == (workspace, 4, 2)


async def test_an_empty_chain_is_exported_and_proves_that_it_is_empty(
    store: PostgresAuditStore, clock: FakeClock, workspace: WorkspaceId
) -> None:
    audit = AuditService(store=store, key=KEY, clock=clock)
    lines = b"".join([chunk async for chunk in audit.export(workspace)]).splitlines(keepends=True)
    assert verify_export(lines, keys=read_keys([KEY.public_text])).count == 0


async def test_a_chain_that_lost_records_in_the_database_is_not_signed(
    trail: PostgresAuditTrail, store: PostgresAuditStore, clock: FakeClock, workspace: WorkspaceId,
    owner_connection: Owner,
) -> None:  # fmt: skip
    audit = AuditService(store=store, key=KEY, clock=clock)
    for number in range(3):
        await trail.record(workspace, make_deed(number))
    async with owner_connection.transaction():  # a superuser can: what he did must be seen
        await owner_connection.execute("SET LOCAL session_replication_role = replica")
        await owner_connection.execute("DELETE FROM audit_records WHERE workspace = $1 AND seq = 2", workspace)
    with pytest.raises(AuditChainBrokenError):
        await audit.sign_head(workspace)
    with structlog.testing.capture_logs() as logs:
        await AuditKeeper(trail=trail, audit=audit, clock=clock).sign()
    assert [each["workspace"] for each in logs if each["event"] == "audit chain broken"] == [workspace]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (AuditFilter(), [4, 3, 2, 1]),
        (AuditFilter(actor="tok_9"), [4]),
        (AuditFilter(actor_kind=ActorKind.AGENT), [4]),
        (AuditFilter(member="usr_1"), [3, 2, 1]),
        (AuditFilter(action="tokens:"), [4, 3, 1]),
        (AuditFilter(action="%"), []),
        (AuditFilter(action="tokens_revoke"), []),
        (AuditFilter(target="token/tok_3"), [3]),
        (AuditFilter(outcome=Outcome.DENIED), [3]),
        (AuditFilter(start=AT + timedelta(seconds=2)), [4, 3]),
        (AuditFilter(end=AT + timedelta(seconds=1)), [1]),
        (AuditFilter(start=AT + timedelta(seconds=1), end=AT + timedelta(seconds=3), action="members:"), [2]),
    ],
)
async def test_records_are_found_by_what_is_asked(
    trail: PostgresAuditTrail, store: PostgresAuditStore, clock: FakeClock, workspace: WorkspaceId,
    asked: AuditFilter, found: list[int],
) -> None:  # fmt: skip
    for deed in (
        make_deed(1),
        make_deed(2, action="members:invite"),
        make_deed(3, outcome=Outcome.DENIED),
        make_deed(4, actor="tok_9", actor_kind=ActorKind.AGENT, member="svc_1"),
    ):
        await trail.record(workspace, deed)
        clock.advance(timedelta(seconds=1))
    records = await store.list_records(workspace, asked, below=None, limit=10)
    assert [each.seq for each in records] == found
    assert [each.seq for each in await store.list_records(workspace, asked, below=3, limit=1)] == [
        seq for seq in found if seq < 3
    ][:1]
