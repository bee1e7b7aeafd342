"""The state machine of alerts over recorded windows: stepped only where something may move. Pure.

What a rule finds is told in columns, and where columns cannot tell, by the judgement of live evaluation. An alert that
is open moves when what is found changes, or when a time that the machine waits for has passed: nowhere else is looked.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from tidegate.alerts.backtest.model.ticks import Ticks
from tidegate.alerts.backtest.model.windows import Block
from tidegate.alerts.model import (
    FLAP_STABLE,
    SILENT_FOR,
    Alert,
    AlertKey,
    Change,
    NoData,
    Rule,
    Source,
    advance,
    judge,
    scope_of,
)
from tidegate.alerts.questions import Placed
from tidegate.signals import Durations, Totals
from tidegate.storage.native import Numbers

__all__ = ["changes_in"]

_NOTHING: Final = Totals()
_NO_TIMES: Final = Durations(0, None, None, None, None)
_NO_DATA, _INSUFFICIENT, _BELOW, _BETWEEN, _ABOVE, _MAYBE_ABOVE, _MAYBE_BETWEEN = range(7)


def changes_in(block: Block, placed: Placed, ticks: Ticks) -> Iterator[Change]:
    """Yield what moves under one rule, by subject and in order."""
    found = _found(block, placed)
    missed = _missed(block, placed)
    is_candidate = (found == _ABOVE) | (found == _MAYBE_ABOVE)
    if missed is not None:
        is_candidate |= missed
    course = _Course(block, placed, ticks, found)
    for subject in np.flatnonzero(is_candidate.any(axis=1)).tolist():
        yield from course.of(subject, np.flatnonzero(is_candidate[subject]).tolist())


def _found(block: Block, placed: Placed) -> Numbers:
    """Return by subject and look what the rule finds, as far as columns can tell."""
    batch, rule = block.batch, placed.rule
    maybe, surely = batch.crossing(placed)
    found = np.full(len(batch), _BELOW, np.int8)
    maybe_between, surely_between = batch.uncleared(placed)
    found[maybe_between] = _MAYBE_BETWEEN
    found[surely_between] = _BETWEEN
    found[maybe] = _MAYBE_ABOVE
    found[surely] = _ABOVE
    found[~batch.enough(rule)] = _INSUFFICIENT
    found[~batch.present(rule.measure)] = _NO_DATA
    shaped: Numbers = found.reshape(block.subject_count, -1)
    return shaped


def _missed(block: Block, placed: Placed) -> Numbers | None:
    """Return who was there before and is not any more, for rules about silence."""
    if placed.rule.no_data is not NoData.ALERT or block.known is None:
        return None
    was_there = block.known.present(placed.rule.measure)
    mask = block.known.mask_of(placed)
    if mask is not None:
        was_there &= mask
    found: Numbers = was_there.reshape(block.is_here.shape) & ~block.is_here
    return found


@dataclass(slots=True)
class _Course:
    """One rule over all looks."""

    block: Block
    placed: Placed
    ticks: Ticks
    found: Numbers

    def of(self, subject: int, candidates: Sequence[int]) -> Iterator[Change]:
        looks = self.found.shape[1]
        key = self.block.batch.key(subject * looks, self.placed.rule.code)
        rule = self.placed.rule.of_tenant(key.tenant, self.placed.bounds)
        own = self.found[subject]
        edges = (np.flatnonzero(np.diff(own)) + 1).tolist()
        alert: Alert | None = None
        flaps: tuple[datetime, ...] = ()
        at = candidates[0]
        while at < looks:
            now = self.ticks.moments[at]
            change = self._moved(rule, key, alert, (subject, at), now, flaps)
            if change is not None:
                yield change
                alert, flaps = (change.alert, ()) if change.alert.is_open else (None, change.alert.flaps)
            if alert is None:
                position = bisect_left(candidates, at + 1)
                at = candidates[position] if position < len(candidates) else looks
            elif own[at] > _ABOVE:
                at += 1
            else:
                position = bisect_right(edges, at)
                edge = edges[position] if position < len(edges) else looks
                at = min(edge, self._due(rule, alert, now, at))

    def _due(self, rule: Rule, alert: Alert, now: datetime, at: int) -> int:
        """Return the next look at which `alert` may move although the same is found."""
        due = min((one for one in _deadlines(rule, alert) if one > now), default=None)
        return self.found.shape[1] if due is None else max(at + 1, self.ticks.first_at(due))

    def _moved(  # noqa: PLR0917 - one look
        self, rule: Rule, key: AlertKey, alert: Alert | None, place: tuple[int, int], now: datetime,
        flaps: tuple[datetime, ...],
    ) -> Change | None:  # fmt: skip
        subject, at = place
        is_here = bool(self.block.is_here[place])
        if is_here:
            counted = self.block.batch.counted(subject * self.found.shape[1] + at)
        else:
            counted = _NO_TIMES if rule.measure.source is Source.DURATIONS else _NOTHING
        change = advance(rule, alert, judge(rule, counted), key=key, now=now, flaps=flaps)
        if change is None or not is_here:
            return change
        scope = self._scope(subject, at, key)
        if scope is None or scope == change.alert.scope:
            return change
        return Change(replace(change.alert, scope=scope), change.transitions)

    def _scope(self, subject: int, at: int, key: AlertKey) -> str | None:
        if key.tenant is not None:
            return scope_of(1, 1, key.tenant)
        if "tenant" not in self.placed.rule.group_by:
            return None
        batch, looks = self.block.batch, self.found.shape[1]
        place, tenant = batch.place[::looks], batch.tenant[::looks]
        around = np.flatnonzero((place == place[subject]) & (tenant >= 0))
        found = self.found[around, at]
        crossed = around[(found == _ABOVE) | (found == _MAYBE_ABOVE)]
        only = batch.key(int(crossed[0]) * looks, key.code).tenant if len(crossed) == 1 else None
        return scope_of(len(crossed), int((found >= _BELOW).sum()), only)


def _deadlines(rule: Rule, alert: Alert) -> Iterator[datetime]:
    """Yield all moments for which the machine may wait; one too many costs a look, one too few a transition."""
    yield alert.since + rule.lasting
    yield alert.since + SILENT_FOR
    if alert.recovering_since is not None:
        yield alert.recovering_since + rule.keep_firing
        yield alert.recovering_since + max(rule.keep_firing, FLAP_STABLE)
    if alert.unsettled_at is not None:
        yield alert.unsettled_at + FLAP_STABLE
    if alert.held_since is not None:
        yield alert.held_since + rule.window
        yield alert.held_since + SILENT_FOR
