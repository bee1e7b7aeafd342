"""An evaluator that is killed or stopped anywhere: no transition lost, none doubled, one open alert a key."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from tests.contract.alerts.evaluating_child import LOST
from tests.contract.alerts.schedule import STEP_COUNT, Schedule, expected_history, moment_of

from tidegate.alerts import AlertKey, Transition
from tidegate.alerts.ports import AlertFilter
from tidegate.alerts.store import PostgresAlertStore
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.postgres import PostgresDsns

ROOT = Path(__file__).parents[3]
DEADLINE_S = 120
SEED = 20_260_207
Child = asyncio.subprocess.Process


@asynccontextmanager
async def evaluating(dsns: PostgresDsns, workspace: WorkspaceId) -> AsyncIterator[Child]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.alerts.evaluating_child", dsns.serving, workspace, str(SEED)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield child
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def follow(child: Child, *, steps: int) -> None:
    assert child.stdout is not None
    for _ in range(steps):
        await child.stdout.readline()


@pytest.fixture
async def workspace(
    owner: "asyncpg.Connection[asyncpg.Record]",
    new_workspace: Callable[[], Awaitable[WorkspaceId]],
    fresh_watch: None,
) -> WorkspaceId:
    # Only this one is evaluated: what other tests left behind would be judged as well.
    await owner.execute("UPDATE alerts SET state = 'resolved', resolved_at = since WHERE state <> 'resolved'")
    return await new_workspace()


async def let_the_lease_run_out(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    await owner.execute("UPDATE alert_watch SET expires_at = '-infinity'")


async def stored_history(database: Database, workspace: WorkspaceId) -> dict[AlertKey, list[list[Transition]]]:
    store = PostgresAlertStore(database)
    history: dict[AlertKey, list[list[Transition]]] = {}
    for alert in reversed(await store.list_alerts(workspace, AlertFilter(), limit=100_000, after=None)):
        detail = await store.find_alert(workspace, alert.id)
        assert detail is not None
        history.setdefault(alert.key, []).append(list(detail.transitions))
    return history


@pytest.mark.parametrize("kills", [6, pytest.param(20, marks=pytest.mark.long)])
async def test_kill_nine_at_any_point_neither_loses_nor_doubles_a_transition(
    dsns: PostgresDsns,
    database: Database,
    owner: "asyncpg.Connection[asyncpg.Record]",
    workspace: WorkspaceId,
    kills: int,
) -> None:
    generator = random.Random(SEED)
    for _ in range(kills):
        async with evaluating(dsns, workspace) as child:
            await follow(child, steps=generator.randrange(1, STEP_COUNT // kills))
            await asyncio.sleep(generator.random() * 0.005)  # any point within a step, not only its end
            child.kill()
            assert await child.wait() == -signal.SIGKILL
        await let_the_lease_run_out(owner)
    async with evaluating(dsns, workspace) as child:
        await child.communicate()
        assert child.returncode == 0

    expected = expected_history(Schedule(SEED, workspace))
    assert sum(len(episodes) for episodes in expected.values()) > 100
    assert await stored_history(database, workspace) == expected


async def test_a_stopped_evaluator_that_goes_on_later_writes_nothing(
    dsns: PostgresDsns, database: Database, owner: "asyncpg.Connection[asyncpg.Record]", workspace: WorkspaceId
) -> None:
    async with evaluating(dsns, workspace) as sleeper:
        await follow(sleeper, steps=40)
        sleeper.send_signal(signal.SIGSTOP)
        await let_the_lease_run_out(owner)
        async with evaluating(dsns, workspace) as successor:
            await successor.communicate()
            assert successor.returncode == 0
        sleeper.send_signal(signal.SIGCONT)
        await sleeper.communicate()
        assert sleeper.returncode in {LOST, 0}  # 0: its transaction was ended meanwhile, and nothing was left to do

    assert await stored_history(database, workspace) == expected_history(Schedule(SEED, workspace))
    watch = await PostgresAlertStore(database).find_watch(workspace)
    assert watch.evaluated_at == moment_of(STEP_COUNT - 1)
