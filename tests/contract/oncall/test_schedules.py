"""Who is on call is told; where nobody knows, the fallback is, and says why."""

import json
from datetime import timedelta

import pytest
from aiohttp import web
from tests.contract.oncall.conftest import Watch, at, shift
from tests.contract.paging.conftest import BY, START
from tests.unit.alerts.oncall.calendars import calendar

from tidegate.alerts.oncall.errors import ScheduleInUseError
from tidegate.alerts.oncall.model import Standing
from tidegate.alerts.paging.errors import RoutingInvalidError

H = timedelta(hours=1)
ROUTE = "route: {schedule: primary, fallback: [team], group_interval: 5m, repeat_interval: 4h}"
DAY = calendar(shift("ann", -2 * H, 3 * H), shift("bob", 3 * H, 9 * H))


async def test_whoever_is_on_call_is_told_and_then_whoever_takes_over(watch: Watch) -> None:
    await watch.set("primary", ical={"file": DAY.decode()})
    await watch.sea.route(ROUTE)
    [alert] = await watch.sea.fire()
    await watch.sea.pass_time(2 * H, step=timedelta(minutes=5))
    assert watch.told() == [("ann", "alert.firing")]
    assert "ann@example.com is on call by primary until 2026-03-02T12:00:00Z." in (await watch.words())[-1]
    await watch.sea.pass_time(1 * H, step=timedelta(minutes=5))
    assert watch.told()[1:] == [("bob", "alert.firing")]
    assert watch.courier.sent[-1][0] == START + 3 * H
    await watch.sea.resolve(alert)
    await watch.sea.pass_time(timedelta(minutes=10))
    # Ann was told that it burns: she is told that it does not.
    assert sorted(watch.told()[2:]) == [("ann", "alert.resolved"), ("bob", "alert.resolved")]


async def test_where_nobody_is_on_call_the_fallback_is_told_and_says_so(watch: Watch) -> None:
    await watch.set("primary", ical={"file": calendar(shift("ann", -9 * H, -8 * H)).decode()})
    await watch.sea.route(ROUTE)
    await watch.sea.fire()
    await watch.sea.work()
    assert watch.told() == [("team", "alert.firing")]
    assert "Nobody is on call by primary until" in (await watch.words())[-1]
    assert (await watch.words())[-1].count("the fallback is told, team.") == 1


async def test_whoever_has_no_channel_is_not_reached_so_the_fallback_is_told_as_well(watch: Watch) -> None:
    both = calendar(shift("ann", -H, H), shift("zoe", -H, H))
    await watch.set("primary", ical={"file": both.decode()})
    await watch.sea.route(ROUTE)
    await watch.sea.fire()
    await watch.sea.work()
    assert watch.told() == [("ann", "alert.firing"), ("team", "alert.firing")]
    assert "but no channel reaches zoe@example.com: the fallback is told, team." in (await watch.words())[-1]


async def test_a_disabled_channel_reaches_nobody(watch: Watch) -> None:
    watch.courier.problems["ann"] = "disabled: gone"
    await watch.set("primary", ical={"file": DAY.decode()})
    await watch.sea.route(ROUTE)
    await watch.sea.fire()
    await watch.sea.work()
    assert watch.told() == [("team", "alert.firing")]


async def test_a_mapping_says_by_which_channels_a_person_is_reached(watch: Watch) -> None:
    by_name = ["UID:1", f"DTSTART:{at(START)}", "DURATION:PT5H", "SUMMARY:Ann Li"]
    await watch.set("primary", ical={"file": calendar(by_name).decode()}, people={"ANN LI": ["boss", "bob"]})
    await watch.sea.route(ROUTE)
    await watch.sea.fire()
    await watch.sea.work()
    assert watch.told() == [("boss", "alert.firing"), ("bob", "alert.firing")]


async def test_a_step_calls_whoever_is_on_call_at_its_moment_and_tells_them_of_the_end(watch: Watch) -> None:
    await watch.set("second", ical={"file": calendar(shift("ann", -H, H), shift("bob", H, 9 * H)).decode()})
    await watch.sea.route(
        "route: {receiver: team, group_interval: 5m, escalate: [{after: 2h, schedule: second, fallback: [boss]}]}"
    )
    [alert] = await watch.sea.fire()
    await watch.sea.pass_time(2 * H + timedelta(minutes=1))
    assert watch.told() == [("team", "alert.firing"), ("bob", "alert.escalated")]
    assert "bob@example.com is on call by second" in (await watch.words())[-1]
    await watch.sea.resolve(alert)
    await watch.sea.pass_time(timedelta(minutes=10))
    assert sorted(watch.told()[2:]) == [("bob", "alert.resolved"), ("team", "alert.resolved")]


