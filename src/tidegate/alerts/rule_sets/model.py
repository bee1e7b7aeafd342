"""Sets of rules, and what applying one changes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tidegate.alerts.model import PromQuestion, Rule, Source
from tidegate.kernel import format_duration

MAX_RULES: Final = 1_000  # of a workspace: what one evaluation is measured with
MAX_SETS: Final = 50
MAX_ASKED: Final = 100  # rules that ask servers of others: each may bring 1,000 series every 5 s


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file, as they count in one workspace."""

    name: str
    version: int
    digest: str
    rules: tuple[Rule, ...]
    applied_at: datetime
    applied_by: str


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What a server of others answered last to a rule."""

    answered_at: datetime | None
    series_count: int
    problem: str


class ChangeKind(StrEnum):
    """What applying a file does to one rule."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class RuleChange:
    code: str
    kind: ChangeKind
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class RulePlan:
    """What applying a file would do, or did."""

    name: str
    version: int
    """The version that it has, or would have."""
    digest: str
    rule_count: int
    changes: tuple[RuleChange, ...]
    is_new: bool
    """Whether anything differs from what counts."""


def described(rule: Rule) -> Mapping[str, object]:
    """Return all that a rule says, under the names of the rule file."""
    return {
        "severity": rule.severity.value,
        "signal": None if rule.prom else f"{rule.family.value}.{rule.measure.figure}",
        "prom": _asked(rule.prom) if rule.prom else None,
        "where": {one.dimension: {"matches": one.pattern} if one.pattern else list(one.values) for one in rule.where},
        "groupBy": list(rule.group_by),
        "window": format_duration(rule.window),
        "op": rule.op.value,
        "threshold": rule.threshold,
        "clear": rule.clear_bound,
        "for": format_duration(rule.lasting),
        "keepFiringFor": format_duration(rule.keep_firing),
        "minCount": rule.min_count,
        "confidence": rule.confidence,
        "noData": rule.no_data.value,
        "thresholds": [
            {"tenant": tenant, "threshold": bound.threshold, "clear": bound.clear, "severity": bound.severity}
            for tenant, bound in rule.tenants
        ],
        "zeroTolerance": rule.is_zero_tolerance,
        "runbook": rule.runbook,
        "owner": rule.owner,
        "labels": dict(rule.labels),
        "summary": rule.phrase,
        "enabled": rule.is_enabled,
        "flapDamping": rule.is_damped,
        "allTenants": rule.judges_all_tenants,
    }


def changes_between(before: Sequence[Rule], after: Sequence[Rule], shipped: Mapping[str, Rule]) -> list[RuleChange]:
    """Return what differs by code; a rule that ships counts where neither side says anything of it."""
    old, new = {rule.code: rule for rule in before}, {rule.code: rule for rule in after}
    found: list[RuleChange] = []
    for code in sorted({*old, *new}):
        was, is_now = old.get(code, shipped.get(code)), new.get(code, shipped.get(code))
        if was is None or is_now is None:
            found.append(RuleChange(code, ChangeKind.ADDED if was is None else ChangeKind.REMOVED))
            continue
        left, right = described(was), described(is_now)
        fields = tuple(FieldChange(name, left[name], right[name]) for name in left if left[name] != right[name])
        if fields:
            found.append(RuleChange(code, ChangeKind.CHANGED, fields))
    return found


def explanation_of(rule: Rule, tenant: str | None) -> tuple[str, ...]:
    """Return in sentences when a rule fires and resolves, for one tenant where it has a bound of its own."""
    own = rule.of_tenant(tenant, dict(rule.tenants))
    side, good = ("at or above", "below") if rule.op == "above" else ("at or below", "above")
    signal = f"{rule.family.value}.{rule.measure.figure}"
    when = f"{signal} over {format_duration(rule.window)} is {side} {own.threshold:g}"
    lines = _asked_lines(rule, rule.prom, f"{side} {own.threshold:g}") if rule.prom else [
        f"Crossed when {when}, on at least {rule.min_count} events.",
        f"Judged for each {', '.join(rule.group_by)}."
        + ("" if rule.judges_all_tenants else " All tenants together are not judged."),
    ]  # fmt: skip
    if rule.where and not rule.prom:
        lines.append(
            f"Only where {'; '.join(_filter_words(one.dimension, one.values, one.pattern) for one in rule.where)}."
        )
    if rule.confidence is not None:
        lines.append(f"The Wilson bound at {rule.confidence:g} has to cross too.")
    lines.append(f"Fires after {format_duration(rule.lasting)}." if rule.lasting else "Fires at once.")
    lines.append(f"Resolves {good} {own.clear_bound:g}" + (
        f", once that lasted {format_duration(rule.keep_firing)}." if rule.keep_firing else "."))  # fmt: skip
    lines.append(
        (_NO_ANSWER if rule.prom else _SILENCE)[rule.no_data.value].format(window=format_duration(rule.window))
    )
    if not rule.is_damped:
        lines.append("It may flap: nothing keeps it open when it opens and closes again and again.")
    if rule.prom:
        lines.append("No answer is: an error, a timeout, a partial, old or empty answer, NaN, a series that is gone.")
    elif rule.measure.source is not Source.COUNTS or {*rule.group_by} - {"service", "tenant"} or rule.where:
        lines.append("Looked at every 5 seconds.")
    if not rule.is_enabled:
        lines.insert(0, "Switched off: it is not judged at all.")
    return tuple(lines)


def _asked(prom: PromQuestion) -> Mapping[str, object]:
    return {"source": prom.source, "query": prom.query, "every": format_duration(prom.every)}


def _asked_lines(rule: Rule, prom: PromQuestion, bound: str) -> list[str]:
    """Return what is asked, of whom, how often, and whom the alerts are about."""
    about = f" Alerts are about the service {rule.where[0].values[0]}." if rule.where else ""
    return [
        f"Asks the Prometheus source {prom.source} every {format_duration(prom.every)}: {prom.query}",
        f"Crossed when a value of the answer is {bound}.",
        f"Judged for each {', '.join(rule.group_by)} among the labels of the answer; of several values the worst."
        + about,
    ]


def _filter_words(dimension: str, values: Sequence[str], pattern: str | None) -> str:
    return f"{dimension} matches {pattern}" if pattern else f"{dimension} is {' or '.join(values)}"


_NO_ANSWER: Final[Mapping[str, str]] = {
    "hold": "Without an answer an open alert is held for {window}, then closed as unanswered.",
    "alert": "No answer opens an alert as well, and so does a series of the last hour that is gone.",
    "ignore": "Without an answer an open alert closes.",
}
_SILENCE: Final[Mapping[str, str]] = {
    "hold": "Without an answer an open alert is held for one further window, then closed as unanswered.",
    "alert": "Silence of who sent within the hour before opens an alert as well.",
    "ignore": "Without an answer an open alert closes.",
}
