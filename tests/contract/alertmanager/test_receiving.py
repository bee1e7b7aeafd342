"""Alerts that another tool pushes: how they open, last and end, and what is told of them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.contract.alertmanager.conftest import START, Harbour
from tests.contract.paging.conftest import BY

from tidegate.alerts import AlertState, PostgresWatchStore, Severity
from tidegate.alerts.alertmanager import service
from tidegate.alerts.alertmanager.answers import Wanted
from tidegate.alerts.paging.answers import SilenceWish
from tidegate.alerts.paging.model import parse_matcher
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DISK = {"alertname": "DiskFull", "severity": "critical", "service": "db", "instance": "a"}
ROUTES = "route: {receiver: ops, group_by: [alertname]}"


async def test_what_is_pushed_fires_at_once_and_wakes_whom_its_routes_say(harbour: Harbour) -> None:
    await harbour.sea.route("route: {routes: [{matchers: ['severity=critical'], receiver: ops}]}")
    assert await harbour.push(DISK, summary="The disk of a is full") == []
    await harbour.sea.work()
    [alert] = await harbour.alerts()
    assert (alert.code, alert.service, alert.severity, alert.state) == ("DiskFull", "db", Severity.P1, "firing")
    assert (alert.sentence, alert.runbook) == ("The disk of a is full", "/runbooks/outside_alert")
    assert harbour.sea.told() == [(0 * S, "ops", "alert.firing")]
    [told] = harbour.sea.last().data["alerts"]
    assert (told["labels"], told["annotations"]) == (DISK, {"summary": "The disk of a is full"})
    assert told["generatorURL"] == "http://prometheus/graph"


async def test_what_is_sent_again_moves_nothing_and_lasts(harbour: Harbour) -> None:
    await harbour.push(DISK)
    for _ in range(30):
        await harbour.pass_time(1 * M)
        await harbour.push(DISK, summary="still full")
    [alert] = await harbour.alerts()
    assert (alert.state, alert.transition_count, await harbour.kinds(alert.id)) == ("firing", 1, ["reported"])
    assert alert.outside is not None
    assert alert.outside.annotations == (("summary", "still full"),)
    assert alert.outside.ends_at == START + 35 * M


async def test_what_is_not_sent_again_closes_at_the_moment_that_was_due(harbour: Harbour) -> None:
    await harbour.push(DISK)
    await harbour.pass_time(2 * M)
    await harbour.push(DISK)
    await harbour.pass_time(4 * M)
    assert [alert.state for alert in await harbour.alerts()] == ["firing"]
    await harbour.pass_time(2 * M)
    [alert] = await harbour.alerts()
    assert (alert.state, alert.resolved_at) == ("resolved", START + 7 * M)
    last = (await harbour.detail(alert.id)).transitions[-1]
    assert (last.cause.kind, last.at) == ("unheard", START + 7 * M)
    assert "Whether it is good is not known" in last.cause.words


async def test_nobody_has_to_be_alive_when_it_is_due(harbour: Harbour) -> None:
    await harbour.push(DISK)
    harbour.sea.clock.advance(3 * H)
    await harbour.sea.work()
    [alert] = await harbour.alerts()
    assert (alert.state, alert.resolved_at) == ("resolved", START + 5 * M)


async def test_an_end_that_is_past_closes_it_by_the_word_of_its_sender(harbour: Harbour) -> None:
    await harbour.sea.route(ROUTES)
    await harbour.push(DISK)
    await harbour.pass_time(2 * M)
    await harbour.push(DISK, ends=START + 90 * S, starts=START)
    await harbour.pass_time(8 * M)
    [alert] = await harbour.alerts()
    assert (alert.resolved_at, await harbour.kinds(alert.id)) == (START + 90 * S, ["reported", "ended"])
    assert [event for _, _, event in harbour.sea.told()] == ["alert.firing", "alert.resolved"]


async def test_what_is_over_before_it_was_known_opens_nothing(harbour: Harbour) -> None:
    await harbour.push(DISK, starts=START - 1 * H, ends=START - 1 * M)
    assert await harbour.alerts() == []


async def test_what_comes_back_is_a_new_episode(harbour: Harbour) -> None:
    await harbour.push(DISK)
    await harbour.pass_time(1 * M)
    await harbour.push(DISK, starts=START, ends=START + 30 * S)
    await harbour.pass_time(1 * M)
    await harbour.push(DISK)
    assert [alert.state for alert in await harbour.alerts()] == ["firing", "resolved"]


async def test_an_end_that_was_sent_counts_until_it_has_passed(harbour: Harbour) -> None:
    await harbour.push(DISK, ends=START + 1 * H)
    await harbour.push(DISK)
    [alert] = await harbour.alerts()
    assert alert.outside is not None
    assert alert.outside.ends_at == START + 1 * H


async def test_an_end_that_comes_nearer_is_kept_as_well(harbour: Harbour) -> None:
    await harbour.push(DISK)
    await harbour.push(DISK, ends=START + 30 * S)
    await harbour.pass_time(1 * M)
    assert [alert.resolved_at for alert in await harbour.alerts()] == [START + 30 * S]


async def test_each_alert_ends_at_its_own_moment_by_one_chain_of_jobs(harbour: Harbour) -> None:
    for minute in range(10):
        await harbour.push({**DISK, "instance": str(minute)})
        await harbour.pass_time(1 * M)
    async with harbour.sea.database.transaction(harbour.sea.workspace) as connection:
        waiting = await connection.fetchval(
            "SELECT count(*) FROM jobs WHERE workspace = $1 AND kind = $2 AND state IN ('scheduled', 'ready')",
            harbour.sea.workspace, service.TIMEOUT,
        )  # fmt: skip
    assert waiting <= 5
    await harbour.pass_time(10 * M)
    ends = {dict(alert.key.labels)["instance"]: alert.resolved_at for alert in await harbour.alerts()}
    assert ends == {str(minute): START + (5 + minute) * M for minute in range(10)}


async def test_the_evaluator_neither_sees_nor_meets_them(harbour: Harbour, database: Database) -> None:
    [own] = await harbour.sea.fire("auth_failure_rate_high", service="api", tenants=["acme"])
    twin = {"alertname": own.code, "service": "api", "tenant": "acme"}
    assert await harbour.push(twin) == []
    watch = PostgresWatchStore(database)
    mine = [alert for alert in await watch.list_open_alerts() if alert.workspace == harbour.sea.workspace]
    assert [alert.id for alert in mine] == [own.id]
    assert len(await harbour.alerts()) == 2


async def test_senders_that_watch_the_same_and_send_at_once_make_one_alert(harbour: Harbour) -> None:
    pushes = [harbour.push(*({**DISK, "instance": str(number)} for number in range(20))) for _ in range(4)]
    assert await asyncio.gather(*pushes) == [[]] * 4
    found = await harbour.alerts()
    assert len(found) == 20
    assert {alert.transition_count for alert in found} == {1}


async def test_one_that_is_wrong_keeps_no_other_from_being_taken(harbour: Harbour) -> None:
    refused = await harbour.push({}, {"a b\n": "x"}, {"alertname": "x" * 257}, {"big": "x" * 3_000}, DISK, {"job": "x"})
    assert len(refused) == 4
    assert sorted(alert.code for alert in await harbour.alerts()) == ["DiskFull", "unnamed"]


async def test_a_silence_that_names_its_labels_keeps_it_quiet(harbour: Harbour) -> None:
    await harbour.sea.route(ROUTES)
    wish = SilenceWish((parse_matcher("severity=critical"),), "known", None, START + 1 * H, author="ann")
    silence = await harbour.sea.paging.silences.create(harbour.sea.workspace, wish, by=BY)
    await harbour.push(DISK)
    await harbour.pass_time(1 * M)
    [shown] = await harbour.alertmanager.shower.alerts(harbour.sea.workspace, Wanted())
    preview = await harbour.sea.paging.silences.preview(harbour.sea.workspace, wish.matchers)
    assert harbour.sea.told() == []
    assert (shown.silenced_by, preview.count) == ((silence.id,), 1)
    stored = await harbour.sea.paging.silences.get(harbour.sea.workspace, silence.id)
    assert (stored.author, stored.created_by) == ("ann", "usr_one")


async def test_what_is_inhibited_or_muted_says_by_what_and_is_left_out_on_demand(harbour: Harbour) -> None:
    await harbour.sea.route("""
        route: {routes: [{matchers: [service=web], receiver: ops, mute_time_intervals: [always]}, {receiver: boss}]}
        time_intervals: [{name: always, time_intervals: [{}]}]
        inhibit_rules: [{source_matchers: [alertname=DiskFull], target_matchers: [alertname=Slow]}]
    """)
    await harbour.push(DISK, {"alertname": "Slow", "service": "db"}, {"alertname": "Down", "service": "web"})
    shower, workspace = harbour.alertmanager.shower, harbour.sea.workspace
    shown = {each.labels["alertname"]: each for each in await shower.alerts(workspace, Wanted())}
    assert shown["Slow"].inhibited_by == (shown["DiskFull"].fingerprint,)
    assert shown["Down"].muted_by == ("always",)
    assert [each.is_suppressed for each in shown.values()].count(False) == 1
    wanted = Wanted(inhibited=False, muted=False)
    assert [each.labels["alertname"] for each in await shower.alerts(workspace, wanted)] == ["DiskFull"]
    assert [group.receiver for group in await shower.groups(workspace, Wanted(active=False))] == ["boss", "ops"]


async def test_another_workspace_has_none_of_it(harbour: Harbour) -> None:
    await harbour.push(DISK)
    stranger = replace(harbour.sea, workspace=WorkspaceId("other"))
    assert await harbour.alertmanager.shower.alerts(stranger.workspace, Wanted()) == []


async def test_more_than_a_workspace_may_have_is_refused_and_the_rest_stays(harbour: Harbour) -> None:
    harbour.alertmanager = harbour.build(max_open=3)
    refused = await harbour.push(*({**DISK, "instance": str(number)} for number in range(5)))
    assert len(refused) == 2
    assert len(await harbour.alerts()) == 3
    assert await harbour.push(*({**DISK, "instance": str(number)} for number in range(3))) == []


async def test_what_fires_of_rules_and_from_outside_is_shown_together(harbour: Harbour) -> None:
    await harbour.sea.route(ROUTES)
    await harbour.sea.fire()
    await harbour.push(DISK)
    shower, workspace = harbour.alertmanager.shower, harbour.sea.workspace
    shown = await shower.alerts(workspace, Wanted())
    groups = await shower.groups(workspace, Wanted())
    assert {each.labels["alertname"] for each in shown} == {"DiskFull", "run_failure_rate_high"}
    assert all(each.receivers == ("ops",) for each in shown)
    assert [(group.receiver, dict(group.labels)) for group in groups] == [
        ("ops", {"alertname": "DiskFull"}),
        ("ops", {"alertname": "run_failure_rate_high"}),
    ]
    harbour.sea.clock.advance(5 * M)
    later = await shower.alerts(workspace, Wanted())
    assert [each.labels["alertname"] for each in later] == ["run_failure_rate_high"]
    assert all(alert.state is AlertState.FIRING for alert in await harbour.alerts())