async def test_a_calendar_is_read_again_and_again_by_jobs_and_its_address_is_a_secret(watch: Watch) -> None:
    watch.remote.answers = [web.Response(body=DAY), web.Response(body=calendar(shift("bob", -H, 9 * H)))]
    await watch.set("primary", ical={"url": f"{watch.remote.url}/private-abcd/basic.ics"}, refreshMinutes=10)
    found = await watch.schedules.get_schedule(watch.sea.workspace, "primary")
    assert b"private-abcd" not in (found.secret or b"")
    assert found.host == "127.0.0.1"
    assert (await watch.schedules.duty(watch.sea.workspace, "primary")).people[0].address == "ann@example.com"
    await watch.sea.pass_time(timedelta(minutes=11))
    assert (await watch.schedules.duty(watch.sea.workspace, "primary")).people[0].address == "bob@example.com"
    assert [got.path for got in watch.remote.got] == ["/private-abcd/basic.ics"] * 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(web.Response(status=403), "The calendar's server answered 403.", id="refused"),
        pytest.param(web.Response(status=302, headers={"location": "http://10.0.0.1/"}), "", id="led on"),
        pytest.param(web.Response(body=b"<html>"), "no calendar", id="no calendar"),
        pytest.param("endless", "", id="endless"),
    ],
)  # fmt: skip
async def test_what_is_not_read_is_said(watch: Watch, answer: web.Response | str, words: str) -> None:
    watch.remote.answers = [answer]
    await watch.set("primary", ical={"url": f"{watch.remote.url}/secret-path.ics"})
    found = await watch.schedules.get_schedule(watch.sea.workspace, "primary")
    assert words in found.reading.problem
    assert found.reading.problem
    assert "secret-path" not in found.reading.problem
    assert (await watch.schedules.duty(watch.sea.workspace, "primary")).standing is Standing.UNREAD


async def test_a_stale_calendar_names_nobody_and_those_who_are_called_instead_are_told(watch: Watch) -> None:
    whole = calendar(shift("ann", -H, 99 * H))
    watch.remote.answers = [web.Response(body=whole), *(web.Response(status=500) for _ in range(60))]
    await watch.set("primary", ical={"url": f"{watch.remote.url}/a.ics"}, refreshMinutes=10, staleAfterMinutes=60)
    await watch.sea.route(ROUTE)
    await watch.sea.pass_time(timedelta(minutes=58), step=timedelta(minutes=2))
    assert watch.told() == []
    assert (await watch.schedules.duty(watch.sea.workspace, "primary")).standing is Standing.ON_CALL
    await watch.sea.pass_time(timedelta(minutes=20), step=timedelta(minutes=2))
    assert watch.told() == [("team", "alert.firing")]
    assert "primary was not read for more than 1h: The calendar's server answered 500." in watch.sea.last().lines[0]
    await watch.sea.fire()
    await watch.sea.work()
    assert watch.told()[1:] == [("team", "alert.firing")]
    assert "Primary was not read for" in (await watch.words())[-1]
    watch.remote.answers = [web.Response(body=whole)]
    await watch.sea.pass_time(timedelta(minutes=4), step=timedelta(minutes=2))
    assert watch.told()[2:3] == [("team", "alert.resolved")]
    firing, resolved = (message for _, message in watch.courier.sent if "schedule" in message.title)
    assert firing.dedup_key == resolved.dedup_key


async def test_who_was_told_that_a_schedule_is_stale_is_told_when_it_is_removed(watch: Watch) -> None:
    watch.remote.answers = [web.Response(status=500) for _ in range(60)]
    await watch.set("primary", ical={"url": f"{watch.remote.url}/a.ics"}, refreshMinutes=10, staleAfterMinutes=60)
    await watch.sea.route(ROUTE)
    await watch.sea.pass_time(timedelta(minutes=70), step=timedelta(minutes=2))
    assert watch.told() == [("team", "alert.firing")]
    await watch.sea.route("route: {receiver: boss}")  # what routes name cannot be removed
    await watch.schedules.remove(watch.sea.workspace, "primary", by=BY)
    assert watch.told() == [("team", "alert.firing"), ("team", "alert.resolved")]
    firing, resolved = (message for _, message in watch.courier.sent)
    assert firing.dedup_key == resolved.dedup_key
    assert resolved.title == "RESOLVED P1 on-call schedule primary is removed"


