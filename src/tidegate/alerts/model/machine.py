"""How an alert moves: inactive, pending, firing, resolved. Pure: the same judgements always make the same moves.

All that a move depends on stands in the alert: whoever reads it from the store goes on exactly where it was left.
Only how often the last episodes of the same key opened and closed comes in from outside, as `flaps`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.model.alert import Alert, AlertKey, AlertState, Cause, CauseKind, Change, Transition
from tidegate.alerts.model.rule import Finding, Judgement, NoData, Rule
from tidegate.alerts.model.words import WITHDRAWN, sentence_of, words_of
from tidegate.kernel import AlertId

FLAP_CHANGES: Final = 6  # three times open and closed again: a person would have been woken three times
FLAP_WINDOW: Final = timedelta(hours=1)
FLAP_STABLE: Final = timedelta(minutes=15)  # as long as the usual window: then all of it speaks of one side
SILENT_FOR: Final = timedelta(days=1)  # who was silent for a day is gone, not silent
_KEEPS_NUMBERS: Final = frozenset({CauseKind.HELD, CauseKind.NO_DATA})

_Move = tuple[AlertState, CauseKind]


def advance(
    rule: Rule,
    alert: Alert | None,
    judgement: Judgement,
    *,
    key: AlertKey,
    now: datetime,
    flaps: Sequence[datetime] = (),
) -> Change | None:
    """Return the change that `judgement` brings, `None` when it brings none.

    A new alert has an empty id: the caller names it. `flaps` are those of the episode of the same key that closed last.
    Steps until nothing moves, so that an alert whose rule asks for no lasting time crosses and fires at once, each as a
    transition of its own.
    """
    transitions: list[Transition] = []
    while (transition := step(rule, alert, judgement, now)) is not None:
        if alert is None:
            alert = _opened(rule, key, judgement, transition, flaps=recent(flaps, now))
        else:
            alert = _moved(rule, alert, judgement, transition)
        transitions.append(transition)
        if not alert.is_open:
            break
    return Change(alert, tuple(transitions)) if alert is not None and transitions else None


def step(rule: Rule, alert: Alert | None, judgement: Judgement, now: datetime) -> Transition | None:
    """Return the next transition of `alert` (`None`: inactive), `None` when it stays as it is."""
    if alert is None:
        move = _move_of_none(rule, judgement)
    elif judgement.finding in {Finding.NO_DATA, Finding.INSUFFICIENT}:
        move = _move_without_answer(rule, alert, judgement, now)
    elif judgement.finding is Finding.BELOW:
        move = _move_below(rule, alert, now)
    else:
        move = _move_above(rule, alert, judgement, now)
    if move is None:
        return None
    state, kind = move
    return Transition(
        sequence=alert.transition_count + 1 if alert else 1,
        from_state=alert.state if alert else AlertState.INACTIVE,
        to_state=state,
        at=now,
        cause=Cause(
            kind=kind,
            value=judgement.value,
            threshold=rule.threshold,
            count=judgement.count,
            min_count=rule.min_count,
            window=rule.window,
            words=words_of(rule, judgement, kind, since=(alert.held_since if alert else None) or now),
        ),
    )


def withdraw(alert: Alert, now: datetime, words: str = WITHDRAWN) -> Change:
    """Return the end of an open alert that nothing judges any more."""
    cause = Cause(CauseKind.WITHDRAWN, alert.value, alert.threshold, alert.count, 0, timedelta(), words)
    transition = Transition(alert.transition_count + 1, alert.state, AlertState.RESOLVED, now, cause)
    closed = replace(
        alert,
        state=AlertState.RESOLVED,
        resolved_at=now,
        transition_count=transition.sequence,
        sentence=f"{alert.sentence} {words}",
    )
    return Change(closed, (transition,))


def is_settled(alert: Alert) -> bool:
    """Return whether nothing moves `alert` while its bound stays crossed."""
    return alert.state is AlertState.FIRING and not (alert.held_since or alert.recovering_since or alert.unsettled_at)


def recent(flaps: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """Return the moments of `flaps` that still count."""
    return tuple(at for at in flaps if now - at < FLAP_WINDOW)[-FLAP_CHANGES:]


def _move_of_none(rule: Rule, judgement: Judgement) -> _Move | None:
    if judgement.finding is Finding.ABOVE:
        return AlertState.PENDING, CauseKind.CROSSED
    if judgement.finding is Finding.NO_DATA and rule.no_data is NoData.ALERT:
        return AlertState.PENDING, CauseKind.SILENT
    return None


def _move_above(rule: Rule, alert: Alert, judgement: Judgement, now: datetime) -> _Move | None:
    if alert.held_since is not None:
        return alert.state, CauseKind.RESUMED
    if judgement.finding is Finding.BETWEEN:
        return _ending(rule, alert, now) if alert.recovering_since is not None else None
    if alert.recovering_since is not None:
        return alert.state, CauseKind.RELAPSED
    if alert.state is AlertState.PENDING and now - alert.since >= rule.lasting:
        return AlertState.FIRING, CauseKind.SUSTAINED
    if alert.unsettled_at is not None and now - alert.unsettled_at >= FLAP_STABLE:
        return alert.state, CauseKind.STEADY
    return None


def _move_below(rule: Rule, alert: Alert, now: datetime) -> _Move | None:
    if alert.state is AlertState.PENDING:
        return AlertState.RESOLVED, CauseKind.RECOVERED
    if alert.recovering_since is not None or _must_be_good_for(rule, alert) <= timedelta():
        return _ending(rule, alert, now)
    return alert.state, CauseKind.RECOVERING


def _ending(rule: Rule, alert: Alert, now: datetime) -> _Move | None:
    """Return how a firing alert ends that is good now: not yet, not at all because it flaps, or resolved."""
    if now - (alert.recovering_since or now) < _must_be_good_for(rule, alert):
        return None
    if rule.is_damped and alert.unsettled_at is None and len(recent(alert.flaps, now)) + 1 >= FLAP_CHANGES:
        return alert.state, CauseKind.FLAPPING
    return AlertState.RESOLVED, CauseKind.RECOVERED


def _must_be_good_for(rule: Rule, alert: Alert) -> timedelta:
    return rule.keep_firing if alert.unsettled_at is None else max(rule.keep_firing, FLAP_STABLE)


def _move_without_answer(rule: Rule, alert: Alert, judgement: Judgement, now: datetime) -> _Move | None:
    if rule.no_data is NoData.IGNORE:
        return AlertState.RESOLVED, CauseKind.NO_DATA
    if rule.no_data is NoData.ALERT and judgement.finding is Finding.NO_DATA and alert.value is None:
        if alert.state is AlertState.PENDING and now - alert.since >= rule.lasting:
            return AlertState.FIRING, CauseKind.SUSTAINED
        return (AlertState.RESOLVED, CauseKind.NO_DATA) if now - alert.since >= SILENT_FOR else None
    if alert.held_since is None:
        return alert.state, CauseKind.HELD
    # One further window without an answer: nothing of what the last answer rested on can come back.
    limit = SILENT_FOR if rule.no_data is NoData.ALERT else rule.window
    return (AlertState.RESOLVED, CauseKind.NO_DATA) if now - alert.held_since >= limit else None


def _opened(
    rule: Rule, key: AlertKey, judgement: Judgement, transition: Transition, *, flaps: tuple[datetime, ...]
) -> Alert:
    return Alert(
        id=AlertId(""),
        key=key,
        family=rule.family,
        severity=rule.severity,
        runbook=rule.runbook_link,
        state=transition.to_state,
        value=judgement.value,
        threshold=rule.threshold,
        count=judgement.count,
        sentence=sentence_of(rule, key, judgement, kind=transition.cause.kind, words=transition.cause.words),
        since=transition.at,
        transition_count=transition.sequence,
        unit=rule.measure.unit,
        owner=rule.owner,
        labels=rule.labels,
        is_zero_tolerance=rule.is_zero_tolerance,
        flaps=flaps,
    )


def _moved(rule: Rule, alert: Alert, judgement: Judgement, transition: Transition) -> Alert:
    cause, now = transition.cause, transition.at
    is_end = transition.to_state is AlertState.RESOLVED
    is_change = cause.kind is CauseKind.SUSTAINED or (is_end and alert.state is AlertState.FIRING)
    moved = replace(
        alert,
        state=transition.to_state,
        fired_at=now if cause.kind is CauseKind.SUSTAINED else alert.fired_at,
        resolved_at=now if is_end else None,
        transition_count=transition.sequence,
        flaps=(*recent(alert.flaps, now), now)[-FLAP_CHANGES:] if is_change else alert.flaps,
    )
    moved = _with_sides(moved, alert, cause.kind, now)
    if cause.kind not in _KEEPS_NUMBERS:
        moved = replace(moved, held_since=None, value=cause.value, threshold=cause.threshold, count=cause.count)
    elif cause.kind is CauseKind.HELD or (rule.no_data is not NoData.HOLD and alert.held_since is None):
        moved = replace(moved, held_since=now)
    found = replace(judgement, value=moved.value, count=moved.count)
    return replace(moved, sentence=sentence_of(rule, alert.key, found, kind=cause.kind, words=cause.words))


def _with_sides(moved: Alert, alert: Alert, kind: CauseKind, now: datetime) -> Alert:
    """Return `moved` with since when it is good, and since when a flapping one stays on its side."""
    match kind:
        case CauseKind.FLAPPING:
            return replace(moved, recovering_since=now, unsettled_at=now)
        case CauseKind.RECOVERING:
            return replace(moved, recovering_since=now, unsettled_at=alert.unsettled_at and now)
        case CauseKind.RELAPSED:
            return replace(moved, recovering_since=None, unsettled_at=alert.unsettled_at and now)
        case CauseKind.HELD:
            return replace(moved, recovering_since=None)
        case CauseKind.STEADY:
            return replace(moved, unsettled_at=None, flaps=())
        case _:
            return moved
