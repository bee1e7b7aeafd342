"""The whole way: a rule file, a server that answers, alerts in the state store, and what gates read of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.prom_sources.conftest import Desk, desk_of
from tests.contract.prom_sources.test_sources import vector
from tests.doing import BY, trail_of
from tests.unit.alerts.fakes import FakeReader

from tidegate.alerts import AlertEvaluator, PostgresAlertStore, PostgresWatchStore
from tidegate.alerts.asked_rules import AskedRules
from tidegate.alerts.model import Alert
from tidegate.alerts.ports import AlertFilter, Watch
from tidegate.alerts.rule_sets.errors import RuleFileInvalidError
from tidegate.alerts.rule_sets.service import RuleSetService
from tidegate.alerts.rule_sets.store import PostgresRuleSets
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.storage import Database
from tidegate.testing import FakeClock

FILE = b"""
apiVersion: tidegate/v1
kind: Rules
metadata: {name: asked}
rules:
  - {code: queue_deep, severity: P2, threshold: 10, for: 1m, runbook: "https://wiki.example.com/queue",
     prom: {source: ops, query: max(queue_depth)}, where: {service: shop}}
"""


@dataclass
class Site:
    desk: Desk
    clock: FakeClock
    asked: AskedRules
    evaluator: AlertEvaluator
    rules: RuleSetService
    alerts: PostgresAlertStore

    async def look(self, length: timedelta = timedelta()) -> None:
        self.clock.advance(length)
        await self.evaluator.evaluate_once(self.clock.now())
        await asyncio.gather(*self.asked.ask_due())
        await self.evaluator.evaluate_once(self.clock.now())

    async def open(self) -> list[Alert]:
        return await self.alerts.list_alerts(self.desk.workspace, AlertFilter(), limit=10, after=None)

    async def watch(self, *codes: str) -> Watch:
        return await self.alerts.find_watch(self.desk.workspace, codes or None)


def site_of(database: Database, workspace: WorkspaceId, clock: FakeClock) -> Site:
    """Put it together anew, as a process that starts does."""
    desk, store, alerts = desk_of(database, workspace, clock), PostgresRuleSets(database, trail_of(database)), None
    asked, alerts = AskedRules(desk.asker, clock), PostgresAlertStore(database)
    evaluator = AlertEvaluator(
        rules=[], reader=FakeReader(), alerts=alerts, watch=PostgresWatchStore(database), clock=clock, ids=RandomIds(),
        own_rules=store, asked=asked,
    )  # fmt: skip
    return Site(desk, clock, asked, evaluator, RuleSetService(shipped=[], store=store, clock=clock, sources=desk.names),
                alerts)  # fmt: skip


@pytest.fixture
async def site(database: Database, workspace: WorkspaceId, server: HttpReceiver) -> AsyncIterator[Site]:
    # Workspaces come to be by the clock of PostgreSQL: nothing was evaluated before that.
    site = site_of(database, workspace, FakeClock(datetime.now().astimezone() + timedelta(hours=1)))
    await site.desk.set(server.url)
    await site.rules.apply(workspace, FILE, by=BY)
    yield site
    await site.asked.land()
    await site.rules.apply(workspace, FILE.split(b"rules:")[0] + b"rules: []", by=BY)
    await site.evaluator.release()


def says(site: Site, server: HttpReceiver, *values: str) -> None:
    found = vector(*values)
    text = (found.text or "").replace("1772442000.0", f"{site.clock.now().timestamp()}")
    server.answers = [type(found)(text=text, content_type="application/json")]


async def test_an_answer_moves_alerts_and_a_process_that_starts_goes_on_from_them(
    site: Site, server: HttpReceiver
) -> None:
    says(site, server, "12")
    await site.look()
    [pending] = await site.open()
    assert (pending.code, pending.service, pending.value, pending.fired_at) == ("queue_deep", "shop", 12, None)
    await site.evaluator.release()
    other = site_of(site.desk.database, site.desk.workspace, site.clock)
    site.clock.advance(timedelta(minutes=1))
    says(other, server, "12")
    await other.look()
    [firing] = await other.open()
    assert (firing.id, firing.since, firing.fired_at) == (
        pending.id,
        pending.since,
        pending.since + timedelta(minutes=1),
    )
    await other.evaluator.release()


async def test_until_there_is_an_answer_and_while_there_is_none_nobody_knows_whether_it_is_quiet(
    site: Site, server: HttpReceiver
) -> None:
    assert (await site.watch("queue_deep")).evaluated_at is None
    says(site, server, "1")
    await site.look()
    begun = site.clock.now()
    assert await site.watch("queue_deep") == Watch(begun, begun)
    await site.look(timedelta(seconds=31))  # answered with 204
    stood = await site.watch("queue_deep")
    assert stood.evaluated_at == begun
    assert (await site.watch("another_rule")).evaluated_at == site.clock.now()
    says(site, server, "1")
    await site.look(timedelta(seconds=31))
    back = site.clock.now()
    assert await site.watch() == Watch(back, back)
    rule = await site.rules.get_rule(site.desk.workspace, "queue_deep")
    last = await site.rules.find_answer(site.desk.workspace, rule)
    assert last is not None
    assert (last.answered_at, last.series_count, last.problem) == (back, 1, "")


async def test_a_rule_that_names_no_source_of_the_workspace_is_not_applied(site: Site) -> None:
    with pytest.raises(RuleFileInvalidError, match="there is no Prometheus source 'other'"):
        await site.rules.plan(site.desk.workspace, FILE.replace(b"source: ops", b"source: other"))