async def test_the_end_goes_to_those_who_were_told_although_routes_name_others_by_then(watch: Watch) -> None:
    watch.remote.answers = [web.Response(status=500) for _ in range(40)]
    await watch.set("primary", ical={"url": f"{watch.remote.url}/a.ics"}, refreshMinutes=10, staleAfterMinutes=60)
    await watch.sea.route(ROUTE)
    await watch.sea.pass_time(timedelta(minutes=70), step=timedelta(minutes=2))
    await watch.sea.route(ROUTE.replace("team", "boss"))
    watch.remote.answers = [web.Response(body=DAY) for _ in range(9)]
    await watch.sea.pass_time(timedelta(minutes=4), step=timedelta(minutes=2))
    assert watch.told() == [("team", "alert.firing"), ("team", "alert.resolved")]


async def test_nobody_hears_of_the_end_of_a_schedule_that_was_read(watch: Watch) -> None:
    await watch.set("primary", ical={"file": DAY.decode()})
    await watch.schedules.remove(watch.sea.workspace, "primary", by=BY)
    assert watch.told() == []


async def test_an_uploaded_calendar_is_looked_at_again_so_that_it_reaches_ahead(watch: Watch) -> None:
    daily = ["UID:1", "DTSTART:20260302T000000Z", "DURATION:P1D", "RRULE:FREQ=DAILY", "SUMMARY:ann@example.com"]
    await watch.set("primary", ical={"file": calendar(daily).decode()}, refreshMinutes=1440, staleAfterMinutes=2880)
    ahead = START + timedelta(days=61)
    found = await watch.schedules.duty(watch.sea.workspace, "primary", at=ahead)
    assert found.standing is Standing.BEYOND
    await watch.sea.pass_time(timedelta(days=3), step=timedelta(hours=12))
    assert (await watch.schedules.duty(watch.sea.workspace, "primary", at=ahead)).standing is Standing.ON_CALL


def oncall(person: str, start: str | None, end: str | None, schedule: str = "PI7DH85") -> dict[str, object]:
    """Return an entry as PagerDuty's reference shows it."""
    name = person.title()
    return {
        "user": {"id": "PT23IWX", "type": "user", "summary": name, "name": name, "email": f"{person}@example.com"},
        "schedule": {"id": schedule, "type": "schedule_reference", "summary": "Daily Engineering"},
        "escalation_policy": {"id": "PT20YPA", "type": "escalation_policy_reference"},
        "escalation_level": 2,
        "start": start,
        "end": end,
    }


async def test_pagerduty_is_asked_page_by_page_with_its_token(watch: Watch) -> None:
    first = {"oncalls": [oncall("ann", "2026-03-02T08:00:00Z", "2026-03-02T13:00:00+01:00"),
                         oncall("boss", None, None, schedule="POTHER1")], "limit": 100, "offset": 0, "more": True,
             "total": None}  # fmt: skip
    entries = [
        oncall("ann", "2026-03-02T08:00:00Z", "2026-03-02T12:00:00Z"),
        oncall("bob", "2026-03-02T12:00:00Z", None),
    ]
    second = {"oncalls": entries, "limit": 100, "offset": 100, "more": False}
    watch.remote.answers = [web.json_response(first), web.json_response(second)]
    await watch.set("primary", pagerduty={"scheduleId": "PI7DH85", "token": "u+abcdefghij", "url": watch.remote.url})
    found = await watch.schedules.get_schedule(watch.sea.workspace, "primary")
    assert found.reading.problem == ""
    assert found.reading.roster is not None
    assert [each.person.spoken for each in found.reading.roster.shifts] == ["ann@example.com", "bob@example.com"]
    assert [got.path for got in watch.remote.got] == ["/oncalls", "/oncalls"]
    assert watch.remote.got[0].headers["authorization"] == "Token token=u+abcdefghij"
    assert watch.remote.got[0].headers["accept"] == "application/vnd.pagerduty+json;version=2"
    await watch.sea.route(ROUTE)
    await watch.sea.fire()
    await watch.sea.pass_time(3 * H, step=timedelta(minutes=30))
    assert watch.told() == [("ann", "alert.firing"), ("bob", "alert.firing")]


