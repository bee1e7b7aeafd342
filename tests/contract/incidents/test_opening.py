"""Incidents that open by themselves: only where a route says so, once a group, with the page or not at all."""

from datetime import timedelta

import pytest
from tests.contract.incidents.conftest import Harbour, harbour, sea
from tests.contract.paging.conftest import BY

from tidegate.alerts import Severity
from tidegate.alerts.incidents.model import EntryKind, Incident, IncidentState, Move
from tidegate.alerts.incidents.ports import IncidentFilter
from tidegate.alerts.paging.answers import SilenceWish
from tidegate.alerts.paging.model import parse_matcher

__all__ = ["harbour", "sea"]

MINUTE = timedelta(minutes=1)
OPENING = "route: {receiver: ops, group_by: [service], group_wait: 0s, group_interval: 1m, open_incident: true}"


async def incidents_of(harbour: Harbour) -> tuple[Incident, ...]:
    return (await harbour.book.list_incidents(harbour.workspace, IncidentFilter())).items


@pytest.mark.parametrize(
    "route",
    [
        "route: {receiver: ops, group_wait: 0s}",
        """
        route: {receiver: ops, group_wait: 0s, open_incident: true,
          routes: [{matchers: [service=api], open_incident: false}]}
        """,
    ],
)
async def test_no_route_opens_one_unless_it_says_so(harbour: Harbour, route: str) -> None:
    await harbour.sea.route(route)
    await harbour.sea.fire()
    await harbour.sea.work()
    assert harbour.sea.told()
    assert await incidents_of(harbour) == ()


async def test_a_group_becomes_one_incident_that_later_alerts_of_it_join(harbour: Harbour) -> None:
    sea = harbour.sea
    await sea.route(OPENING)
    await sea.fire(tenants=["a"])
    await sea.fire("depth_high", severity=Severity.P2)
    await sea.pass_time(2 * MINUTE)
    [incident] = await incidents_of(harbour)
    assert (incident.alert_count, incident.opened_by, incident.state) == (1, "system", IncidentState.OPEN)
    await sea.fire(tenants=["b"])
    await sea.fire("latency_high", service="web")
    await sea.pass_time(2 * MINUTE)
    web, api = await incidents_of(harbour)
    assert (api.id, api.tenants, api.alert_count, web.services) == (incident.id, ("a", "b"), 2, ("web",))
    known = await harbour.book.look(harbour.workspace, incident.id)
    steps = [(entry.title, entry.by) for entry in known.timeline if entry.kind is EntryKind.INCIDENT]
    assert steps == [("Incident opened", "system"), ("Alerts added", "system")]


async def test_what_a_person_resolved_is_not_opened_again_while_its_group_burns(harbour: Harbour) -> None:
    sea = harbour.sea
    await sea.route(OPENING)
    alerts = await sea.fire(tenants=["a"])
    await sea.work()
    [incident] = await incidents_of(harbour)
    await harbour.incidents.move(harbour.workspace, incident.id, Move.RESOLVE, despite_open_alerts=True, by=BY)
    more = await sea.fire(tenants=["b"])
    await sea.pass_time(2 * MINUTE)
    assert [one.id for one in await incidents_of(harbour)] == [incident.id]
    await sea.resolve(*alerts, *more)
    await sea.pass_time(2 * MINUTE)
    await sea.fire(tenants=["a"])
    await sea.pass_time(2 * MINUTE)
    assert len(await incidents_of(harbour)) == 2


async def test_what_is_silenced_opens_nothing_and_what_a_person_opened_takes_the_rest(harbour: Harbour) -> None:
    sea = harbour.sea
    await sea.route(OPENING)
    wish = SilenceWish((parse_matcher("tenant=hush"),), "known", None, sea.clock.now() + timedelta(hours=1))
    await sea.paging.silences.create(harbour.workspace, wish, by=BY)
    await sea.fire(tenants=["hush"])
    await sea.work()
    assert await incidents_of(harbour) == ()
    [alert] = await sea.fire(tenants=["a"])
    incident = await harbour.open(alert)
    await sea.fire(tenants=["b"])
    await sea.pass_time(2 * MINUTE)
    [after] = await incidents_of(harbour)
    assert (after.id, after.tenants) == (incident.id, ("a", "b"))
