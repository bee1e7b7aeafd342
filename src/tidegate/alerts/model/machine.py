"""How an alert moves: inactive, pending, firing, resolved. Pure: the same judgements always make the same moves."""

from dataclasses import replace
from datetime import datetime

from tidegate.alerts.model.alert import Alert, AlertKey, AlertState, Cause, CauseKind, Change, Transition
from tidegate.alerts.model.rule import Finding, Judgement, Rule
from tidegate.alerts.model.words import sentence_of, words_of
from tidegate.kernel import AlertId

_KEEPS_NUMBERS = frozenset({CauseKind.HELD, CauseKind.NO_DATA})


def advance(rule: Rule, alert: Alert | None, judgement: Judgement, *, key: AlertKey, now: datetime) -> Change | None:
    """Return the change that `judgement` brings, `None` when it brings none.

    A new alert has an empty id: the caller names it. Steps until nothing moves, so that an alert whose rule asks for no
    lasting time crosses and fires at once, each as a transition of its own.
    """
    transitions: list[Transition] = []
    while (transition := step(rule, alert, judgement, now)) is not None:
        alert = _opened(rule, key, judgement, transition) if alert is None else _moved(rule, alert, transition)
        transitions.append(transition)
        if not alert.is_open:
            break
    return Change(alert, tuple(transitions)) if alert is not None and transitions else None


def step(rule: Rule, alert: Alert | None, judgement: Judgement, now: datetime) -> Transition | None:
    """Return the next transition of `alert` (`None`: inactive), `None` when it stays as it is."""
    if alert is None:
        move = (AlertState.PENDING, CauseKind.CROSSED) if judgement.finding is Finding.ABOVE else None
    elif judgement.finding is Finding.BELOW:
        move = AlertState.RESOLVED, CauseKind.RECOVERED
    elif judgement.finding is Finding.ABOVE:
        move = _move_above(rule, alert, now)
    else:
        move = _move_without_answer(rule, alert, now)
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


def _move_above(rule: Rule, alert: Alert, now: datetime) -> tuple[AlertState, CauseKind] | None:
    if alert.held_since is not None:
        return alert.state, CauseKind.RESUMED
    if alert.state is AlertState.PENDING and now - alert.since >= rule.lasting:
        return AlertState.FIRING, CauseKind.SUSTAINED
    return None


def _move_without_answer(rule: Rule, alert: Alert, now: datetime) -> tuple[AlertState, CauseKind] | None:
    if alert.held_since is None:
        return alert.state, CauseKind.HELD
    # One further window without an answer: nothing of what the last answer rested on can come back.
    if now - alert.held_since >= rule.window:
        return AlertState.RESOLVED, CauseKind.NO_DATA
    return None


def _opened(rule: Rule, key: AlertKey, judgement: Judgement, transition: Transition) -> Alert:
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
        sentence=sentence_of(rule, key, judgement),
        since=transition.at,
        transition_count=transition.sequence,
    )


def _moved(rule: Rule, alert: Alert, transition: Transition) -> Alert:
    cause = transition.cause
    moved = replace(
        alert,
        state=transition.to_state,
        fired_at=transition.at if transition.cause.kind is CauseKind.SUSTAINED else alert.fired_at,
        resolved_at=transition.at if transition.to_state is AlertState.RESOLVED else None,
        transition_count=transition.sequence,
    )
    if cause.kind not in _KEEPS_NUMBERS:
        moved = replace(moved, held_since=None, value=cause.value, threshold=cause.threshold, count=cause.count)
    elif cause.kind is CauseKind.HELD:
        moved = replace(moved, held_since=transition.at)
    found = Judgement(Finding.ABOVE, moved.value, moved.count)
    return replace(moved, sentence=sentence_of(rule, alert.key, found, kind=cause.kind, words=cause.words))
