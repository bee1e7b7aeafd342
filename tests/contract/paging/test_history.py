"""What is over goes after its time, in batches; what is open, told, or stands in an incident stays."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.paging.conftest import BY, START, Sea

from tidegate.alerts import Alert
from tidegate.alerts.old import OldAlerts, OldPages
from tidegate.deliveries.old import OldDeliveries
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.jobs.history import HISTORY, HistoryKeeper, HistoryPurge
from tidegate.kernel import RandomIds, WorkspaceId

H, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = 400 * DAY
TABLES = ("alerts", "alert_transitions", "alert_care", "alert_care_events", "paging_decisions", "paging_pages",
          "deliveries", "delivery_attempts")  # fmt: skip


@pytest.fixture
async def told(sea: Sea) -> dict[str, Alert]:
    """Four alerts that were told: one open, one in an incident, one over for long, one over of late."""
    await sea.route("route: {receiver: ops, group_by: [service], repeat_interval: 4h}")
    alerts = {name: (await sea.fire(service=name))[0] for name in ("open", "held", "old", "late")}
    await sea.work()
    for alert in alerts.values():
        await sea.paging.care.acknowledge(sea.workspace, alert.id, by=BY)
    await sea.resolve(alerts["held"], alerts["old"])
    await sea.pass_time(H, step=timedelta(minutes=5))
    await _open_incident(sea, alerts["held"])
    sea.clock.advance(KEPT)
    await sea.resolve(alerts["late"])
    await sea.pass_time(H, step=timedelta(minutes=5))
    return alerts


async def _open_incident(sea: Sea, alert: Alert) -> None:
    async with sea.database.transaction(sea.workspace) as connection:
        await connection.execute(
            """
            INSERT INTO incidents (workspace, id, title, severity, state, opened_at, opened_by, started_at, changed_at,
                sequence, codes, services, tenants, alert_count)
            VALUES ($1, 'inc_1', 'It burns', 'P1', 'open', $2, 'usr_one', $2, $2, 1, '{}', '{}', '{}', 1)
            """,
            sea.workspace,
            START,
        )
        await connection.execute(
            "INSERT INTO incident_alerts (workspace, incident_id, alert_id, added_at) VALUES ($1, 'inc_1', $2, $3)",
            sea.workspace,
            alert.id,
            START,
        )


async def counts(sea: Sea) -> dict[str, int]:
    async with sea.database.transaction(sea.workspace) as connection:
        return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in TABLES}


async def purge(sea: Sea, *, batch: int = 500, kept: timedelta = KEPT) -> dict[str, int]:
    """Let the keeper add the job and a worker run it."""
    outbox = PostgresOutbox(clock=sea.clock)

    async def list_workspaces() -> list[WorkspaceId]:
        return [sea.workspace]

    keeper = HistoryKeeper(database=sea.database, outbox=outbox, clock=sea.clock, list_workspaces=list_workspaces)
    await keeper.keep()
    sea.clock.advance(timedelta(minutes=11))
    await keeper.keep()
    removers = {
        "alerts": (OldAlerts(sea.database), kept),
        "pages": (OldPages(sea.database), kept),
        "deliveries": (OldDeliveries(sea.database), 30 * DAY),
    }
    handler = HistoryPurge(removers, sea.clock, batch=batch)
    worker = Worker(ledger=PostgresLedger(sea.database, clock=sea.clock), handlers={HISTORY: handler}, clock=sea.clock)
    while await worker.run_once():
        sea.clock.advance(timedelta(seconds=2))
    async with sea.database.transaction(sea.workspace) as connection:
        row = await connection.fetchrow(
            "SELECT state, result FROM jobs WHERE kind = $1 ORDER BY added_at DESC LIMIT 1", HISTORY
        )
    assert row is not None
    assert row["state"] == "done"
    found: dict[str, int] = json.loads(row["result"])
    return found


async def test_only_what_was_over_for_so_long_goes(sea: Sea, told: dict[str, Alert]) -> None:
    before = await counts(sea)
    removed = await purge(sea)
    after = await counts(sea)

    assert removed == {"alerts": 1, "pages": 2, "deliveries": 0}
    kept = {alert.id for name, alert in told.items() if name != "old"}
    async with sea.database.transaction(sea.workspace) as connection:
        for table in ("alert_transitions", "alert_care", "alert_care_events", "paging_decisions"):
            rows = await connection.fetch(f"SELECT DISTINCT alert_id FROM {table}")
            assert {row["alert_id"] for row in rows} == kept, table
    assert before["alerts"] - after["alerts"] == 1
    assert before["paging_pages"] - after["paging_pages"] == 2
    for name in ("open", "held", "late"):
        why = await sea.paging.paging.why(sea.workspace, told[name])
        assert why.is_told, name


async def test_pages_of_what_is_kept_are_all_there(sea: Sea, told: dict[str, Alert]) -> None:
    async with sea.database.transaction(sea.workspace) as connection:
        before = await connection.fetch(
            "SELECT id FROM paging_pages WHERE group_key NOT LIKE '%\"old\"%' ORDER BY at, id"
        )
    await purge(sea)
    async with sea.database.transaction(sea.workspace) as connection:
        after = await connection.fetch("SELECT id FROM paging_pages ORDER BY at, id")
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert len(after) >= 3


async def test_it_goes_in_batches_and_what_is_left_goes_on(sea: Sea) -> None:
    for _ in range(12):
        alerts = await sea.fire(tenants=[f"t{number}" for number in range(10)])
        sea.clock.advance(H)
        await sea.resolve(*alerts)
    sea.clock.advance(KEPT + DAY)
    assert (await purge(sea, batch=2))["alerts"] == 40  # the second attempt: 40 batches of two went before
    assert (await counts(sea))["alerts"] == 0
    assert (await purge(sea))["alerts"] == 0


async def test_deliveries_go_with_their_attempts_and_none_that_is_under_way(sea: Sea) -> None:
    now = sea.clock.now()
    async with sea.database.transaction(sea.workspace) as connection:
        for number, (state, days) in enumerate([("delivered", 31), ("dead", 31), ("delivered", 29), ("pending", 99)]):
            at = now - days * DAY
            await connection.execute(
                """
                INSERT INTO deliveries (workspace, id, channel, channel_name, kind, notice, state, created_at,
                    finished_at)
                VALUES ($1, $2, 'chn_1', 'ops', 'webhook', '{}', $3, $4, $5)
                """,
                sea.workspace, f"msg_{number}", state, at, None if state == "pending" else at,
            )  # fmt: skip
            await connection.execute(
                """
                INSERT INTO delivery_attempts (workspace, delivery, number, started_at, duration_ms, outcome, reason,
                    excerpt)
                VALUES ($1, $2, 1, $3, 5, 'retry', '', '')
                """,
                sea.workspace,
                f"msg_{number}",
                at,
            )
    assert (await purge(sea))["deliveries"] == 2
    after = await counts(sea)
    assert (after["deliveries"], after["delivery_attempts"]) == (2, 2)


async def test_the_job_comes_once_a_day(sea: Sea) -> None:
    asked = 0

    async def list_workspaces() -> list[WorkspaceId]:
        nonlocal asked
        asked += 1
        return []

    keeper = HistoryKeeper(
        database=sea.database, outbox=PostgresOutbox(ids=RandomIds()), clock=sea.clock, list_workspaces=list_workspaces
    )
    for _ in range(3 * 24 * 2):
        await keeper.keep()
        sea.clock.advance(H / 2)
    assert asked == 3


async def test_nobody_removes_the_last_week_nor_what_is_open_or_of_others(sea: Sea) -> None:
    """By the functions of the database themselves, whatever moment they are told."""
    sea.clock.advance(datetime.now(UTC) - sea.clock.now())
    alerts = await sea.fire(tenants=["one", "two"])
    await sea.resolve(alerts[0])
    later = sea.clock.now() + KEPT
    for workspace in (sea.workspace, WorkspaceId("default")):
        assert await OldAlerts(sea.database).remove_old(workspace, before=later, limit=9) == 0
        assert await OldPages(sea.database).remove_old(workspace, before=later, limit=9) == 0
    assert (await counts(sea))["alerts"] == 2
