"""From burning error budgets to alerts.

Contract of this part:
- One process tells at a time: whoever holds the lease of `burn_watch` (15 s, renewed with each look, which comes every
  5 s). Others stand by and try with each look of theirs. A write names its fence: a holder that slept through its
  lease writes nothing.
- Open alerts are kept in memory as a copy of the store: written first, then applied. After a failed write, or when
  another process told meanwhile, the copy is thrown away and read again. All that a move depends on stands in the
  store, so that who takes over goes on exactly where the one before was.
- What follows from a move (routes, groups, notifications) is written in the transaction that moves the alert.
- A look that fails moves nothing: what burns goes on burning, and nothing closes because nobody knows.
- A workspace whose changes cannot be stored keeps no other from its alerts.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Final

import structlog

from tidegate.alerts.errors import WatchLostError
from tidegate.alerts.model import FLAP_WINDOW, Alert, AlertKey, Change, burn_change, burn_key
from tidegate.alerts.opened import OpenAlerts
from tidegate.alerts.ports import AlertStore, WatchStore
from tidegate.kernel import AlertId, Clock, IdFactory, UnavailableError, WorkspaceId
from tidegate.slos import BurnLook, BurnSeverity, BurnSubject

__all__ = ["BurnAlerts"]

_LEASE: Final = timedelta(seconds=15)  # two missed looks; a crashed holder's successor is there with the third
_log = structlog.get_logger("tidegate.alerts")


class BurnAlerts:
    """Keeps the promise of `BurnListener`; see the contract above."""

    def __init__(
        self,
        *,
        alerts: AlertStore,
        watch: WatchStore,
        clock: Clock,
        ids: IdFactory,
        on_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._alerts = alerts
        self._watch = watch
        self._clock = clock
        self._ids = ids
        self._on_changed = on_changed
        self._holder = ids.new_id("brn")
        self._fence: int | None = None
        self._open = OpenAlerts()
        self._is_stale = True

    async def find_open(self) -> Collection[BurnSubject] | None:
        fence = await self._watch.claim_watch(self._holder, lease=_LEASE)
        # Fences grow by one with each claim: another step says that somebody else told in between.
        is_ours = fence is not None and self._fence is not None and fence == self._fence + 1
        self._fence = fence
        if fence is None:
            return None
        if self._is_stale or not is_ours:
            flaps = await self._watch.list_flaps(self._clock.now() - 2 * FLAP_WINDOW)
            self._open = OpenAlerts(await self._watch.list_open_alerts(), flaps)
            self._is_stale = False
        return [subject_of(alert) for alert in self._open]

    async def told(self, look: BurnLook) -> None:
        if self._fence is None:
            raise WatchLostError
        fence = self._fence
        opened = {alert.key: alert for alert in self._open}
        failures = await self._store(self._changes(look, opened), fence)
        self._open.end_evaluation(at=look.at, window_s=FLAP_WINDOW.total_seconds())
        if failures:
            raise failures[0]  # when it was last told must not move: who asks whether it is quiet waits
        await self._watch.set_evaluated(fence, at=look.at, rules_digest="", lease=_LEASE)

    async def release(self) -> None:
        """Let another process tell at once instead of after the lease."""
        fence, self._fence = self._fence, None
        if fence is not None:
            await self._watch.release_watch(fence)

    def _changes(self, look: BurnLook, opened: dict[AlertKey, Alert]) -> list[Change]:
        found: list[Change] = []
        for reading in look.readings:
            key = burn_key(reading.subject)
            alert = opened.get(key)
            flaps = self._open.flaps_of(key) if alert is None else ()
            change = burn_change(alert, reading, now=look.at, flaps=flaps)
            if change is not None and change.is_new:
                named = replace(change.alert, id=AlertId(self._ids.new_id("alr")))
                change = Change(named, change.transitions)
            found += [change] if change is not None else []
        return found

    async def _store(self, changes: Sequence[Change], fence: int) -> list[Exception]:
        """Store what moved, and return what went wrong with single workspaces."""
        failures: list[Exception] = []
        ordered = sorted(changes, key=lambda change: change.alert.workspace)
        for workspace, own in groupby(ordered, key=lambda change: change.alert.workspace):
            try:
                await self._store_of(workspace, list(own), fence)
            except (UnavailableError, WatchLostError):
                raise  # it would go wrong with all of them
            except Exception as error:  # noqa: BLE001 - raised by the caller, after the others had their turn
                failures.append(error)
        return failures

    async def _store_of(self, workspace: WorkspaceId, changes: Sequence[Change], fence: int) -> None:
        try:
            await self._alerts.add_changes(workspace, changes, fence=fence)
        except BaseException:
            self._is_stale = True  # the answer may be all that was lost
            raise
        self._open.apply(changes)
        self._on_changed()
        _log.info("burn alert transitions", workspace=workspace, count=len(changes))


def subject_of(alert: Alert) -> BurnSubject:
    """Return what an alert of an objective is about."""
    return BurnSubject(
        workspace=alert.workspace,
        objective=dict(alert.key.labels)["objective"],
        service=alert.service,
        tenant=alert.tenant,
        family=str(alert.family),
        severity=BurnSeverity(alert.severity.value),
    )
