"""The store of gates on a real PostgreSQL: one at a time, all or nothing, nothing changed or deleted."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import asyncpg
import pytest
from tests.doing import trail_of

from tidegate.gates.model import Judgement, Verdict
from tidegate.gates.store import PostgresGateStore
from tidegate.kernel import DecisionId, GateId, RandomIds, ReleaseId, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.postgres.layout import PostgresDsns

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
NOW = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)
GATE, RELEASE = GateId("auth-shell"), ReleaseId("rel_1")
JUDGEMENT = Judgement(GATE, 1, "sha256:policy", RELEASE, "7", Verdict.HOLD, "HOLD: no data.", (), (), NOW)


def new_id() -> DecisionId:
    return DecisionId(RandomIds().new_id("dec"))


async def recorded(store: PostgresGateStore, workspace: WorkspaceId) -> list[Verdict]:
    page = await store.list_decisions(workspace, GATE, RELEASE, limit=100, cursor=None)
    return [decision.verdict for decision in page.items]


async def test_of_many_that_found_the_same_change_one_records_it(database: Database, workspace: WorkspaceId) -> None:
    store = PostgresGateStore(database, trail_of(database))
    in_force = await asyncio.gather(*(store.record(workspace, JUDGEMENT, new_id(), asked_by=None) for _ in range(20)))
    assert len({one.decision_id for one in in_force}) == 1
    assert await recorded(store, workspace) == [Verdict.HOLD]


async def test_an_older_measurement_does_not_overwrite_a_newer_one(database: Database, workspace: WorkspaceId) -> None:
    store = PostgresGateStore(database, trail_of(database))
    newer = replace(JUDGEMENT, verdict=Verdict.NO_GO, decided_at=NOW + timedelta(seconds=5))
    await store.record(workspace, newer, new_id(), asked_by=None)
    in_force = await store.record(workspace, JUDGEMENT, new_id(), asked_by=None)
    assert in_force.decided_at == newer.decided_at
    assert await recorded(store, workspace) == [Verdict.NO_GO]


async def test_a_decision_about_no_release_is_kept_apart(database: Database, workspace: WorkspaceId) -> None:
    store = PostgresGateStore(database, trail_of(database))
    nothing = replace(JUDGEMENT, release_id=None, release_name=None)
    in_force = await store.record(workspace, nothing, new_id(), asked_by=None)
    assert await store.find_in_force(workspace, GATE, None) == in_force
    assert await store.find_in_force(workspace, GATE, RELEASE) is None
    decision = await store.find_decision(workspace, in_force.decision_id)
    assert decision is not None
    assert (decision.release_id, decision.release_name) == (None, None)


KILLED_BETWEEN = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from tests.contract.gates.test_gate_store import JUDGEMENT
from tests.doing import BY, trail_of
from tidegate.gates import store as module
from tidegate.kernel import DecisionId, WorkspaceId
from tidegate.storage import Database

async def die(*_: object) -> None:
    print("inserted", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

async def main() -> None:
    module._put_in_force = die
    database = await Database.connect(sys.argv[1])
    store = module.PostgresGateStore(database, trail_of(database))
    await store.record(WorkspaceId(sys.argv[2]), JUDGEMENT, DecisionId("dec_killed"), asked_by=BY)

asyncio.run(main())
"""


async def test_a_process_killed_while_it_records_leaves_nothing_and_blocks_nobody(
    database: Database, workspace: WorkspaceId, state_dsns: PostgresDsns
) -> None:
    command = [sys.executable, "-c", KILLED_BETWEEN, state_dsns.serving, workspace]
    killed = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert (killed.returncode, killed.stdout) == (-9, "inserted\n"), killed.stderr
    store = PostgresGateStore(database, trail_of(database))
    assert await recorded(store, workspace) == []
    await store.record(workspace, JUDGEMENT, new_id(), asked_by=None)
    assert await recorded(store, workspace) == [Verdict.HOLD]


@pytest.mark.parametrize("table", ["releases", "authz_runs", "ci_reports", "gates", "decisions"])
async def test_the_server_may_add_to_the_record_and_never_change_it(owner_connection: Owner, table: str) -> None:
    allowed = await owner_connection.fetch(
        """
        SELECT privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'tidegate_serving' AND table_name = $1
        """,
        table,
    )
    assert {row["privilege_type"] for row in allowed} == {"SELECT", "INSERT"}
    columns = await owner_connection.fetch(
        """
        SELECT column_name FROM information_schema.column_privileges
        WHERE grantee = 'tidegate_serving' AND table_name = $1 AND privilege_type = 'UPDATE'
        """,
        table,
    )
    assert columns == []


@pytest.mark.parametrize("table", ["authz_subjects", "ci_subjects", "decisions_in_force", "alerts"])
async def test_the_server_may_not_delete_what_holds_a_gate(owner_connection: Owner, table: str) -> None:
    allowed = await owner_connection.fetchval(
        "SELECT has_table_privilege('tidegate_serving', $1, 'DELETE, TRUNCATE')", table
    )
    assert allowed is False


@pytest.mark.parametrize(
    "table",
    [
        "releases",
        "authz_runs",
        "authz_subjects",
        "ci_reports",
        "ci_subjects",
        "gates",
        "decisions",
        "decisions_in_force",
    ],
)
async def test_rows_of_another_workspace_are_out_of_sight(
    database: Database, workspace: WorkspaceId, owner_connection: Owner, table: str
) -> None:
    walled = await owner_connection.fetchrow(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::regclass", table
    )
    assert walled is not None
    assert tuple(walled) == (True, True)
    async with database.transaction(workspace) as connection:
        assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE workspace <> $1", workspace) == 0
