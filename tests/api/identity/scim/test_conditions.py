"""A filter finds in the engine whom it means, and nobody else."""

import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from tests.api.identity.people import Installation
from tests.api.identity.scim.conftest import provision
from tests.unit.identity.scim.test_filters import filters

from tidegate.audit import AuditTrail
from tidegate.edge.caller import Role
from tidegate.identity.scim import ScimService, build_scim
from tidegate.identity.scim.filters import All, Any, Comparison, Filter, Not, matches
from tidegate.identity.scim.store import PostgresScim
from tidegate.kernel import WorkspaceId

# Beyond ASCII each engine has lower case of its own; what is equal under it is not this test's matter.
_PLAIN = {each: each for each in map(chr, range(32, 127))}


def plain(wanted: Filter) -> Filter:
    """Return the filter with texts of ASCII."""
    match wanted:
        case All(parts):
            return All(tuple(map(plain, parts)))
        case Any(parts):
            return Any(tuple(map(plain, parts)))
        case Not(part):
            return Not(plain(part))
        case Comparison(name, kind, operator, str() as value):
            return Comparison(name, kind, operator, "".join(letter for letter in value if letter in _PLAIN))
        case Comparison():
            return wanted


async def people(installation: Installation, workspace: WorkspaceId) -> PostgresScim:
    trail: AuditTrail = installation.trail
    installation.services |= build_scim(installation.database, trail, people=installation.services)
    await provision(installation, workspace)
    service, by = installation.get(ScimService), installation.operator(workspace)
    for name, more in (
        ("Ann", {"displayName": "Ann '%_\\ Lee", "externalId": "E-1"}),
        ("bob", {"active": False}),
        ("Cy", {"name": {"givenName": "Cy"}, "externalId": "e-1"}),
    ):
        body = {"userName": name, "emails": [{"value": f"{name}.{secrets.token_hex(5)}@example.com"}], **more}
        await service.create_user(workspace, body, by=by)
    await installation.join(workspace, Role.OWNER)
    return PostgresScim(installation.database, trail)


async def compare(store: PostgresScim, workspace: WorkspaceId, wanted: Filter) -> None:
    everybody, _ = await store.list_users(workspace, None, offset=0, limit=10)
    found, total = await store.list_users(workspace, wanted, offset=0, limit=10)
    meant = {user.member.id for user in everybody if matches(wanted, user.values)}
    assert {user.member.id for user in found} == meant
    assert total == len(meant)


async def test_the_engine_finds_whom_a_filter_means(installation: Installation, workspace: WorkspaceId) -> None:
    store = await people(installation, workspace)
    cases: list[Filter] = []

    @settings(max_examples=60, database=None)
    @given(filters())
    def gather(wanted: Filter) -> None:
        cases.append(plain(wanted))

    gather()
    for wanted in cases:
        await compare(store, workspace, wanted)


@pytest.mark.long
async def test_the_engine_finds_whom_thousands_of_filters_mean(
    installation: Installation, workspace: WorkspaceId
) -> None:
    store = await people(installation, workspace)
    cases: list[Filter] = []

    @settings(max_examples=5_000, database=None, suppress_health_check=list(HealthCheck))
    @given(filters())
    def gather(wanted: Filter) -> None:
        cases.append(plain(wanted))

    gather()
    for wanted in cases:
        await compare(store, workspace, wanted)
