"""Quotas in a real state store: what is set travels with credentials, a day is one for all processes."""

import asyncio
from datetime import date

import asyncpg
import pytest
from tests.api.identity.people import KEY, Installation
from tests.unit.identity.test_metering import Process
from tests.unit.identity.usage import FakeUsage

from tidegate.edge.caller import Caller, Role, Scope
from tidegate.edge.quotas import Quota, QuotasSet
from tidegate.identity import IdentityService, PostgresCredentialStore
from tidegate.identity.quotas import PostgresQuotas, QuotaService, build_quotas
from tidegate.identity.quotas.errors import QuotaAboveCeilingError
from tidegate.identity.quotas.model import DayQuota, Grant
from tidegate.identity.quotas.ports import UsageStore
from tidegate.identity.tokens import TokenService
from tidegate.identity.tokens.errors import TokenNotFoundError
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

SPANS, DAY = Quota.SPANS_PER_DAY, date(2026, 2, 7)
OF_SPANS = DayQuota("", SPANS, DAY)


@pytest.fixture
def stored(installation: Installation) -> PostgresQuotas:
    return PostgresQuotas(installation.database, installation.trail)


@pytest.fixture
def quotas(installation: Installation) -> QuotaService:
    found = build_quotas(
        installation.database, installation.trail, people=installation.services, defaults={SPANS: 1_000}
    )[QuotaService]
    assert isinstance(found, QuotaService)
    return found


@pytest.fixture(params=["postgres", "fake"])
def usage(request: pytest.FixtureRequest, stored: PostgresQuotas) -> UsageStore:
    return stored if request.param == "postgres" else FakeUsage()


async def ceiling(installation: Installation, workspace: WorkspaceId, amount: int | None) -> None:
    await installation.owner.execute(
        "INSERT INTO quota_ceilings (workspace, quota, amount, set_at) VALUES ($1, $2, $3, now())",
        workspace,
        SPANS.value,
        amount,
    )


async def test_a_day_is_taken_in_parts_and_never_more_than_there_is(usage: UsageStore, workspace: WorkspaceId) -> None:
    assert await usage.take(workspace, OF_SPANS, limit=100, least=5, most=60) == Grant(60, 40)
    assert await usage.take(workspace, OF_SPANS, limit=100, least=5, most=60) == Grant(40, 0)
    assert await usage.take(workspace, OF_SPANS, limit=100, least=1, most=1) == Grant(0, 0)
    await usage.give_back(workspace, OF_SPANS, 3)
    assert await usage.take(workspace, OF_SPANS, limit=100, least=4, most=9) == Grant(0, 3)
    assert await usage.take(workspace, OF_SPANS, limit=50, least=1, most=1) == Grant(0, 0)  # lowered meanwhile
    assert await usage.take(workspace, DayQuota("tok_1", SPANS, DAY), limit=9, least=9, most=9) == Grant(9, 0)
    tomorrow = DayQuota("", SPANS, date(2026, 2, 8))
    assert await usage.take(workspace, tomorrow, limit=100, least=1, most=1) == Grant(1, 99)
    assert await usage.take(workspace, OF_SPANS, limit=100, least=4, most=9) == Grant(0, 3)  # a clock that is behind
    await usage.give_back(workspace, DayQuota("", SPANS, date(2020, 1, 1)), 5)


async def test_days_that_are_over_are_not_kept(
    installation: Installation, stored: PostgresQuotas, workspace: WorkspaceId
) -> None:
    for number in range(1, 6):
        await stored.take(workspace, DayQuota("", SPANS, date(2026, 2, number)), limit=9, least=1, most=1)
    kept = await installation.owner.fetch("SELECT day FROM quota_usage WHERE workspace = $1 ORDER BY day", workspace)
    assert [row["day"].day for row in kept] == [4, 5]


async def test_two_processes_at_once_let_in_exactly_what_a_day_has(
    stored: PostgresQuotas, installation: Installation, workspace: WorkspaceId
) -> None:
    sender = Caller(workspace, Scope.INGEST, "tok_1", by_session=False, quotas=QuotasSet(own={SPANS: 5_000}))
    processes = [Process(stored), Process(stored)]
    let_in = await asyncio.gather(*(processes[n % 2].let_in(sender, 50) for n in range(160)))
    assert 5_000 - 50 < sum(let_in) <= 5_000
    used = await installation.owner.fetchval("SELECT sum(used) FROM quota_usage WHERE workspace = $1", workspace)
    assert used <= 5_000


