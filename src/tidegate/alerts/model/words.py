"""What happened, for a person: the number, the bound, the place, the time. Pure."""

from datetime import UTC, datetime
from typing import Final

from tidegate.alerts.model.alert import AlertKey, CauseKind
from tidegate.alerts.model.rule import Finding, Judgement, NoData, PromQuestion, Rule, Unit
from tidegate.kernel import format_duration, format_utc

WITHDRAWN: Final = "Closed: no rule judges this any more. Whether it was good is not known."
_BACK: Final = "Back within the bound: "


def sentence_of(
    rule: Rule, key: AlertKey, judgement: Judgement, *, kind: CauseKind = CauseKind.CROSSED, words: str = ""
) -> str:
    """Return what an alert says after a move of `kind`: the last answer, and `words` where there was none since."""
    place = f" on service {key.service or 'without a name'}"
    if key.tenant is not None:
        place += f", tenant {key.tenant}"
    place += "".join(f", {name} {value or 'without a name'}" for name, value in key.labels if name != "service")
    return concluded(kind, _found(rule, judgement, place), words)


def concluded(kind: CauseKind, found: str, words: str) -> str:
    """Return what an alert says after a move of `kind`, when `found` is the last answer."""
    if kind is CauseKind.RECOVERED:
        return _BACK + found
    if kind is CauseKind.FLAPPING:
        return f"{_BACK}{found} It keeps opening and closing, so it stays open until it is stable."
    return f"{found} {words}" if kind in {CauseKind.HELD, CauseKind.NO_DATA} else found


def words_of(rule: Rule, judgement: Judgement, kind: CauseKind, *, since: datetime) -> str:
    """Return why an alert moves; `since` is when answers stopped, for the kinds that are about that."""
    if kind is CauseKind.WITHDRAWN:
        return WITHDRAWN
    if kind is CauseKind.NO_DATA:
        return _closed(rule, judgement, since)
    if kind is CauseKind.HELD:
        return held_words(_gap(rule, judgement), since)
    found = _found(rule, judgement)
    if kind is CauseKind.SUSTAINED and rule.lasting:
        return f"{found} It lasted {format_duration(rule.lasting)}."
    return framed(kind, found)


def framed(kind: CauseKind, found: str) -> str:
    """Return why an alert makes a move of `kind` that `found` decided."""
    before, after = _AROUND.get(kind, ("", ""))
    return f"{before}{found}{after}"


def held_words(gap: str, since: datetime) -> str:
    return f"Held: {gap} since {_moment(since)}; it stays open until there is an answer."


_AROUND: Final = {
    CauseKind.RESUMED: ("There is an answer again: ", ""),
    CauseKind.RECOVERING: (_BACK, " It resolves when that lasts."),
    CauseKind.RELAPSED: ("Crossed again: ", ""),
    CauseKind.FLAPPING: (_BACK, " It keeps opening and closing, so it stays open until it is stable."),
    CauseKind.STEADY: ("It flaps no more: ", ""),
    CauseKind.RECOVERED: (_BACK, ""),
}


def scope_of(crossed_count: int, tenant_count: int, only: str | None) -> str | None:
    """Return whom an alert is about; `only` is the one tenant beyond its bound, where it is one."""
    if not tenant_count:
        return None
    if only is not None:
        return f"tenant {only}"
    return "all tenants" if crossed_count == tenant_count else f"{crossed_count} of {tenant_count} tenants"


def written(unit: Unit, value: float | None) -> str:
    """Return `value` as people read it."""
    if value is None:
        return "none"
    if unit in {Unit.RATE, Unit.SHARE}:
        return f"{value * 100:.4g}%"
    if unit is Unit.TIMES:
        return f"{value:.3g} times"
    if unit in _SUFFIXES:
        return f"{value:.4g} {_SUFFIXES[unit]}"
    if unit is Unit.NUMBER:
        return f"{value:.6g}"
    return f"{value:.4g}" if unit is Unit.SCORE else f"{value:.15g}"


_SUFFIXES: Final = {Unit.USD: "USD", Unit.MS: "ms", Unit.SECONDS: "s"}


def _found(rule: Rule, judgement: Judgement, place: str = "") -> str:
    if rule.prom is not None:
        return _answered(rule, rule.prom, judgement, place)
    length = format_duration(rule.window)
    if judgement.value is None and rule.no_data is NoData.ALERT:
        return f"Nothing came{place} in {length}, where there was something before."
    unit = rule.measure.unit
    what = rule.phrase.format(value=written(unit, judgement.value), count=judgement.count)
    return f"{what}{place} in {length}; the bound is {_bound_of(rule)}."


def _answered(rule: Rule, asked: PromQuestion, judgement: Judgement, place: str) -> str:
    if judgement.value is None:
        if judgement.finding is Finding.BELOW:
            return f"{asked.source} answers again{place}."
        return f"{asked.source} gives no answer{place}: {judgement.note or 'nobody knows why'}."
    what = rule.phrase.format(value=written(rule.measure.unit, judgement.value), count=judgement.count)
    age = f", {judgement.note}" if judgement.note and judgement.finding is not Finding.NO_DATA else ""
    return f"{what}{place}{age}; the bound is {_bound_of(rule)}."


def _bound_of(rule: Rule) -> str:
    unit = rule.measure.unit
    if rule.clear_bound == rule.threshold:
        return written(unit, rule.threshold)
    return f"{written(unit, rule.threshold)}, it clears at {written(unit, rule.clear_bound)}"


def _closed(rule: Rule, judgement: Judgement, since: datetime) -> str:
    gap = _gap(rule, judgement)
    if rule.no_data is NoData.IGNORE:
        return f"Closed without an answer, as the rule says: {gap} since {_moment(since)}."
    length = "1d" if rule.no_data is NoData.ALERT else format_duration(rule.window)
    return f"Closed without an answer, not because it was good: {gap} since {_moment(since)}, for a further {length}."


def _moment(since: datetime) -> str:
    return format_utc(since.astimezone(UTC).replace(microsecond=0))


def _gap(rule: Rule, judgement: Judgement) -> str:
    if judgement.finding is Finding.INSUFFICIENT:
        return f"too little data ({judgement.count} of at least {rule.min_count})"
    return judgement.note or "no data"
