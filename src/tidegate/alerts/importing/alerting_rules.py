"""Prometheus's alerting rules, made into a rule file: the same alerts open and close at the same moments.

What makes Prometheus's rules different stands in the file: no minimum count, no data close an alert, nothing damps
flapping, and all tenants together are not judged where the rule tells tenants apart.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tidegate.alerts.dimensions import column_of, dimensions_of
from tidegate.alerts.figures import MEASURES
from tidegate.alerts.importing.counted import Amount, Scope, Share, check_alike, counted_in
from tidegate.alerts.importing.errors import NotKeptError
from tidegate.alerts.model import Measure, Source, Unit
from tidegate.kernel import TidegateError, format_duration
from tidegate.promql.expressions import Binary, Expression, NumberLiteral
from tidegate.promql.rule_files import Rule, RuleFile
from tidegate.promql.series import Matcher, MatchOp

__all__ = ["ANNOTATIONS", "INTERVAL", "LABELS", "KeptRule", "as_rule_file", "kept_rules"]

ANNOTATIONS: Final = "annotations"
INTERVAL: Final = "interval"
LABELS: Final = "labels"
_SEVERITIES: Final = {
    "P1": "P1", "page": "P1", "critical": "P1",
    "P2": "P2", "ticket": "P2", "warning": "P2",
}  # fmt: skip
_VALUE: Final = re.compile(r"\{\{-?\s*(?:\$value|\.Value)\s*(?:\|[^{}]*)?-?\}\}")
_RUNBOOKS: Final = ("runbook_url", "runbook")
_NAME_LABEL: Final = "imported_as"
_SOME_TENANT: Final = Matcher("tenant", MatchOp.NOT_EQUAL, "")
_LEAST_SHARE: Final = 2.0**-63  # counts are 64 bits: no share that is above 0 is less
_FLIPPED: Final = {"<": ">", "<=": ">="}


@dataclass(frozen=True, slots=True)
class KeptRule:
    """One rule of another tool's file, and the entry of a rule file that it becomes, or why it becomes none."""

    name: str
    entry: Mapping[str, Any] | None = None
    error: TidegateError | None = None


def as_rule_file(name: str, kept: Sequence[KeptRule]) -> dict[str, Any]:
    """Return the rule file of `kept`, none of which was refused."""
    entries = [dict(one.entry) for one in kept if one.entry is not None]
    twice = {code for code, count in Counter(entry["code"] for entry in entries).items() if count > 1}
    for entry in entries:
        if entry["code"] in twice:  # an alert of one name and two severities is usual in Prometheus
            entry["code"] = f"{entry['code']}_{entry['severity'].lower()}"
    return {"apiVersion": "tidegate/v1", "kind": "Rules", "metadata": {"name": name}, "rules": entries}


def kept_rules(file: RuleFile, *, without: Collection[str] = ()) -> Iterator[KeptRule]:
    """Yield what becomes of each rule of `file`; of what stands in `without` nothing is kept and nothing refused."""
    for group in file.groups:
        for rule in group.rules:
            name = f"{group.name}/{rule.name}"
            try:
                if group.interval_ms and INTERVAL not in without:
                    raise NotKeptError("interval", "rules are looked at every few seconds; --without interval says so")
                yield KeptRule(name, _entry_of(rule, without))
            except TidegateError as error:
                yield KeptRule(name, error=error)
    for refusal in file.refusals:
        yield KeptRule(f"{refusal.group}/{refusal.rule}", error=refusal.error)


