"""Tokens over a real state store: who makes them for whom, rotation, revocation, last use."""

import asyncio
from datetime import timedelta

import pytest
from tests.api.identity.people import KEY, Installation

from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity import IdentityService
from tidegate.identity.acting import Acting
from tidegate.identity.errors import CredentialInvalidError, RoleTooHighError
from tidegate.identity.members import MemberService
from tidegate.identity.members.errors import MemberNotFoundError
from tidegate.identity.tokens import TokenService, TokenWish
from tidegate.identity.tokens.errors import (
    ExpiryPassedError,
    ScopeExceedsRoleError,
    TokenEndedError,
    TokenNotForTokensError,
    TokenNotFoundError,
    TokenOfOtherPersonError,
    TokenRotatedError,
    TokenTooWideError,
)
from tidegate.kernel import TidegateError, UnavailableError, WorkspaceId


async def test_a_token_speaks_for_its_member_within_its_services(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    secret = await installation.token_of(
        person, Scope.WRITE, services=frozenset({"api"}), environments=frozenset({"staging"})
    )
    caller = await installation.get(IdentityService).caller_of_token(secret)
    assert (caller.member, caller.role, caller.scope) == (person.id, Role.ENGINEER, Scope.WRITE)
    assert (caller.services, caller.environments) == (frozenset({"api"}), frozenset({"staging"}))
    assert (caller.by_session, caller.proven_at) == (False, None)


async def test_a_token_of_the_operator_keeps_working_with_its_scope_alone(
    installation: Installation, workspace: WorkspaceId
) -> None:
    token = await installation.operator_token(workspace, "ingest")
    caller = await installation.get(IdentityService).caller_of_token(token)
    assert (caller.scope, caller.member, caller.role, caller.services) == (Scope.INGEST, None, None, None)


async def test_only_the_hash_of_a_token_is_stored(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.OWNER)
    secret = await installation.token_of(person)
    row = await installation.owner.fetchrow("SELECT * FROM tokens WHERE workspace = $1", workspace)
    assert secret not in str(dict(row))
    assert (row["hash"], row["key_name"], row["hint"]) == (KEY.hash_of(secret), "k1", secret[:7])
    assert secret not in str(installation.trail.deeds)


async def test_nobody_gets_a_token_in_the_name_of_another_person(
    installation: Installation, workspace: WorkspaceId
) -> None:
    owner = await installation.join(workspace, Role.OWNER)
    engineer = await installation.join(workspace, Role.ENGINEER)
    tokens = installation.get(TokenService)
    for by in (owner.acting, installation.operator(workspace)):
        with pytest.raises(TokenOfOtherPersonError):
            await tokens.create(workspace, TokenWish(Scope.READ, member=engineer.id), by=by)
    await installation.token_of(engineer)
    page = await tokens.list_tokens(workspace, limit=10, cursor=None, by=owner.acting)
    with pytest.raises(TokenOfOtherPersonError):
        await tokens.rotate(workspace, page.items[0].id, by=owner.acting)


async def test_an_admin_makes_tokens_for_a_service_account_no_higher_than_itself(
    installation: Installation, workspace: WorkspaceId
) -> None:
    admin = await installation.join(workspace, Role.ADMIN)
    robot = await installation.service_account(workspace, Role.ENGINEER)
    tokens = installation.get(TokenService)
    made, secret = await tokens.create(workspace, TokenWish(Scope.INGEST, "otlp", member=robot), by=admin.acting)
    assert (made.created_by, made.holder.id if made.holder else None) == (admin.id, robot)
    assert (await installation.get(IdentityService).caller_of_token(secret)).member == robot
    with pytest.raises(ScopeExceedsRoleError):
        await tokens.create(workspace, TokenWish(Scope.ADMIN, member=robot), by=admin.acting)
    with pytest.raises(MemberNotFoundError):
        await tokens.create(workspace, TokenWish(Scope.READ, member="svc_unknown"), by=admin.acting)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
async def test_viewers_and_agents_make_no_token_that_can_do_more(
    installation: Installation, workspace: WorkspaceId, role: Role
) -> None:
    person = await installation.join(workspace, role)
    with pytest.raises((TokenTooWideError, TokenNotForTokensError, ScopeExceedsRoleError)):
        await installation.token_of(person, Scope.WRITE)


async def test_a_token_does_not_outlive_itself_by_making_another(
    installation: Installation, workspace: WorkspaceId
) -> None:
    engineer = await installation.join(workspace, Role.ENGINEER)
    caller = await installation.get(IdentityService).caller_of_token(await installation.token_of(engineer, Scope.WRITE))
    with pytest.raises(TokenNotForTokensError):
        await installation.get(TokenService).create(workspace, TokenWish(Scope.WRITE), by=Acting(caller))


async def test_a_narrow_credential_hands_on_nothing_wider(installation: Installation, workspace: WorkspaceId) -> None:
    narrow = Acting(Caller(workspace, Scope.ADMIN, "tok_1", by_session=False, services=frozenset({"api"})))
    tokens = installation.get(TokenService)
    for services in (None, frozenset({"api", "web"})):
        with pytest.raises(TokenTooWideError):
            await tokens.create(workspace, TokenWish(Scope.READ, services=services), by=narrow)
    made, _ = await tokens.create(workspace, TokenWish(Scope.READ, services=frozenset({"api"})), by=narrow)
    everything, _ = await tokens.create(workspace, TokenWish(Scope.READ), by=installation.operator(workspace))
    with pytest.raises(TokenTooWideError):
        await tokens.rotate(workspace, everything.id, by=narrow)
    assert (await tokens.rotate(workspace, made.id, by=narrow))[0].services == frozenset({"api"})


async def test_an_admin_does_not_become_the_operator_by_rotating_its_token(
    installation: Installation, workspace: WorkspaceId
) -> None:
    await installation.operator_token(workspace)
    admin = await installation.join(workspace, Role.ADMIN)
    tokens = installation.get(TokenService)
    page = await tokens.list_tokens(workspace, limit=10, cursor=None, by=admin.acting)
    with pytest.raises(TokenTooWideError):
        await tokens.rotate(workspace, page.items[0].id, by=admin.acting)


async def test_a_rotated_token_works_on_until_its_overlap_ends(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    tokens, identity = installation.get(TokenService), installation.get(IdentityService)
    wish = TokenWish(Scope.WRITE, "shell", expires_at=installation.clock.now() + timedelta(days=30))
    old, old_secret = await tokens.create(workspace, wish, by=person.acting)
    installation.later(days=10)
    new, new_secret = await tokens.rotate(workspace, old.id, overlap=timedelta(hours=24), by=person.acting)
    assert (new.rotated_from, new.name, new.scope) == (old.id, "shell", "write")
    assert new.expires_at == installation.clock.now() + timedelta(days=30)
    installation.later(hours=23)
    assert (await identity.caller_of_token(old_secret)).actor == old.id
    assert (await identity.caller_of_token(new_secret)).actor == new.id
    installation.later(hours=1)
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_token(old_secret)
    assert (await identity.caller_of_token(new_secret)).actor == new.id


async def test_of_two_rotations_at_the_same_instant_one_wins(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    tokens = installation.get(TokenService)
    old, _ = await tokens.create(workspace, TokenWish(Scope.READ), by=person.acting)
    answers = await asyncio.gather(
        *(tokens.rotate(workspace, old.id, by=person.acting) for _ in range(4)), return_exceptions=True
    )
    assert len([answer for answer in answers if isinstance(answer, TokenRotatedError)]) == 3
    page = await tokens.list_tokens(workspace, limit=10, cursor=None, by=person.acting)
    assert len(page.items) == 2


async def test_a_token_that_ended_is_not_rotated(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    tokens = installation.get(TokenService)
    old, _ = await tokens.create(workspace, TokenWish(Scope.READ), by=person.acting)
    await tokens.revoke(workspace, old.id, by=person.acting)
    with pytest.raises(TokenEndedError):
        await tokens.rotate(workspace, old.id, by=person.acting)
    with pytest.raises(ExpiryPassedError):
        await tokens.create(workspace, TokenWish(Scope.READ, expires_at=installation.clock.now()), by=person.acting)


async def test_a_revoked_token_is_refused_by_another_process_within_two_seconds(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    tokens = installation.get(TokenService)
    made, secret = await tokens.create(workspace, TokenWish(Scope.READ), by=person.acting)
    other_process = Installation(installation.database, installation.owner, installation.clock)
    identity = other_process.get(IdentityService)
    await identity.caller_of_token(secret)
    await tokens.revoke(workspace, made.id, by=person.acting)
    with pytest.raises(CredentialInvalidError):
        await installation.get(IdentityService).caller_of_token(secret)
    installation.later(seconds=1)
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_token(secret)


async def test_tokens_of_others_are_as_unknown_as_those_that_never_were(
    installation: Installation, workspace: WorkspaceId
) -> None:
    engineer = await installation.join(workspace, Role.ENGINEER)
    approver = await installation.join(workspace, Role.APPROVER)
    tokens = installation.get(TokenService)
    of_other, _ = await tokens.create(workspace, TokenWish(Scope.READ), by=approver.acting)
    other = await installation.new_workspace()
    of_stranger, _ = await tokens.create(other, TokenWish(Scope.READ), by=installation.operator(other))
    words = set()
    for token_id in (of_other.id, of_stranger.id, "tok_unknown"):
        for attempt in (tokens.revoke, tokens.rotate):
            with pytest.raises(TokenNotFoundError) as refused:
                await attempt(workspace, token_id, by=engineer.acting)
            words.add(refused.value.message.replace(token_id, "ID"))
    assert len(words) == 1


async def test_an_admin_does_not_revoke_what_an_owner_has(installation: Installation, workspace: WorkspaceId) -> None:
    owner = await installation.join(workspace, Role.OWNER)
    admin = await installation.join(workspace, Role.ADMIN)
    tokens = installation.get(TokenService)
    made, _ = await tokens.create(workspace, TokenWish(Scope.READ), by=owner.acting)
    with pytest.raises(RoleTooHighError):
        await tokens.revoke(workspace, made.id, by=admin.acting)


async def test_the_list_shows_last_use_which_is_written_once_a_minute(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    secret = await installation.token_of(person)
    tokens, identity = installation.get(TokenService), installation.get(IdentityService)

    async def last_use() -> object:
        page = await tokens.list_tokens(workspace, limit=10, cursor=None, by=person.acting)
        return page.items[0].last_used_at

    assert await last_use() is None
    first = installation.clock.now()
    for _ in range(59):
        await identity.caller_of_token(secret)
        installation.later(seconds=1)
    assert await last_use() == first
    installation.later(seconds=1)
    await identity.caller_of_token(secret)
    assert await last_use() == installation.clock.now()


async def test_a_role_lowered_to_viewer_leaves_a_sending_token_nothing(
    installation: Installation, workspace: WorkspaceId
) -> None:
    admin = await installation.join(workspace, Role.ADMIN)
    robot = await installation.service_account(workspace, Role.ENGINEER)
    _, secret = await installation.get(TokenService).create(
        workspace, TokenWish(Scope.INGEST, member=robot), by=admin.acting
    )
    await installation.get(MemberService).change(workspace, robot, role=Role.VIEWER, by=admin.acting)
    with pytest.raises(CredentialInvalidError):
        await installation.get(IdentityService).caller_of_token(secret)


async def test_what_cannot_be_recorded_is_not_done(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.OWNER)
    tokens = installation.get(TokenService)
    made, secret = await tokens.create(workspace, TokenWish(Scope.READ), by=person.acting)
    installation.trail.is_away = True
    for attempt in (
        tokens.create(workspace, TokenWish(Scope.READ), by=person.acting),
        tokens.rotate(workspace, made.id, by=person.acting),
        tokens.revoke(workspace, made.id, by=person.acting),
    ):
        with pytest.raises(UnavailableError):
            await attempt
    page = await tokens.list_tokens(workspace, limit=10, cursor=None, by=person.acting)
    assert [(each.id, each.ends_at) for each in page.items] == [(made.id, None)]
    assert await installation.get(IdentityService).caller_of_token(secret)


async def test_a_suspended_workspace_says_so_to_who_proves_itself_and_to_nobody_else(
    installation: Installation, workspace: WorkspaceId
) -> None:
    token = await installation.operator_token(workspace)
    await installation.owner.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", workspace)
    with pytest.raises(TidegateError) as refused:
        await installation.get(IdentityService).caller_of_token(token)
    assert refused.value.code == "workspace_suspended"
    await installation.owner.execute(
        "UPDATE tokens SET revoked_at = now() - interval '9 years' WHERE workspace = $1", workspace
    )
    with pytest.raises(CredentialInvalidError):
        await installation.get(IdentityService).caller_of_token(token)
