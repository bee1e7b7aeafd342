"""From an alert that fires to a signed webhook that arrives: the real jobs, deliveries and HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.deliveries.worlds import World
from tests.contract.paging.conftest import BY, URL, _fired, make_alert
from tests.doing import trail_of

from tidegate.alerts import PostgresAlertStore, PostgresWatchStore, Severity
from tidegate.alerts.paging.assembly import Paging, build_paging
from tidegate.alerts.paging.sources import DeliveryCourier
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import RandomIds, SystemClock, WorkspaceId
from tidegate.storage import Database


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver().serving() as serving:
        yield serving


@pytest.fixture
def world(database: Database, workspace: WorkspaceId) -> World:
    return World(database, workspace)


@pytest.fixture
async def paging(world: World) -> AsyncIterator[Paging]:
    clock = SystemClock()
    built = build_paging(
        world.database, outbox=PostgresOutbox(), courier=DeliveryCourier(world.deliveries),
        trail=trail_of(world.database), ids=RandomIds(), clock=clock, url=URL,
    )  # fmt: skip
    worker = Worker(
        ledger=PostgresLedger(world.database), handlers={**world.built.handlers, **built.handlers}, clock=clock
    )
    running = asyncio.create_task(worker.run())
    yield built
    running.cancel()
    await asyncio.wait([running])


async def test_an_alert_that_fires_arrives_as_a_signed_webhook(
    world: World, paging: Paging, receiver: HttpReceiver
) -> None:
    await world.add(url=receiver.url, name="ops")
    await paging.routing.apply(world.workspace, b"route: {receiver: ops, group_interval: 1s}", by=BY)
    watch = PostgresWatchStore(world.database)
    fence = await watch.claim_watch("whole-way", lease=timedelta(minutes=5))
    assert fence is not None
    alerts = PostgresAlertStore(world.database, listener=paging.listener)
    now = datetime.now(UTC)
    alert = make_alert(world.workspace, "alr_way", "run_failure_rate_high", Severity.P1, "api", "acme", at=now)
    await alerts.add_changes(world.workspace, [_fired(alert)], fence=fence)
    async with asyncio.timeout(30):
        while not receiver.got:  # noqa: ASYNC110 - the receiver has no bell
            await asyncio.sleep(0.005)
    await watch.release_watch(fence)
    got = receiver.got[0]
    body = json.loads(got.body)
    assert got.headers["webhook-id"].startswith("msg_")
    assert got.headers["webhook-signature"].startswith("v1,")
    assert body["receiver"] == "ops"
    assert body["alerts"][0]["labels"]["tenant"] == "acme"
    assert body["tidegate"]["alerts"][0]["id"] == alert.id
