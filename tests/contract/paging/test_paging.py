"""An alert fires: who is told, when, and what is written down about it."""

from datetime import timedelta

import pytest
from tests.contract.paging.conftest import BY, URL, Sea

from tidegate.alerts import Severity

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ROUTES = "route: {receiver: ops, group_by: [alertname]}"


async def test_what_wakes_a_person_is_told_at_once_and_the_rest_waits_for_company(sea: Sea) -> None:
    await sea.route(ROUTES)
    await sea.fire()
    await sea.fire("tool_timeout_rate_high", severity=Severity.P2)
    await sea.work()
    assert sea.told() == [(0 * S, "ops", "alert.firing")]
    await sea.pass_time(1 * M)
    assert sea.told()[1:] == [(30 * S, "ops", "alert.firing")]


async def test_without_routes_nobody_is_told_and_it_says_so(sea: Sea) -> None:
    [alert] = await sea.fire()
    await sea.work()
    why = await sea.paging.paging.why(sea.workspace, alert)
    assert sea.told() == []
    assert why.answer.startswith("No route")
    assert not why.is_told


async def test_alerts_of_one_moment_are_told_together_and_those_after_it_wait_for_the_interval(sea: Sea) -> None:
    await sea.route(ROUTES)
    await sea.fire(tenants=["acme", "blue"])
    await sea.work()
    assert len(sea.last().data["alerts"]) == 2
    await sea.pass_time(1 * M)
    await sea.fire(tenants=["cyan"])
    await sea.pass_time(10 * M)
    assert [when for when, _, _ in sea.told()] == [0 * S, 5 * M]
    assert sea.last().data["notification_reason"] == "new alerts in group"
    assert len(sea.last().data["alerts"]) == 3


async def test_the_end_is_told_once_and_the_group_is_gone(sea: Sea) -> None:
    await sea.route(ROUTES)
    [alert] = await sea.fire()
    await sea.work()
    await sea.pass_time(2 * M)
    await sea.resolve(alert)
    await sea.pass_time(8 * H)
    assert sea.told() == [(0 * S, "ops", "alert.firing"), (5 * M, "ops", "alert.resolved")]
    assert await sea.kinds(alert) == ["waiting", "notified", "resolved_notified"]
    async with sea.database.transaction(sea.workspace) as connection:
        assert await connection.fetchval("SELECT count(*) FROM paging_groups") == 0


async def test_what_burns_on_is_repeated_at_its_time_until_somebody_acknowledges(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, repeat_interval: 1h}")
    [alert] = await sea.fire()
    await sea.pass_time(150 * M)
    assert [when for when, _, _ in sea.told()] == [0 * S, 1 * H, 2 * H]
    await sea.paging.care.acknowledge(sea.workspace, alert.id, by=BY)
    await sea.pass_time(6 * H, step=5 * M)
    assert len(sea.told()) == 3
    assert await sea.kinds(alert) == ["waiting", "notified", "acknowledged"]


async def test_who_acknowledges_one_alert_of_a_group_says_how_many_are_left(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, group_by: [alertname], send_acknowledged: true}")
    alerts = await sea.fire(tenants=["acme", "blue", "cyan"])
    await sea.work()
    left = []
    for alert in alerts:
        await sea.paging.care.acknowledge(sea.workspace, alert.id, by=BY)
        left.append(sea.last().data["tidegate"]["unacknowledged"])
    assert left == [2, 1, 0]


async def test_nobody_acknowledges_and_the_next_ones_are_told_at_their_moments(sea: Sea) -> None:
    steps = "[{after: 10m, channels: boss}, {after: 25m, channels: [boss, ops]}]"
    await sea.route(f"route: {{receiver: ops, escalate: {steps}}}")
    [alert] = await sea.fire()
    await sea.pass_time(1 * H)
    escalated = [each for each in sea.told() if each[2] == "alert.escalated"]
    assert escalated == [
        (10 * M, "boss", "alert.escalated"),
        (25 * M, "boss", "alert.escalated"),
        (25 * M, "ops", "alert.escalated"),
    ]
    assert await sea.kinds(alert) == ["waiting", "notified", "escalated", "escalated"]