def _entry_of(rule: Rule, without: Collection[str]) -> dict[str, Any]:
    if not rule.is_alert:
        raise NotKeptError("record", "tidegate stores no recorded series; write the expression into its alerts")
    if rule.keep_firing_for_ms:
        # An alert that is left without data closes at once; in Prometheus it would be kept firing.
        raise NotKeptError("keep_firing_for", "without data it would last less long here; write `keepFiringFor` down")
    compared, enough = _parts_of(rule.expression)
    measure, scope = compared.measure, compared.scope
    return {
        "code": _code_of(rule.name),
        "signal": f"{scope.family.value}.{measure.figure}",
        "op": "above",
        "threshold": compared.bound,
        "minCount": 1 if enough is None else _least(enough, measure),
        "window": _duration(scope.window_ms, "the window"),
        "for": _duration(rule.for_ms, "for"),
        **_apart(scope),
        "noData": "ignore",
        "flapDamping": False,
        **_labels(rule, without),
        **_annotations(rule, without),
    }


@dataclass(frozen=True, slots=True)
class _Compared:
    """A figure, and the least value of it that fires."""

    scope: Scope
    measure: Measure
    bound: float
    whole: Amount


def _parts_of(expression: Expression) -> tuple[_Compared, tuple[Amount, int] | None]:
    if not isinstance(expression, Binary) or expression.op != "and":
        return _compared(expression), None
    compared, least = _compared(expression.left), expression.right
    value, op, bound = _sides_of(least)
    if not isinstance(value, Amount) or value.is_rate:
        raise NotKeptError(f"`{least}`", "behind `and` a least number of events can stand: sum(increase(…)) >= 20")
    check_alike(compared.whole, value, expression.matching, expression)
    return compared, (value, _first_count(op, bound, 1.0))


def _compared(expression: Expression) -> _Compared:
    value, op, bound = _sides_of(expression)
    if not 0 <= bound < math.inf or (op == ">=" and bound == 0):
        raise NotKeptError(f"`{expression}`", "a bound is above 0, or 0 itself with `>`")
    if isinstance(value, Share):
        if value.is_rest:
            raise NotKeptError(f"`{expression}`", "floating point rounds it; write (total - good) / total")
        # An alert here fires at its bound: the next number up is the first that is above it.
        least = bound if op == ">=" else max(math.nextafter(bound, math.inf), _LEAST_SHARE)
        return _Compared(value.part.scope, _share_of(value, expression), least, value.whole)
    unit_s = value.scope.window_ms / 1000 if value.is_rate else 1.0
    measure = _count_of(value, expression)
    return _Compared(value.scope, measure, float(_first_count(op, bound, unit_s)), value)


def _sides_of(expression: Expression) -> tuple[Amount | Share, str, float]:
    if isinstance(expression, Binary) and isinstance(expression.left, NumberLiteral) and expression.op in _FLIPPED:
        expression = Binary(_FLIPPED[expression.op], expression.right, expression.left, expression.is_bool)
    match expression:
        case Binary(">" | ">=" as op, left, NumberLiteral(bound), False):
            return counted_in(left), op, bound
        case Binary("<" | "<=" as op, _, NumberLiteral(), False):
            raise NotKeptError(f"`{op}`", "without events nothing is known here, where Prometheus reads a 0")
        case _:
            raise NotKeptError(f"`{expression}`", "a rule is one figure, `>` or `>=`, and a number")


def _first_count(op: str, bound: float, unit_s: float) -> int:
    """Return the least number of events of which a `unit_s`-th part is beyond `bound`."""
    count = max(math.floor(bound * unit_s) - 1, 0)
    while not (count / unit_s > bound if op == ">" else count / unit_s >= bound):
        count += 1
    return count


def _share_of(share: Share, expression: Expression) -> Measure:
    for measure in _measures(share.part.scope):
        plus = {name: 1 for name in (measure.part, measure.plus) if name}
        signs = plus | ({measure.minus: -1} if measure.minus else {})
        if measure.unit is Unit.RATE and share.whole.signs == {measure.whole: 1} and share.part.signs == signs:
            return measure
    raise NotKeptError(f"`{expression}`", f"{share.part.scope.family.value} has no figure that is this share")


