"""The whole way of an alert, from rows that are counted to a webhook that is sent, in a time that steps by minutes.

Run as a program it goes that way step by step and says each step when it is done; made to be killed. Rules, state
machine, groups, ledger, deliveries, signature and HTTP are the real ones; only the counts come from a schedule.
"""

import asyncio
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from tests.contract.alerts.schedule import BEGINNING, STEP, Schedule, moment_of, step_after
from tests.contract.deliveries.worlds import ENVELOPES, LOOPBACK
from tests.doing import BY, trail_of

from tidegate.alerts import AlertEvaluator, AlertState, PostgresAlertStore, PostgresWatchStore, load_rules
from tidegate.alerts.model import Rule
from tidegate.alerts.paging.assembly import build_paging
from tidegate.alerts.paging.sources import DeliveryCourier
from tidegate.alerts.ports import AlertFilter
from tidegate.deliveries import build_deliveries
from tidegate.deliveries.channels import ChannelService
from tidegate.deliveries.model import ChannelKind
from tidegate.deliveries.wishes import ChannelWish
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import RandomIds, SystemClock, WorkspaceId
from tidegate.signals import Family
from tidegate.storage import Database

ROUTING: Final = b"""
route:
  receiver: hook
  group_by: [alertname, service]
  group_wait: 0s
  group_interval: 2m
  repeat_interval: 30m
  escalate: [{after: 9m, channels: hook}]
"""
_SETTLED_WITHIN_S: Final = 60
_IN_A_ROW: Final = 200


def rules() -> list[Rule]:
    """Return shipped rules of two families, some of which wait before they fire and some before they end."""
    found = [rule for rule in load_rules() if rule.family in {Family.AUTH, Family.AI_RUN} and rule.is_plainly_grouped]
    return [
        replace(rule, lasting=(number % 3) * STEP, keep_firing=(number % 2) * 3 * STEP)
        for number, rule in enumerate(found)
    ]


class PlayedClock:
    """Stands where it is set."""

    def __init__(self) -> None:
        self.at = BEGINNING

    def now(self) -> datetime:
        return self.at


@dataclass
class Way:
    """One workspace, and all that moves an alert on in it."""

    database: Database
    workspace: WorkspaceId
    seed: int

    def __post_init__(self) -> None:
        self.clock, ids = PlayedClock(), RandomIds()
        trail = trail_of(self.database)
        self.deliveries = build_deliveries(
            self.database, trail, allowed=LOOPBACK, envelopes=ENVELOPES, ids=ids, clock=SystemClock()
        )
        self.paging = build_paging(
            self.database, outbox=PostgresOutbox(clock=self.clock), courier=DeliveryCourier(self.deliveries.deliveries),
            trail=trail, ids=ids, clock=self.clock, url="https://gate.example",
        )  # fmt: skip
        self.alerts = PostgresAlertStore(self.database, listener=self.paging)
        self.evaluator = AlertEvaluator(
            rules=rules(), reader=Schedule(self.seed, self.workspace), alerts=self.alerts,
            watch=PostgresWatchStore(self.database), clock=self.clock, ids=ids,
        )  # fmt: skip
        self._telling = Worker(
            ledger=PostgresLedger(self.database, clock=self.clock), handlers=self.paging.handlers, clock=self.clock
        )
        self._sending = Worker(
            ledger=PostgresLedger(self.database), handlers=self.deliveries.handlers, clock=SystemClock()
        )

    async def route_to(self, url: str) -> None:
        channels = self.deliveries.services[ChannelService]
        assert isinstance(channels, ChannelService)
        await channels.add(self.workspace, "hook", ChannelWish(ChannelKind.WEBHOOK, url=url), by=BY)
        await self.paging.routing.apply(self.workspace, ROUTING, by=BY)
        await self._tell()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send what is to be sent meanwhile."""
        task = asyncio.create_task(self._sending.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def go(self, until: int) -> AsyncIterator[int]:
        """Go on after the last step that was evaluated: what that one led to may have been cut off."""
        step = step_after((await self.alerts.find_watch(self.workspace)).evaluated_at)
        if step:
            await self._follow(step - 1)
        while step < until:
            self.clock.at = moment_of(step)
            if await self.evaluator.evaluate_once(self.clock.at) is None:
                await asyncio.sleep(0.02)
                continue
            await self._follow(step)
            yield step
            step += 1

    async def settle(self) -> None:
        """Wait until all that was told is sent."""
        async with asyncio.timeout(_SETTLED_WITHIN_S):
            while await self._rows(  # noqa: ASYNC110 - the store is asked: nobody rings here
                "SELECT FROM deliveries WHERE workspace = $1 AND state = 'pending' LIMIT 1"
            ):
                await asyncio.sleep(0.05)

    async def _follow(self, step: int) -> None:
        self.clock.at = moment_of(step)
        await self._tell()
        firing = AlertFilter(states=frozenset({AlertState.FIRING}))
        for alert in await self.alerts.list_alerts(self.workspace, firing, limit=10_000, after=None):
            if alert.fired_at == self.clock.at - 2 * STEP and _is_cared_for(alert.key):
                await self.paging.care.acknowledge(self.workspace, alert.id, by=BY)
        await self._tell()

    async def _tell(self) -> None:
        for _ in range(_IN_A_ROW):
            if not await self._telling.run_once():
                return
        raise AssertionError("turns without end")

    async def outcome(self) -> dict[str, Any]:
        """Return all that a crash must leave as it would have been, with nothing in it that chance names."""
        keyed = "a.code || ' ' || a.service || ' ' || coalesce(a.tenant, '-') || ' ' || a.since AS episode"
        episodes = f"SELECT {keyed}, a.state, a.fired_at, a.resolved_at, a.flaps::text FROM alerts a"
        moves = f"""
            SELECT {keyed}, t.sequence, t.from_state, t.to_state, t.at, t.cause::text FROM alert_transitions t
            JOIN alerts a ON a.workspace = t.workspace AND a.id = t.alert_id
        """
        cares = f"""
            SELECT {keyed}, c.acknowledged_at, c.acknowledged_by FROM alert_care c
            JOIN alerts a ON a.workspace = c.workspace AND a.id = c.alert_id
        """
        pages = "SELECT at, group_key, event, reason, channels, title, alert_count, firing_count FROM paging_pages a"
        statements = {"episodes": episodes, "moves": moves, "cares": cares, "pages": pages}
        return {
            name: sorted(map(repr, map(tuple, await self._rows(f"{sql} WHERE a.workspace = $1"))))
            for name, sql in statements.items()
        }

    async def sent_ids(self) -> Counter[str]:
        return Counter(
            row["id"]
            for row in await self._rows("SELECT id FROM deliveries WHERE workspace = $1 AND state='delivered'")
        )

    async def _rows(self, sql: str) -> list[Any]:
        async with self.database.transaction(self.workspace) as connection:
            return await connection.fetch(sql, self.workspace)


def _is_cared_for(key: Any) -> bool:
    return zlib.crc32(f"{key.code} {key.service} {key.tenant}".encode()) % 3 == 0


async def main(dsn: str, workspace: WorkspaceId, seed: int, until: int) -> None:
    database = await Database.connect(dsn)
    way = Way(database, workspace, seed)
    async with way.sending():
        async for step in way.go(until):
            print(step, flush=True)  # noqa: T201 - how the parent follows
        await way.settle()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], WorkspaceId(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
