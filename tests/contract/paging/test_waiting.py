"""Who changes groups while their turn comes: the turn gives way, not whoever holds them."""

import asyncio

from tests.contract.paging.conftest import Sea

from tidegate.alerts.paging.service.placing import wake_of
from tidegate.alerts.paging.sources import JobWakes
from tidegate.alerts.paging.store import PostgresPageStore
from tidegate.jobs import PostgresOutbox


async def test_who_wakes_a_group_whose_turn_has_begun_is_not_rolled_back(sea: Sea) -> None:
    await sea.route("route: {receiver: ops, group_by: [alertname]}")
    await sea.fire()
    pages, wakes = PostgresPageStore(sea.database, sea.ids), JobWakes(PostgresOutbox(clock=sea.clock))
    async with sea.database.transaction(sea.workspace) as connection:
        await pages.lock_groups_in(connection, sea.workspace)
        [turn] = await pages.hasten_in(connection, sea.workspace, None, now=sea.clock.now())
        working = asyncio.create_task(sea.worker.run_once())
        await asyncio.sleep(1.5)  # a storm of alerts is written; PostgreSQL looks for deadlocks after a second
        await wakes.add(connection, sea.workspace, [wake_of(turn)])
    await working
    await sea.work()
    assert [event for _, _, event in sea.told()] == ["alert.firing"]
