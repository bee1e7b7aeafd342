"""An override whose time is over: its alert closes by itself, once."""

from datetime import UTC, datetime, timedelta

from tests.api.gates.conftest import Api, FakeListener
from tests.api.gates.people import OVERRIDES, Owner, dashboard_of
from tests.api.gates.test_overrides import alerts_of, asked, failing
from tests.doing import trail_of

from tidegate.app.gate_voices import build_voices
from tidegate.gates.approvals.override_store import END_JOB
from tidegate.jobs import Claimed, Dead, Done, JobId
from tidegate.kernel import RandomIds, SystemClock
from tidegate.storage import Database

__all__ = ["asked", "failing"]


async def test_the_job_of_its_end_closes_the_alert_and_the_gate_blocks_by_the_clock_alone(
    asked: tuple[Api, str, str, str], database: Database, owner_connection: Owner
) -> None:
    api, _, ann, override = asked
    await api.as_person("POST", f"{OVERRIDES}/{override}/confirm", ann)
    (job,) = await owner_connection.fetch(
        "SELECT kind, run_at FROM jobs WHERE workspace = $1 AND key = $2", api.workspace, override
    )
    assert job["kind"] == END_JOB
    assert timedelta(hours=3) < job["run_at"] - datetime.now(UTC) < timedelta(hours=5)
    voices = build_voices(database, trail_of(database), listener=FakeListener(), ids=RandomIds())
    run = voices.handlers(SystemClock())[END_JOB]
    now = datetime.now(UTC)
    for _ in range(2):
        outcome = await run(
            Claimed(JobId("job_1"), api.workspace, END_JOB, override, {"override": override}, 1, now, now, 3)
        )
        assert isinstance(outcome, Done)
        assert outcome.also is not None
        async with database.transaction(api.workspace) as connection:
            await outcome.also(connection)
    (alert,) = await alerts_of(owner_connection, api.workspace)
    assert (alert["state"], alert["transition_count"]) == ("resolved", 2)
    assert "override" in await dashboard_of(api)  # the job says nothing about it: its clock does
    assert isinstance(await run(Claimed(JobId("job_2"), api.workspace, END_JOB, None, {}, 1, now, now, 3)), Dead)
