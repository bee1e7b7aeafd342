"""What the stores of alerts promise, held against the fake and against PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from tests.unit.alerts.fakes import FakeStores

from tidegate.alerts.errors import AlertOutOfStepError, WatchLostError
from tidegate.alerts.model import AlertKey, AlertState, Change, Finding, Judgement, advance
from tidegate.alerts.ports import AlertFilter, AlertStore, Watch, WatchStore
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.alerts.store import PostgresAlertStore, PostgresWatchStore
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.storage import Database

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
RULE = BUILT_IN_RULES[0]
ABOVE = Judgement(Finding.ABOVE, 0.3, 20)
BELOW = Judgement(Finding.BELOW, 0.1, 30)


@dataclass
class Stores:
    alerts: AlertStore
    watch: WatchStore
    new_workspace: Callable[..., Awaitable[WorkspaceId]]
    lapse: Callable[[], Awaitable[None]]
    """Lets the lease of the watch run out."""


@pytest.fixture
def fake_stores() -> Stores:
    fake = FakeStores()

    async def create(created_at: datetime = NOON - timedelta(days=1)) -> WorkspaceId:
        workspace = WorkspaceId(f"alerts-{len(fake.workspaces)}")
        fake.workspaces[workspace] = created_at
        return workspace

    async def lapse() -> None:
        fake.lease_now += timedelta(days=1)

    return Stores(fake, fake, create, lapse)


@pytest.fixture
def postgres_stores(
    database: Database,
    owner: "asyncpg.Connection[asyncpg.Record]",
    new_workspace: Callable[..., Awaitable[WorkspaceId]],
    fresh_watch: None,
) -> Stores:
    async def lapse() -> None:
        await owner.execute("UPDATE alert_watch SET expires_at = clock_timestamp() - interval '1 s'")

    return Stores(PostgresAlertStore(database), PostgresWatchStore(database), new_workspace, lapse)


@pytest.fixture(params=["fake_stores", "postgres_stores"])
def stores(request: pytest.FixtureRequest) -> Stores:
    found: Stores = request.getfixturevalue(request.param)
    return found


def opened(workspace: WorkspaceId, number: int = 1, *, tenant: str | None = None, at: datetime = NOON) -> Change:
    key = AlertKey(workspace, RULE.code, "api", tenant)
    change = advance(RULE, None, ABOVE, key=key, now=at)
    assert change is not None
    return replace(change, alert=replace(change.alert, id=AlertId(f"alr_{number:04}")))


def closed(change: Change, at: datetime) -> Change:
    after = advance(RULE, change.alert, BELOW, key=change.alert.key, now=at)
    assert after is not None
    return after


async def fence_of(stores: Stores) -> int:
    fence = await stores.watch.claim_watch("one", lease=LEASE)
    assert fence is not None
    return fence


async def test_what_was_added_is_found_again_in_full(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    change = opened(workspace, tenant="acme")
    await stores.alerts.add_changes(workspace, [change], fence=await fence_of(stores))

    found = await stores.alerts.find_alert(workspace, change.alert.id)

    assert found is not None
    assert found.alert == change.alert
    assert found.transitions == change.transitions


async def test_a_held_and_resolved_alert_is_found_again_in_full(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    fence = await fence_of(stores)
    change = opened(workspace)
    await stores.alerts.add_changes(workspace, [change], fence=fence)
    history = list(change.transitions)
    for minutes, judgement in ((1, Judgement(Finding.NO_DATA, None, 0)), (16, Judgement(Finding.INSUFFICIENT, 1.0, 2))):
        after = advance(RULE, change.alert, judgement, key=change.alert.key, now=NOON + timedelta(minutes=minutes))
        assert after is not None
        await stores.alerts.add_changes(workspace, [after], fence=fence)
        history += after.transitions
        change = after

    found = await stores.alerts.find_alert(workspace, change.alert.id)

    assert found is not None
    assert found.alert == change.alert
    assert found.alert.state is AlertState.RESOLVED
    assert list(found.transitions) == history


async def test_a_second_open_alert_for_one_key_is_refused_and_nothing_of_it_is_kept(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    fence = await fence_of(stores)
    await stores.alerts.add_changes(workspace, [opened(workspace, 1)], fence=fence)

    with pytest.raises(AlertOutOfStepError):
        await stores.alerts.add_changes(
            workspace, [opened(workspace, 2, tenant="other"), opened(workspace, 3)], fence=fence
        )

    assert [a.id for a in await stores.alerts.list_alerts(workspace, AlertFilter(), limit=9, after=None)] == [
        "alr_0001"
    ]


async def test_service_and_tenant_are_told_apart_and_a_closed_alert_makes_room(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    fence = await fence_of(stores)
    first = opened(workspace, 1)
    await stores.alerts.add_changes(workspace, [first, opened(workspace, 2, tenant="")], fence=fence)
    await stores.alerts.add_changes(workspace, [closed(first, NOON + timedelta(minutes=1))], fence=fence)
    await stores.alerts.add_changes(workspace, [opened(workspace, 3, at=NOON + timedelta(minutes=2))], fence=fence)

    still_open = AlertFilter(states={AlertState.FIRING})
    found = await stores.alerts.list_alerts(workspace, still_open, limit=9, after=None)

    assert [(alert.id, alert.tenant) for alert in found] == [("alr_0003", None), ("alr_0002", "")]


async def test_the_same_move_twice_is_refused(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    fence = await fence_of(stores)
    first = opened(workspace)
    after = closed(first, NOON + timedelta(minutes=1))
    await stores.alerts.add_changes(workspace, [first], fence=fence)
    await stores.alerts.add_changes(workspace, [after], fence=fence)

    with pytest.raises(AlertOutOfStepError):
        await stores.alerts.add_changes(workspace, [after], fence=fence)

    found = await stores.alerts.find_alert(workspace, first.alert.id)
    assert found is not None
    assert [transition.sequence for transition in found.transitions] == [1, 2, 3]


async def test_names_longer_than_an_index_entry_are_kept(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    long_name = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(20_000))
    await stores.alerts.add_changes(workspace, [opened(workspace, tenant=long_name)], fence=await fence_of(stores))

    (found,) = await stores.alerts.list_alerts(workspace, AlertFilter(tenant=long_name), limit=1, after=None)

    assert found.tenant == long_name


async def test_another_workspace_sees_nothing(stores: Stores) -> None:
    mine, other = await stores.new_workspace(), await stores.new_workspace()
    change = opened(mine)
    await stores.alerts.add_changes(mine, [change], fence=await fence_of(stores))

    assert await stores.alerts.find_alert(other, change.alert.id) is None
    assert await stores.alerts.list_alerts(other, AlertFilter(), limit=9, after=None) == []
    assert await stores.alerts.find_last_closed_at(other, AlertFilter(), since=NOON) is None


async def test_a_list_is_newest_first_and_goes_on_after_the_last_seen(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    changes = [opened(workspace, n, tenant=f"t{n}", at=NOON + timedelta(seconds=n // 2)) for n in range(1, 6)]
    await stores.alerts.add_changes(workspace, changes, fence=await fence_of(stores))

    first = await stores.alerts.list_alerts(workspace, AlertFilter(), limit=3, after=None)
    rest = await stores.alerts.list_alerts(workspace, AlertFilter(), limit=3, after=(first[-1].since, first[-1].id))

    assert [alert.id for alert in [*first, *rest]] == [f"alr_{n:04}" for n in (5, 4, 3, 2, 1)]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        pytest.param(AlertFilter(states=set()), 0, id="no state"),
        pytest.param(AlertFilter(service="api"), 1, id="service"),
        pytest.param(AlertFilter(service="web"), 0, id="another service"),
        pytest.param(AlertFilter(codes={RULE.code}, services={"api", "web"}, family=RULE.family), 1, id="all at once"),
        pytest.param(AlertFilter(codes={"other"}), 0, id="another code"),
        pytest.param(AlertFilter(tenant="acme"), 0, id="a tenant is not the service as a whole"),
    ],
)
async def test_a_filter_narrows(stores: Stores, which: AlertFilter, expected: int) -> None:
    workspace = await stores.new_workspace()
    await stores.alerts.add_changes(workspace, [opened(workspace)], fence=await fence_of(stores))

    assert len(await stores.alerts.list_alerts(workspace, which, limit=9, after=None)) == expected


async def test_the_last_close_is_found_from_its_moment_on(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    fence = await fence_of(stores)
    first = opened(workspace)
    at = NOON + timedelta(minutes=3)
    await stores.alerts.add_changes(workspace, [first], fence=fence)
    await stores.alerts.add_changes(workspace, [closed(first, at)], fence=fence)

    assert await stores.alerts.find_last_closed_at(workspace, AlertFilter(), since=at) == at
    assert await stores.alerts.find_last_closed_at(workspace, AlertFilter(), since=at + timedelta(seconds=1)) is None
    assert await stores.alerts.find_last_closed_at(workspace, AlertFilter(codes={"other"}), since=at) is None


async def test_one_holds_the_watch_until_the_lease_ends_or_is_given_back(stores: Stores) -> None:
    first = await stores.watch.claim_watch("one", lease=LEASE)
    assert first is not None
    assert await stores.watch.claim_watch("two", lease=LEASE) is None

    await stores.lapse()
    second = await stores.watch.claim_watch("two", lease=LEASE)
    assert second is not None
    assert second > first
    assert await stores.watch.claim_watch("one", lease=LEASE) is None

    await stores.watch.release_watch(second)
    third = await stores.watch.claim_watch("one", lease=LEASE)
    assert third is not None
    assert third > second


async def test_who_slept_through_the_lease_writes_nothing(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    old = await fence_of(stores)
    await stores.lapse()
    await stores.watch.claim_watch("two", lease=LEASE)

    with pytest.raises(WatchLostError):
        await stores.alerts.add_changes(workspace, [opened(workspace)], fence=old)
    with pytest.raises(WatchLostError):
        await stores.watch.set_evaluated(old, at=NOON, rules_digest="a", lease=LEASE)
    with pytest.raises(WatchLostError):
        await stores.watch.renew_watch(old, lease=LEASE)
    await stores.watch.release_watch(old)

    assert await stores.alerts.list_alerts(workspace, AlertFilter(), limit=9, after=None) == []
    assert await stores.watch.claim_watch("three", lease=LEASE) is None


@pytest.mark.parametrize(
    ("gap_s", "digest", "watched_for_s"),
    [
        pytest.param(1, "a", 31, id="without a gap it goes on"),
        pytest.param(60, "a", 90, id="a minute is no gap yet"),
        pytest.param(61, "a", 0, id="away for longer than a minute"),
        pytest.param(-1, "a", 29, id="a clock set back a little"),
        pytest.param(-61, "a", 0, id="a clock set back by much"),
        pytest.param(1, "b", 0, id="under other rules"),
    ],
)
async def test_watching_starts_anew_after_whatever_may_have_hidden_something(
    stores: Stores, gap_s: int, digest: str, watched_for_s: int
) -> None:
    workspace = await stores.new_workspace()
    fence = await fence_of(stores)
    assert await stores.alerts.find_watch(workspace) == Watch(None, None)
    for after_s in (0, 30):
        await stores.watch.set_evaluated(fence, at=NOON + timedelta(seconds=after_s), rules_digest="a", lease=LEASE)
    at = NOON + timedelta(seconds=30 + gap_s)

    await stores.watch.set_evaluated(fence, at=at, rules_digest=digest, lease=LEASE)

    assert await stores.alerts.find_watch(workspace) == Watch(at, at - timedelta(seconds=watched_for_s))


async def test_a_workspace_is_not_watched_for_longer_than_it_exists(stores: Stores) -> None:
    fence = await fence_of(stores)
    for after_s in range(0, 121, 60):
        await stores.watch.set_evaluated(fence, at=NOON + timedelta(seconds=after_s), rules_digest="a", lease=LEASE)

    younger = await stores.new_workspace(NOON + timedelta(seconds=90))
    unborn = await stores.new_workspace(NOON + timedelta(seconds=121))

    assert (await stores.alerts.find_watch(younger)).watched_since == NOON + timedelta(seconds=90)
    assert await stores.alerts.find_watch(unborn) == Watch(None, None)
    assert await stores.alerts.find_watch(WorkspaceId("nobody")) == Watch(None, None)


async def test_the_evaluator_finds_the_open_alerts_of_all_workspaces(stores: Stores) -> None:
    workspaces = [await stores.new_workspace(), await stores.new_workspace()]
    fence = await fence_of(stores)
    changes = [opened(workspace) for workspace in workspaces]
    for workspace, change in zip(workspaces, changes, strict=True):
        await stores.alerts.add_changes(workspace, [change], fence=fence)
    over = opened(workspaces[0], 2, tenant="acme")
    await stores.alerts.add_changes(workspaces[0], [over], fence=fence)
    await stores.alerts.add_changes(workspaces[0], [closed(over, NOON)], fence=fence)

    found = await stores.watch.list_open_alerts()

    assert [alert for alert in found if alert.workspace in workspaces] == [change.alert for change in changes]
    assert set(workspaces) <= set(await stores.watch.list_workspaces())


async def test_the_serving_role_can_neither_rewrite_nor_remove_history(
    database: Database, new_workspace: Callable[[], Awaitable[WorkspaceId]]
) -> None:
    workspace = await new_workspace()
    for statement in (
        "UPDATE alert_transitions SET at = now()",
        "DELETE FROM alert_transitions",
        "DELETE FROM alerts",
        "UPDATE alerts SET since = now()",
        "UPDATE alerts SET workspace = 'default'",
        "DELETE FROM alert_watch",
        "INSERT INTO alert_watch DEFAULT VALUES",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.transaction(workspace) as connection:
                await connection.execute(statement)


async def test_one_workspace_is_held_while_the_others_move_on(stores: Stores) -> None:
    held, other = await stores.new_workspace(), await stores.new_workspace()
    fence = await fence_of(stores)
    first, later = NOON, NOON + timedelta(seconds=50)
    await stores.watch.set_evaluated(fence, at=first, rules_digest="a", lease=LEASE)
    for at in (later, later + timedelta(seconds=1)):
        await stores.watch.hold(held, fence=fence)
        await stores.watch.set_evaluated(fence, at=at, rules_digest="a", lease=LEASE)

    assert await stores.alerts.find_watch(held) == Watch(first, first)
    assert (await stores.alerts.find_watch(other)).evaluated_at == at
    assert held in await stores.watch.list_held()
    assert other not in await stores.watch.list_held()

    await stores.watch.let_go(held, fence=fence, at=first + timedelta(seconds=60))
    assert await stores.alerts.find_watch(held) == Watch(at, first)
    assert held not in await stores.watch.list_held()


async def test_who_was_held_for_more_than_a_minute_is_watched_anew(stores: Stores) -> None:
    workspace, unseen = await stores.new_workspace(), await stores.new_workspace()
    fence = await fence_of(stores)
    await stores.watch.hold(unseen, fence=fence)
    await stores.watch.set_evaluated(fence, at=NOON, rules_digest="a", lease=LEASE)
    await stores.watch.hold(workspace, fence=fence)
    assert await stores.alerts.find_watch(unseen) == Watch(None, None)
    back = NOON + timedelta(seconds=61)
    for one in (workspace, unseen):
        await stores.watch.let_go(one, fence=fence, at=back)
    await stores.watch.set_evaluated(fence, at=back, rules_digest="a", lease=LEASE)
    for one in (workspace, unseen):
        assert await stores.alerts.find_watch(one) == Watch(back, back)


async def test_who_lost_the_watch_holds_nobody(stores: Stores) -> None:
    workspace = await stores.new_workspace()
    old = await fence_of(stores)
    await stores.lapse()
    await stores.watch.claim_watch("two", lease=LEASE)
    with pytest.raises(WatchLostError):
        await stores.watch.hold(workspace, fence=old)
    with pytest.raises(WatchLostError):
        await stores.watch.let_go(workspace, fence=old, at=NOON)
    assert workspace not in await stores.watch.list_held()
