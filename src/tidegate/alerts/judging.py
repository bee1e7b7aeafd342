"""From what a statement found to changes of alerts: candidates are picked in columns and judged one by one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from tidegate.alerts.crossings import Batch
from tidegate.alerts.model import (
    Alert,
    AlertKey,
    Change,
    Counted,
    NoData,
    PromStanding,
    Rule,
    Source,
    advance,
    judge,
    prom_changes,
    scope_of,
)
from tidegate.alerts.opened import OpenAlerts
from tidegate.alerts.questions import Placed
from tidegate.kernel import AlertId, IdFactory
from tidegate.signals import Durations, Totals
from tidegate.storage.native import Numbers

__all__ = ["asked_changes", "changes_of"]

_NOTHING: Final = Totals()
_NO_TIMES: Final = Durations(0, None, None, None, None)


def changes_of(
    placed: Placed,
    batches: Sequence[Batch],
    known: Sequence[Batch],
    *,
    open_alerts: OpenAlerts,
    ids: IdFactory,
    now: datetime,
) -> list[Change]:
    """Return what moves under one rule; `known` are subjects that were there before, for rules about silence."""
    judging = _Judging(placed, open_alerts, ids, now)
    opened = open_alerts.of(placed)
    is_left = np.ones(len(opened.alerts), bool)
    for batch in batches:
        maybe, surely = batch.crossing(placed)
        if opened.alerts:
            rows = batch.rows_of(opened.subjects)
            is_here = rows >= 0
            is_left &= ~is_here
            is_calm = np.zeros(len(rows), bool)
            is_calm[is_here] = opened.is_settled[is_here] & surely[rows[is_here]]
            for position in np.flatnonzero(is_here & ~is_calm).tolist():
                judging.see(opened.alerts[position].key, opened.alerts[position], batch, int(rows[position]))
            maybe[rows[is_here]] = False
        for row in np.flatnonzero(maybe).tolist():
            judging.see(batch.key(row, placed.rule.code), None, batch, row)
    for position in np.flatnonzero(is_left).tolist():
        judging.miss(opened.alerts[position].key, opened.alerts[position])
    if placed.rule.no_data is NoData.ALERT:
        seen = [*(batch.subject for batch in batches), opened.subjects]
        for before in known:
            judging.miss_all(before, seen)
    return judging.changes


def asked_changes(
    placed: Placed, standing: PromStanding | None, *, open_alerts: OpenAlerts, ids: IdFactory, now: datetime
) -> list[Change]:
    """Return what moves under one rule that asks a server of others."""
    found = prom_changes(
        placed.rule, placed.bounds, standing,
        opened=open_alerts.of(placed).alerts, flaps_of=open_alerts.flaps_of, now=now,
    )  # fmt: skip
    return [
        replace(one, alert=replace(one.alert, id=AlertId(ids.new_id("alr")))) if one.is_new else one for one in found
    ]


class _Judging:
    """One rule at one moment."""

    def __init__(self, placed: Placed, open_alerts: OpenAlerts, ids: IdFactory, now: datetime) -> None:
        self.changes: list[Change] = []
        self._placed = placed
        self._open = open_alerts
        self._ids = ids
        self._now = now

    def see(self, key: AlertKey, alert: Alert | None, batch: Batch, row: int) -> None:
        rule = self._placed.rule.of_tenant(key.tenant, self._placed.bounds)
        change = self._moved(rule, key, alert, batch.counted(row))
        if change is None:
            return
        scope = self._scope(batch, row, key)
        self.changes.append(replace(change, alert=replace(change.alert, scope=scope)) if scope else change)

    def miss(self, key: AlertKey, alert: Alert | None) -> None:
        rule = self._placed.rule.of_tenant(key.tenant, self._placed.bounds)
        nothing = _NO_TIMES if rule.measure.source is Source.DURATIONS else _NOTHING
        change = self._moved(rule, key, alert, nothing)
        if change is not None:
            self.changes.append(change)

    def miss_all(self, before: Batch, seen: Sequence[Numbers]) -> None:
        """Look at who was there before and is not among `seen`."""
        is_missing = before.present(self._placed.rule.measure)
        for one in seen:
            is_missing &= ~np.isin(before.subject, one)
        for row in np.flatnonzero(is_missing).tolist():
            if before.is_of(self._placed, row):
                self.miss(before.key(row, self._placed.rule.code), None)

    def _moved(self, rule: Rule, key: AlertKey, alert: Alert | None, counted: Counted) -> Change | None:
        flaps = self._open.flaps_of(key) if alert is None else ()
        change = advance(rule, alert, judge(rule, counted), key=key, now=self._now, flaps=flaps)
        if change is None or not change.is_new:
            return change
        return replace(change, alert=replace(change.alert, id=AlertId(self._ids.new_id("alr"))))

    def _scope(self, batch: Batch, row: int, key: AlertKey) -> str | None:
        if key.tenant is not None:
            return scope_of(1, 1, key.tenant)
        if "tenant" not in self._placed.rule.group_by:
            return None
        around = batch.tenants_around(row)
        enough = around[batch.enough(self._placed.rule)[around]]
        crossed = enough[batch.crossing(self._placed)[0][enough]]
        only = batch.key(int(crossed[0]), key.code).tenant if len(crossed) == 1 else None
        return scope_of(len(crossed), len(enough), only)
