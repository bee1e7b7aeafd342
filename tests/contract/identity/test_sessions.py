"""Signing in with a password and sessions, over a real state store."""

import pytest
from tests.api.identity.people import PASSWORD, Installation, Person

from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity import IdentityService
from tidegate.identity.acting import Acting
from tidegate.identity.errors import (
    CredentialInvalidError,
    PasswordUnfitError,
    PasswordWrongError,
    RoleTooHighError,
    TooManyAttemptsError,
    WorkspaceSuspendedError,
)
from tidegate.identity.members import InvitationService, Joining, MemberService
from tidegate.identity.sessions import Credentials, SessionService
from tidegate.identity.sessions.errors import NoPersonError, SessionNotFoundError, WorkspaceUnnamedError
from tidegate.kernel import UnavailableError, WorkspaceId


@pytest.fixture
async def person(installation: Installation, workspace: WorkspaceId) -> Person:
    return await installation.join(workspace, Role.ENGINEER)


async def test_each_sign_in_is_a_session_of_its_own(installation: Installation, person: Person) -> None:
    again = await installation.sign_in(person.workspace, person.id, person.email.upper())
    assert again.session != person.session
    assert again.caller.actor != person.caller.actor


async def test_unknown_people_and_wrong_passwords_get_one_answer(installation: Installation, person: Person) -> None:
    sessions, answers = installation.get(SessionService), set()
    for email, password in (
        (person.email, "not the password"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("\0", PASSWORD),
        ("", ""),
    ):
        with pytest.raises(PasswordWrongError) as refused:
            await sessions.sign_in(Credentials(email=email, password=password))
        answers.add((refused.value.code, refused.value.message))
    assert len(answers) == 1


async def test_ten_wrong_passwords_are_enough_for_a_quarter_of_an_hour_known_or_not(
    installation: Installation, person: Person
) -> None:
    sessions = installation.get(SessionService)
    for email in (person.email, "nobody@example.com"):
        for number in range(10):
            with pytest.raises(PasswordWrongError):
                await sessions.sign_in(Credentials(email=email, password="wrong", address=f"192.0.2.{number}"))
        with pytest.raises(TooManyAttemptsError) as refused:
            await sessions.sign_in(Credentials(email=email, password=PASSWORD, address="198.51.100.1"))
        assert refused.value.retry_after_s == 900
    installation.later(minutes=15)
    assert await sessions.sign_in(Credentials(email=person.email, password=PASSWORD))


async def test_who_is_a_member_of_several_workspaces_names_one(installation: Installation, person: Person) -> None:
    other = await installation.new_workspace()
    invitations = installation.get(InvitationService)
    _, secret = await invitations.invite(other, person.email, Role.VIEWER, by=installation.operator(other))
    await invitations.accept(secret, Joining("again", PASSWORD))
    sessions, identity = installation.get(SessionService), installation.get(IdentityService)
    with pytest.raises(WorkspaceUnnamedError) as unnamed:
        await sessions.sign_in(Credentials(email=person.email, password=PASSWORD))
    assert other in unnamed.value.message
    session = await sessions.sign_in(Credentials(email=person.email, password=PASSWORD, workspace=other))
    caller = await identity.caller_of_session(session)
    assert (caller.workspace, caller.role) == (other, Role.VIEWER)
    with pytest.raises(PasswordWrongError):
        await sessions.sign_in(Credentials(email=person.email, password=PASSWORD, workspace="default"))


async def test_nobody_signs_in_to_a_suspended_workspace(installation: Installation, person: Person) -> None:
    await installation.owner.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", person.workspace)
    with pytest.raises(WorkspaceSuspendedError):
        await installation.get(SessionService).sign_in(Credentials(email=person.email, password=PASSWORD))


async def test_sessions_are_listed_and_ended_by_their_person(installation: Installation, person: Person) -> None:
    other = await installation.sign_in(person.workspace, person.id, person.email)
    sessions, identity = installation.get(SessionService), installation.get(IdentityService)
    found = await sessions.list_sessions(person.workspace, member=None, by=person.acting)
    assert {each.id for each in found} == {person.caller.actor, other.caller.actor}
    assert found[0].user_agent == "Browser 1"
    await sessions.end(person.workspace, other.caller.actor, by=person.acting)
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_session(other.session)
    assert await identity.caller_of_session(person.session)


async def test_sessions_of_others_are_as_unknown_as_those_that_never_were(
    installation: Installation, person: Person
) -> None:
    colleague = await installation.join(person.workspace, Role.OWNER)
    stranger = await installation.join(await installation.new_workspace(), Role.OWNER)
    sessions, words = installation.get(SessionService), set()
    for session_id in (colleague.caller.actor, stranger.caller.actor, "ses_unknown"):
        with pytest.raises(SessionNotFoundError) as refused:
            await sessions.end(person.workspace, session_id, by=person.acting)
        words.add(refused.value.message.replace(session_id, "ID"))
    assert len(words) == 1
    with pytest.raises(SessionNotFoundError):
        await sessions.list_sessions(person.workspace, member=colleague.id, by=person.acting)


async def test_an_admin_ends_sessions_of_who_stands_no_higher(installation: Installation, person: Person) -> None:
    admin = await installation.join(person.workspace, Role.ADMIN)
    owner = await installation.join(person.workspace, Role.OWNER)
    sessions = installation.get(SessionService)
    found = await sessions.list_sessions(person.workspace, member=person.id, by=admin.acting)
    await sessions.end(person.workspace, found[0].id, by=admin.acting)
    with pytest.raises(RoleTooHighError):
        await sessions.end(person.workspace, owner.caller.actor, by=admin.acting)


async def test_a_new_password_ends_all_other_sessions_in_every_workspace(
    installation: Installation, person: Person
) -> None:
    other = await installation.new_workspace()
    invitations = installation.get(InvitationService)
    _, secret = await invitations.invite(other, person.email, Role.VIEWER, by=installation.operator(other))
    await invitations.accept(secret, Joining("again", PASSWORD))
    elsewhere = await installation.sign_in(other, person.id, person.email)
    sessions, identity = installation.get(SessionService), installation.get(IdentityService)
    await sessions.change_password(
        person.workspace, current=PASSWORD, wanted="other words, unlikely too", address="", by=person.acting
    )
    assert await identity.caller_of_session(person.session)
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_session(elsewhere.session)
    with pytest.raises(PasswordWrongError):
        await sessions.sign_in(Credentials(email=person.email, password=PASSWORD, workspace=other))
    assert installation.trail.actions(other)[-1] == "passwords:change"


async def test_a_password_is_changed_by_who_knows_it_and_is_signed_in(
    installation: Installation, person: Person
) -> None:
    sessions = installation.get(SessionService)
    change = {"wanted": "other words, unlikely too", "address": ""}
    with pytest.raises(PasswordWrongError):
        await sessions.change_password(person.workspace, current="wrong", by=person.acting, **change)
    with pytest.raises(PasswordUnfitError):
        await sessions.change_password(person.workspace, current=PASSWORD, wanted="a", address="", by=person.acting)
    by_token = Caller(person.workspace, Scope.WRITE, "tok_1", by_session=False, member=person.id, role=Role.ENGINEER)
    for caller in (by_token, installation.operator(person.workspace).caller):
        with pytest.raises(NoPersonError):
            await sessions.change_password(person.workspace, current=PASSWORD, by=Acting(caller), **change)


async def test_a_session_that_cannot_be_recorded_is_not_opened(installation: Installation, person: Person) -> None:
    installation.trail.is_away = True
    with pytest.raises(UnavailableError):
        await installation.get(SessionService).sign_in(Credentials(email=person.email, password=PASSWORD))
    count = await installation.owner.fetchval("SELECT count(*) FROM sessions WHERE workspace = $1", person.workspace)
    assert count == 1


async def test_who_was_removed_is_not_told_from_who_never_was(installation: Installation, person: Person) -> None:
    await installation.get(MemberService).remove(
        person.workspace, person.id, by=installation.operator(person.workspace)
    )
    with pytest.raises(PasswordWrongError):
        await installation.get(SessionService).sign_in(Credentials(email=person.email, password=PASSWORD))
