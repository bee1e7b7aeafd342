"""Judges the rules, over and over.

Contract of this part:
- One process evaluates at a time: whoever holds the lease of the watch (5 s, renewed with each evaluation). Others
  stand by and try every second. A write names its fence: a holder that slept through its lease writes nothing.
- One statement a window reads all families, workspaces, services and tenants; rules that group or filter by more, and
  those about durations and silence, have statements of their own, asked every 5 s. Only transitions are written. Open
  alerts are kept in memory as a copy of the store: written first, then applied. After a failed write the copy is
  thrown away and read again, so a write whose answer was lost is found and not repeated. A workspace whose own
  rules cannot be read or judged, or whose changes cannot be stored, is held: it keeps no other from its alerts.
- An alert opens within one tick of being visible to the reader: at once after a closing of this process, else within
  1 s, 2 s while there is nothing at all; a third closing within a second waits for the end of the pause. After a crash,
  evaluation goes on when the lease has run out.
- Rules that ask a server of others (`asked_rules`) are judged by what it answered last; it is asked in the background.
- `evaluated_at` moves only when all families were read and all transitions are stored; of a workspace that is held it
  stands alone. While it stands, gates hold.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from tidegate.alerts.asked_rules import AskedRules
from tidegate.alerts.asking import Answer, KnownSubjects, answer_of, batches_in
from tidegate.alerts.errors import WatchLostError
from tidegate.alerts.judging import asked_changes, changes_of
from tidegate.alerts.model import FLAP_WINDOW, AlertState, Change, Rule, withdraw
from tidegate.alerts.opened import OpenAlerts
from tidegate.alerts.pace import Pace
from tidegate.alerts.ports import AlertStore, OwnRules, WatchStore
from tidegate.alerts.questions import Placed, Question, questions_of
from tidegate.alerts.rules import digest_of_rules
from tidegate.kernel import Clock, IdFactory, TidegateError, UnavailableError, WorkspaceId
from tidegate.signals import SubjectReader

__all__ = ["AlertEvaluator", "Evaluation"]

_TICK_S = 1.0  # DESIGN section 4: each flush wakes the evaluator, and a tick every second
_PAUSE_S = 0.5  # an evaluation costs 15 CPU-ms however little changed: at most two a second for closings, besides ticks
_IN_A_ROW = 2  # a closing in a hurry comes soon after an ordinary one: whom it pages does not wait for the pause
_IDLE = timedelta(seconds=2)  # another process may have stored events without waking this one: bar 3 s
_LEASE = timedelta(seconds=5)  # five missed renewals; a crashed evaluator's successor has 10 s to be back
_NOW_AND_THEN = timedelta(seconds=5)  # as much again for each further grouping and window: within the bar of gates
_RECORD_EVERY = timedelta(seconds=1)  # gates take an evaluation of the last seconds; more writes say no more

_MOST_HELD = 100  # each is a transaction of its own; beyond that it is no matter of single workspaces

_log = structlog.get_logger("tidegate.alerts")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation did."""

    at: datetime
    group_count: int
    changes: tuple[Change, ...]


