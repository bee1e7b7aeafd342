"""Reads the real catalogue after all migrations: no table escapes its wall, no look-up gives more than ids."""

import asyncpg
import pytest

Owner = "asyncpg.Connection[asyncpg.Record]"

# Look-ups across workspaces. Each returns ids only; a new one is a decision, so it is written down here.
DEFINER_FUNCTIONS = {
    "list_active_workspace_ids",
    "list_deleted_workspaces_with_jobs",
    "list_touched_workspace_ids",
    "list_workspaces_with_due_jobs",
    "list_workspaces_with_erasures",
    "list_workspaces_with_old_jobs",
    "list_workspace_ids",
    "list_workspaces_with_flaps",
    "list_workspaces_with_objectives",
    "list_workspaces_with_open_alerts",
    "list_workspaces_with_ready_jobs",
    "list_workspaces_with_rules",
    "list_workspaces_with_recounts",
    "list_workspaces_with_retention",
    "list_workspaces_with_unsigned_audit",
    "list_workspaces_of_person",
    "list_workspaces_that_are_held",
    "remove_old_alerts",
    "remove_old_pages",
    "person_of_email",
    "workspace_of_invitation",
    "workspace_of_passkey",
    "workspace_of_session",
    "workspace_of_sign_in_link",
    "workspace_of_token",
}
# Tables without a workspace: they hold nothing of any. A person is seen by the workspaces that it is a member of.
# A challenge is asked for before anybody knows by whom.
INSTALLATION_WIDE = {
    "alert_rules_set", "alert_watch", "burn_watch", "objective_changes", "passkey_challenges", "people",
    "price_changes", "rollup_watermark", "schema_migrations", "workspaces",
}  # fmt: skip


async def tables(owner: Owner) -> list[asyncpg.Record]:
    return await owner.fetch(
        """
        SELECT c.oid, c.relname AS name, c.relrowsecurity AS secured, c.relforcerowsecurity AS forced
        FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname
        """
    )


async def test_every_table_forces_row_level_security(database: object, owner_connection: Owner) -> None:
    found = [row["name"] for row in await tables(owner_connection) if not (row["secured"] and row["forced"])]
    assert found == ["schema_migrations"]  # written by migrations alone; nothing is granted on it


async def test_every_policy_checks_reads_and_writes(database: object, owner_connection: Owner) -> None:
    policies = await owner_connection.fetch("SELECT tablename, qual, with_check FROM pg_policies")
    lax = {
        row["tablename"]
        for row in policies
        if row["qual"] is None or "current_workspace" not in f"{row['qual']}" or row["with_check"] != row["qual"]
    }
    assert lax <= INSTALLATION_WIDE


async def test_every_table_of_a_workspace_leads_its_primary_key_with_it(
    database: object, owner_connection: Owner
) -> None:
    leading = await owner_connection.fetch(
        """
        SELECT c.relname AS name, a.attname AS first
        FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace
        """
    )
    wrong = {row["name"] for row in leading if row["first"] != "workspace"} - INSTALLATION_WIDE
    assert wrong == set()


async def test_look_ups_across_workspaces_are_the_listed_ones_and_fixed_in_their_path(
    database: object, owner_connection: Owner
) -> None:
    found = await owner_connection.fetch(
        """
        SELECT proname AS name, pg_get_userbyid(proowner) AS owner, proconfig AS settings,
            pg_get_function_result(oid) AS result, has_function_privilege('public', oid, 'EXECUTE') AS is_public
        FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
        """
    )
    assert {row["name"] for row in found} == DEFINER_FUNCTIONS
    for row in found:
        assert row["owner"] == "tidegate_lookup", row["name"]
        assert row["settings"] == ["search_path=public, pg_temp"], row["name"]
        assert row["result"] in {"text", "SETOF text"}, row["name"]
        assert not row["is_public"], row["name"]


async def test_the_serving_role_owns_nothing_and_is_bound_by_the_wall(
    database: object, owner_connection: Owner
) -> None:
    role = await owner_connection.fetchrow(
        """
        SELECT oid, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole
        FROM pg_roles WHERE rolname = 'tidegate_serving'
        """
    )
    assert role is not None
    assert not any([role["rolsuper"], role["rolbypassrls"], role["rolcreatedb"], role["rolcreaterole"]])
    assert await owner_connection.fetchval("SELECT count(*) FROM pg_class WHERE relowner = $1", role["oid"]) == 0


@pytest.mark.parametrize("privilege", ["TRUNCATE", "REFERENCES", "TRIGGER"])
async def test_the_serving_role_cannot_get_around_rows(
    database: object, owner_connection: Owner, privilege: str
) -> None:
    for row in await tables(owner_connection):
        assert not await owner_connection.fetchval(
            "SELECT has_table_privilege('tidegate_serving', $1::oid, $2)", row["oid"], privilege
        ), row["name"]
