"""Silences, maintenance windows, mutes, inhibition: what keeps a page back, until when, and what it says of it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.paging.conftest import BY, OTHER, START, Sea
from tests.doing import trail_of

from tidegate.alerts import Severity
from tidegate.alerts.paging.answers import SilenceWish
from tidegate.alerts.paging.errors import (
    RoutingInvalidError,
    SilenceInvalidError,
    SilenceOverError,
    SilenceTooWideError,
    SilenceUnconfirmableError,
)
from tidegate.alerts.paging.model import Silence, SilenceState, Span, TimeInterval, parse_matcher
from tidegate.alerts.paging.service import SilenceService
from tidegate.alerts.paging.sources import JobWakes
from tidegate.alerts.paging.store import PostgresPageStore, PostgresSilenceStore
from tidegate.audit import ActorKind, Doer
from tidegate.jobs import PostgresOutbox
from tidegate.kernel import WorkspaceId

S, M, H, D = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ROUTES = "route: {receiver: ops, group_by: [alertname]}"


def wish(matcher: str = 'alertname="run_failure_rate_high"', **changes: object) -> SilenceWish:
    given = {"matchers": (parse_matcher(matcher),), "reason": "known", "starts_at": None, "ends_at": START + H}
    return SilenceWish(**{**given, **changes})  # type: ignore[arg-type]  # what a wish is made of


async def silenced(sea: Sea, *args: str, **changes: object) -> Silence:
    return await sea.paging.silences.create(sea.workspace, wish(*args, **changes), by=BY)


async def test_what_is_silenced_is_told_at_the_moment_at_which_the_silence_ends(sea: Sea) -> None:
    await sea.route(ROUTES)
    silence = await silenced(sea)
    [alert] = await sea.fire()
    await sea.pass_time(50 * M)
    why = await sea.paging.paging.why(sea.workspace, alert)
    assert sea.told() == []
    assert silence.id in why.answer
    assert "known" in why.answer
    await sea.pass_time(20 * M)
    assert [when for when, _, _ in sea.told()] == [H]
    assert await sea.kinds(alert) == ["waiting", "silenced", "notified"]


async def test_who_ends_a_silence_lets_what_it_kept_back_be_told_at_once(sea: Sea) -> None:
    await sea.route(ROUTES)
    silence = await silenced(sea)
    await sea.fire()
    await sea.pass_time(7 * M)
    await sea.paging.silences.expire(sea.workspace, silence.id, by=BY)
    await sea.work()
    assert [when for when, _, _ in sea.told()] == [7 * M]


async def test_of_a_group_only_what_is_silenced_is_kept_back(sea: Sea) -> None:
    await sea.route(ROUTES)
    await silenced(sea, 'tenant="acme"')
    await sea.fire(tenants=["acme", "blue"])
    await sea.work()
    assert [alert["labels"]["tenant"] for alert in sea.last().data["alerts"]] == ["blue"]


async def test_what_has_no_tolerance_is_silenced_by_two_different_people_only(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, group_by: [tenant], mute_time_intervals: [always]}\n"
                    "time_intervals: [{name: always, time_intervals: [{}]}]")  # fmt: skip
    silence = await silenced(sea, 'alertname="cross_tenant_leak"')
    await sea.fire("cross_tenant_leak", tenants=["acme"])
    await sea.work()
    assert len(sea.told()) == 1
    with pytest.raises(SilenceUnconfirmableError):
        await sea.paging.silences.confirm(sea.workspace, silence.id, by=BY)
    with pytest.raises(SilenceUnconfirmableError):
        await sea.paging.silences.confirm(sea.workspace, silence.id, by=Doer(ActorKind.TOKEN, "tok_1", "svc_one"))
    confirmed = await sea.paging.silences.confirm(sea.workspace, silence.id, by=OTHER)
    await sea.fire("cross_tenant_leak", tenants=["blue"])
    await sea.work()
    assert confirmed.is_confirmed
    assert len(sea.told()) == 1


async def test_who_changes_a_silence_stands_for_it_alone(sea: Sea) -> None:
    silence = await silenced(sea)
    await sea.paging.silences.confirm(sea.workspace, silence.id, by=OTHER)
    changed = await sea.paging.silences.change(sea.workspace, silence.id, wish('tenant="acme"'), by=OTHER)
    assert changed.people == {"usr_two"}


@pytest.mark.parametrize("matcher", ['severity=~"P1|P2"', 'alertname=~".+"', 'tenant!="x"', 'nothing=""'])
async def test_a_silence_of_everything_has_to_be_meant(sea: Sea, matcher: str) -> None:
    with pytest.raises(SilenceTooWideError):
        await silenced(sea, matcher)
    assert (await silenced(sea, matcher, covers_all=True)).id


@pytest.mark.parametrize(
    "changes",
    [{"reason": " "}, {"matchers": ()}, {"ends_at": START}, {"ends_at": START + 31 * D}, {"starts_at": START + 2 * H}],
    ids=["no reason", "no matcher", "over before it begins", "too long", "ends before it starts"],
)
async def test_a_silence_says_why_and_until_when(sea: Sea, changes: dict[str, object]) -> None:
    with pytest.raises(SilenceInvalidError):
        await silenced(sea, **changes)


async def test_what_is_over_is_not_changed(sea: Sea) -> None:
    silence = await silenced(sea)
    await sea.paging.silences.expire(sea.workspace, silence.id, by=BY)
    with pytest.raises(SilenceOverError):
        await sea.paging.silences.change(sea.workspace, silence.id, wish(), by=BY)


class Overtaken(PostgresSilenceStore):
    """Lets somebody else act between the look at a silence and the next deed, once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def find_silence(self, workspace: WorkspaceId, silence_id: str) -> Silence | None:
        found = await super().find_silence(workspace, silence_id)
        other, self.meanwhile = self.meanwhile, None
        if other is not None:
            await other()
        return found


