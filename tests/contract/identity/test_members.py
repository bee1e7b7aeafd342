"""Members over a real state store: who may do what to whom, and what is refused at once."""

import asyncio
import secrets

import pytest
from tests.api.identity.people import KEY, PASSWORD, Installation

from tidegate.edge.caller import Role, Scope
from tidegate.identity import IdentityService
from tidegate.identity.errors import CredentialInvalidError, PasswordUnfitError, PasswordWrongError, RoleTooHighError
from tidegate.identity.members import InvitationService, InvitationState, Joining, MemberService
from tidegate.identity.members.errors import (
    InvitationNotFoundError,
    InvitationUsedError,
    LastOwnerError,
    MemberChangedError,
    MemberExistsError,
    MemberNotFoundError,
    OwnerExistsError,
    RoleOfServiceAccountError,
)
from tidegate.identity.sessions import Credentials, SessionService
from tidegate.kernel import TidegateError, UnavailableError, WorkspaceId


async def test_a_person_signs_in_as_a_member_with_a_role_and_the_caller_carries_both(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    caller = person.caller
    assert (caller.workspace, caller.member, caller.role) == (workspace, person.id, Role.ENGINEER)
    assert person.id.startswith("usr_")
    assert caller.actor.startswith("ses_")
    assert caller.proven_at == installation.clock.now()
    assert (caller.scope, caller.by_session) == (Scope.WRITE, True)


async def test_joining_is_recorded_with_who_invited(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.VIEWER)
    assert installation.trail.actions(workspace) == ["members:invite", "invitations:accept", "sessions:create"]
    _, accepted = installation.trail.deeds[1]
    assert (accepted.target, accepted.details["invitedBy"]) == (f"member/{person.id}", "ses_operator")


async def test_what_cannot_be_recorded_is_not_done(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.VIEWER)
    by = installation.operator(workspace)
    installation.trail.is_away = True
    members = installation.get(MemberService)
    for attempt in (
        members.change(workspace, person.id, role=Role.ENGINEER, by=by),
        members.remove(workspace, person.id, by=by),
        members.add_service_account(workspace, "robot", Role.VIEWER, by=by),
        installation.get(InvitationService).invite(workspace, "x@example.com", Role.VIEWER, by=by),
    ):
        with pytest.raises(UnavailableError):
            await attempt
    page = await members.list_members(workspace, limit=10, cursor=None)
    assert [(member.id, member.role) for member in page.items] == [(person.id, Role.VIEWER)]
    invitations = await installation.get(InvitationService).list_open(workspace)
    assert invitations == []


async def test_an_invitation_is_used_once_also_by_two_at_the_same_instant(
    installation: Installation, workspace: WorkspaceId
) -> None:
    invitations = installation.get(InvitationService)
    by = installation.operator(workspace)
    _, secret = await invitations.invite(workspace, f"{secrets.token_hex(4)}@example.com", Role.VIEWER, by=by)
    answers = await asyncio.gather(
        *(invitations.accept(secret, Joining(f"n{number}", PASSWORD)) for number in range(4)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 3
    assert all(isinstance(each, InvitationUsedError | MemberChangedError) for each in refused), refused
    page = await installation.get(MemberService).list_members(workspace, limit=10, cursor=None)
    assert len(page.items) == 1


async def test_an_invitation_ends_after_seven_days_or_when_it_is_withdrawn(
    installation: Installation, workspace: WorkspaceId
) -> None:
    invitations, by = installation.get(InvitationService), installation.operator(workspace)
    first, first_secret = await invitations.invite(workspace, "a@example.com", Role.VIEWER, by=by)
    _, second_secret = await invitations.invite(workspace, "b@example.com", Role.VIEWER, by=by)
    await invitations.withdraw(workspace, first.id, by=by)
    installation.later(days=7)
    for secret in (first_secret, second_secret, "never was"):
        with pytest.raises(InvitationNotFoundError):
            await invitations.accept(secret, Joining("x", PASSWORD))
    page = await invitations.list_invitations(workspace, limit=10, cursor=None)
    states = {each.email: each.state_at(installation.clock.now()) for each in page.items}
    assert states == {"a@example.com": InvitationState.WITHDRAWN, "b@example.com": InvitationState.EXPIRED}


async def test_the_newest_offer_for_an_address_is_the_one_that_counts(
    installation: Installation, workspace: WorkspaceId
) -> None:
    invitations, by = installation.get(InvitationService), installation.operator(workspace)
    _, high = await invitations.invite(workspace, "c@example.com", Role.ADMIN, by=by)
    await invitations.invite(workspace, "C@Example.com", Role.VIEWER, by=by)
    with pytest.raises(InvitationNotFoundError):
        await invitations.get_open(high)


async def test_the_secret_of_an_invitation_is_not_stored(installation: Installation, workspace: WorkspaceId) -> None:
    _, secret = await installation.get(InvitationService).invite(
        workspace, "d@example.com", Role.VIEWER, by=installation.operator(workspace)
    )
    row = await installation.owner.fetchrow("SELECT * FROM invitations WHERE workspace = $1", workspace)
    assert secret not in str(dict(row))
    assert row["hash"] == KEY.hash_of(secret)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
async def test_nobody_gives_a_role_higher_than_the_own(
    installation: Installation, workspace: WorkspaceId, role: Role
) -> None:
    giver = await installation.join(workspace, Role.RELEASE_MANAGER if role is Role.ADMIN else Role.ADMIN)
    other = await installation.join(workspace, Role.VIEWER)
    members = installation.get(MemberService)
    for attempt in (
        members.change(workspace, other.id, role=role, by=giver.acting),
        members.change(workspace, giver.id, role=role, by=giver.acting),
        members.add_service_account(workspace, "robot", role, by=giver.acting),
        installation.get(InvitationService).invite(workspace, "e@example.com", role, by=giver.acting),
    ):
        with pytest.raises(RoleTooHighError):
            await attempt


async def test_nobody_touches_who_stands_higher(installation: Installation, workspace: WorkspaceId) -> None:
    owner = await installation.join(workspace, Role.OWNER)
    admin = await installation.join(workspace, Role.ADMIN)
    members = installation.get(MemberService)
    with pytest.raises(RoleTooHighError):
        await members.change(workspace, owner.id, role=Role.VIEWER, by=admin.acting)
    with pytest.raises(RoleTooHighError):
        await members.remove(workspace, owner.id, by=admin.acting)


async def test_the_last_owner_is_neither_removed_nor_lowered_nor_deactivated(
    installation: Installation, workspace: WorkspaceId
) -> None:
    owner = await installation.join(workspace, Role.OWNER)
    members = installation.get(MemberService)
    for attempt in (
        members.change(workspace, owner.id, role=Role.ADMIN, by=owner.acting),
        members.change(workspace, owner.id, is_active=False, by=owner.acting),
        members.remove(workspace, owner.id, by=installation.operator(workspace)),
    ):
        with pytest.raises(LastOwnerError):
            await attempt


async def test_of_two_owners_who_remove_each_other_at_the_same_instant_one_stays(
    installation: Installation, workspace: WorkspaceId
) -> None:
    first = await installation.join(workspace, Role.OWNER)
    second = await installation.join(workspace, Role.OWNER)
    members = installation.get(MemberService)
    answers = await asyncio.gather(
        members.remove(workspace, second.id, by=first.acting),
        members.change(workspace, first.id, role=Role.VIEWER, by=second.acting),
        return_exceptions=True,
    )
    assert len([answer for answer in answers if isinstance(answer, LastOwnerError)]) == 1
    page = await members.list_members(workspace, limit=10, cursor=None)
    assert [member.role for member in page.items].count(Role.OWNER) == 1


async def test_a_role_that_somebody_else_changed_meanwhile_is_a_conflict(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.VIEWER)
    members, by = installation.get(MemberService), installation.operator(workspace)
    answers = await asyncio.gather(
        members.change(workspace, person.id, role=Role.ENGINEER, by=by),
        members.change(workspace, person.id, role=Role.APPROVER, by=by),
        return_exceptions=True,
    )
    assert len([answer for answer in answers if isinstance(answer, MemberChangedError)]) in {0, 1}
    assert not [each for each in answers if isinstance(each, Exception) and not isinstance(each, MemberChangedError)]


@pytest.mark.parametrize("how", ["remove", "deactivate", "deactivate everywhere", "suspend", "delete"])
async def test_who_is_taken_away_is_refused_by_another_process_within_two_seconds(
    installation: Installation, workspace: WorkspaceId, how: str
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    token = await installation.token_of(person)
    other_process = Installation(installation.database, installation.owner, installation.clock)
    identity = other_process.get(IdentityService)
    await identity.caller_of_session(person.session)
    await identity.caller_of_token(token)
    members, by = installation.get(MemberService), installation.operator(workspace)
    if how == "remove":
        await members.remove(workspace, person.id, by=by)
    elif how == "deactivate":
        await members.change(workspace, person.id, is_active=False, by=by)
    elif how == "deactivate everywhere":
        await installation.owner.execute("UPDATE people SET deactivated_at = now() WHERE id = $1", person.id)
    else:
        state = {"suspend": "suspended", "delete": "deleted"}[how]
        await installation.owner.execute(
            "UPDATE workspaces SET state = $2, deleted_at = $3 WHERE id = $1",
            workspace,
            state,
            installation.clock.now() if state == "deleted" else None,
        )
    installation.later(seconds=1)
    for attempt in (identity.caller_of_session(person.session), identity.caller_of_token(token)):
        with pytest.raises(TidegateError) as refused:
            await attempt
        assert refused.value.code == ("workspace_suspended" if how == "suspend" else "credential_invalid")


async def test_the_process_that_takes_away_refuses_at_once(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    identity = installation.get(IdentityService)
    await identity.caller_of_session(person.session)
    await installation.get(MemberService).remove(workspace, person.id, by=installation.operator(workspace))
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_session(person.session)


async def test_a_lowered_role_lowers_its_credentials_within_two_seconds(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.ADMIN)
    token = await installation.token_of(person, Scope.ADMIN)
    other_process = Installation(installation.database, installation.owner, installation.clock)
    identity = other_process.get(IdentityService)
    assert (await identity.caller_of_token(token)).scope is Scope.ADMIN
    await installation.get(MemberService).change(
        workspace, person.id, role=Role.VIEWER, by=installation.operator(workspace)
    )
    installation.later(seconds=1)
    for caller in (await identity.caller_of_token(token), await identity.caller_of_session(person.session)):
        assert (caller.scope, caller.role) == (Scope.READ, Role.VIEWER)


async def test_who_comes_back_finds_no_old_credential_alive(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    token = await installation.token_of(person)
    by = installation.operator(workspace)
    await installation.get(MemberService).remove(workspace, person.id, by=by)
    again = await installation.join(workspace, Role.VIEWER, email=person.email)
    assert again.id == person.id
    identity = installation.get(IdentityService)
    for attempt in (identity.caller_of_token(token), identity.caller_of_session(person.session)):
        with pytest.raises(CredentialInvalidError):
            await attempt


@pytest.mark.parametrize("how", ["remove", "lower", "deactivate"])
async def test_who_is_taken_away_leaves_no_invitation_behind(
    installation: Installation, workspace: WorkspaceId, how: str
) -> None:
    admin = await installation.join(workspace, Role.ADMIN)
    invitations, members = installation.get(InvitationService), installation.get(MemberService)
    _, secret = await invitations.invite(workspace, "way-back@example.com", Role.ADMIN, by=admin.acting)
    by = installation.operator(workspace)
    if how == "remove":
        await members.remove(workspace, admin.id, by=by)
    else:
        change = {"role": Role.VIEWER} if how == "lower" else {"is_active": False}
        await members.change(workspace, admin.id, by=by, **change)  # type: ignore[arg-type] # one of two
    with pytest.raises(InvitationNotFoundError):
        await invitations.get_open(secret)


async def test_an_account_of_another_workspace_is_proved_by_its_own_password(
    installation: Installation, workspace: WorkspaceId
) -> None:
    person = await installation.join(workspace, Role.OWNER)
    other = await installation.new_workspace()
    invitations, by = installation.get(InvitationService), installation.operator(other)
    _, secret = await invitations.invite(other, person.email, Role.VIEWER, by=by)
    with pytest.raises(PasswordWrongError):
        await invitations.accept(secret, Joining("Mallory", "what the inviter would like"))
    page = await installation.get(MemberService).list_members(other, limit=10, cursor=None)
    assert page.items == ()
    joined = await invitations.accept(secret, Joining("ignored", PASSWORD))
    assert joined.member == person.id


async def test_a_person_is_seen_only_where_it_is_a_member(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.OWNER)
    other = await installation.new_workspace()
    with pytest.raises(MemberNotFoundError) as foreign:
        await installation.get(MemberService).get_member(other, person.id)
    with pytest.raises(MemberNotFoundError) as unknown:
        await installation.get(MemberService).get_member(other, "usr_unknown")
    assert foreign.value.message.replace(person.id, "ID") == unknown.value.message.replace("usr_unknown", "ID")
    async with installation.database.transaction(other) as connection:
        assert await connection.fetchval("SELECT count(*) FROM people") == 0
        assert await connection.fetchval("SELECT count(*) FROM members") == 0


async def test_a_member_is_invited_once(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.VIEWER)
    with pytest.raises(MemberExistsError):
        await installation.get(InvitationService).invite(
            workspace, person.email.upper(), Role.ADMIN, by=installation.operator(workspace)
        )


async def test_the_operators_link_makes_the_first_owner_once(
    installation: Installation, workspace: WorkspaceId
) -> None:
    invitations, by = installation.get(InvitationService), installation.operator(workspace)
    email = f"{secrets.token_hex(4)}@example.com"
    answers = await asyncio.gather(
        *(invitations.make_first_owner(workspace, email, Joining("First", PASSWORD), by=by) for _ in range(2)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(each) for each in refused] == [OwnerExistsError]
    page = await installation.get(MemberService).list_members(workspace, limit=10, cursor=None)
    assert [(member.role, member.email) for member in page.items] == [(Role.OWNER, email)]


async def test_a_service_account_is_no_owner_and_has_a_name_of_its_own(
    installation: Installation, workspace: WorkspaceId
) -> None:
    members, by = installation.get(MemberService), installation.operator(workspace)
    with pytest.raises(RoleOfServiceAccountError):
        await members.add_service_account(workspace, "ci", Role.OWNER, by=by)
    made = await members.add_service_account(workspace, "ci", Role.ENGINEER, by=by)
    with pytest.raises(MemberExistsError):
        await members.add_service_account(workspace, "CI", Role.ENGINEER, by=by)
    with pytest.raises(RoleOfServiceAccountError):
        await members.change(workspace, made.id, role=Role.OWNER, by=by)
    await members.remove(workspace, made.id, by=by)
    await members.add_service_account(workspace, "ci", Role.ENGINEER, by=by)


async def test_members_are_listed_in_pages(installation: Installation, workspace: WorkspaceId) -> None:
    made = [await installation.service_account(workspace, Role.VIEWER) for _ in range(5)]
    members, found, cursor = installation.get(MemberService), [], None
    for _ in range(3):
        page = await members.list_members(workspace, limit=2, cursor=cursor)
        found += [member.id for member in page.items]
        cursor = page.next_cursor
    assert sorted(found) == sorted(made)
    assert cursor is None


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "x" * 257, "f@example.com"])
async def test_a_password_that_is_easy_to_guess_is_not_taken(
    installation: Installation, workspace: WorkspaceId, password: str
) -> None:
    invitations = installation.get(InvitationService)
    _, secret = await invitations.invite(workspace, "f@example.com", Role.VIEWER, by=installation.operator(workspace))
    with pytest.raises(PasswordUnfitError):
        await invitations.accept(secret, Joining("F", password))
    await invitations.get_open(secret)


async def test_who_was_deactivated_does_not_sign_in_again(installation: Installation, workspace: WorkspaceId) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    members, by = installation.get(MemberService), installation.operator(workspace)
    credentials = Credentials(email=person.email, password=PASSWORD)
    await members.change(workspace, person.id, is_active=False, by=by)
    with pytest.raises(PasswordWrongError):
        await installation.get(SessionService).sign_in(credentials)
    await members.change(workspace, person.id, is_active=True, by=by)
    assert await installation.get(SessionService).sign_in(credentials)
