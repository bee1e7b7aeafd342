"""Puts identity together: who is a member, who signs in, which tokens there are."""

from typing import Any

from tidegate.audit import AuditTrail
from tidegate.identity.attempts import Attempts
from tidegate.identity.members import (
    InvitationService,
    JoiningParts,
    MemberService,
    PostgresInvitations,
    PostgresMembers,
)
from tidegate.identity.model import SigningKey
from tidegate.identity.passkeys import PasskeyParts, PasskeyService, PostgresPasskeys, RelyingParty
from tidegate.identity.passwords import Passwords
from tidegate.identity.service import IdentityService
from tidegate.identity.sessions import PostgresSessions, SessionService, SignInFailures, SignInParts
from tidegate.identity.store import PostgresCredentialStore
from tidegate.identity.tokens import PostgresTokens, TokenParts, TokenService
from tidegate.identity.workspaces import PostgresWorkspaces, WorkspaceService
from tidegate.kernel import Clock, IdFactory
from tidegate.storage import Database

__all__ = ["build_identity"]


def build_identity(
    database: Database,
    trail: AuditTrail,
    *,
    key: SigningKey,
    ids: IdFactory,
    clock: Clock,
    party: RelyingParty | None = None,
) -> dict[type[Any], object]:
    """Return the services of identity by their types; `party` says at which address passkeys work.

    `SignInFailures.run` has to run, or failed sign-ins are not recorded.
    """
    failures = SignInFailures(trail)
    identity = IdentityService(
        store=PostgresCredentialStore(database, trail), key=key, clock=clock, ids=ids, failures=failures
    )
    members = PostgresMembers(database, trail)
    passwords, attempts = Passwords(), Attempts(clock)
    joining = JoiningParts(
        invitations=PostgresInvitations(database, trail),
        members=members,
        passwords=passwords,
        attempts=attempts,
        key=key,
        ids=ids,
        clock=clock,
    )
    sign_in = SignInParts(
        store=PostgresSessions(database, trail),
        passwords=passwords,
        attempts=attempts,
        key=key,
        ids=ids,
        clock=clock,
        failures=failures,
        on_taken_away=identity.forget,
    )
    sessions = SessionService(sign_in)
    passkeys = PasskeyParts(
        store=PostgresPasskeys(database, trail),
        sessions=sessions,
        failures=failures,
        attempts=attempts,
        party=party,
        key=key,
        ids=ids,
        clock=clock,
    )
    tokens = TokenParts(
        store=PostgresTokens(database, trail, key=key),
        members=members,
        key=key,
        ids=ids,
        clock=clock,
        on_taken_away=identity.forget,
    )
    return {
        IdentityService: identity,
        MemberService: MemberService(store=members, ids=ids, clock=clock, on_taken_away=identity.forget),
        InvitationService: InvitationService(joining),
        SessionService: sessions,
        SignInFailures: failures,
        PasskeyService: PasskeyService(passkeys),
        TokenService: TokenService(tokens),
        WorkspaceService: WorkspaceService(PostgresWorkspaces(database, trail)),
        Clock: clock,
    }
