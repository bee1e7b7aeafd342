"""Kills the process that goes the whole way of alerts, again and again, and holds the outcome against an unhurt one."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.contract.alerts.way import Way
from tests.contract.deliveries.receivers import HttpReceiver

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

if TYPE_CHECKING:
    import asyncpg

    Owner = asyncpg.Connection[asyncpg.Record]

__all__ = ["Found", "Stores", "kill_on_the_way"]

ROOT: Final = Path(__file__).parents[3]
_NAME: Final = "killed-on-the-way"  # how the connections of the child are told from others
_CHILD_LIMIT_S: Final = 600  # four hundred minutes cost 40 CPU-s; the machine may be busy
_GONE_WITHIN_S: Final = 30


@dataclass(frozen=True)
class Stores:
    """One state store, as its owner, as a server, and where others reach it."""

    owner: "Owner"
    database: Database
    dsn: str


@dataclass(frozen=True)
class Found:
    """What killing came to."""

    expected: dict[str, Any]
    outcome: dict[str, Any]
    told: Counter[str]
    """How often each id was delivered, by the ledger."""
    received: Counter[str]
    """How often each id was received."""

    @property
    def lost_count(self) -> int:
        """How many pages that were due nobody received."""
        missing = Counter(self.expected["pages"]) - Counter(self.outcome["pages"])
        return missing.total() + len(self.told.keys() - self.received.keys())

    @property
    def twice_count(self) -> int:
        return self.received.total() - len(self.received)

    @property
    def is_as_unhurt(self) -> bool:
        """Whether alerts, their moments, flaps, acknowledgements and pages are those of a run without a crash."""
        return self.expected == self.outcome and self.received.keys() == self.told.keys()


async def kill_on_the_way(
    stores: Stores, workspaces: tuple[WorkspaceId, WorkspaceId], *, kills: int, steps: int, seed: int
) -> Found:
    """Go `steps` minutes in the first workspace without a crash, in the second with so many, at random moments."""
    owner, (unhurt, hurt) = stores.owner, workspaces
    async with HttpReceiver().serving() as receiver:
        expected = await _go_unhurt(Way(stores.database, unhurt, seed), receiver.url, steps)
    await owner.execute("UPDATE alerts SET state = 'resolved', resolved_at = since WHERE state <> 'resolved'")
    await owner.execute("DELETE FROM jobs WHERE workspace = $1", unhurt)
    await _begin_anew(owner)
    dice = random.Random(seed)
    async with HttpReceiver().serving() as receiver:
        way = Way(stores.database, hurt, seed)
        await way.route_to(receiver.url)
        for _ in range(kills):
            await _run_child(stores, way, steps, dice=dice, most=max(1, steps // kills - 1))
        await _run_child(stores, way, steps)
        received = Counter(got.headers["webhook-id"] for got in receiver.got)
        return Found(expected, await way.outcome(), await way.sent_ids(), received)


async def _go_unhurt(way: Way, url: str, steps: int) -> dict[str, Any]:
    await way.route_to(url)
    async with way.sending():
        async for _ in way.go(steps):
            pass
        await way.settle()
    await way.evaluator.release()
    return await way.outcome()


async def _run_child(stores: Stores, way: Way, steps: int, *, dice: random.Random | None = None, most: int = 0) -> None:
    """Run until the end; with `dice`, until it is killed after `most` steps at most."""
    named = f"{stores.dsn}{'&' if '?' in stores.dsn else '?'}application_name={_NAME}"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.alerts.way", named, way.workspace, str(way.seed), str(steps)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_CHILD_LIMIT_S):
            if dice is None:
                await child.communicate()
                assert child.returncode == 0
                return
            assert child.stdout is not None
            for _ in range(dice.randrange(1, most + 1)):
                await child.stdout.readline()
            await asyncio.sleep(dice.random() * 0.06)  # any point within a step, not only its end
            child.kill()
            assert await child.wait() == -signal.SIGKILL
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    await _let_leases_run_out(stores.owner)


async def _let_leases_run_out(owner: "Owner") -> None:
    """Take the time away that a successor waits for; what the dead one sent last may still be under way."""
    async with asyncio.timeout(_GONE_WITHIN_S):
        while await owner.fetchval(  # noqa: ASYNC110 - another process, that rings no bell
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", _NAME
        ):
            await asyncio.sleep(0.005)
    await owner.execute("UPDATE alert_watch SET expires_at = '-infinity'")
    await owner.execute("UPDATE jobs SET lease_until = '-infinity' WHERE state = 'running'")


async def _begin_anew(owner: "Owner") -> None:
    await owner.execute("DELETE FROM alert_watch")
    await owner.execute("INSERT INTO alert_watch DEFAULT VALUES")
