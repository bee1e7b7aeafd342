"""Rules that ask a server of others: when each is asked, and what is remembered of its answers.

Contract of this part:
- It asks only while `resume` was the last that its evaluator said, which says so while it holds the lease.
- One flight a source at a time, one question a flight, each within 15 s whatever the server does. At most 128 flights
  at once; who has the fewest under way, and then who waits longest, goes first: servers that stall keep nobody else
  back for longer than one question takes.
- Nothing of it is durable: states of alerts are, with all ages. After a start nothing is judged until the first answer
  comes, or until it should have come.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from tidegate.alerts.model import PromStanding, Rule
from tidegate.alerts.questions import Placed
from tidegate.kernel import Clock, TidegateError, WorkspaceId
from tidegate.prom_sources import Answered

__all__ = ["AskedAnswer", "AskedRules", "Asker"]

_MOST_FLIGHTS: Final = 128  # of 1 MB at most
_QUESTION_S: Final = 15.0  # the server has 10 s of it
_FEW: Final = 100  # 3 µs each: a thread takes as long to begin
_LOOK_AGAIN: Final = timedelta(seconds=5)  # what moves by time alone, as all that is not prompt
_TICK_S: Final = 0.5
_FAR: Final = timedelta(days=1)  # no question is due so late: the clock was set back
_log = structlog.get_logger("tidegate.alerts")
_Key = tuple[WorkspaceId, str]


class Asker(Protocol):
    """Asks a source of a workspace once; `prom_sources` keeps it."""

    async def ask(self, workspace: WorkspaceId, name: str, query: str) -> Answered: ...


@dataclass(frozen=True, slots=True)
class AskedAnswer:
    """What came of asking for one rule, as it is written down."""

    code: str
    asked_at: datetime
    good_until: datetime
    """How long it counts."""
    series_count: int
    problem: str
    """Why not all is known; empty when it is."""
    is_answered: bool


class AskedRules:
    """Asks for all rules that ask; see the contract above."""

    def __init__(self, asker: Asker, clock: Clock) -> None:
        self._asker = asker
        self._clock = clock
        self._placed: dict[_Key, Placed] = {}
        self._followed_at: dict[_Key, datetime] = {}
        self._due_at: dict[_Key, datetime] = {}
        self._standings: dict[_Key, PromStanding] = {}
        self._news: dict[_Key, AskedAnswer] = {}
        self._fresh: set[_Key] = set()
        self._looked_at: dict[_Key, datetime] = {}
        self._flights: dict[tuple[WorkspaceId, str], asyncio.Task[None]] = {}
        self._workspaces: frozenset[WorkspaceId] = frozenset()
        self._is_on = False

    @property
    def placed(self) -> Collection[Placed]:
        return self._placed.values()

    def follow(self, rules: Sequence[Rule], now: datetime) -> None:
        """Ask for these from now on; what was known of a rule that is the same stays known."""
        wanted = {
            (rule.workspace, rule.code): rule
            for rule in rules
            if rule.prom is not None and rule.is_enabled and rule.workspace is not None
        }
        for key in [key for key, placed in self._placed.items() if wanted.get(key) != placed.rule]:
            self._forget(key)
        for key, rule in wanted.items():
            if key not in self._placed:
                self._placed[key] = Placed(rule, dict(rule.tenants))
                self._followed_at[key] = self._due_at[key] = now

    def resume(self, workspaces: Collection[WorkspaceId], now: datetime) -> None:
        """Ask for the rules of `workspaces`, those that are active."""
        self._workspaces = frozenset(workspaces)
        if not self._is_on:
            self._is_on = True
            self._standings.clear()
            self._looked_at.clear()
            self._followed_at = dict.fromkeys(self._placed, now)
            self._due_at = dict.fromkeys(self._placed, now)

    def pause(self) -> None:
        """Ask no more: another process does."""
        self._is_on = False
        self._news.clear()

    def standings(self, now: datetime) -> Iterator[tuple[Placed, PromStanding | None]]:
        """Yield what came of asking last, when it is new and every 5 s; `None`: nothing yet, and it should have.

        Who may still wait for the first answer is left out.
        """
        for key, placed in list(self._placed.items()):
            looked_at = self._looked_at.get(key)
            is_due = key in self._fresh or looked_at is None or abs(now - looked_at) >= _LOOK_AGAIN
            if key[0] not in self._workspaces or not is_due:
                continue
            standing = self._standings.get(key)
            self._looked_at[key] = now
            self._fresh.discard(key)
            assert placed.rule.prom is not None  # noqa: S101 - only such rules are followed
            if standing is not None or abs(now - self._followed_at[key]) > placed.rule.prom.good_for:
                yield placed, standing

    def take_news(self) -> Mapping[WorkspaceId, Sequence[AskedAnswer]]:
        """Return what came since the last time, once."""
        news, self._news = self._news, {}
        found: dict[WorkspaceId, list[AskedAnswer]] = {}
        for (workspace, _), answer in news.items():
            found.setdefault(workspace, []).append(answer)
        return found

    async def run(self) -> None:
        """Ask what is due, until cancelled."""
        try:
            while True:
                self.ask_due()
                await asyncio.sleep(_TICK_S)
        finally:
            await self.land()

    async def land(self) -> None:
        """End what is under way, and begin nothing more."""
        self._is_on = False
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        for flight in flights:
            with suppress(asyncio.CancelledError):
                await flight

    def ask_due(self) -> Sequence["asyncio.Task[None]"]:
        """Begin to ask what is due and may be asked; return what is under way."""
        now = self._clock.now()
        under_way = Counter(workspace for workspace, _ in self._flights)
        waiting = self._waiting(now) if self._is_on else {}
        while waiting and len(self._flights) < _MOST_FLIGHTS:
            flight = min(waiting, key=lambda one: (under_way[one[0]], self._due_at[waiting[one]]))
            under_way[flight[0]] += 1
            self._flights[flight] = asyncio.create_task(self._fly(flight, waiting.pop(flight), now))
        return list(self._flights.values())

    def _waiting(self, now: datetime) -> dict[tuple[WorkspaceId, str], _Key]:
        """Return for each source that is not being asked the question that is due for longest."""
        found: dict[tuple[WorkspaceId, str], _Key] = {}
        for key, due_at in self._due_at.items():
            if now < due_at <= now + _FAR or key[0] not in self._workspaces:
                continue
            flight = self._flight_of(key)
            if flight not in self._flights and (flight not in found or due_at < self._due_at[found[flight]]):
                found[flight] = key
        return found

    def _flight_of(self, key: _Key) -> tuple[WorkspaceId, str]:
        prom = self._placed[key].rule.prom
        assert prom is not None  # noqa: S101 - only such rules are followed
        return key[0], prom.source

    async def _fly(self, flight: tuple[WorkspaceId, str], key: _Key, now: datetime) -> None:
        placed = self._placed.get(key)
        prom = placed.rule.prom if placed is not None else None
        if placed is None or prom is None:  # taken away since
            self._flights.pop(flight, None)
            return
        self._due_at[key] = now + prom.every
        try:
            await self._settle(key, placed, await self._ask(key[0], prom.source, prom.query, now))
        finally:
            self._flights.pop(flight, None)
        self.ask_due()  # at once: a server that answers quickly has the next question

    async def _settle(self, key: _Key, placed: Placed, standing: PromStanding) -> None:
        """Remember what came of asking, unless the rule is another by now."""
        prom = placed.rule.prom
        if self._is_on and self._placed.get(key) is placed and prom is not None:
            answered = standing.answered
            count = 0 if answered is None else len(answered.series) + len(answered.unknown)
            self._standings[key] = await _judged(standing, placed, self._standings.get(key), count)
            self._fresh.add(key)
            asked_at, good_for = standing.asked_at, prom.good_for
            self._news[key] = AskedAnswer(
                key[1], asked_at, asked_at + good_for, count, standing.doubt[:500], answered is not None
            )

    async def _ask(self, workspace: WorkspaceId, source: str, query: str, now: datetime) -> PromStanding:
        try:
            async with asyncio.timeout(_QUESTION_S):
                return PromStanding(now, await self._asker.ask(workspace, source, query))
        except TimeoutError:
            return PromStanding(now, problem=f"there was no answer within {_QUESTION_S:.0f} s")
        except TidegateError as error:
            return PromStanding(now, problem=error.message.rstrip("."))
        except Exception as error:  # noqa: BLE001 - the top of a job: a mistake of ours is a question without an answer
            _log.exception("asking a Prometheus source broke", workspace=workspace, source=source)
            return PromStanding(now, problem=f"tidegate made a mistake ({type(error).__name__}); its log says more")

    def _forget(self, key: _Key) -> None:
        self._placed.pop(key, None)
        self._followed_at.pop(key, None)
        self._due_at.pop(key, None)
        self._standings.pop(key, None)
        self._news.pop(key, None)
        self._looked_at.pop(key, None)
        self._fresh.discard(key)


async def _judged(standing: PromStanding, placed: Placed, before: PromStanding | None, count: int) -> PromStanding:
    """Judge an answer, where it is long in a thread: nobody else waits for it."""
    if count <= _FEW and (before is None or len(before.seen) <= _FEW):
        return standing.judged_by(placed.rule, placed.bounds, before)
    return await asyncio.to_thread(standing.judged_by, placed.rule, placed.bounds, before)
