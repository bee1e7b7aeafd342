"""A backtest's pages are those that paging would have sent: held against the real one over generated histories.

`backtest/telling.py` does in memory what the store of paging does between two decisions; this pins the two together.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from tests.contract.paging.conftest import BY, OTHER, START, Sea, _fired, _resolved, make_alert

from tidegate.alerts import Severity
from tidegate.alerts.backtest.model.outcome import Pages
from tidegate.alerts.backtest.telling import pages_of
from tidegate.alerts.model import Change
from tidegate.alerts.paging.answers import SilenceWish
from tidegate.alerts.paging.model import parse_matcher

H, S = timedelta(hours=1), timedelta(seconds=1)
LENGTH = 10 * H
CODES = {
    "run_failure_rate_high": Severity.P1,
    "tool_timeout_rate_high": Severity.P2,
    "query_latency_high": Severity.P2,
    "cross_tenant_leak": Severity.P1,
}
LASTING_S = (1, 20, 45, 180, 400, 1_800, 6_000, 40_000)
ESCALATE = "escalate: [{after: 10m, channels: boss}, {after: 25m, channels: [boss, ops]}]"
ROUTINGS = (
    "route: {receiver: ops, group_by: [alertname]}",
    "route: {receiver: ops, group_by: ['...'], group_wait: 0s, repeat_interval: 1h}",
    f"route: {{receiver: ops, group_by: [service], group_interval: 90s, repeat_interval: 40m, {ESCALATE}}}",
    "route: {receiver: ops, send_resolved: false, group_by: [tenant], group_wait: 2m, group_interval: 10m}",
    f"""
route:
  receiver: ops
  group_by: [alertname, service]
  repeat_interval: 2h
  routes:
    - {{matchers: ['severity="P1"'], receiver: boss, continue: true, group_by: [service], group_interval: 1m}}
    - {{matchers: ['service="api"'], receiver: boss, mute_time_intervals: [lunch], {ESCALATE}}}
    - {{matchers: ['tenant="acme"'], receiver: ops, active_time_intervals: [morning]}}
time_intervals:
  - {{name: lunch, time_intervals: [{{times: [{{start_time: '12:00', end_time: '13:00'}}]}}]}}
  - {{name: morning, time_intervals: [{{times: [{{start_time: '09:30', end_time: '11:15'}}]}}]}}
inhibit_rules:
  - {{source_matchers: ['alertname="run_failure_rate_high"'], target_matchers: ['severity="P2"'], equal: [service]}}
""",
)
SILENCED = ('alertname="tool_timeout_rate_high"', 'service="api"', 'tenant=~"a.*"', 'alertname=~".+_high"',
            'alertname="cross_tenant_leak"')  # fmt: skip
Said = tuple[datetime, str, tuple[str, ...], str, int]


@dataclass
class History:
    """What moves, and what is silenced meanwhile."""

    changes: list[Change]
    silences: list[SilenceWish]


def history_of(sea: Sea, dice: random.Random) -> History:
    """Return episodes that follow each other closely or not, at whole seconds; some go on at the end."""
    changes: list[Change] = []
    for service in ("api", "jobs"):
        for code in dice.sample(sorted(CODES), dice.randint(1, 4)):
            for tenant in dice.sample([None, "acme", "blue"], dice.randint(1, 2)):
                changes += _episodes(sea, dice, code, service, tenant)
    changes.sort(key=lambda change: change.transitions[-1].at)
    silences = []
    for _ in range(dice.randint(0, 2)):
        starts_at = START + timedelta(minutes=dice.randint(1, 400))
        ends_at = starts_at + timedelta(minutes=dice.choice([2, 30, 180]))
        matcher = (parse_matcher(dice.choice(SILENCED)),)
        silences.append(SilenceWish(matchers=matcher, reason="known", starts_at=starts_at, ends_at=ends_at))
    return History(changes, silences)


def _episodes(sea: Sea, dice: random.Random, code: str, service: str, tenant: str | None) -> Iterator[Change]:
    at = START + S * dice.randint(1, 20_000)
    for _ in range(dice.randint(1, 5)):
        alert = make_alert(sea.workspace, sea.ids.new_id("alr"), code, CODES[code], service, tenant, at=at)
        yield _fired(alert)
        at += S * dice.choice(LASTING_S)
        if at > START + LENGTH:
            return
        yield _resolved(alert, at)
        at += S * dice.choice(LASTING_S)
        if at > START + LENGTH:
            return


async def told_by_paging(sea: Sea, changes: Sequence[Change]) -> list[Said]:
    """Return what the real one sends, woken at each of its own moments."""
    waiting = list(changes)
    while True:
        due = await _next_turn(sea)
        moments = [waiting[0].transitions[-1].at] if waiting else []
        now = min([*moments, *([due] if due else []), START + LENGTH])
        if now > sea.clock.now():
            sea.clock.advance(now - sea.clock.now())
        while waiting and waiting[0].transitions[-1].at == now:
            await sea.alerts.add_changes(sea.workspace, [waiting.pop(0)], fence=sea.fence)
        await sea.work()
        if now == START + LENGTH and not waiting:
            break
    async with sea.database.transaction(sea.workspace) as connection:
        rows = await connection.fetch("SELECT at, route_id, channels, reason, event, alert_count FROM paging_pages")
    return sorted(
        (
            row["at"],
            row["route_id"],
            tuple(row["channels"]),
            "escalation" if row["event"] == "alert.escalated" else row["reason"],
            row["alert_count"],
        )
        for row in rows
    )


async def _next_turn(sea: Sea) -> datetime | None:
    async with sea.database.transaction(sea.workspace) as connection:
        due: datetime | None = await connection.fetchval("SELECT min(next_at) FROM paging_groups")
    return due


def told_by_backtest(pages: Pages) -> list[Said]:
    return sorted((page.at, page.route, page.channels, page.reason, page.alert_count) for page in pages.pages)


async def hold_both(sea: Sea, seed: int) -> tuple[list[Said], list[Said]]:
    dice = random.Random(seed)
    await sea.route(ROUTINGS[seed % len(ROUTINGS)])
    history = history_of(sea, dice)
    for number, wish in enumerate(history.silences):
        made = await sea.paging.silences.create(sea.workspace, wish, by=BY)
        if (seed + number) % 2:  # by two people: what has no tolerance is silenced as well
            await sea.paging.silences.confirm(sea.workspace, made.id, by=OTHER)
    routing, silences = (
        await sea.paging.now.routing(sea.workspace),
        await sea.paging.now.silences(sea.workspace, ending_after=START),
    )
    found = told_by_backtest(pages_of(history.changes, routing, silences, end=START + LENGTH))
    return found, await told_by_paging(sea, history.changes)


@pytest.mark.parametrize("seed", range(5))
async def test_a_backtest_tells_what_paging_tells(sea: Sea, seed: int) -> None:
    found, real = await hold_both(sea, seed)
    assert real
    assert found == real


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5, 105))
async def test_a_backtest_tells_what_paging_tells_over_many_histories(sea: Sea, seed: int) -> None:
    found, real = await hold_both(sea, seed)
    assert found == real
