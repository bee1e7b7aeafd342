"""Puts signing in by a provider together."""

from collections.abc import Mapping
from typing import Any, cast

from tidegate.audit import AuditTrail
from tidegate.egress import EgressClient
from tidegate.identity.members import PostgresInvitations, PostgresMembers
from tidegate.identity.model import SigningKey
from tidegate.identity.providers.admission import Admission
from tidegate.identity.providers.discovery import Discovery
from tidegate.identity.providers.service import ProviderService
from tidegate.identity.providers.sign_in import ProviderSignIn, SignInParts
from tidegate.identity.providers.signing_out import ProviderSignOut
from tidegate.identity.providers.store import PostgresProviders
from tidegate.identity.service import IdentityService
from tidegate.identity.sessions import SessionService
from tidegate.kernel import Clock, RandomIds
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes

__all__ = ["build_providers"]


def build_providers(
    database: Database,
    trail: AuditTrail,
    *,
    people: Mapping[type[Any], object],
    egress: EgressClient,
    envelopes: Envelopes,
    key: SigningKey,
) -> dict[type[Any], object]:
    """Return the services by their types; `people` are those of identity."""
    clock, sessions = cast("Clock", people[Clock]), people[SessionService]
    assert isinstance(sessions, SessionService)  # noqa: S101 - put there by its type
    store, discovery = PostgresProviders(database, trail), Discovery(egress, clock)
    admission = Admission(
        store=store,
        members=PostgresMembers(database, trail),
        invitations=PostgresInvitations(database, trail),
        ids=RandomIds(),
        clock=clock,
    )
    parts = SignInParts(
        store=store,
        discovery=discovery,
        admission=admission,
        sessions=sessions,
        envelopes=envelopes,
        trail=trail,
        key=key,
        clock=clock,
    )
    service = ProviderService(store=store, discovery=discovery, egress=egress, envelopes=envelopes, clock=clock)
    identity = people[IdentityService]
    assert isinstance(identity, IdentityService)  # noqa: S101 - put there by its type
    signing_out = ProviderSignOut(store=store, discovery=discovery, key=key, clock=clock, on_taken_away=identity.forget)
    return {ProviderService: service, ProviderSignIn: ProviderSignIn(parts), ProviderSignOut: signing_out}