@pytest.mark.parametrize(
    "body", ["{}", "[]", '{"oncalls": [{}], "more": false}', "null", '{"oncalls": [], "more": 1}', "["]
)
async def test_an_answer_that_is_not_pagerdutys_is_not_an_empty_schedule(watch: Watch, body: str) -> None:
    watch.remote.answers = [web.Response(text=body, content_type="application/json")]
    await watch.set("primary", pagerduty={"scheduleId": "PI7DH85", "token": "abc", "url": watch.remote.url})
    found = await watch.schedules.get_schedule(watch.sea.workspace, "primary")
    assert found.reading.roster is None
    assert "PagerDuty" in found.reading.problem


async def test_a_process_that_dies_while_it_reads_leaves_a_job_that_reads_again(watch: Watch) -> None:
    watch.remote.answers = [web.Response(body=DAY)]
    wanted = {"ical": {"url": f"{watch.remote.url}/a.ics"}}
    await watch.set("primary", **wanted)
    async with watch.sea.database.transaction(watch.sea.workspace) as connection:
        rows = await connection.fetch(
            "SELECT payload FROM jobs WHERE workspace = $1 AND kind = 'alerts.read_schedule' "
            "AND state IN ('scheduled', 'ready')", watch.sea.workspace
        )  # fmt: skip
    [row] = rows
    payload = row["payload"] if isinstance(row["payload"], dict) else json.loads(row["payload"])
    assert (payload["schedule"], payload["sequence"]) == ("primary", 1)


async def test_routes_name_schedules_that_there_are_with_a_fallback_and_keep_them(watch: Watch) -> None:
    with pytest.raises(RoutingInvalidError, match="no schedule 'primary'"):
        await watch.sea.route(ROUTE)
    await watch.set("primary", ical={"file": DAY.decode()})
    with pytest.raises(RoutingInvalidError, match="Name the fallback"):
        await watch.sea.route("route: {schedule: primary}")
    with pytest.raises(RoutingInvalidError, match="no channel 'nobody'"):
        await watch.sea.route("route: {schedule: primary, fallback: nobody}")
    with pytest.raises(RoutingInvalidError, match="without a schedule"):
        await watch.sea.route("route: {receiver: ann, fallback: team}")
    await watch.sea.route(ROUTE)
    with pytest.raises(ScheduleInUseError):
        await watch.schedules.remove(watch.sea.workspace, "primary", by=BY)
    await watch.sea.route("route: {receiver: team}")
    await watch.schedules.remove(watch.sea.workspace, "primary", by=BY)
    assert await watch.schedules.list_schedules(watch.sea.workspace) == []


async def test_a_child_that_names_a_receiver_does_not_tell_whom_its_parent_tells(watch: Watch) -> None:
    await watch.set("primary", ical={"file": DAY.decode()})
    await watch.sea.route(
        "route: {schedule: primary, fallback: team, routes: [{matchers: ['severity=P1'], receiver: boss}]}"
    )
    await watch.sea.fire()
    await watch.sea.work()
    assert watch.told() == [("boss", "alert.firing")]


async def test_another_mapping_loses_nothing_of_what_was_read_and_another_source_all_of_it(watch: Watch) -> None:
    watch.remote.answers = [web.Response(body=DAY), *(web.Response(status=500) for _ in range(3))]
    await watch.set("primary", ical={"url": f"{watch.remote.url}/a.ics"})
    await watch.set("primary", ical={}, people={"ann@example.com": ["boss"]})
    found = await watch.schedules.duty(watch.sea.workspace, "primary")
    assert [person.address for person in found.people] == ["ann@example.com"]
    await watch.set("primary", ical={"url": f"{watch.remote.url}/b.ics"})
    assert (await watch.schedules.duty(watch.sea.workspace, "primary")).standing is Standing.UNREAD
    assert (await watch.schedules.get_schedule(watch.sea.workspace, "primary")).people == {"ann@example.com": ("boss",)}
