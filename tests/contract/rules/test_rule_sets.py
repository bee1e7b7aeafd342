"""Rule sets in the real PostgreSQL, and subjects in the real telemetry engine."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from tests.doing import BY, trail_of
from tests.signals_rows import Pipeline, auth_row

from tidegate.alerts import AlertService, PostgresAlertStore
from tidegate.alerts.rule_sets.errors import RuleFileInvalidError, RuleNotFoundError, RulesChangedError
from tidegate.alerts.rule_sets.service import RuleSetService
from tidegate.alerts.rule_sets.store import PostgresRuleSets
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, Grouped
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock, FakeSignals

AT = datetime(2026, 11, 20, tzinfo=UTC)


def rules(*entries: str, name: str = "mine") -> bytes:
    return (
        f"{{apiVersion: tidegate/v1, kind: Rules, metadata: {{name: {name}}}, rules: [{', '.join(entries)}]}}".encode()
    )


def own(code: str, threshold: float = 0.1) -> str:
    return (
        f"{{code: {code}, severity: P2, signal: auth.failureRate, threshold: {threshold}, "
        "runbook: auth_failure_rate_high}"
    )


STRICTER = "{code: auth_failure_rate_high, threshold: 0.1}"


@pytest.fixture
def store(database: Database) -> PostgresRuleSets:
    return PostgresRuleSets(database, trail_of(database))


@pytest.fixture
def service(store: PostgresRuleSets) -> RuleSetService:
    return RuleSetService(shipped=BUILT_IN_RULES, store=store, clock=FakeClock(AT))


@pytest.fixture
async def other(owner_connection: "asyncpg.Connection[asyncpg.Record]") -> WorkspaceId:
    name = WorkspaceId(f"w-{secrets.token_hex(6)}")
    await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return name


async def test_rules_are_set_in_versions_and_count_for_their_workspace_alone(
    service: RuleSetService, store: PostgresRuleSets, workspace: WorkspaceId, other: WorkspaceId
) -> None:
    before = await store.change_count()
    first = await service.apply(workspace, rules(STRICTER, own("a_rule")), by=BY)
    again = await service.apply(workspace, rules(STRICTER, own("a_rule")), by=BY)
    second = await service.apply(workspace, rules(own("a_rule", 0.2)), by=BY)

    assert [plan.version for plan in (first, again, second)] == [1, 1, 2]
    assert [plan.is_new for plan in (first, again, second)] == [True, False, True]
    assert await store.change_count() == before + 2
    assert [(change.code, change.kind.value) for change in second.changes] == [
        ("a_rule", "changed"), ("auth_failure_rate_high", "changed"),
    ]  # fmt: skip
    assert (await service.get_rule(workspace, "a_rule")).threshold == 0.2
    assert (await service.get_rule(workspace, "auth_failure_rate_high")).threshold == 0.2
    with pytest.raises(RuleNotFoundError):
        await service.get_rule(other, "a_rule")
    assert [rule.workspace for rule in (await store.read_rules()).rules if rule.code == "a_rule"] == [workspace]


async def test_a_set_that_cannot_be_read_keeps_no_other_workspace_from_its_rules(
    service: RuleSetService,
    store: PostgresRuleSets,
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
    workspace: WorkspaceId,
    other: WorkspaceId,
) -> None:
    for one in (workspace, other):
        await service.apply(one, rules(own("a_rule")), by=BY)
    await owner_connection.execute(
        "UPDATE alert_rule_sets SET body = $2 WHERE workspace = $1", other, b'{"apiVersion":"tidegate/v9"}'
    )
    read = await store.read_rules()
    assert other in read.unread
    assert workspace not in read.unread
    mine = [rule.workspace for rule in read.rules if rule.code == "a_rule" and rule.workspace in {workspace, other}]
    assert mine == [workspace]
    await owner_connection.execute("DELETE FROM alert_rule_sets WHERE workspace = $1", other)


async def test_a_code_stands_in_one_set(service: RuleSetService, workspace: WorkspaceId) -> None:
    await service.apply(workspace, rules(own("a_rule")), by=BY)

    with pytest.raises(RuleFileInvalidError, match="a_rule stands in the set 'mine' already"):
        await service.plan(workspace, rules(own("a_rule"), name="others"))
    await service.apply(workspace, rules(), by=BY)
    assert (await service.apply(workspace, rules(own("a_rule"), name="others"), by=BY)).is_new


async def test_two_who_set_rules_at_once_do_not_overwrite_each_other(
    service: RuleSetService, workspace: WorkspaceId
) -> None:
    found = await asyncio.gather(
        *(service.apply(workspace, rules(own("a_rule"), name=f"set-{number}"), by=BY) for number in range(4)),
        return_exceptions=True,
    )

    assert [type(one) for one in found].count(RulesChangedError) + sum(
        isinstance(one, RuleFileInvalidError) for one in found
    ) == 3
    assert len(await service.list_sets(workspace)) == 1


async def test_changed_codes_are_watched_from_the_change_on(
    service: RuleSetService, database: Database, workspace: WorkspaceId, other: WorkspaceId
) -> None:
    store = PostgresAlertStore(database)
    await service.apply(workspace, rules(STRICTER, own("a_rule")), by=BY)

    assert await store.find_rules_changed_at(workspace, ["auth_failure_rate_high"]) == AT
    assert await store.find_rules_changed_at(workspace, None) == AT
    assert await store.find_rules_changed_at(workspace, ["membership_denied_spike"]) is None
    assert await store.find_rules_changed_at(other, None) is None
    quiet = await AlertService(
        rules=BUILT_IN_RULES, reader=FakeSignals(), store=store, clock=FakeClock(AT)
    ).quiet_state(workspace, ["a_rule"], [], since=AT)
    assert quiet.watched_since is None or quiet.watched_since >= AT


async def test_the_serving_role_adds_versions_and_changes_none(database: Database, workspace: WorkspaceId) -> None:
    for statement in (
        "UPDATE alert_rule_sets SET body = ''",
        "DELETE FROM alert_rule_sets",
        "DELETE FROM alert_rule_changes",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.transaction(workspace) as connection:
                await connection.execute(statement)


def sums_of(found: Grouped, field: str) -> dict[tuple[object, ...], int]:
    return {
        (*found.places[place][1], found.tenants[tenant] if tenant >= 0 else None): int(value)
        for place, tenant, value in zip(found.place, found.tenant, found.sums[field], strict=True)
    }


async def test_subjects_hold_what_groups_hold_and_more_dimensions_add_up(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId, other: WorkspaceId
) -> None:
    pipeline = Pipeline(database, engine)
    rows = [
        auth_row(workspace, 200 if number % 3 else 401, tenant=f"t{number % 4}", client_address=f"10.0.0.{number % 2}")
        for number in range(24)
    ]
    rows += [auth_row(workspace, 401, tenant=""), auth_row(other, 401, tenant="t0")]
    await pipeline.flush(rows)
    await pipeline.close()
    now = datetime.now(UTC).replace(microsecond=0)
    window = TimeRange(now - timedelta(minutes=14), now + timedelta(minutes=1))

    groups = await pipeline.reader.groups([workspace, other], Family.AUTH, window)
    (part,) = await pipeline.reader.counted_rows(
        [workspace, other], [Family.AUTH, Family.REQUEST], window, ("service", "tenant")
    )
    found = part.of(Family.AUTH, ("service", "tenant"), (), ["count", "failure_count"])
    expected = {(one.workspace, one.service, one.tenant): one.totals.failure_count for one in groups}
    assert {
        (*found.places[place][:1], *found.places[place][1], found.tenants[tenant] if tenant >= 0 else None): int(value)
        for place, tenant, value in zip(found.place, found.tenant, found.sums["failure_count"], strict=True)
    } == expected

    (part,) = await pipeline.reader.counted_rows([workspace], [Family.AUTH], window, ("service", "source"))
    by_source = sums_of(part.of(Family.AUTH, ("service", "source"), (), ["count"]), "count")
    assert sum(by_source.values()) == 25
    one = part.of(Family.AUTH, ("service",), [("source", lambda word: word == "10.0.0.1")], ["count"])
    assert list(sums_of(one, "count").values()) == [12]


async def test_durations_and_telemetry_are_read_by_service(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    pipeline = Pipeline(database, engine)
    await pipeline.flush([auth_row(workspace, 200) for _ in range(5)])
    await pipeline.close()
    now = datetime.now(UTC).replace(microsecond=0)
    window = TimeRange(now - timedelta(minutes=14), now + timedelta(minutes=1))

    timed = await pipeline.reader.timed_rows([workspace], [Family.REQUEST], window, ("route", "service"))
    found = timed[0].of(Family.REQUEST, ("service",), (), ["p95_ms"])
    seen = await pipeline.reader.telemetry_rows([workspace], window)
    spans = seen[0].of(Family.RUNTIME, ("service",), (), ["count"])

    figures = await pipeline.reader.quantiles(workspace, Family.REQUEST, window, scope=_whole())
    assert [float(one) for one in found.sums["p95_ms"]] == [one.p95_ms for one in figures.values()]
    assert (int(spans.sums["count"][0]), int(spans.sums["distrusted_count"][0])) == (5, 0)


def _whole() -> object:
    from tidegate.signals import SignalScope

    return SignalScope()