async def test_who_was_told_by_a_step_alone_learns_of_the_end(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, escalate: [{after: 10m, channels: boss}]}")
    alerts = await sea.fire(tenants=["acme", "blue"])
    await sea.pass_time(12 * M)
    await sea.resolve(alerts[0])
    await sea.pass_time(10 * M)
    await sea.resolve(alerts[1])
    await sea.pass_time(1 * H)
    ended = [(name, event) for _, name, event in sea.told() if event == "alert.resolved"]
    assert ended == [("ops", "alert.resolved"), ("boss", "alert.resolved")]
    boss = [message for _, message in sea.courier.sent if message.channel.name == "boss"]
    assert len({each.dedup_key for each in boss}) == 1  # it closes the incident that the step opened


async def test_who_was_not_told_does_not_hear_of_the_end(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, escalate: [{after: 10m, channels: boss}]}")
    [alert] = await sea.fire()
    await sea.pass_time(5 * M)
    await sea.resolve(alert)
    await sea.pass_time(1 * H)
    assert {name for _, name, _ in sea.told()} == {"ops"}


async def test_who_was_told_hears_of_the_end_when_the_route_names_others_by_then(sea: Sea) -> None:
    await sea.route("route: {receiver: ops}")
    [alert] = await sea.fire()
    await sea.pass_time(5 * M)
    await sea.route("route: {receiver: boss}")
    await sea.pass_time(10 * M)
    await sea.resolve(alert)
    await sea.pass_time(1 * H)
    ended = {name for _, name, event in sea.told() if event == "alert.resolved"}
    assert ended == {"ops", "boss"}


async def test_an_acknowledged_alert_is_not_escalated(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, escalate: [{after: 10m, channels: boss}]}")
    [alert] = await sea.fire()
    await sea.pass_time(9 * M)
    await sea.paging.care.acknowledge(sea.workspace, alert.id, by=BY)
    await sea.pass_time(1 * H)
    assert [event for _, _, event in sea.told()] == ["alert.firing"]


async def test_a_webhook_gets_what_alertmanager_would_send_and_what_tidegate_knows(sea: Sea) -> None:
    await sea.route(ROUTES)
    [alert] = await sea.fire(tenants=["acme"])
    await sea.work()
    data = sea.last().data
    assert (data["version"], data["status"], data["receiver"]) == ("4", "firing", "ops")
    assert data["groupKey"] == '{}:{alertname="run_failure_rate_high"}'
    assert data["commonLabels"]["tenant"] == "acme"
    assert data["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert data["alerts"][0]["generatorURL"] == f"{URL}/alerts/{alert.id}"
    assert "tenant=acme" in data["tidegate"]["alerts"][0]["runbook"]


async def test_a_turn_that_is_taken_twice_tells_once(sea: Sea) -> None:
    await sea.route(ROUTES)
    await sea.fire()
    async with sea.database.transaction(sea.workspace) as connection:
        row = await connection.fetchrow("SELECT id, epoch, flush_count FROM paging_groups")
    assert row is not None
    await sea.work()
    channels = await sea.courier.channels(sea.workspace)
    notifier = sea.paging.notifier
    async with sea.database.transaction(sea.workspace) as connection:
        await notifier.take_turn(
            connection, sea.workspace, group_id=row["id"], epoch=row["epoch"], number=row["flush_count"],
            channels=channels,
        )  # fmt: skip
    assert len(sea.told()) == 1


async def test_what_has_no_tolerance_does_not_wait_for_the_interval_of_its_group(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, group_wait: 1m}")
    await sea.fire(tenants=["acme"])
    await sea.pass_time(90 * S)
    await sea.fire("cross_tenant_leak")
    await sea.work()
    assert [when for when, _, _ in sea.told()] == [60 * S, 90 * S]


@pytest.mark.parametrize("channel", ["ops", "boss"])
async def test_it_says_for_each_channel_whether_it_was_told(sea: Sea, channel: str) -> None:
    await sea.route(ROUTES)
    [alert] = await sea.fire()
    await sea.work()
    why = await sea.paging.paging.why(sea.workspace, alert, channel=channel)
    assert why.is_told is (channel == "ops")
