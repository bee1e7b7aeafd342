"""The services of identity, put together."""

from typing import Any

from tidegate.app.keys import load_envelopes, load_signing_key
from tidegate.app.settings import EdgeSettings, default_quotas, egress_allowances
from tidegate.audit import AuditTrail
from tidegate.egress import EgressClient
from tidegate.identity.assembly import build_identity
from tidegate.identity.passkeys import relying_party_of
from tidegate.identity.providers import build_providers
from tidegate.identity.quotas import build_quotas
from tidegate.identity.scim import build_scim
from tidegate.kernel import Clock, RandomIds
from tidegate.storage import Database

__all__ = ["build_people"]


def build_people(
    settings: EdgeSettings, database: Database, trail: AuditTrail, clock: Clock
) -> dict[type[Any], object]:
    """Return the services of identity, providers of identities among them."""
    key = load_signing_key(settings.data_dir)
    people = build_identity(
        database, trail, key=key, ids=RandomIds(), clock=clock, party=relying_party_of(settings.public_url)
    )
    people |= build_scim(database, trail, people=people)
    people |= build_quotas(database, trail, people=people, defaults=default_quotas())
    return people | build_providers(
        database,
        trail,
        people=people,
        egress=EgressClient(egress_allowances()),
        envelopes=load_envelopes(settings.data_dir),
        key=key,
    )
