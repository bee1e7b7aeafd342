"""Workers that are killed anywhere: no job is lost, and what they write in PostgreSQL is written once."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.jobs.conftest import World

from tidegate.storage.postgres.layout import PostgresDsns

Owner = "asyncpg.Connection[asyncpg.Record]"
ROOT = Path(__file__).parents[3]
DEADLINE_S = 120
SEED = 20_260_207
JOBS = 120


@pytest.fixture
async def effects(owner_connection: Owner) -> AsyncIterator[None]:
    """A table that counts: without a key, so that what happens twice is seen."""
    await owner_connection.execute("CREATE TABLE job_effects (workspace text NOT NULL, job text NOT NULL)")
    await owner_connection.execute("CALL wall_off('job_effects')")
    await owner_connection.execute("GRANT SELECT, INSERT ON job_effects TO tidegate_serving")
    yield
    await owner_connection.execute("DROP TABLE job_effects")


class Crew:
    """Children that follow each other, each with what it said it runs."""

    def __init__(self, world: World, dsns: PostgresDsns) -> None:
        self.world, self.dsns = world, dsns
        self.runs: Counter[str] = Counter()

    async def work(self, *, kill_after: int | None) -> None:
        """Let a child work, and kill it when it said `kill_after` lines, or everything is done."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.contract.jobs.working_child", self.dsns.serving, self.world.kind),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._listen(child, kill_after)
        finally:
            child.kill()
            rest, _ = await child.communicate()
        self.runs.update(rest.decode().split())

    async def _listen(self, child: asyncio.subprocess.Process, kill_after: int | None) -> None:
        assert child.stdout is not None
        heard = 0
        while await self.unfinished() and heard != kill_after:
            try:
                async with asyncio.timeout(0.2):
                    line = await child.stdout.readline()
            except TimeoutError:
                continue
            self.runs[line.decode().strip()] += 1
            heard += 1

    async def unfinished(self) -> int:
        async with self.world.database.transaction(self.world.workspace) as connection:
            return int(await connection.fetchval("SELECT count(*) FROM jobs WHERE state <> 'done'"))

    async def let_the_leases_run_out(self) -> None:
        async with self.world.database.transaction(self.world.workspace) as connection:
            await connection.execute("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE state = 'running'")


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="3 kills"), pytest.param(25, id="25 kills", marks=pytest.mark.long)]
)
async def test_kill_nine_at_any_point_loses_no_job(
    world: World, state_dsns: PostgresDsns, effects: None, kills: int
) -> None:
    count = JOBS + 20 * kills
    ids = await world.add(*(world.job(payload={"also": n % 2 == 0}, max_attempts=100) for n in range(count)))
    crew, chance = Crew(world, state_dsns), random.Random(SEED)
    for _ in range(kills):
        await crew.work(kill_after=chance.randint(0, 30))
        await crew.let_the_leases_run_out()
    await crew.work(kill_after=None)
    async with world.database.transaction(world.workspace) as connection:
        rows = await connection.fetch("SELECT job, count(*) AS count FROM job_effects GROUP BY job")
    assert await crew.unfinished() == 0
    assert set(crew.runs) == set(ids)
    assert {row["job"]: row["count"] for row in rows} == dict.fromkeys(ids[::2], 1)
    assert crew.runs.total() <= count + 8 * kills  # a child has eight places
