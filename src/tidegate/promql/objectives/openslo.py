"""OpenSLO: `v1`, and `v1alpha` with Sloth's conventions, over Prometheus."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from tidegate.kernel.errors import TidegateError
from tidegate.promql.documents import Node, flag, items, mapping, milliseconds, number, text
from tidegate.promql.durations import DAY_MS, HOUR_MS, MINUTE_MS, duration_of
from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.expressions import Selector
from tidegate.promql.objectives.burn_rates import BurnRate, workbook
from tidegate.promql.objectives.objective import Imported, NotImported, Objective
from tidegate.promql.objectives.sloth import with_window
from tidegate.promql.objectives.sloth_rules import SlothAlert, SlothRules
from tidegate.promql.parsing import parse_expression

__all__ = ["read_openslo"]

_VERSIONS: Final = ("openslo/v1", "openslo/v1alpha")
_UNITS: Final = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS}
_ROLLING: Final = re.compile(r"([0-9]{1,4})([mhdw])")
_SHORT_UNITS: Final = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
# Metadata of what is read elsewhere, or says nothing about rules.
_OTHER_KINDS: Final = ("Service", "DataSource")


def read_openslo(documents: Sequence[Node], *, extra_labels: Mapping[str, str] | None = None) -> Imported:
    """Read the documents of a file; one that is not taken leaves the others alone.

    Raises:
        RuleFileError: a document is none of OpenSLO's.
    """
    reading = _Reading(documents, dict(extra_labels or {}))
    objectives: list[Objective] = []
    refusals: list[NotImported] = []
    for document in reading.of_kind("SLO"):
        name = text(mapping(document.get("metadata"), None, "metadata").get("name"), "metadata.name")
        try:
            objectives.extend(reading.objectives(document, name))
        except TidegateError as error:
            refusals.append(NotImported(name, error))
    refusals += reading.other_kinds()
    return Imported("openslo", tuple(objectives), tuple(refusals))


class _Reading:
    def __init__(self, documents: Sequence[Node], extra_labels: Mapping[str, str]) -> None:
        self._documents = [mapping(one, {"apiVersion", "kind", "metadata", "spec"}, "document") for one in documents]
        self._extra = extra_labels
        for document in self._documents:
            if document.get("apiVersion") not in _VERSIONS:
                raise RuleFileError(f"apiVersion is none of {', '.join(_VERSIONS)}.", field="apiVersion")

    def of_kind(self, kind: str) -> Iterator[Mapping[str, Node]]:
        return (document for document in self._documents if document.get("kind") == kind)

    def other_kinds(self) -> Iterator[NotImported]:
        read = {"SLO", "SLI", "AlertPolicy", "AlertCondition", *_OTHER_KINDS}
        for document in self._documents:
            kind = text(document.get("kind"), "kind")
            if kind not in read:
                why = "SLO, SLI, AlertPolicy and AlertCondition are read"
                yield NotImported(kind, NotSupportedError(kind, why=why))

    def _named(self, kind: str, name: str) -> Mapping[str, Node]:
        for document in self.of_kind(kind):
            if mapping(document.get("metadata"), None, "metadata").get("name") == name:
                return mapping(document.get("spec"), None, f"{kind} {name}")
        raise RuleFileError(f"There is no {kind} {name!r} in the file.")

    def objectives(self, document: Mapping[str, Node], name: str) -> Iterator[Objective]:
        spec = mapping(document.get("spec"), None, f"{name}.spec")
        method = text(spec.get("budgetingMethod"), "budgetingMethod", default="Occurrences")
        if method != "Occurrences":
            raise NotSupportedError(method, where=f"{name}.budgetingMethod", why="events are counted: Occurrences")
        window_ms = _window(spec, name)
        is_alpha = document.get("apiVersion") == "openslo/v1alpha"
        rates, alerts = ((), {}) if is_alpha else self._alerts(spec, name, window_ms)
        for place, node in enumerate(items(spec.get("objectives"), f"{name}.objectives")):
            given = mapping(node, None, f"{name}.objectives.{place}")
            for key in ("timeSliceTarget", "timeSliceWindow", "compositeWeight"):
                if key in given:
                    raise NotSupportedError(key, where=f"{name}.objectives.{place}", why="events are counted")
            target = _target(given, f"{name}.objectives.{place}")
            ratio = _alpha_ratio(given, name) if is_alpha else self._ratio(spec, name)
            parse_expression(ratio(window_ms))
            percent = target * 100
            spec_name = "openslo/v1alpha" if is_alpha else "openslo/v1"
            yield Objective(
                id=f"{text(spec.get('service'), 'service')}-{name}-{place}",
                service=text(spec.get("service"), "service"),
                name=f"{name}-{place}",
                target=target,
                budget=(100 - percent) / 100,
                window_ms=window_ms,
                burn_rates=rates or workbook(window_ms),
                error_ratio=ratio,
                generate=SlothRules({}, alerts, percent, spec_name, self._extra, not is_alpha).generate,
                description=text(spec.get("description"), "description", default=""),
            )

    def _ratio(self, spec: Mapping[str, Node], name: str) -> Callable[[int], str]:
        if "indicatorRef" in spec:
            indicator = self._named("SLI", text(spec["indicatorRef"], "indicatorRef"))
        else:
            whole = mapping(spec.get("indicator"), {"metadata", "spec"}, f"{name}.indicator")
            indicator = mapping(whole.get("spec"), None, f"{name}.indicator.spec")
        if "thresholdMetric" in indicator:
            raise NotSupportedError("thresholdMetric", where=name, why="an indicator is a ratioMetric")
        metric = mapping(indicator.get("ratioMetric"), {"counter", "good", "bad", "total", "raw", "rawType"}, name)
        if "raw" in metric or "rawType" in metric:
            raise NotSupportedError("raw", where=f"{name}.ratioMetric", why="name good or bad, and total")
        if ("good" in metric) == ("bad" in metric):
            raise RuleFileError(f"{name}.ratioMetric needs either `good` or `bad`.")
        counts = flag(metric.get("counter"), f"{name}.ratioMetric.counter", default=False)
        side = "good" if "good" in metric else "bad"
        return _ratio_of(_query(metric, side, name), _query(metric, "total", name), is_good=side == "good",
                         is_counter=counts)  # fmt: skip

    def _alerts(self, spec: Mapping[str, Node], name: str, window_ms: int) -> tuple[tuple[BurnRate, ...],
                                                                                    dict[str, SlothAlert]]:  # fmt: skip
        rates: list[BurnRate] = []
        alerts: dict[str, SlothAlert] = {}
        for policy_node in items(spec.get("alertPolicies"), f"{name}.alertPolicies"):
            for label, condition in self._conditions(policy_node, name):
                rate = _burn_rate(condition, label, window_ms)
                rates.append(rate)
                severity = text(condition.get("severity"), f"{name}.{label}.severity", default="page")
                alerts[label] = SlothAlert(f"{name}-{label}", {"severity": severity})
        return tuple(rates), alerts

    def _conditions(self, node: Node, name: str) -> Iterator[tuple[str, Mapping[str, Node]]]:
        policy = node if isinstance(node, Mapping) else {"alertPolicyRef": node}
        if "alertPolicyRef" in policy:
            reference = text(policy["alertPolicyRef"], "alertPolicyRef")
            try:
                spec = self._named("AlertPolicy", reference)
            except RuleFileError:
                # A condition may be named without a policy around it.
                yield reference, self._named("AlertCondition", reference)
                return
        else:
            spec = mapping(policy.get("spec"), None, f"{name}.alertPolicies")
        for one in items(spec.get("conditions"), f"{name}.conditions"):
            given = mapping(one, None, f"{name}.conditions")
            if "conditionRef" in given:
                reference = text(given["conditionRef"], "conditionRef")
                yield reference, self._named("AlertCondition", reference)
            else:
                metadata = mapping(given.get("metadata"), None, "metadata")
                yield text(metadata.get("name"), "metadata.name"), mapping(given.get("spec"), None, "spec")


def _burn_rate(spec: Mapping[str, Node], where: str, window_ms: int) -> BurnRate:
    condition = mapping(spec.get("condition"), None, f"{where}.condition")
    kind = text(condition.get("kind"), f"{where}.condition.kind")
    if kind != "burnrate":
        raise NotSupportedError(kind, where=where, why="the condition of an alert is a burnrate")
    op = text(condition.get("op"), f"{where}.op", default="gte")
    if op not in {"gt", "gte"}:
        raise NotSupportedError(op, where=where, why="a budget burns too fast: gt or gte")
    long_ms = milliseconds(condition.get("lookbackWindow"), f"{where}.lookbackWindow")
    if not 0 < long_ms <= window_ms:
        raise RuleFileError(f"{where}: {duration_of(long_ms)} does not lie within {duration_of(window_ms)}.")
    return BurnRate(
        severity=where,
        short_ms=0,
        long_ms=long_ms,
        factor=number(condition.get("threshold"), f"{where}.threshold"),
        for_ms=milliseconds(condition.get("alertAfter"), f"{where}.alertAfter"),
        is_inclusive=op == "gte",
    )


def _target(given: Mapping[str, Node], field: str) -> float:
    if "targetPercent" in given:
        target = number(given["targetPercent"], f"{field}.targetPercent") / 100
    else:
        target = number(given.get("target"), f"{field}.target")
    if not 0 < target < 1:
        raise RuleFileError(f"{field}: a target of {target} leaves no budget or needs none.", field=field)
    return target


def _window(spec: Mapping[str, Node], name: str) -> int:
    windows = items(spec.get("timeWindow", spec.get("timeWindows")), f"{name}.timeWindow")
    if len(windows) != 1:
        raise RuleFileError(f"{name} needs one timeWindow.")
    window = mapping(windows[0], None, f"{name}.timeWindow")
    if "calendar" in window or not flag(window.get("isRolling"), f"{name}.isRolling", default=True):
        raise NotSupportedError("calendar", where=f"{name}.timeWindow", why="rules look back over rolling windows")
    if "count" in window:
        unit = text(window.get("unit"), f"{name}.timeWindow.unit").lower()
        if unit not in _UNITS:
            raise NotSupportedError(unit, where=f"{name}.timeWindow.unit", why="minutes, hours, days and weeks are")
        return int(number(window["count"], f"{name}.timeWindow.count")) * _UNITS[unit]
    written = text(window.get("duration"), f"{name}.timeWindow.duration")
    found = _ROLLING.fullmatch(written)
    if found is None:
        raise NotSupportedError(written, where=f"{name}.timeWindow.duration", why="minutes, hours, days and weeks are")
    return int(found[1]) * _SHORT_UNITS[found[2]]


def _alpha_ratio(given: Mapping[str, Node], name: str) -> Callable[[int], str]:
    metrics = mapping(given.get("ratioMetrics"), {"good", "total", "counter", "incremental"}, f"{name}.ratioMetrics")
    queries = []
    for side in ("good", "total"):
        source = mapping(metrics.get(side), {"source", "queryType", "query"}, f"{name}.{side}")
        _check_source(text(source.get("source"), f"{name}.{side}.source"), name)
        queries.append(text(source.get("query"), f"{name}.{side}.query"))
    return _ratio_of(queries[0], queries[1], is_good=True, is_counter=False)


def _query(metric: Mapping[str, Node], side: str, name: str) -> str:
    whole = mapping(metric.get(side), {"metricSource"}, f"{name}.{side}")
    source = mapping(whole.get("metricSource"), {"metricSourceRef", "type", "spec"}, f"{name}.{side}.metricSource")
    _check_source(text(source.get("type"), f"{name}.{side}.type", default="Prometheus"), name)
    spec = mapping(source.get("spec"), None, f"{name}.{side}.spec")
    return text(spec.get("query", spec.get("promql")), f"{name}.{side}.query")


def _check_source(kind: str, name: str) -> None:
    if kind.lower() != "prometheus":
        raise NotSupportedError(kind, where=name, why="the source of a metric is Prometheus")


def _ratio_of(side: str, total: str, *, is_good: bool, is_counter: bool) -> Callable[[int], str]:
    def ratio(window_ms: int) -> str:
        one, all_of_it = (_windowed(query, window_ms, is_counter=is_counter) for query in (side, total))
        quotient = f"({one}) / ({all_of_it})"
        return f"1 - ({quotient})" if is_good else quotient

    return ratio


def _windowed(query: str, window_ms: int, *, is_counter: bool) -> str:
    """Put the window into a query: where it says so, or around the counter that it names."""
    if is_counter and "{{" not in query and isinstance(parse_expression(query), Selector):
        return f"sum(increase({query.strip()}[{duration_of(window_ms)}]))"
    return with_window(query, window_ms)
