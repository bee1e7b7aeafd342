"""The process that evaluates, pages and sends is killed anywhere: nothing is forgotten, no page is lost."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from tests.contract.alerts.killing import Stores, kill_on_the_way

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.postgres import PostgresDsns

SEED = 20_280_229


@pytest.mark.long  # each start of the process takes 1.5 s of a processor
@pytest.mark.parametrize(("kills", "steps"), [(3, 20), (20, 200)])
async def test_kill_nine_anywhere_on_the_way_of_an_alert_loses_no_page_and_forgets_nothing(
    dsns: PostgresDsns,
    database: Database,
    owner: "asyncpg.Connection[asyncpg.Record]",
    new_workspace: Callable[[], Awaitable[WorkspaceId]],
    fresh_watch: None,
    *,
    kills: int,
    steps: int,
) -> None:
    await owner.execute("UPDATE alerts SET state = 'resolved', resolved_at = since WHERE state <> 'resolved'")
    workspaces = await new_workspace(), await new_workspace()
    stores = Stores(owner, database, dsns.serving)
    found = await kill_on_the_way(stores, workspaces, kills=kills, steps=steps, seed=SEED)
    assert all(found.expected.values())  # alerts that move, acknowledgements and pages: there is something to lose
    assert found.outcome == found.expected
    assert found.received.keys() == found.told.keys()
    assert found.twice_count <= kills + len(found.received) // 100
