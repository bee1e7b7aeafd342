"""Pyrra's `pyrra.dev/v1alpha1 ServiceLevelObjective`, and the burn-rate rules that Pyrra generates from one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.kernel.errors import TidegateError
from tidegate.promql.documents import Node, flag, items, mapping, milliseconds, number, text
from tidegate.promql.durations import MINUTE_MS, duration_of
from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.expressions import Aggregate, Binary, Call, Expression, RangeSelector, Selector
from tidegate.promql.numbers import exact_text
from tidegate.promql.objectives.burn_rates import BurnRate
from tidegate.promql.objectives.objective import (
    Generated,
    GeneratedGroup,
    GeneratedRule,
    Imported,
    NotImported,
    Objective,
)
from tidegate.promql.parsing import parse_expression
from tidegate.promql.series import METRIC_NAME, Matcher, MatchOp

__all__ = ["read_pyrra"]

_VERSION: Final = "pyrra.dev/v1alpha1"
_SPEC_KEYS: Final = frozenset({"target", "window", "description", "indicator", "alerting"})
_PROPAGATED: Final = "pyrra.dev/"
# Pyrra's windows for 28 days, as shares of the objective's: (severity, for, short, long, factor).
_SHARES: Final = (
    ("critical", 28 * 24 * 30, 28 * 24 * 12, 28 * 24, 14),
    ("critical", 28 * 24 * 4, 28 * 24 * 2, 28 * 4, 7),
    ("warning", 28 * 24, 28 * 12, 28, 2),
    ("warning", 28 * 8, 28 * 4, 7, 1),
)


def read_pyrra(documents: Sequence[Node]) -> Imported:
    """Read the documents of a file; one that is not taken leaves the others alone.

    Raises:
        RuleFileError: a document is none of Pyrra's.
    """
    objectives, refusals = [], []
    for node in documents:
        document = mapping(node, {"apiVersion", "kind", "metadata", "spec", "status"}, "document")
        if document.get("apiVersion") != _VERSION or document.get("kind") != "ServiceLevelObjective":
            raise RuleFileError(f"The document is no ServiceLevelObjective of {_VERSION}.", field="apiVersion")
        metadata = mapping(document.get("metadata"), None, "metadata")
        name = text(metadata.get("name"), "metadata.name")
        try:
            objectives.append(_objective(document, metadata, name))
        except TidegateError as error:
            refusals.append(NotImported(name, error))
    return Imported("pyrra", tuple(objectives), tuple(refusals))


def _objective(document: Mapping[str, Node], metadata: Mapping[str, Node], name: str) -> Objective:
    spec = mapping(document.get("spec"), _SPEC_KEYS, f"{name}.spec")
    written = text(spec.get("target"), f"{name}.target")
    percent = number(written, f"{name}.target")
    if not 0 < percent < 100:
        raise RuleFileError(f"{name}: a target of {written} % leaves no budget or needs none.")
    window_ms = milliseconds(spec.get("window"), f"{name}.window")
    if window_ms < 28 * MINUTE_MS:
        raise RuleFileError(f"{name}: the window {duration_of(window_ms)} is too short for windows within it.")
    indicator = _indicator(spec, name)
    labels = {
        key.removeprefix(_PROPAGATED): text(value, f"{name}.labels")
        for key, value in mapping(metadata.get("labels"), None, f"{name}.labels").items()
        if key.startswith(_PROPAGATED)
    }
    alerting = mapping(spec.get("alerting"), {"disabled", "name", "burnrates", "absent"}, f"{name}.alerting")
    rules = PyrraRules(
        indicator=indicator,
        labels={**labels, "slo": name},
        alert=text(alerting.get("name"), f"{name}.alerting.name", default="ErrorBudgetBurn"),
        alerts_on=not flag(alerting.get("disabled"), f"{name}.disabled", default=False)
        and flag(alerting.get("burnrates"), f"{name}.burnrates", default=True),
    )
    return Objective(
        id=name,
        service=labels.get("service", ""),
        name=name,
        target=percent / 100,
        budget=1 - percent / 100,
        window_ms=window_ms,
        burn_rates=tuple(_burn_rates(window_ms)),
        error_ratio=lambda range_ms: str(indicator.ratio(range_ms)),
        generate=rules.generate,
        description=text(spec.get("description"), f"{name}.description", default=""),
    )


def _burn_rates(window_ms: int) -> Iterator[BurnRate]:
    for severity, for_share, short_share, long_share, factor in _SHARES:
        short, long, hold = (_rounded(window_ms / share) for share in (short_share, long_share, for_share))
        yield BurnRate(severity, short, long, float(factor), for_ms=hold)


def _rounded(ms: float) -> int:
    """Round to minutes, a half up."""
    return int(ms / MINUTE_MS + 0.5) * MINUTE_MS


@dataclass(frozen=True, slots=True)
class _Indicator:
    total: Selector
    grouping: tuple[str, ...]
    keeps_patterns: bool
    """Whether alerts name labels that the total chooses by a pattern: Pyrra does so for ratios alone."""
    ratio: Callable[[int], Expression]

    @property
    def fixed(self) -> dict[str, str]:
        """The labels that the total names with one value, without those that are grouped by."""
        return {m.label: m.value for m in self._matchers if m.op is MatchOp.EQUAL and m.label not in self.grouping}

    @property
    def _matchers(self) -> list[Matcher]:
        return [matcher for matcher in self.total.matchers if matcher.label != METRIC_NAME]

    @property
    def of_alerts(self) -> list[Matcher]:
        patterns = {MatchOp.MATCHES, MatchOp.NOT_MATCHES}
        return [m for m in self._matchers if self.keeps_patterns or m.label in self.grouping or m.op not in patterns]

    def record(self, range_ms: int) -> str:
        name = (self.total.name or "").removesuffix("_total").removesuffix("_count")
        return f"{name}:burnrate{duration_of(range_ms)}"


def _indicator(spec: Mapping[str, Node], name: str) -> _Indicator:
    given = mapping(spec.get("indicator"), {"ratio", "latency", "latencyNative", "bool_gauge"}, f"{name}.indicator")
    if "latencyNative" in given:
        raise NotSupportedError("latencyNative", where=name, why="native histograms are not read; `latency` is")
    if len(given) != 1:
        raise RuleFileError(f"{name}.indicator needs one of ratio, latency, bool_gauge.")
    (kind,) = given
    body = mapping(given[kind], None, f"{name}.{kind}")
    grouping = tuple(sorted(text(one, f"{name}.grouping") for one in items(body.get("grouping"), f"{name}.grouping")))
    if kind == "bool_gauge":
        gauge = _metric(body, f"{name}.{kind}")
        return _Indicator(gauge, grouping, keeps_patterns=False, ratio=lambda ms: _of_gauge(gauge, grouping, ms))
    total = _metric(mapping(body.get("total"), {"metric"}, f"{name}.total"), f"{name}.total")
    if kind == "latency":
        success = _metric(mapping(body.get("success"), {"metric"}, f"{name}.success"), f"{name}.success")

        def ratio(range_ms: int) -> Expression:
            return _missing(_rates(total, grouping, range_ms), _rates(success, grouping, range_ms))

        return _Indicator(total, grouping, keeps_patterns=False, ratio=ratio)
    errors = _metric(mapping(body.get("errors"), {"metric"}, f"{name}.errors"), f"{name}.errors")
    patterns = {m.label for m in total.matchers if m.op in {MatchOp.MATCHES, MatchOp.NOT_MATCHES}}
    by = tuple(sorted({*grouping, *patterns}))
    return _Indicator(total, grouping, keeps_patterns=True,
                      ratio=lambda ms: Binary("/", _rates(errors, by, ms), _rates(total, by, ms)))  # fmt: skip


def _metric(node: Mapping[str, Node], field: str) -> Selector:
    found = parse_expression(text(node.get("metric"), f"{field}.metric"))
    if not isinstance(found, Selector) or found.name is None:
        raise RuleFileError(f"{field}.metric is no metric with a name.", field=f"{field}.metric")
    return found


def _summed(function: str, metric: Selector, grouping: tuple[str, ...], range_ms: int) -> Expression:
    return Aggregate("sum", Call(function, (RangeSelector(metric, range_ms),)), grouping)


def _rates(metric: Selector, grouping: tuple[str, ...], range_ms: int) -> Expression:
    return _summed("rate", metric, grouping, range_ms)


def _missing(total: Expression, success: Expression) -> Expression:
    return Binary("/", Binary("-", total, success), total)


def _of_gauge(gauge: Selector, grouping: tuple[str, ...], range_ms: int) -> Expression:
    count = _summed("count_over_time", gauge, grouping, range_ms)
    return _missing(count, _summed("sum_over_time", gauge, grouping, range_ms))


@dataclass(frozen=True, slots=True)
class PyrraRules:
    indicator: _Indicator
    labels: Mapping[str, str]
    alert: str
    alerts_on: bool

    def generate(self, objective: Objective) -> Generated:
        windows = sorted({window for rate in objective.burn_rates for window in (rate.short_ms, rate.long_ms)})
        labels = {**self.labels, **self.indicator.fixed}
        rules = [
            GeneratedRule(self.indicator.record(window), is_alert=False, expression=objective.error_ratio(window),
                          labels=labels)
            for window in windows
        ]  # fmt: skip
        refusals = []
        for rate in objective.burn_rates if self.alerts_on else ():
            try:
                rate.check(objective.budget)
                rules.append(self._alert(objective, rate, labels))
            except TidegateError as error:
                refusals.append(NotImported(f"{objective.id} {rate.severity} {duration_of(rate.long_ms)}", error))
        return Generated((GeneratedGroup(objective.id, tuple(rules)),), tuple(refusals))

    def _alert(self, objective: Objective, rate: BurnRate, labels: Mapping[str, str]) -> GeneratedRule:
        slo = Matcher("slo", MatchOp.EQUAL, objective.id)
        chosen = ",".join(sorted(map(str, [*self.indicator.of_alerts, slo])))
        limit = f"({exact_text(rate.factor)} * (1-{exact_text(objective.target)}))"
        sides = (f"{self.indicator.record(window)}{{{chosen}}} > {limit}" for window in (rate.short_ms, rate.long_ms))
        windows = {"short": duration_of(rate.short_ms), "long": duration_of(rate.long_ms)}
        return GeneratedRule(
            self.alert,
            is_alert=True,
            expression=" and ".join(sides),
            labels={**labels, **windows, "severity": rate.severity},
            for_ms=rate.for_ms,
        )