def _count_of(amount: Amount, expression: Expression) -> Measure:
    for measure in _measures(amount.scope):
        if measure.unit is Unit.COUNT and amount.signs == {measure.part: 1}:
            return measure
    raise NotKeptError(f"`{expression}`", f"{amount.scope.family.value} has no figure that is this count")


def _measures(scope: Scope) -> Iterator[Measure]:
    return (one for one in MEASURES[scope.family].values() if one.source is Source.COUNTS)


def _least(enough: tuple[Amount, int], measure: Measure) -> int:
    amount, count = enough
    base = measure.base or measure.whole
    if amount.signs != {base: 1}:
        raise NotKeptError("`and`", f"the least number of events of {measure.figure} is one of {base}")
    return max(count, 1)


def _apart(scope: Scope) -> dict[str, Any]:
    """Return what is told apart and what is left out, in the words of rules."""
    words: Mapping[str, str] = {
        column_of(scope.family, name): name for name in dimensions_of(scope.family, Source.COUNTS)
    }
    where: dict[str, Any] = {}
    named = {one.label for one in scope.matchers if one.op is MatchOp.EQUAL}
    for one in scope.matchers:
        if one.op is MatchOp.EQUAL and one.value and one.label not in where:
            where[one.label] = one.value
        elif one.op is MatchOp.MATCHES and not one.matches("") and one.label not in where:
            where[one.label] = {"matches": one.value}
        elif not (one == _SOME_TENANT and "tenant" in scope.by):
            raise NotKeptError(f"`{one}`", "a dimension is one value, or what one pattern matches that is not empty")
    if "service" not in {*scope.by, *named}:
        raise NotKeptError("sum", "an alert is about one service: sum by (service), or select one")
    found: dict[str, Any] = {"groupBy": [words[label] for label in scope.by] or [words["service"]]}
    if "tenant" in scope.by:
        if not any(one.label == "tenant" and not one.matches("") for one in scope.matchers):
            raise NotKeptError("by (tenant)", 'events without a tenant are no tenant\'s here: select tenant!=""')
        found["allTenants"] = False
    if where:
        found["where"] = {words[label]: value for label, value in where.items()}
    return found


def _labels(rule: Rule, without: Collection[str]) -> dict[str, Any]:
    given = {name: template.source for name, template in rule.labels.items()}
    severity = _SEVERITIES.get(given.pop("severity", ""))
    if severity is None:
        raise NotKeptError("severity", f"a rule needs this label, and of it one of {', '.join(_SEVERITIES)}")
    kept = {_NAME_LABEL: rule.name}
    for name, text in given.items():
        if "{{" in text or not text:
            if LABELS in without:
                continue
            raise NotKeptError(f"the label {name}", "labels are plain words; --without labels says so")
        kept[name] = text
    return {"severity": severity, "labels": kept}


def _annotations(rule: Rule, without: Collection[str]) -> dict[str, Any]:
    given = {name: template.source.strip() for name, template in rule.annotations.items()}
    runbook = next((given.pop(name) for name in _RUNBOOKS if name in given), None)
    if runbook is None:
        raise NotKeptError("runbook_url", "a rule needs this annotation: nobody is paged without a page to read")
    found = {"runbook": runbook}
    summary = given.pop("summary", None)
    if summary is not None and ANNOTATIONS not in without:
        literal = [part.replace("{", "{{").replace("}", "}}") for part in _VALUE.split(summary)]
        if "{{" in "".join(_VALUE.split(summary)):
            raise NotKeptError(
                "the annotation summary", "it can read {{ $value }} alone; --without annotations says so"
            )
        found["summary"] = "{value}".join(literal)
    if given and ANNOTATIONS not in without:
        raise NotKeptError(
            f"the annotation {next(iter(given))}", "an alert has a summary and a runbook; --without annotations says so"
        )
    return found


def _code_of(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def _duration(ms: int, what: str) -> str:
    if ms % 1000:
        raise NotKeptError(what, "times are whole seconds")
    return format_duration(timedelta(milliseconds=ms))
