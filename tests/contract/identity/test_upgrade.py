"""A data directory from before there were people keeps its credentials."""

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
from tests.api.identity.people import KEY, Installation
from tests.unit.identity.fakes import RecordingTrail

from tidegate.edge.caller import Role, Scope
from tidegate.identity import IdentityService, PostgresCredentialStore
from tidegate.identity.model import new_token
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.migrations import migrate_state, read_migrations
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.testing import FakeClock


async def test_tokens_sessions_and_links_of_before_keep_working(
    owner_connection: "asyncpg.Connection[asyncpg.Record]", state_dsns: PostgresDsns
) -> None:
    name = f"before_{secrets.token_hex(4)}"
    await owner_connection.execute(f"CREATE DATABASE {name}")
    owner, serving = (
        urlsplit(dsn)._replace(path=f"/{name}").geturl() for dsn in (state_dsns.owner, state_dsns.serving)
    )
    await migrate_state(owner, [each for each in read_migrations("state") if each.name < "0012"])
    clock, token, session = FakeClock(), new_token(b"t" * 48), "session of before"
    before = await asyncpg.connect(owner)
    await before.execute(
        "INSERT INTO tokens (workspace, id, hint, scope, hash, key_name, created_at) "
        "VALUES ('default', 'tok_1', 'tg_xxxx', 'write', $1, 'k1', $2)",
        KEY.hash_of(token),
        clock.now(),
    )
    await before.executemany(
        "INSERT INTO sessions (workspace, hash, created_at, expires_at) VALUES ('default', $1, $2, $3)",
        [(KEY.hash_of(each), clock.now(), clock.now() + timedelta(hours=1)) for each in (session, "another")],
    )
    await before.execute(
        "INSERT INTO sign_in_links (workspace, hash, created_at, expires_at) VALUES ('default', $1, $2, $3)",
        KEY.hash_of("link"),
        clock.now(),
        clock.now() + timedelta(hours=1),
    )
    await before.close()

    await migrate_state(owner)

    database = await Database.connect(serving)
    try:
        store = PostgresCredentialStore(database, RecordingTrail())
        identity = IdentityService(store=store, key=KEY, clock=clock)
        by_token = await identity.caller_of_token(token)
        assert (by_token.actor, by_token.scope, by_token.member, by_token.role) == ("tok_1", Scope.WRITE, None, None)
        callers = [await identity.caller_of_session(each) for each in (session, "another")]
        assert [caller.scope for caller in callers] == [Scope.ADMIN, Scope.ADMIN]
        assert len({caller.actor for caller in callers}) == 2
        assert all(caller.actor.startswith("ses_") for caller in callers)
        assert (await identity.caller_of_session(await identity.sign_in("link"))).workspace == "default"
    finally:
        await database.close()
        await owner_connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_the_engine_shows_no_row_of_people_to_another_workspace_and_takes_none(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.OWNER)
    await installation.token_of(person)
    other = await installation.new_workspace()
    async with installation.database.transaction(other) as connection:
        for table in ("members", "people", "invitations", "tokens", "sessions"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
            changes = {"people": "name = 'x'", "members": "role = 'owner'", "invitations": "used_by = 'x'"}
            change = changes.get(table, "last_used_at = now()")
            assert await connection.execute(f"UPDATE {table} SET {change}") == "UPDATE 0", table
        assert await connection.execute("UPDATE workspaces SET name = 'x' WHERE id = $1", workspace) == "UPDATE 0"
    for statement in (
        f"INSERT INTO members VALUES ('{workspace}', 'usr_x', 'person', null, 'owner', now(), 'x')",
        "INSERT INTO people (id, email, name, created_at) VALUES ('usr_x', 'x@example.com', 'x', now())",
        f"INSERT INTO invitations VALUES ('{workspace}', 'inv_x', 'x', 'x@example.com', 'owner', now(), 'x', now())",
        "UPDATE workspaces SET state = 'active'",
        "DELETE FROM members",
    ):
        try:
            async with installation.database.transaction(other) as connection:
                await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        raise AssertionError(statement)
