"""What happened, for a person: the number, the bound, the place, the time. Pure."""

from datetime import UTC, datetime
from typing import Final

from tidegate.alerts.model.alert import AlertKey, CauseKind
from tidegate.alerts.model.rule import Finding, Judgement, Rule, Unit
from tidegate.kernel import format_duration, format_utc

_BACK: Final = "Back within the bound: "


def sentence_of(
    rule: Rule, key: AlertKey, judgement: Judgement, *, kind: CauseKind = CauseKind.CROSSED, words: str = ""
) -> str:
    """Return what an alert says after a move of `kind`: the last answer, and `words` where there was none since."""
    place = f" on service {key.service or 'without a name'}"
    if key.tenant is not None:
        place += f", tenant {key.tenant}"
    found = _found(rule, judgement, place)
    if kind is CauseKind.RECOVERED:
        return _BACK + found
    return f"{found} {words}" if kind in {CauseKind.HELD, CauseKind.NO_DATA} else found


def words_of(rule: Rule, judgement: Judgement, kind: CauseKind, *, since: datetime) -> str:
    """Return why an alert moves; `since` is when answers stopped, for the kinds that are about that."""
    found = _found(rule, judgement)
    stopped_at = format_utc(since.astimezone(UTC).replace(microsecond=0))
    length = format_duration(rule.window)
    return {
        CauseKind.CROSSED: found,
        CauseKind.SUSTAINED: f"{found} It lasted {format_duration(rule.lasting)}." if rule.lasting else found,
        CauseKind.HELD: f"Held: {_gap(rule, judgement)} since {stopped_at}; it stays open until there is an answer.",
        CauseKind.RESUMED: f"There is an answer again: {found}",
        CauseKind.RECOVERED: _BACK + found,
        CauseKind.NO_DATA: (
            f"Closed without an answer, not because it was good: {_gap(rule, judgement)} "
            f"since {stopped_at}, for a further {length}."
        ),
    }[kind]


def _found(rule: Rule, judgement: Judgement, place: str = "") -> str:
    what = rule.phrase.format(value=_written(rule.measure.unit, judgement.value), count=judgement.count)
    bound = _written(rule.measure.unit, rule.threshold)
    return f"{what}{place} in {format_duration(rule.window)}; the bound is {bound}."


def _gap(rule: Rule, judgement: Judgement) -> str:
    if judgement.finding is Finding.INSUFFICIENT:
        return f"too little data ({judgement.count} of at least {rule.min_count})"
    return "no data"


def _written(unit: Unit, value: float | None) -> str:
    if value is None:
        return "none"
    if unit is Unit.RATE:
        return f"{value * 100:.4g}%"
    return f"{value:.4g} USD" if unit is Unit.USD else f"{value:.15g}"