async def test_what_is_set_is_in_force_in_another_process_within_two_seconds(
    installation: Installation, workspace: WorkspaceId, quotas: QuotaService, database: Database
) -> None:
    owner = await installation.join(workspace, Role.OWNER)
    token = await installation.token_of(owner)
    store = PostgresCredentialStore(database, installation.trail)
    elsewhere = IdentityService(store=store, key=KEY, clock=installation.clock)
    assert (await elsewhere.caller_of_token(token)).quotas == QuotasSet()
    await quotas.set_limits(workspace, {SPANS: 10}, by=owner.acting)
    own = await elsewhere.caller_of_token(token)
    await quotas.set_limits(workspace, {SPANS: 3}, by=owner.acting, token=own.actor)
    await ceiling(installation, workspace, None)
    installation.later(seconds=2)
    expected = QuotasSet(ceilings={SPANS: None}, own={SPANS: 10}, token={SPANS: 3})
    assert (await elsewhere.caller_of_token(token)).quotas == expected
    of_session = await installation.get(IdentityService).caller_of_session(owner.session)
    assert of_session.quotas == QuotasSet(ceilings={SPANS: None}, own={SPANS: 10})


async def test_a_token_that_is_rotated_keeps_what_is_set_for_it(
    installation: Installation, workspace: WorkspaceId, quotas: QuotaService
) -> None:
    owner = await installation.join(workspace, Role.OWNER)
    identity = installation.get(IdentityService)
    old = (await identity.caller_of_token(await installation.token_of(owner))).actor
    await quotas.set_limits(workspace, {SPANS: 3}, by=owner.acting, token=old)
    _, secret = await installation.get(TokenService).rotate(workspace, old, by=owner.acting)
    assert (await identity.caller_of_token(secret)).quotas.token == {SPANS: 3}


async def test_an_admin_lowers_and_clears_and_never_raises(
    installation: Installation, workspace: WorkspaceId, quotas: QuotaService
) -> None:
    admin = (await installation.join(workspace, Role.ADMIN)).acting
    with pytest.raises(QuotaAboveCeilingError, match="allows this workspace 1,000 spans a day"):
        await quotas.set_limits(workspace, {Quota.LOGS_PER_DAY: 5, SPANS: 1_001}, by=admin)
    assert not any(limit.own for limit in await quotas.list_limits(workspace, by=admin))  # nothing half done
    await quotas.set_limits(workspace, {SPANS: 1_000, Quota.LOGS_PER_DAY: 7}, by=admin)
    found = {limit.quota: limit for limit in await quotas.set_limits(workspace, {SPANS: None}, by=admin)}
    assert (found[SPANS].amount, found[SPANS].own, found[Quota.LOGS_PER_DAY].amount) == (1_000, None, 7)
    await ceiling(installation, workspace, 5_000)
    await quotas.set_limits(workspace, {SPANS: 4_000}, by=admin)
    assert installation.trail.actions(workspace)[-3:] == ["limits:set"] * 3
    deed = installation.trail.deeds[-1][1]
    assert (deed.target, deed.details["set"]) == (f"workspace/{workspace}", {"spans_per_day": 4_000})


async def test_what_is_counted_is_shown(
    workspace: WorkspaceId, quotas: QuotaService, stored: PostgresQuotas, installation: Installation
) -> None:
    by = installation.operator(workspace)
    await stored.take(workspace, DayQuota("", SPANS, installation.clock.now().date()), limit=9, least=2, most=4)
    for _ in range(2):
        await stored.add_refusals(workspace, {("", SPANS): 2, ("tok_1", SPANS): 9})
    found = {limit.quota: limit for limit in await quotas.list_limits(workspace, by=by)}
    assert (found[SPANS].used, found[SPANS].refused, found[Quota.SPANS_PER_SECOND].used) == (4, 4, None)


async def test_a_token_of_another_workspace_is_unknown(
    installation: Installation, workspace: WorkspaceId, quotas: QuotaService
) -> None:
    stranger = await installation.join(await installation.new_workspace(), Role.OWNER)
    theirs = (await installation.get(IdentityService).caller_of_token(await installation.token_of(stranger))).actor
    by = installation.operator(workspace)
    with pytest.raises(TokenNotFoundError):
        await quotas.set_limits(workspace, {SPANS: 1}, by=by, token=theirs)
    with pytest.raises(TokenNotFoundError):
        await quotas.list_limits(workspace, by=by, token=theirs)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO quota_ceilings (workspace, quota, amount, set_at) VALUES ($1, 'spans_per_day', NULL, now())",
        "UPDATE quota_ceilings SET amount = NULL WHERE workspace = $1",
        "DELETE FROM quota_ceilings WHERE workspace = $1",
    ],
)
async def test_the_serving_role_cannot_raise_what_the_operator_allows(
    installation: Installation, workspace: WorkspaceId, statement: str
) -> None:
    await ceiling(installation, workspace, 5)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with installation.database.transaction(workspace) as connection:
            await connection.execute(statement, workspace)


async def test_a_quota_is_not_set_without_its_record(
    installation: Installation, workspace: WorkspaceId, quotas: QuotaService
) -> None:
    installation.trail.is_away = True
    by = installation.operator(workspace)
    with pytest.raises(Exception, match="audit cannot be written"):
        await quotas.set_limits(workspace, {SPANS: 10}, by=by)
    assert not any(limit.own for limit in await quotas.list_limits(workspace, by=by))
