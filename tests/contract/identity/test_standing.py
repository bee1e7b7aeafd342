"""Whether credentials stand as they did, and whether who asked for a job may still have it done; over a real store."""

from typing import Any

import pytest
from tests.api.identity.people import Installation, Person
from tests.authority import shipped_authorizer

from tidegate.audit import ActorKind, Doer
from tidegate.edge.caller import Role, Scope
from tidegate.identity.members import MemberService
from tidegate.identity.sessions import SessionService
from tidegate.identity.standing import PostgresAskers, PostgresStandings
from tidegate.identity.tokens import TokenService
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.signals.recounts import PostgresRecounts, RecountRunner
from tidegate.signals.repricing import RecountState

RECOUNT, ERASE = "recounts:request", "telemetry:erase"


@pytest.fixture
async def person(installation: Installation, workspace: WorkspaceId) -> Person:
    return await installation.join(workspace, Role.ENGINEER)


@pytest.fixture
def askers(installation: Installation) -> PostgresAskers:
    return PostgresAskers(installation.database, shipped_authorizer(clock=installation.clock), installation.clock)


async def standing(installation: Installation, workspace: WorkspaceId, actor: str) -> str:
    found = await PostgresStandings(installation.database, installation.clock).standings({workspace: [actor]})
    return found[workspace].get(actor, "")


async def token_id_of(installation: Installation, person: Person) -> str:
    await installation.token_of(person, Scope.WRITE)
    page = await installation.get(TokenService).list_tokens(person.workspace, limit=1, cursor=None, by=person.acting)
    return page.items[0].id


async def set_role(installation: Installation, person: Person, role: Role) -> None:
    by = installation.operator(person.workspace)
    await installation.get(MemberService).change(person.workspace, person.id, role=role, by=by)


async def test_another_role_is_another_standing(installation: Installation, person: Person) -> None:
    for actor in (person.caller.actor, await token_id_of(installation, person)):
        before = await standing(installation, person.workspace, actor)
        assert before == await standing(installation, person.workspace, actor)
        await set_role(installation, person, Role.VIEWER)
        after = await standing(installation, person.workspace, actor)
        assert before != after
        assert after
        await set_role(installation, person, Role.ENGINEER)


async def test_a_suspended_workspace_is_another_standing(installation: Installation, person: Person) -> None:
    before = await standing(installation, person.workspace, person.caller.actor)
    await installation.owner.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", person.workspace)
    assert await standing(installation, person.workspace, person.caller.actor) not in {before, ""}


async def test_what_ended_stands_no_more_and_is_seen_by_no_other_workspace(
    installation: Installation, person: Person
) -> None:
    other = await installation.new_workspace()
    assert await standing(installation, other, person.caller.actor) == ""
    token_id = await token_id_of(installation, person)
    await installation.get(TokenService).revoke(person.workspace, token_id, by=person.acting)
    assert await standing(installation, person.workspace, token_id) == ""
    await installation.get(SessionService).end(person.workspace, person.caller.actor, by=person.acting)
    assert await standing(installation, person.workspace, person.caller.actor) == ""
    again = await installation.sign_in(person.workspace, person.id, person.email)
    installation.later(hours=12)
    assert await standing(installation, person.workspace, again.caller.actor) == ""


async def test_who_asked_may_have_it_done_though_signed_out_meanwhile(
    installation: Installation, person: Person, askers: PostgresAskers
) -> None:
    token_id = await token_id_of(installation, person)
    for actor in (person.caller.actor, token_id, ""):
        assert await askers.why_not(person.workspace, actor, RECOUNT) == ""
    assert "one of the roles" in await askers.why_not(person.workspace, person.caller.actor, ERASE)
    await installation.get(SessionService).end(person.workspace, person.caller.actor, by=person.acting)
    assert await askers.why_not(person.workspace, person.caller.actor, RECOUNT) == ""


async def test_a_revoked_token_has_nothing_done_any_more(
    installation: Installation, person: Person, askers: PostgresAskers
) -> None:
    token_id = await token_id_of(installation, person)
    await installation.get(TokenService).revoke(person.workspace, token_id, by=person.acting)
    assert "no credential any more" in await askers.why_not(person.workspace, token_id, RECOUNT)


async def test_a_token_that_is_narrowed_has_nothing_done_that_it_could_not_ask_for(
    installation: Installation, person: Person, askers: PostgresAskers
) -> None:
    await installation.token_of(person, Scope.WRITE, services=frozenset({"pay"}))
    page = await installation.get(TokenService).list_tokens(person.workspace, limit=1, cursor=None, by=person.acting)
    assert "narrowed" in await askers.why_not(person.workspace, page.items[0].id, RECOUNT)


async def test_a_lowered_role_a_removed_member_and_a_suspended_workspace_have_nothing_done(
    installation: Installation, person: Person, askers: PostgresAskers
) -> None:
    asker = person.caller.actor
    await set_role(installation, person, Role.VIEWER)
    assert "yours is `viewer`" in await askers.why_not(person.workspace, asker, RECOUNT)
    await set_role(installation, person, Role.ENGINEER)
    await installation.owner.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", person.workspace)
    assert "suspended" in await askers.why_not(person.workspace, asker, RECOUNT)
    assert "not active" in await askers.why_not(person.workspace, "", RECOUNT)
    await installation.owner.execute("UPDATE workspaces SET state = 'active' WHERE id = $1", person.workspace)
    await installation.get(MemberService).remove(
        person.workspace, person.id, by=installation.operator(person.workspace)
    )
    assert "no member any more" in await askers.why_not(person.workspace, asker, RECOUNT)


async def test_the_asker_of_another_workspace_is_unknown(
    installation: Installation, person: Person, askers: PostgresAskers
) -> None:
    other = await installation.new_workspace()
    assert "no credential any more" in await askers.why_not(other, person.caller.actor, RECOUNT)


class OnlyOurs(PostgresRecounts):
    """Recounts of one workspace: other tests leave some that a runner finds as well."""

    workspace: WorkspaceId

    async def find_open(self) -> tuple[WorkspaceId, Any] | None:
        async with self._database.transaction(self.workspace) as connection:
            row = await connection.fetchrow(
                "SELECT * FROM recounts WHERE workspace = $1 AND state IN ('waiting', 'running')", self.workspace
            )
        return None if row is None else (self.workspace, row)


async def test_a_recount_is_not_begun_for_whom_it_may_not_be_done_any_more(
    installation: Installation, person: Person, askers: PostgresAskers
) -> None:
    jobs = OnlyOurs(installation.database, installation.trail, ids=RandomIds(), clock=installation.clock)
    jobs.workspace = person.workspace
    token_id = await token_id_of(installation, person)
    begun = await jobs.begin(
        person.workspace, reason="reprice", start=None, end=None, by=Doer(ActorKind.PERSON, token_id)
    )
    await installation.get(TokenService).revoke(person.workspace, token_id, by=person.acting)
    no_engine: Any = None  # it is not asked for anything
    runner = RecountRunner(jobs, no_engine, no_engine, installation.clock, askers)
    assert await runner.step(0)
    found = await jobs.get_recount(person.workspace, begun.id)
    assert found.state is RecountState.FAILED
    assert found.problem.startswith("Not begun: Who asked for it")
    assert not await runner.step(0)
