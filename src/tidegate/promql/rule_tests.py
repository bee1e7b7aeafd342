"""promtool's files of rule tests: what stands in them, and what comes of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tidegate.kernel.errors import TidegateError
from tidegate.promql.alerting import FIRING
from tidegate.promql.durations import duration_of
from tidegate.promql.errors import RuleFileError
from tidegate.promql.evaluator import Evaluator, Options, Sample
from tidegate.promql.numbers import scientific_text
from tidegate.promql.parsing import parse_expression
from tidegate.promql.rule_files import Group
from tidegate.promql.running import ALERTNAME, Environment, RuleOutcome, Run, run_rules
from tidegate.promql.series import Labels, MemorySource, Moments, Series, quoted
from tidegate.promql.testing_files import AlertTest, ExpressionTest, TestFile, TestGroup

__all__ = ["run_test_file"]

# A test of a year at the minute; more is a mistake in a time.
_MOST_STEPS: Final = 1_000_000


def run_test_file(file: TestFile, groups: Sequence[Group]) -> list[str]:
    """Run the tests of `file` over the rules of its files; return what failed, as promtool words it.

    Raises:
        RuleFileError: a test asks for more than a test may.
    """
    order = {name: place for place, name in enumerate(file.group_order)}
    # As in promtool, a group that is not named stands beside the first one.
    ordered = sorted(groups, key=lambda group: order.get(group.name, 0))
    return [failure for test in file.tests for failure in _GroupTest(file, test, ordered).failures()]


@dataclass(slots=True)
class _GroupTest:
    file: TestFile
    test: TestGroup
    groups: Sequence[Group]
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.environment = Environment(self.test.external_labels, self.test.external_url)

    def failures(self) -> list[str]:
        moments = self._moments()
        source = MemorySource()
        for series in self.test.series:
            source.put(_until(series, int(moments[-1])))
        options = Options(subquery_step_ms=self.file.interval_ms)
        run = run_rules(self.groups, source, moments, options=options, environment=self.environment)
        first = min((step for outcome in run.outcomes for step in outcome.failures), default=None)
        failures = self._alerts(run, before=first)
        if first is not None:
            at = duration_of(int(moments[first] - moments[0]))
            failing = [outcome for outcome in run.outcomes if first in outcome.failures]
            return failures + [f"    rule: {o.rule.name}, time: {at}, err: {o.failures[first]}" for o in failing]
        evaluator = Evaluator(run.source, Options(subquery_step_ms=self.file.interval_ms, horizon_ms=int(moments[-1])))
        return failures + [words for one in self.test.expression_tests for words in self._expression(one, evaluator)]

    def _moments(self) -> Moments:
        times = [test.at_ms for test in self.test.alert_tests] + [test.at_ms for test in self.test.expression_tests]
        last = max(times, default=0)
        if last // self.file.interval_ms > _MOST_STEPS:
            raise RuleFileError(f"A test evaluates more than {_MOST_STEPS} times.")
        return np.arange(0, last + 1, self.file.interval_ms, dtype=np.int64) + self.test.start_ms

    def _alerts(self, run: Run, *, before: int | None) -> list[str]:
        failures = []
        for test in sorted(self.test.alert_tests, key=lambda test: test.at_ms):
            step = test.at_ms // self.file.interval_ms
            if before is not None and step >= before:
                continue
            outcomes = [o for o in run.outcomes if o.rule.is_alert and o.rule.name == test.name]
            found = sorted(alert for outcome in outcomes for alert in self._firing(outcome, step))
            expected = sorted((_sorted({**one.labels, ALERTNAME: test.name}), _sorted(one.annotations))
                              for one in test.alerts)  # fmt: skip
            if found != expected:
                failures.append(self._alert_words(test, expected, found))
        return failures

    def _firing(self, outcome: RuleOutcome, step: int) -> list[tuple[Labels, Labels]]:
        return [
            (alert.labels, _sorted(alert.annotations_at(step, self.environment)))
            for alert in outcome.alerts
            if alert.states.states[step] == FIRING
        ]

    def _alert_words(self, test: AlertTest, expected: "_Alerts", found: "_Alerts") -> str:
        name = f"    name: {self.test.name},\n" if self.test.name else ""
        return (
            f"{name}    alertname: {test.name}, time: {duration_of(test.at_ms)}, \n"
            f"        exp:{_indented(_alerts_text(expected))}, \n        got:{_indented(_alerts_text(found))}"
        )

    def _expression(self, test: ExpressionTest, evaluator: Evaluator) -> list[str]:
        place = f"    expr: {quoted(test.expression)}, time: {duration_of(test.at_ms)}"
        try:
            found = evaluator.at(parse_expression(test.expression), test.at_ms + self.test.start_ms)
        except TidegateError as error:
            return [f"{place}, err: {error.message}"]
        samples = sorted([Sample((), found)] if isinstance(found, float) else found, key=lambda sample: sample.labels)
        expected = sorted(test.samples, key=lambda sample: sample.labels)
        if _same_samples(expected, samples, is_fuzzy=self.file.is_fuzzy):
            return []
        return [f"{place},\n        exp: {_samples_text(expected)}\n        got: {_samples_text(samples)}"]


_Alerts = list[tuple[Labels, Labels]]


def _until(series: Series, last_ms: int) -> Series:
    """Leave out what promtool has not loaded yet when it evaluates for the last time."""
    kept = series.moments <= last_ms
    return Series(series.labels, series.moments[kept], series.values[kept])


def _sorted(pairs: Mapping[str, str]) -> Labels:
    return tuple(sorted(pairs.items()))


def _same_samples(expected: Sequence[Sample], found: Sequence[Sample], *, is_fuzzy: bool) -> bool:
    if [sample.labels for sample in expected] != [sample.labels for sample in found]:
        return False
    return all(
        one.value == other.value or (is_fuzzy and math.nextafter(one.value, other.value) == other.value)
        for one, other in zip(expected, found, strict=True)
    )


def _alerts_text(alerts: _Alerts) -> str:
    if not alerts:
        return "[]"
    lines = [
        f"{place}:\n  Labels:{_braced(labels)}\n  Annotations:{_braced(annotations)}"
        for place, (labels, annotations) in enumerate(alerts)
    ]
    return "[\n" + ",\n".join(lines) + "\n]"


def _braced(labels: Labels) -> str:
    return "{" + ", ".join(f"{name}={quoted(value)}" for name, value in labels) + "}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n            ")


def _samples_text(samples: Sequence[Sample]) -> str:
    if not samples:
        return "nil"
    return ", ".join(f"{_braced(one.labels)} {scientific_text(one.value)}" for one in samples)
