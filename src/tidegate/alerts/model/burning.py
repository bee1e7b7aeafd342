"""How an alert about a burning error budget moves: by the machine of all alerts, in words of its own. Pure.

Without data nothing closes: an alert is held until data say that the burn is over, or until nobody asks any more.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tidegate.alerts.model.alert import Alert, AlertKey, CauseKind, Change, Origin, Transition
from tidegate.alerts.model.machine import advance, withdraw
from tidegate.alerts.model.rule import Finding, Judgement, Measure, Rule, Severity, Unit
from tidegate.alerts.model.words import concluded, framed, held_words, scope_of
from tidegate.signals import Family
from tidegate.slos import BurnAnswer, BurnFinding, BurnReading, BurnSeverity, BurnSubject

__all__ = ["burn_change", "burn_key", "withdrawn_burn"]

_FINDINGS: Final = {
    BurnAnswer.BURNING: Finding.ABOVE,
    BurnAnswer.CALM: Finding.BELOW,
    BurnAnswer.UNKNOWN: Finding.NO_DATA,
}
_SPEEDS: Final = {BurnSeverity.P1: "fast", BurnSeverity.P2: "slow"}
_BURN: Final = Measure("burn", "burn", "count", Unit.TIMES)
_GONE: Final = "Closed: its objective is removed, or asks for this no more. Whether the burn is over is not known."


def burn_key(subject: BurnSubject) -> AlertKey:
    labels = (("burn", _SPEEDS[subject.severity]), ("objective", subject.objective))
    return AlertKey(subject.workspace, subject.code.value, subject.service, subject.tenant, labels)


def burn_change(
    alert: Alert | None, reading: BurnReading, *, now: datetime, flaps: Sequence[datetime] = ()
) -> Change | None:
    """Return the change that `reading` brings, `None` when it brings none; a new alert has an empty id."""
    if reading.answer is BurnAnswer.GONE:
        return withdrawn_burn(alert, now) if alert is not None else None
    if reading.answer is BurnAnswer.UNKNOWN and (alert is None or alert.held_since is not None):
        return None  # what is held stays so: how long nobody knows is no reason to close it
    found = reading.finding
    judgement = Judgement(
        _FINDINGS[reading.answer],
        None if found is None else float(found.burn_long),
        0 if found is None else found.count,
    )
    rule = _rule_of(reading.subject, found) if found is not None else _rule_of_held(reading.subject, alert)
    change = advance(rule, alert, judgement, key=burn_key(reading.subject), now=now, flaps=flaps)
    return None if change is None else _told(change, alert, found)


def withdrawn_burn(alert: Alert, now: datetime) -> Change:
    """Return the end of an alert that no objective asks for any more."""
    return withdraw(alert, now, _GONE)


def _rule_of(subject: BurnSubject, found: BurnFinding) -> Rule:
    """Return what is asked as the machine knows it: it fires at once."""
    return Rule(
        code=subject.code.value,
        severity=Severity(subject.severity.value),
        family=Family(subject.family),
        measure=_BURN,
        threshold=float(found.factor),
        phrase="",
        runbook=found.runbook or subject.code.value,
        window=found.long,
        owner=found.owner or None,
        labels=(("windows", found.pairs),),
    )


def _rule_of_held(subject: BurnSubject, alert: Alert | None) -> Rule:
    """Return the same where nothing was found: all that is known of it stands in the alert."""
    return Rule(
        code=subject.code.value,
        severity=Severity(subject.severity.value),
        family=Family(subject.family),
        measure=_BURN,
        threshold=alert.threshold if alert is not None else 0,
        phrase="",
        runbook=subject.code.value,
    )


def _told(change: Change, before: Alert | None, found: BurnFinding | None) -> Change:
    """Return `change` in words of its own: those of the machine speak of one window and of events."""
    last = found.sentence if found is not None else before.sentence if before is not None else ""
    moves = tuple(_spoken(move, last) for move in change.transitions)
    sentence = concluded(moves[-1].cause.kind, last, moves[-1].cause.words)
    scope = _scope_of(found) if found is not None else change.alert.scope
    return Change(replace(change.alert, sentence=sentence, scope=scope, origin=Origin.OBJECTIVES), moves)


def _spoken(move: Transition, last: str) -> Transition:
    kind = move.cause.kind
    words = held_words("no data", move.at) if kind is CauseKind.HELD else framed(kind, last)
    return replace(move, cause=replace(move.cause, words=words))


def _scope_of(found: BurnFinding) -> str | None:
    if found.tenant is not None:
        return scope_of(1, 1, found.tenant)
    if found.burning_tenant_count is None:
        return None
    return scope_of(found.burning_tenant_count, found.tenant_count, None)