def overtaken(sea: Sea, meanwhile: Callable[[], Awaitable[object]]) -> SilenceService:
    store = Overtaken(sea.database, trail_of(sea.database))
    store.meanwhile = meanwhile
    pages, wakes = PostgresPageStore(sea.database, sea.ids), JobWakes(PostgresOutbox(clock=sea.clock))
    return SilenceService(silences=store, pages=pages, wakes=wakes, database=sea.database, ids=sea.ids, clock=sea.clock)


@pytest.mark.parametrize("deed", ["confirm", "change"])
async def test_who_acts_on_a_silence_that_ends_at_that_moment_does_not_bring_it_back(sea: Sea, deed: str) -> None:
    silence = await silenced(sea)
    silences = overtaken(sea, lambda: sea.paging.silences.expire(sea.workspace, silence.id, by=BY))
    if deed == "confirm":
        acting = silences.confirm(sea.workspace, silence.id, by=OTHER)
    else:
        acting = silences.change(sea.workspace, silence.id, wish(), by=OTHER)
    with pytest.raises(SilenceOverError):
        await acting
    assert (await sea.paging.silences.get(sea.workspace, silence.id)).state_at(START) is SilenceState.EXPIRED


async def test_who_confirms_a_silence_that_is_changed_at_that_moment_does_not_undo_the_change(sea: Sea) -> None:
    silence = await silenced(sea)
    narrow = wish('tenant="acme"')
    silences = overtaken(sea, lambda: sea.paging.silences.change(sea.workspace, silence.id, narrow, by=BY))
    await silences.confirm(sea.workspace, silence.id, by=OTHER)
    found = await sea.paging.silences.get(sea.workspace, silence.id)
    assert (found.matchers, found.is_confirmed) == (narrow.matchers, True)


async def test_a_preview_shows_what_would_be_covered_now(sea: Sea) -> None:
    await sea.fire(tenants=["acme", "blue"])
    await sea.fire("cross_tenant_leak", tenants=["acme"])
    shown = await sea.paging.silences.preview(sea.workspace, [parse_matcher('tenant="acme"')])
    assert (shown.count, shown.zero_tolerance_count, shown.covers_everything) == (2, 1, False)


