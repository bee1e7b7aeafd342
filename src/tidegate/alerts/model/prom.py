"""How an alert moves because of what a server of others answers: by the machine of all alerts. Pure.

Only a number of a whole and fresh answer can be good. What was not answered, is too old, empty, NaN or missing is no
answer, and the rule's `noData` decides; where that says `alert`, the lack of any answer is an alert of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.model.alert import Alert, AlertKey, Change
from tidegate.alerts.model.machine import advance
from tidegate.alerts.model.rule import Bound, Finding, Judgement, NoData, Op, Rule, judge_value
from tidegate.alerts.model.words import scope_of
from tidegate.kernel import WorkspaceId
from tidegate.prom_sources import Answered

__all__ = ["PromStanding", "prom_changes"]

_KNOWN_FOR: Final = timedelta(hours=1)  # as long as for signals: who was there within it is missed
_EMPTY: Final = "the answer is empty"
_MISSING: Final = "the answer has no such series"
_LATE: Final = "it was not asked in time"
_MOST_SEEN: Final = 5_000  # series that come and go: five times what an answer may have
_RANK: Final = {Finding.BELOW: 0, Finding.BETWEEN: 1, Finding.NO_DATA: 2, Finding.INSUFFICIENT: 2, Finding.ABOVE: 3}
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PromStanding:
    """What came of asking last."""

    asked_at: datetime
    answered: Answered | None = None
    problem: str = ""
    """Why there is no answer."""
    judged: Mapping[AlertKey, Judgement] = field(default_factory=dict)
    """What the rule finds in the answer, of all that it tells apart."""
    seen: Mapping[AlertKey, datetime] = field(default_factory=dict)
    """Who was there within the last hour, and when last; the 5,000 that came last."""

    @property
    def doubt(self) -> str:
        """Why not all is known; empty when it is."""
        if self.answered is None:
            return self.problem or _LATE
        if not self.answered.series and not self.answered.unknown:
            return _EMPTY
        return f"{len(self.answered.unknown)} series are NaN" if self.answered.unknown else ""

    def judged_by(
        self, rule: Rule, bounds: Mapping[str, Bound], before: "PromStanding | None" = None
    ) -> "PromStanding":
        """Return this with what the rule finds in it, once for all looks, and what is remembered of the time before."""
        judged = {} if self.answered is None else _judged(rule, bounds, self.answered)
        known = {} if before is None else before.seen
        there = {key: self.asked_at for key, one in judged.items() if one.finding is not Finding.NO_DATA}
        seen = {key: at for key, at in known.items() if self.asked_at - at < _KNOWN_FOR and key not in there} | there
        return replace(self, judged=judged, seen=dict(list(seen.items())[-_MOST_SEEN:]))


def prom_changes(
    rule: Rule,
    bounds: Mapping[str, Bound],
    standing: PromStanding | None,
    *,
    opened: Sequence[Alert],
    flaps_of: Callable[[AlertKey], Sequence[datetime]],
    now: datetime,
) -> list[Change]:
    """Return what moves under one rule; new alerts have an empty id. `standing`: `None` when it was not asked in time.

    Two series that the rule does not tell apart are one: what is worst of them counts.
    """
    assert rule.prom is not None and rule.workspace is not None  # noqa: S101, PT018 - such rules come here alone
    gap = _gap(rule, standing, now)
    found = {} if standing is None or gap else standing.judged
    note = "" if standing is None else f"as answered {max((now - standing.asked_at).total_seconds(), 0):.0f} s ago"
    whole = _whole_key(rule)
    nothing = Judgement(Finding.NO_DATA, None, 0, gap or (_MISSING if found else _EMPTY))
    before = {alert.key: alert for alert in opened}
    judged = {key: found.get(key, nothing) for key in before}
    if found and whole in before and whole not in found:
        judged[whole] = Judgement(Finding.BELOW, None, 0)
    judged |= {key: one for key, one in found.items() if one.finding in {Finding.ABOVE, Finding.NO_DATA}}
    if rule.no_data is NoData.ALERT:
        missed = _missed(standing, found) if found else [whole]
        judged = dict.fromkeys(missed, nothing) | judged
    changes: list[Change] = []
    for key, judgement in judged.items():
        alert = before.get(key)
        own, flaps = rule.of_tenant(key.tenant, bounds), flaps_of(key) if alert is None else ()
        aged = judgement if judgement.note else replace(judgement, note=note)
        change = advance(own, alert, aged, key=key, now=now, flaps=flaps)
        if change is not None:
            scope = scope_of(1, 1, key.tenant) if key.tenant is not None else None
            changes.append(replace(change, alert=replace(change.alert, scope=scope)))
    return changes


def _gap(rule: Rule, standing: PromStanding | None, now: datetime) -> str:
    assert rule.prom is not None  # noqa: S101 - the caller saw to it
    if standing is None:
        return _LATE
    if standing.answered is None:
        return standing.problem or _LATE
    age = abs(now - standing.asked_at)
    return f"the last answer is {age.total_seconds():.0f} s old" if age > rule.prom.good_for else ""


def _judged(rule: Rule, bounds: Mapping[str, Bound], answered: Answered) -> dict[AlertKey, Judgement]:
    values = [(one.labels, one.value) for one in answered.series]
    values += [(labels, float("nan")) for labels in answered.unknown]
    found: dict[AlertKey, Judgement] = {}
    for labels, value in values:
        key = _key_of(rule, labels)
        judgement = judge_value(rule.of_tenant(key.tenant, bounds), value)
        if key not in found or _is_worse(rule, judgement, found[key]):
            found[key] = judgement
    return found


def _is_worse(rule: Rule, one: Judgement, other: Judgement) -> bool:
    if _RANK[one.finding] != _RANK[other.finding] or one.value is None or other.value is None:
        return _RANK[one.finding] > _RANK[other.finding]
    return one.value > other.value if rule.op is Op.ABOVE else one.value < other.value


def _missed(standing: PromStanding | None, found: Mapping[AlertKey, Judgement]) -> list[AlertKey]:
    return [] if standing is None else [key for key in standing.seen if key not in found]


def _key_of(rule: Rule, labels: Labels) -> AlertKey:
    # PostgreSQL has no NUL in its texts.
    named = {name: text.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, text in labels}
    service = rule.where[0].values[0].replace("\0", " ") if rule.where else named.get("service", "")
    tenant = named.get("tenant") or None if "tenant" in rule.group_by else None
    further = sorted((name, named.get(name, "")) for name in rule.group_by if name not in {"service", "tenant"})
    return AlertKey(rule.workspace or WorkspaceId(""), rule.code, service, tenant, tuple(further))


def _whole_key(rule: Rule) -> AlertKey:
    """Return what an alert about the lack of any answer stands for."""
    return _key_of(rule, ())
