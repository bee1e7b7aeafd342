"""Judges the rules, over and over.

Contract of this part:
- One process evaluates at a time: whoever holds the lease of the watch (5 s, renewed with each evaluation). Others
  stand by and try every second. A write names its fence: a holder that slept through its lease writes nothing.
- One statement a family and window reads all workspaces, services and tenants; only transitions are written. Open
  alerts are kept in memory as a copy of the store: written first, then applied. After a failed write the copy is
  thrown away and read again, so a write whose answer was lost is found and not repeated. A workspace whose changes
  cannot be stored keeps no other from its alerts.
- An alert opens within one tick of being visible to the reader: at once after a flush of this process, else within
  1 s, 2 s while there is nothing at all. After a crash, evaluation goes on when the lease has run out.
- `evaluated_at` moves only when all families were read and all transitions are stored. While it stands, gates hold.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from tidegate.alerts.errors import WatchLostError
from tidegate.alerts.model import Alert, AlertKey, Change, Rule, advance, exceeds, judge, window_at
from tidegate.alerts.ports import AlertStore, WatchStore
from tidegate.alerts.rules import batches_of, digest_of_rules
from tidegate.kernel import AlertId, Clock, IdFactory, TidegateError, UnavailableError, WorkspaceId
from tidegate.signals import GroupTotals, SignalReader, Totals

__all__ = ["AlertEvaluator", "Evaluation"]

_TICK_S = 1.0  # DESIGN section 4: each flush wakes the evaluator, and a tick every second
_PAUSE_S = 0.5  # an evaluation costs 15 CPU-ms however little changed: at most two a second, p50 stays within 1 s
_IDLE = timedelta(seconds=2)  # another process may have stored events without waking this one: bar 3 s
_LEASE = timedelta(seconds=5)  # five missed renewals; a crashed evaluator's successor has 10 s to be back
_RECORD_EVERY = timedelta(seconds=1)  # gates take an evaluation of the last seconds; more writes say no more

_NOTHING = Totals()

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
        reader: SignalReader,
        alerts: AlertStore,
        watch: WatchStore,
        clock: Clock,
        ids: IdFactory,
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
        self._open: dict[AlertKey, Alert] = {}
        self._is_stale = True
        self._recorded_at: datetime | None = None
        self._idle_since: datetime | None = None
        self._is_failing = False

    async def run(self, wake: asyncio.Event) -> None:
        """Evaluate whenever `wake` is set, and every second, until cancelled."""
        try:
            while True:
                is_woken = await _wait(wake)
                wake.clear()
                await self._evaluate_safely(is_woken=is_woken)
                await asyncio.sleep(_PAUSE_S)
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
            AlertOutOfStepError: the store differs from what was read at the start; it is read again with the next call.
        """
        if self._fence is None or self._is_stale:
            await self._take_over()
        if self._fence is None:
            return None
        return await self._evaluate(self._fence, now)

    async def _take_over(self) -> None:
        self._fence = await self._watch.claim_watch(self._holder, lease=_LEASE)
        if self._fence is None:
            return
        self._open = {alert.key: alert for alert in await self._watch.list_open_alerts()}
        self._is_stale, self._recorded_at, self._idle_since = False, None, None

    async def _evaluate(self, fence: int, now: datetime) -> Evaluation:
        workspaces = await self._watch.list_workspaces()
        group_count = 0
        changes: list[Change] = []
        failures: list[Exception] = []
        for (family, window), rules in batches_of(self._rules):
            read = await self._reader.groups(workspaces, family, window_at(now, window)) if workspaces else []
            groups = [_storable(group) for group in read]
            group_count += len(groups)
            found = [change for rule in rules for change in self._changes_of(rule, groups, now)]
            failures += await self._store(found, fence)
            changes += found
        if failures:
            raise failures[0]  # the moment of evaluation must not move: gates hold until all is stored
        if self._recorded_at is None or abs(now - self._recorded_at) >= _RECORD_EVERY:
            with self._doubting():
                await self._watch.set_evaluated(fence, at=now, rules_digest=self._digest, lease=_LEASE)
            self._recorded_at = now
        self._idle_since = None if group_count or self._open else now
        return Evaluation(now, group_count, tuple(changes))

    def _changes_of(self, rule: Rule, groups: Sequence[GroupTotals], now: datetime) -> list[Change]:
        # Most groups neither cross a bound nor have an open alert: they cost a comparison and one look-up.
        found: dict[tuple[WorkspaceId, str, str | None], Totals] = {
            (key.workspace, key.service, key.tenant): _NOTHING for key in self._open if key.code == rule.code
        }
        has_open = bool(found)
        for group in groups:
            is_above = exceeds(rule, group.totals)
            if not (is_above or has_open):
                continue
            subject = (group.workspace, group.service, group.tenant)
            so_far = found.get(subject)
            if so_far is not None and so_far is not _NOTHING:
                found[subject] = so_far + group.totals
            elif is_above or so_far is not None:
                found[subject] = group.totals
        changes = [
            self._change(rule, AlertKey(workspace, rule.code, service, tenant), totals, now)
            for (workspace, service, tenant), totals in found.items()
        ]
        return [change for change in changes if change is not None]

    def _change(self, rule: Rule, key: AlertKey, totals: Totals, now: datetime) -> Change | None:
        change = advance(rule, self._open.get(key), judge(rule, totals), key=key, now=now)
        if change is None or not change.is_new:
            return change
        return replace(change, alert=replace(change.alert, id=AlertId(self._ids.new_id("alr"))))

    async def _store(self, changes: list[Change], fence: int) -> list[Exception]:
        """Store what moved, and return what went wrong with single workspaces: it must silence no other's alerts."""
        failures: list[Exception] = []
        for workspace, of_workspace in groupby(
            sorted(changes, key=lambda change: change.alert.workspace), key=lambda change: change.alert.workspace
        ):
            try:
                await self._store_of(WorkspaceId(workspace), list(of_workspace), fence)
            except (UnavailableError, WatchLostError):
                raise  # it would go wrong with all of them
            except Exception as error:  # noqa: BLE001 - raised by the caller, after the others had their turn
                failures.append(error)
        return failures

    async def _store_of(self, workspace: WorkspaceId, changes: list[Change], fence: int) -> None:
        with self._doubting():
            await self._alerts.add_changes(workspace, changes, fence=fence)
        for change in changes:
            if change.alert.is_open:
                self._open[change.alert.key] = change.alert
            else:
                self._open.pop(change.alert.key, None)
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


async def _wait(wake: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(_TICK_S - _PAUSE_S):
            return await wake.wait()
    return False


def _storable(group: GroupTotals) -> GroupTotals:
    """Return `group` under names that PostgreSQL can hold: it has no NUL, and one bad name must not stop all others."""
    if "\0" not in group.service and (group.tenant is None or "\0" not in group.tenant):
        return group
    return replace(
        group,
        service=group.service.replace("\0", "\N{REPLACEMENT CHARACTER}"),
        tenant=group.tenant and group.tenant.replace("\0", "\N{REPLACEMENT CHARACTER}"),
    )
