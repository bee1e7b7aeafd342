"""Incidents over a real state store: who has which alert, what happened, how long it took."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from statistics import fmean, median

import pytest
from tests.contract.incidents.conftest import Harbour, harbour, sea
from tests.contract.paging.conftest import BY, OTHER, START

from tidegate.alerts.incidents.answers import KEEP, Change, OpenWish
from tidegate.alerts.incidents.errors import (
    AlertInIncidentError,
    CommanderUnknownError,
    IncidentBurnsError,
    IncidentChangedError,
    IncidentNotFoundError,
    IncidentStateError,
)
from tidegate.alerts.incidents.model import EntryKind, IncidentSeverity, IncidentState, Move, SplitBy
from tidegate.alerts.incidents.ports import IncidentFilter
from tidegate.alerts.incidents.writing import post_mortem
from tidegate.alerts.paging.answers import SilenceWish
from tidegate.alerts.paging.model import parse_matcher
from tidegate.kernel import AlertId, TidegateError, WorkspaceId

__all__ = ["harbour", "sea"]

MINUTE = timedelta(minutes=1)


async def test_a_timeline_tells_what_is_recorded_each_with_the_id_of_its_record(harbour: Harbour) -> None:
    sea = harbour.sea
    await harbour.announce("r-1")
    await harbour.announce("r-2", service="other")
    await sea.route("route: {receiver: ops, group_wait: 0s, repeat_interval: 5m}")
    [alert, hushed] = [*await sea.fire(), *await sea.fire("latency_high", tenants=["acme"])]
    await sea.work()
    wish = SilenceWish((parse_matcher("tenant=acme"),), "known", None, sea.clock.now() + timedelta(hours=1))
    silence = await sea.paging.silences.create(harbour.workspace, wish, by=BY)
    late = (await sea.fire("depth_high", tenants=["acme"]))[0]
    await sea.pass_time(11 * MINUTE)
    await sea.paging.care.note(harbour.workspace, alert.id, "looking at it", by=BY)
    incident = await harbour.open(alert, hushed, late)
    await harbour.incidents.move(harbour.workspace, incident.id, Move.ACKNOWLEDGE, note="on it", by=BY)
    known = await harbour.book.look(harbour.workspace, incident.id)
    found = {(entry.kind, entry.title) for entry in known.timeline}
    assert found >= {
        (EntryKind.RELEASE, "Release announced"), (EntryKind.ALERT, "Fired"), (EntryKind.PAGE, "Told"),
        (EntryKind.NOT_TOLD, "Not told: silenced"), (EntryKind.SILENCE, "Silenced"),
        (EntryKind.CARE, "Noted of an alert"),
        (EntryKind.INCIDENT, "Incident opened"), (EntryKind.INCIDENT, "Incident acknowledged"),
    }  # fmt: skip
    sources = [entry.source for entry in known.timeline]
    assert len(sources) == len(set(sources))
    assert {silence.id, f"{alert.id}/2", f"{incident.id}/2"} <= set(sources)
    assert [entry.at for entry in known.timeline] == sorted(entry.at for entry in known.timeline)
    assert sum("repeat interval elapsed" in entry.words for entry in known.timeline) == 2
    assert known.is_whole
    releases = [entry.words for entry in known.timeline if entry.kind is EntryKind.RELEASE]
    assert ["is affected" in words for words in releases] == [True, False]
    assert [gate.id for gate in known.gates] == ["ga-launch"]
    text = post_mortem(known)
    assert all(line.rpartition(" [")[2].rstrip("]") in sources for line in text.splitlines() if line)


async def test_pages_before_an_alert_and_after_it_are_not_its_own(harbour: Harbour) -> None:
    sea = harbour.sea
    await sea.route("route: {receiver: ops, group_by: [], group_wait: 0s, group_interval: 1m, repeat_interval: 5m}")
    [early] = await sea.fire()
    await sea.pass_time(6 * MINUTE)
    [alert] = await sea.fire("latency_high")
    await sea.pass_time(2 * MINUTE)
    await sea.resolve(alert)
    await sea.pass_time(12 * MINUTE)
    known = await harbour.book.look(harbour.workspace, (await harbour.open(alert)).id)
    pages = [entry for entry in known.timeline if entry.kind is EntryKind.PAGE]
    assert [entry.words.partition(". ")[0] for entry in pages] == [
        "ops: new alerts in group", "ops: new resolved alerts in group",
    ]  # fmt: skip
    del early


async def test_of_two_who_open_an_incident_of_one_alert_one_does(harbour: Harbour) -> None:
    alerts = await harbour.sea.fire(tenants=["a", "b"])
    answers = await asyncio.gather(
        harbour.open(alerts[0], alerts[1]), harbour.open(alerts[1], alerts[0]), harbour.open(alerts[1]),
        return_exceptions=True,
    )  # fmt: skip
    refused = [answer for answer in answers if isinstance(answer, AlertInIncidentError)]
    assert len(refused) == 2
    assert len((await harbour.book.list_incidents(harbour.workspace, IncidentFilter())).items) == 1


async def test_two_who_change_it_at_once_lose_nothing(harbour: Harbour) -> None:
    incident = await harbour.open(*await harbour.sea.fire())
    titles = ["one", "two", "three", "four"]
    answers = await asyncio.gather(
        *(
            harbour.incidents.change(harbour.workspace, incident.id, Change(title=title), sequence=1, by=BY)
            for title in titles
        ),
        *(harbour.incidents.note(harbour.workspace, incident.id, f"note {n}", by=OTHER) for n in range(4)),
        *(harbour.incidents.move(harbour.workspace, incident.id, Move.ACKNOWLEDGE, by=by) for by in (BY, OTHER)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, IncidentChangedError) for answer in answers[:4]) >= 3
    assert not any(isinstance(answer, BaseException) for answer in answers[4:8])
    assert sum(isinstance(answer, IncidentStateError) for answer in answers[8:]) == 1
    known = await harbour.book.look(harbour.workspace, incident.id)
    own = [entry for entry in known.timeline if entry.kind is EntryKind.INCIDENT]
    assert known.incident.sequence == len(own)
    assert {entry.words for entry in own} >= {f"note {n}" for n in range(4)}


async def test_what_burns_is_resolved_by_nobody_who_does_not_say_so(harbour: Harbour) -> None:
    [alert] = await harbour.sea.fire()
    incident = await harbour.open(alert)
    with pytest.raises(IncidentBurnsError):
        await harbour.incidents.move(harbour.workspace, incident.id, Move.RESOLVE, by=BY)
    await harbour.sea.resolve(alert)
    resolved = await harbour.incidents.move(harbour.workspace, incident.id, Move.RESOLVE, by=BY)
    assert resolved.state is IncidentState.RESOLVED
    [other] = await harbour.sea.fire("latency_high")
    burning = await harbour.open(other)
    await harbour.incidents.move(harbour.workspace, burning.id, Move.RESOLVE, despite_open_alerts=True, by=BY)
    known = await harbour.book.look(harbour.workspace, burning.id)
    assert "1 of its alerts was open still." in [entry.words for entry in known.timeline]


async def test_reopening_is_refused_when_its_alert_went_elsewhere(harbour: Harbour) -> None:
    [alert] = await harbour.sea.fire()
    first = await harbour.open(alert)
    await harbour.incidents.move(harbour.workspace, first.id, Move.RESOLVE, despite_open_alerts=True, by=BY)
    second = await harbour.open(alert)
    with pytest.raises(AlertInIncidentError, match=second.id):
        await harbour.incidents.move(harbour.workspace, first.id, Move.REOPEN, by=BY)
    await harbour.incidents.move(harbour.workspace, second.id, Move.RESOLVE, despite_open_alerts=True, by=BY)
    again = await harbour.incidents.move(harbour.workspace, first.id, Move.REOPEN, by=BY)
    assert (again.state, again.resolved_at, again.reopened_count) == (IncidentState.OPEN, None, 1)


async def test_alerts_of_a_group_become_one_incident_and_more_are_added(harbour: Harbour) -> None:
    sea = harbour.sea
    await sea.route("route: {receiver: ops, group_by: [alertname], group_wait: 0s}")
    alerts = await sea.fire(tenants=["a", "b"])
    await sea.work()
    [place] = (await sea.paging.paging.why(harbour.workspace, alerts[0])).places
    incident = await harbour.incidents.open(harbour.workspace, OpenWish(group_id=place.group_id), by=BY)
    assert (incident.alert_count, incident.tenants, incident.severity) == (2, ("a", "b"), IncidentSeverity.P1)
    [more] = await sea.fire("latency_high", service="web")
    ids = [str(more.id), str(alerts[0].id), str(more.id)]
    added = await harbour.incidents.add_alerts(harbour.workspace, incident.id, ids, sequence=1, by=BY)
    assert (added.alert_count, added.services, added.sequence) == (3, ("api", "web"), 2)
    same = await harbour.incidents.add_alerts(harbour.workspace, incident.id, ids, sequence=2, by=BY)
    assert same == added
    with pytest.raises(TidegateError, match="group of alerts"):
        await harbour.incidents.open(harbour.workspace, OpenWish(group_id="grp_none"), by=BY)


async def test_incidents_like_it_come_in_the_order_of_what_they_share(harbour: Harbour) -> None:
    sea, made = harbour.sea, []
    for code, service, tenant in (
        ("run_failure_rate_high", "api", "acme"), ("latency_high", "web", "blue"),
        ("run_failure_rate_high", "api", None), ("depth_high", "api", None),
        ("run_failure_rate_high", "api", "acme"),
    ):  # fmt: skip
        sea.clock.advance(MINUTE)
        [alert] = await sea.fire(code, service=service, tenants=[tenant])
        await sea.resolve(alert)
        made.append(await harbour.open(alert))
    known = await harbour.book.look(harbour.workspace, made[-1].id)
    assert [(one.incident.id, round(one.score, 3)) for one in known.alike] == [
        (made[0].id, 1.0), (made[2].id, 0.833), (made[3].id, 0.333),
    ]  # fmt: skip
    assert (await harbour.book.look(harbour.workspace, made[0].id)).alike == ()


async def test_statistics_are_those_of_a_recount_and_leave_out_what_is_open(harbour: Harbour) -> None:
    sea, taken = harbour.sea, []
    for number, (service, minutes) in enumerate([("api", 3), ("api", 10), ("web", 7), ("web", None), ("web", 21)]):
        [alert] = await sea.fire(f"code_{number}", service=service)
        incident = await harbour.open(alert)
        if minutes is not None:
            sea.clock.advance(minutes * MINUTE)
            await harbour.incidents.move(harbour.workspace, incident.id, Move.ACKNOWLEDGE, by=BY)
            sea.clock.advance(minutes * MINUTE)
            await harbour.incidents.move(harbour.workspace, incident.id, Move.RESOLVE, despite_open_alerts=True, by=BY)
            taken.append((service, minutes * 120.0))
    found = await harbour.book.statistics(harbour.workspace, start=START, end=None, by=SplitBy.SERVICE)
    all_times = [seconds for _, seconds in taken]
    assert (found.whole.count, found.whole.open_count, found.whole.unacknowledged_count) == (5, 1, 1)
    assert found.whole.resolution.p50_s == pytest.approx(median(all_times))
    assert found.whole.resolution.mean_s == pytest.approx(fmean(all_times))
    assert found.whole.acknowledgement.p50_s == pytest.approx(median(all_times) / 2)
    by_service = {group.key: group for group in found.groups}
    for service in ("api", "web"):
        own = [seconds for name, seconds in taken if name == service]
        assert by_service[service].resolution.mean_s == pytest.approx(fmean(own))
    nothing = await harbour.book.statistics(
        harbour.workspace, start=START - timedelta(days=2), end=START - timedelta(days=1), by=SplitBy.CODE
    )
    assert (nothing.whole.count, nothing.whole.resolution.p50_s, nothing.groups) == (0, None, ())


async def test_a_list_is_filtered_and_goes_on_where_it_ended(harbour: Harbour) -> None:
    made = []
    for number in range(5):
        harbour.sea.clock.advance(MINUTE)
        made.append(await harbour.open(*await harbour.sea.fire(f"code_{number}", tenants=[f"t{number % 2}"])))
    page = await harbour.book.list_incidents(harbour.workspace, IncidentFilter(), limit=3)
    rest = await harbour.book.list_incidents(harbour.workspace, IncidentFilter(), limit=3, cursor=page.next_cursor)
    assert [one.id for one in (*page.items, *rest.items)] == [one.id for one in made[::-1]]
    assert rest.next_cursor is None
    for which, count in (
        (IncidentFilter(tenant="t0"), 3), (IncidentFilter(code="code_1"), 1), (IncidentFilter(service="api"), 5),
        (IncidentFilter(service="web"), 0), (IncidentFilter(states=[IncidentState.RESOLVED]), 0),
        (IncidentFilter(severity=IncidentSeverity.P2), 0), (IncidentFilter(commander="usr_x"), 0),
        (IncidentFilter(alert=AlertId("alr_x")), 0),
    ):  # fmt: skip
        assert len((await harbour.book.list_incidents(harbour.workspace, which)).items) == count


async def test_who_leads_it_is_a_person_of_the_workspace(harbour: Harbour) -> None:
    await harbour.join("usr_lead1")
    incident = await harbour.open(*await harbour.sea.fire())
    led = await harbour.incidents.change(
        harbour.workspace, incident.id, Change(commander="usr_lead1", severity=IncidentSeverity.P3), sequence=1, by=BY
    )
    assert (led.commander, led.severity, led.sequence) == ("usr_lead1", IncidentSeverity.P3, 2)
    same = await harbour.incidents.change(harbour.workspace, incident.id, Change(commander=KEEP), sequence=2, by=BY)
    assert same == led
    with pytest.raises(CommanderUnknownError):
        await harbour.incidents.change(harbour.workspace, incident.id, Change(commander="usr_no1"), sequence=2, by=BY)
    left = await harbour.incidents.change(harbour.workspace, incident.id, Change(commander=None), sequence=2, by=BY)
    assert left.commander is None


async def test_another_workspace_finds_nothing_of_it(harbour: Harbour) -> None:
    alerts = await harbour.sea.fire()
    incident = await harbour.open(*alerts)
    other = WorkspaceId("elsewhere")
    with pytest.raises(IncidentNotFoundError):
        await harbour.book.look(other, incident.id)
    with pytest.raises(TidegateError):
        await harbour.incidents.open(other, OpenWish(alert_ids=(alerts[0].id,)), by=BY)
    with pytest.raises(IncidentNotFoundError):
        await harbour.incidents.move(other, incident.id, Move.RESOLVE, by=BY)


async def test_every_step_is_in_the_audit_and_a_refused_one_is_not(harbour: Harbour) -> None:
    incident = await harbour.open(*await harbour.sea.fire())
    await harbour.incidents.note(harbour.workspace, incident.id, "seen", by=BY)
    with pytest.raises(IncidentStateError):
        await harbour.incidents.move(harbour.workspace, incident.id, Move.REOPEN, by=BY)
    async with harbour.sea.database.transaction(harbour.workspace) as connection:
        rows = await connection.fetch("SELECT action, target FROM audit_records ORDER BY seq")
    assert [(row["action"], row["target"]) for row in rows] == [
        ("incidents:open", f"incident/{incident.id}"), ("incidents:note", f"incident/{incident.id}"),
    ]  # fmt: skip


async def test_a_process_that_starts_again_finds_the_incident_as_it_was(harbour: Harbour) -> None:
    incident = await harbour.open(*await harbour.sea.fire())
    harbour.sea.clock.advance(MINUTE)
    moved = await harbour.incidents.move(harbour.workspace, incident.id, Move.MITIGATE, by=BY)
    found = await harbour.book.get(harbour.workspace, incident.id)
    assert found == moved
    assert replace(found, sequence=1) != incident