class AlertEvaluator:
    """Turns signals into alerts. One a process; see the contract above."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        rules: Sequence[Rule],
        reader: SubjectReader,
        alerts: AlertStore,
        watch: WatchStore,
        clock: Clock,
        ids: IdFactory,
        own_rules: OwnRules | None = None,
        asked: AskedRules | None = None,
        on_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_changed = on_changed
        self._rules = tuple(rules)
        self._digest = digest_of_rules(rules)
        self._reader = reader
        self._alerts = alerts
        self._watch = watch
        self._clock = clock
        self._ids = ids
        self._holder = ids.new_id("evl")
        self._fence: int | None = None
        self._own = own_rules
        self._asked = asked
        self._rules_count: int | None = None
        self._unread_rules: Mapping[WorkspaceId, Exception] = {}
        self._questions = questions_of(self._rules)
        self._asked_at: dict[Question, datetime] = {}
        self._known = KnownSubjects(reader)
        self._open = OpenAlerts()
        self._unread: dict[Question, Mapping[WorkspaceId, Exception]] = {}
        self._held: frozenset[WorkspaceId] = frozenset()
        self._is_sweep_due = True
        self._is_stale = True
        self._recorded_at: datetime | None = None
        self._idle_since: datetime | None = None
        self._is_failing = False

    async def run(self, wake: asyncio.Event) -> None:
        """Evaluate whenever `wake` is set, and every second, until cancelled."""
        pace = Pace(_PAUSE_S, in_a_row=_IN_A_ROW)
        try:
            while True:
                is_woken = await _wait(wake)
                if is_woken:
                    await asyncio.sleep(pace.wait_s(time.monotonic()))
                wake.clear()
                await self._evaluate_safely(is_woken=is_woken)
        finally:
            await self.release()

    async def release(self) -> None:
        """Let another process evaluate at once instead of after the lease."""
        fence, self._fence = self._fence, None
        if fence is not None:
            with suppress(UnavailableError):
                await self._watch.release_watch(fence)

    async def evaluate_once(self, now: datetime) -> Evaluation | None:
        """Judge all rules of all workspaces at `now` and store what moved; `None` while another process evaluates.

        Raises:
            UnavailableError: an engine does not answer; what is stored stands, the rest comes with the next call.
            WatchLostError: another process took over meanwhile.
        """
        if self._fence is None or self._is_stale:
            await self._take_over(now)
        if self._fence is None:
            if self._asked is not None:
                self._asked.pause()
            return None
        return await self._evaluate(self._fence, now)

    async def _take_over(self, now: datetime) -> None:
        self._fence = await self._watch.claim_watch(self._holder, lease=_LEASE)
        if self._fence is None:
            return
        flaps = await self._watch.list_flaps(now - 2 * FLAP_WINDOW)
        self._open = OpenAlerts(await self._watch.list_open_alerts(), flaps)
        self._held = frozenset(await self._watch.list_held())
        self._is_stale, self._recorded_at, self._idle_since = False, None, None
        self._is_sweep_due = True
        self._forget_answers()

    def _forget_answers(self) -> None:
        self._asked_at.clear()
        self._unread.clear()

    async def _load_rules(self, now: datetime) -> None:
        """Take the rules that count now: what was set before this evaluation began."""
        if self._own is None:
            return
        count = await self._own.change_count()
        if count != self._rules_count:
            read = await self._own.read_rules()
            self._questions = questions_of([*read.rules, *self._rules])
            if self._asked is not None:
                self._asked.follow(read.rules, now)
            self._unread_rules = read.unread
            self._known.forget()
            self._open.forget_rules()
            self._forget_answers()
            self._rules_count, self._is_sweep_due = count, True

    async def _sweep(self, fence: int, now: datetime, failed: dict[WorkspaceId, Exception]) -> list[Change]:
        """Close what no rule judges any more."""
        placed = [one for question in self._questions for one in question.placed]
        placed += self._asked.placed if self._asked is not None else ()
        without = self._open.without_rule(placed)
        found = [withdraw(alert, now) for alert in without if alert.workspace not in self._unread_rules]
        failed |= await self._store(found, fence)
        self._is_sweep_due = bool(failed)
        return found

    def _is_due(self, question: Question, now: datetime) -> bool:
        asked_at = self._asked_at.get(question)
        return question.is_prompt or asked_at is None or abs(now - asked_at) >= _NOW_AND_THEN

    def _judged(
        self, question: Question, answer: Answer, now: datetime, failed: dict[WorkspaceId, Exception]
    ) -> Iterator[tuple[list[Change], int]]:
        """Yield what moves, by what rules read, and how many subjects were looked at."""
        for (family, group_by, where), rules in question.rules.items():
            found: list[Change] = []
            count = 0
            with _of_owners_only(rules, failed):
                batches = batches_in(answer.parts, question, (family, group_by, where), self._open.subjects)
                before = batches_in(answer.known, question, (family, group_by, where), self._open.subjects)
                count = sum(len(batch) for batch in batches)
                for placed in rules:
                    with _of_owners_only([placed], failed):
                        found += changes_of(placed, batches, before, open_alerts=self._open, ids=self._ids, now=now)
            # Of whom nothing was read nothing is known: what burns there goes on burning.
            yield [one for one in found if not self._is_unknown(one, answer)], count

    def _is_unknown(self, change: Change, answer: Answer) -> bool:
        """Return whether more would have to be known of the workspace before this moves.

        Whoever's own rules cannot be read may have changed bounds of those that ship: they open alerts, and close none.
        """
        workspace, state = change.alert.workspace, change.alert.state
        return workspace in answer.unread or (workspace in self._unread_rules and state is AlertState.RESOLVED)

    async def _ask(self, question: Question, workspaces: Sequence[WorkspaceId], now: datetime) -> Answer | None:
        """Return the answer to a question that is due; who could not be read stays unread until it is asked again."""
        if not self._is_due(question, now):
            return None
        answer = await answer_of(question, workspaces, now, reader=self._reader, known=self._known)
        if len(answer.unread) > _MOST_HELD:
            raise next(iter(answer.unread.values()))
        self._asked_at[question], self._unread[question] = now, answer.unread
        return answer

    async def _evaluate(self, fence: int, now: datetime) -> Evaluation:
        workspaces = await self._watch.list_workspaces()
        await self._load_rules(now)
        if self._asked is not None:
            self._asked.resume(workspaces, now)
        group_count = 0
        changes: list[Change] = []
        failed: dict[WorkspaceId, Exception] = dict(self._unread_rules)
        whole: Exception | None = None
        if self._is_sweep_due:
            changes += await self._sweep(fence, now, failed)
        for question in self._questions if workspaces else ():
            try:
                answer = await self._ask(question, workspaces, now)
            except Exception as error:
                if question.is_prompt:
                    raise
                whole = error  # nobody is read, and what is asked besides must not keep the others from theirs
                continue
            for found, count in self._judged(question, answer, now, failed) if answer else ():
                group_count += count
                failed |= await self._store(found, fence)
                changes += found
        changes += await self._judge_asked(fence, now, failed)
        self._open.end_evaluation(at=now, window_s=FLAP_WINDOW.total_seconds())
        for unread in self._unread.values():
            failed |= unread
        if whole is not None or len(failed) > _MOST_HELD:
            raise whole or next(iter(failed.values()))  # nobody's moment moves: gates hold until all is stored
        await self._hold(fence, failed, now)
        if self._recorded_at is None or abs(now - self._recorded_at) >= _RECORD_EVERY:
            with self._doubting():
                await self._watch.set_evaluated(fence, at=now, rules_digest=self._digest, lease=_LEASE)
            self._recorded_at = now
        self._idle_since = None if group_count or len(self._open) or failed else now
        return Evaluation(now, group_count, tuple(changes))

    async def _judge_asked(self, fence: int, now: datetime, failed: dict[WorkspaceId, Exception]) -> list[Change]:
        """Judge the rules that ask a server of others by what it answered last, and write down how well they know."""
        if self._asked is None:
            return []
        found: list[Change] = []
        for placed, standing in self._asked.standings(now):
            with _of_owners_only([placed], failed):
                await asyncio.sleep(0)  # thousands of alerts may move
                found += asked_changes(placed, standing, open_alerts=self._open, ids=self._ids, now=now)
        failed |= await self._store(found, fence)
        for workspace, answers in self._asked.take_news().items():
            try:
                await self._watch.set_answers(workspace, answers, fence=fence)
            except (UnavailableError, WatchLostError):
                raise  # it would go wrong with all of them
            except Exception as error:  # noqa: BLE001 - told when the workspace is held
                failed[workspace] = error
        return found

    async def _hold(self, fence: int, failed: Mapping[WorkspaceId, Exception], now: datetime) -> None:
        """Let the moment of evaluation stand for those of whom not all is known, and move on for those who are back."""
        if failed.keys() == self._held:
            return
        with self._doubting():
            for workspace in sorted(failed.keys() - self._held):
                await self._watch.hold(workspace, fence=fence)
                _log.error("alerts are not evaluated", workspace=workspace, exc_info=failed[workspace])
            for workspace in sorted(self._held - failed.keys()):
                await self._watch.let_go(workspace, fence=fence, at=now)
                _log.info("alerts are evaluated again", workspace=workspace)
        self._held = frozenset(failed)

    async def _store(self, changes: list[Change], fence: int) -> dict[WorkspaceId, Exception]:
        """Store what moved, and return what went wrong with single workspaces: it must silence no other's alerts."""
        failed: dict[WorkspaceId, Exception] = {}
        for name, of_workspace in groupby(
            sorted(changes, key=lambda change: change.alert.workspace), key=lambda change: change.alert.workspace
        ):
            try:
                await self._store_of(WorkspaceId(name), list(of_workspace), fence)
            except (UnavailableError, WatchLostError):
                raise  # it would go wrong with all of them
            except Exception as error:  # noqa: BLE001 - told when the workspace is held
                failed[WorkspaceId(name)] = error
        return failed

    async def _store_of(self, workspace: WorkspaceId, changes: list[Change], fence: int) -> None:
        with self._doubting():
            await self._alerts.add_changes(workspace, changes, fence=fence)
        self._open.apply(changes)
        self._on_changed()
        _log.info("alert transitions", workspace=workspace, count=len(changes))

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """Doubt the copy in memory when a write fails: its answer may be all that was lost."""
        try:
            yield
        except BaseException:
            self._is_stale = True
            raise

    async def _evaluate_safely(self, *, is_woken: bool) -> None:
        now = self._clock.now()
        if not is_woken and self._idle_since is not None and self._idle_since <= now < self._idle_since + _IDLE:
            return
        try:
            await self.evaluate_once(now)
        except TidegateError as error:
            if not self._is_failing:
                _log.warning(
                    "alert evaluation failed", code=error.code, detail=error.message, cause=repr(error.__cause__)
                )
            self._is_failing = True
        except Exception as error:  # noqa: BLE001 - the top of a job: evaluation goes on with the next tick
            _log.exception("alert evaluation failed unexpectedly", exc_info=error)
            self._is_failing = True
        else:
            if self._is_failing:
                _log.info("alert evaluation works again")
            self._is_failing = False


@contextmanager
def _of_owners_only(rules: Sequence[Placed], failed: dict[WorkspaceId, Exception]) -> Iterator[None]:
    """Let what goes wrong with the own rules of workspaces be a matter of theirs."""
    try:
        yield
    except Exception as error:
        owners = [placed.rule.workspace for placed in rules]
        if None in owners:
            raise
        failed |= {owner: error for owner in owners if owner is not None}


async def _wait(wake: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(_TICK_S):
            return await wake.wait()
    return False
