"""The rules that Sloth generates from an objective, rule by rule the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidegate.kernel.errors import TidegateError
from tidegate.promql.durations import DAY_MS, duration_of
from tidegate.promql.numbers import exact_text
from tidegate.promql.objectives.burn_rates import BurnRate
from tidegate.promql.objectives.objective import Generated, GeneratedGroup, GeneratedRule, NotImported, Objective
from tidegate.promql.parsing import parse_expression
from tidegate.promql.series import quoted

__all__ = ["SlothAlert", "SlothRules"]

_SUMMARY: Final = "{{$labels.sloth_service}} {{$labels.sloth_slo}} SLO error budget burn rate is over expected."
_TITLE: Final = (
    "({kind}) {{{{$labels.sloth_service}}}} {{{{$labels.sloth_slo}}}} SLO error budget burn rate is too fast."
)
_MODES: Final = {"prometheus": "cli-gen-prom", "openslo": "cli-gen-openslo"}
_ON: Final = "on(sloth_id, sloth_slo, sloth_service) group_left"


@dataclass(frozen=True, slots=True)
class SlothAlert:
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SlothRules:
    """What a file says beside the objective."""

    labels: Mapping[str, str]
    alerts: Mapping[str, SlothAlert]
    """By `page` and `ticket`; one that is missing is switched off."""
    percent: float
    spec: str
    extra_labels: Mapping[str, str] = field(default_factory=dict)
    is_direct: bool = False
    """Whether the ratio of the whole window is asked as such, and not as the mean of the shortest one's."""

    def generate(self, objective: Objective) -> Generated:
        groups = [
            GeneratedGroup(f"sloth-slo-sli-recordings-{objective.id}", tuple(self._ratios(objective))),
            GeneratedGroup(f"sloth-slo-meta-recordings-{objective.id}", tuple(self._facts(objective))),
        ]
        alerts: list[GeneratedRule] = []
        refusals: list[NotImported] = []
        for kind, alert in self.alerts.items():
            rates = [rate for rate in objective.burn_rates if rate.severity == kind]
            try:
                for rate in rates:
                    rate.check(objective.budget)
                alerts.append(self._alert(objective, kind, alert, rates))
            except TidegateError as error:
                refusals.append(NotImported(f"{objective.id} {kind}", error))
        if alerts:
            groups.append(GeneratedGroup(f"sloth-slo-alerts-{objective.id}", tuple(alerts)))
        for group in groups:
            for rule in group.rules:
                try:
                    parse_expression(rule.expression)
                except TidegateError as error:
                    refusals.append(NotImported(f"{objective.id} {rule.name}", error))
        return Generated(tuple(groups), tuple(refusals))

    def _labels(self, objective: Objective) -> dict[str, str]:
        return {
            **self.extra_labels,
            **self.labels,
            "sloth_id": objective.id,
            "sloth_service": objective.service,
            "sloth_slo": objective.name,
        }

    def _ratios(self, objective: Objective) -> Iterator[GeneratedRule]:
        windows = {window for rate in objective.burn_rates for window in _windows(rate)}
        for window in sorted(windows):
            yield self._ratio(objective, window, objective.error_ratio(window))
        if self.is_direct:
            if objective.window_ms not in windows:
                yield self._ratio(objective, objective.window_ms, objective.error_ratio(objective.window_ms))
            return
        shortest, whole = _ratio_name(min(windows)), duration_of(objective.window_ms)
        chosen = _chosen(objective)
        # The ratio of the whole window is the mean of the shortest one: 30 days of samples are not read each time.
        yield self._ratio(
            objective,
            objective.window_ms,
            f"sum_over_time({shortest}{chosen}[{whole}])\n/ ignoring (sloth_window)\n"
            f"count_over_time({shortest}{chosen}[{whole}])\n",
        )

    def _ratio(self, objective: Objective, window_ms: int, expression: str) -> GeneratedRule:
        labels = {**self._labels(objective), "sloth_window": duration_of(window_ms)}
        return GeneratedRule(_ratio_name(window_ms), is_alert=False, expression=expression, labels=labels)

    def _facts(self, objective: Objective) -> Iterator[GeneratedRule]:
        target, chosen = exact_text(self.percent / 100), _chosen(objective)
        whole = _ratio_name(objective.window_ms)
        budget = f"slo:error_budget:ratio{chosen}"
        labels = self._labels(objective)
        facts = (
            ("slo:objective:ratio", f"vector({target})"),
            ("slo:error_budget:ratio", f"vector(1-{target})"),
            ("slo:time_period:days", f"vector({exact_text(objective.window_ms / DAY_MS)})"),
            ("slo:current_burn_rate:ratio", f"{_ratio_name(_shortest(objective))}{chosen}\n/ {_ON}\n{budget}\n"),
            ("slo:period_burn_rate:ratio", f"{whole}{chosen}\n/ {_ON}\n{budget}\n"),
            ("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{chosen}"),
        )
        for name, expression in facts:
            yield GeneratedRule(name, is_alert=False, expression=expression, labels=labels)
        about = {"sloth_mode": _MODES[self.spec.partition("/")[0]], "sloth_spec": self.spec, "sloth_version": "dev",
                 "sloth_objective": exact_text(self.percent)}  # fmt: skip
        yield GeneratedRule("sloth_slo_info", is_alert=False, expression="vector(1)", labels={**labels, **about})

    def _alert(self, objective: Objective, kind: str, alert: SlothAlert, rates: Sequence[BurnRate]) -> GeneratedRule:
        annotations = {"summary": _SUMMARY, "title": _TITLE.format(kind=kind), **alert.annotations}
        return GeneratedRule(
            alert.name,
            is_alert=True,
            expression="or\n".join(_burning(objective, rate) for rate in rates),
            labels={"sloth_severity": kind, **alert.labels},
            annotations=annotations,
            for_ms=max((rate.for_ms for rate in rates), default=0),
        )


def _burning(objective: Objective, rate: BurnRate) -> str:
    limit = f"({exact_text(rate.factor)} * {exact_text(objective.budget)})"
    above = ">=" if rate.is_inclusive else ">"
    sides = (f"    max({_ratio_name(window)}{_chosen(objective)} {above} {limit}) without (sloth_window)\n"
             for window in _windows(rate))  # fmt: skip
    return "(\n" + "    and\n".join(sides) + ")\n"


def _windows(rate: BurnRate) -> tuple[int, ...]:
    return (rate.short_ms, rate.long_ms) if rate.short_ms else (rate.long_ms,)


def _shortest(objective: Objective) -> int:
    return min(window for rate in objective.burn_rates for window in _windows(rate))


def _ratio_name(window_ms: int) -> str:
    return f"slo:sli_error:ratio_rate{duration_of(window_ms)}"


def _chosen(objective: Objective) -> str:
    pairs = (("sloth_id", objective.id), ("sloth_service", objective.service), ("sloth_slo", objective.name))
    return "{" + ", ".join(f"{name}={quoted(value)}" for name, value in pairs) + "}"