async def test_a_maintenance_window_holds_in_the_time_of_its_place(sea: Sea) -> None:
    """The night in which clocks in Berlin are set: 02:00 to 03:30 is half an hour long."""
    sea.clock.advance(datetime(2026, 3, 28, 22, tzinfo=UTC) - sea.clock.now())
    await sea.route(ROUTES)
    nightly = TimeInterval(minutes=(Span(120, 209),), location="Europe/Berlin")
    await silenced(sea, ends_at=sea.clock.now() + 200 * D, recurring=(nightly,))
    await sea.pass_time(3 * H + 10 * M, step=10 * M)
    await sea.fire()  # 03:10 in Berlin, 01:10 UTC
    await sea.pass_time(2 * H, step=5 * M)
    assert [at for at, _ in sea.courier.sent] == [datetime(2026, 3, 29, 1, 30, tzinfo=UTC)]


async def test_a_muted_route_speaks_when_its_mute_ends(sea: Sea) -> None:
    await sea.route("""
        route: {receiver: ops, mute_time_intervals: [lunch]}
        time_intervals: [{name: lunch, time_intervals: [{times: [{start_time: "09:00", end_time: "09:45"}]}]}]
    """)
    [alert] = await sea.fire()
    await sea.pass_time(1 * H)
    assert [when for when, _, _ in sea.told()] == [45 * M]
    assert await sea.kinds(alert) == ["waiting", "muted", "notified"]


async def test_a_cause_that_is_told_keeps_its_consequences_back(sea: Sea) -> None:
    await sea.route("""
        route: {receiver: ops, group_by: [alertname]}
        inhibit_rules: [{source_matchers: [alertname=provider_unhealthy], target_matchers: [severity=P2],
                         equal: [service]}]
    """)
    [cause] = await sea.fire("provider_unhealthy")
    [near] = await sea.fire("tool_timeout_rate_high", severity=Severity.P2)
    await sea.fire("tool_timeout_rate_high", severity=Severity.P2, service="other")
    await sea.pass_time(2 * M)
    why = await sea.paging.paging.why(sea.workspace, near)
    assert cause.id in why.answer
    assert [alert["labels"]["service"] for alert in sea.last().data["alerts"]] == ["other"]
    await sea.resolve(cause)
    await sea.pass_time(11 * M)
    assert await sea.kinds(near) == ["waiting", "inhibited", "notified"]


async def test_rules_that_silence_each_other_are_refused_by_name(sea: Sea) -> None:
    with pytest.raises(RoutingInvalidError, match="one → other → one"):
        await sea.route("""
            route: {receiver: ops}
            inhibit_rules:
            - {name: one, source_matchers: [alertname=a], target_matchers: [alertname=b]}
            - {name: other, source_matchers: [alertname=~"b|c"], target_matchers: [alertname=a]}
        """)


async def test_new_routes_lead_what_fires_elsewhere_and_leave_alone_what_stays(sea: Sea) -> None:
    await sea.route(ROUTES)
    await sea.fire(tenants=["acme"])
    await sea.work()
    await sea.route("""
        route: {receiver: ops, group_by: [alertname], routes: [{receiver: boss, matchers: [tenant=acme]}]}
    """)
    assert [name for _, name, _ in sea.told()] == ["ops", "boss"]
    await sea.route("""
        route: {receiver: ops, group_by: [alertname], routes: [{receiver: [boss, ops], matchers: [tenant=acme]}]}
    """)
    assert [name for _, name, _ in sea.told()] == ["ops", "boss", "ops"]
    assert sea.last().data["notification_reason"] == "new channel"


async def test_the_dead_man_speaks_while_rules_are_evaluated_and_says_afterwards_when_not(sea: Sea) -> None:
    async with sea.database.across_workspaces() as connection:
        await connection.execute("UPDATE alert_watch SET evaluated_at = $1", START + 16 * M)
    await sea.route("{route: {}, watchdog: {receiver: ops, every: 5m}}")
    await sea.pass_time(31 * M)
    assert [when for when, _, _ in sea.told()] == [0 * S, 5 * M, 10 * M, 15 * M]
    health = await sea.paging.paging.health(sea.workspace)
    assert health.broken_since == START + 16 * M
    async with sea.database.across_workspaces() as connection:
        await connection.execute("UPDATE alert_watch SET evaluated_at = $1", START + 35 * M)
    await sea.pass_time(5 * M)
    assert sea.last().title == "Paging did not work and does again"
    assert (await sea.paging.paging.health(sea.workspace)).is_well
