"""A turn that dies half-way: no page is lost, and what is sent twice has one id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg
import pytest
from tests.contract.paging.conftest import Sea
from tests.doing import trail_of

from tidegate.alerts.paging.assembly import build_paging
from tidegate.alerts.paging.records import Channel, Message
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import RandomIds, UnavailableError, WorkspaceId
from tidegate.storage import Connection


@dataclass
class DyingCourier:
    """Sends, and dies before the transaction is committed, so many times."""

    deaths: int
    ids: list[str] = field(default_factory=list)

    async def channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        return {"ops": Channel("chn_ops", "ops")}

    async def enqueue(self, connection: Connection, workspace: WorkspaceId, messages: Sequence[Message]) -> None:
        self.ids += [message.id for message in messages]
        if self.deaths:
            self.deaths -= 1
            raise UnavailableError("gone")


async def test_a_turn_that_died_is_taken_again_and_says_the_same_under_the_same_id(sea: Sea) -> None:
    courier = DyingCourier(deaths=2)
    paging = build_paging(
        sea.database, outbox=PostgresOutbox(clock=sea.clock), courier=courier, trail=trail_of(sea.database),
        ids=RandomIds(), clock=sea.clock, url="https://gate.example",
    )  # fmt: skip
    sea.worker = Worker(ledger=PostgresLedger(sea.database, clock=sea.clock), handlers=paging.handlers, clock=sea.clock)
    await sea.route("route: {receiver: ops}")
    [alert] = await sea.fire()
    await sea.pass_time(timedelta(hours=3), step=timedelta(minutes=5))
    assert len(courier.ids) == 3
    assert len(set(courier.ids)) == 1
    assert await sea.kinds(alert) == ["waiting", "notified"]


async def test_an_alert_that_was_not_stored_left_nothing_behind(
    sea: Sea, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await sea.route("route: {receiver: ops}")
    [alert] = await sea.fire()
    with pytest.raises(Exception, match="differs from the one in memory"):
        await sea.alerts.add_changes(sea.workspace, [_again(sea, alert)], fence=sea.fence)
    count = await owner_connection.fetchval("SELECT count(*) FROM paging_decisions WHERE workspace = $1", sea.workspace)
    assert count == 1


async def test_every_group_with_a_timer_has_a_job_for_it(
    sea: Sea, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await sea.route("route: {receiver: ops, group_by: [tenant], escalate: [{after: 7m, channels: boss}]}")
    alerts = await sea.fire(tenants=["acme", "blue", "cyan"])
    for number in range(12):
        if number == 4:
            await sea.resolve(alerts[0])
        if number == 6:
            await sea.fire(tenants=["acme", "dove"])
        lost = await owner_connection.fetchval(
            """
            SELECT count(*) FROM paging_groups g WHERE g.workspace = $1 AND g.next_at IS NOT NULL AND NOT EXISTS (
                SELECT FROM jobs j WHERE j.workspace = g.workspace AND j.kind = 'alerts.notify'
                    AND j.key = g.id || ':' || g.epoch || ':' || g.flush_count AND j.run_at <= g.next_at
                    AND j.state NOT IN ('done', 'dead'))
            """,
            sea.workspace,
        )
        assert lost == 0
        await sea.pass_time(timedelta(minutes=2))


def _again(sea: Sea, alert: object) -> object:
    from tests.contract.paging.conftest import _fired

    return _fired(alert)  # type: ignore[arg-type]  # an alert
