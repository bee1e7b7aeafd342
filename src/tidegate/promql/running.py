"""Rules over time: what they record, which alerts they raise, when.

Rule by rule over all moments, as long as no rule reads what it or a later one records; else moment by moment, as
Prometheus does. Both give the same (`tests/unit/promql/test_running.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tidegate.promql.alerting import INACTIVE, AlertMachine, States, states_over
from tidegate.promql.errors import EvaluationError
from tidegate.promql.evaluator import Evaluator, Options
from tidegate.promql.expressions import Expression, Selector, selectors_of
from tidegate.promql.outputs import RecordedSource, alert_series, recorded_labels, recorded_series
from tidegate.promql.rule_files import Group, Rule
from tidegate.promql.series import METRIC_NAME, STALE, Floats, Labels, Moments, SeriesSource
from tidegate.promql.templates import Moment
from tidegate.promql.vectors import Mask, Scalar, Vector, merge

__all__ = ["ALERTNAME", "AlertHistory", "Environment", "RuleOutcome", "Run", "run_rules"]

ALERTNAME: Final = "alertname"
_ALERT_METRICS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """One alert of a rule over the moments of a run."""

    rule: Rule
    labels: Labels
    states: States
    present: Mask
    """Where the condition held; an alert that is kept firing is active without."""
    values: Floats
    origins: tuple[tuple[Labels, Mask], ...]
    """The series that the condition found, and when which of them."""

    def annotations_at(self, step: int, environment: "Environment") -> dict[str, str]:
        """Return the annotations as they were at `step`: those of the last time that the condition held."""
        last = int(np.flatnonzero(self.present[: step + 1])[-1])
        origin = next(labels for labels, there in self.origins if there[last])
        moment = environment.moment(origin, float(self.values[last]))
        return {name: template.expand(moment) for name, template in self.rule.annotations.items()}


@dataclass(frozen=True, slots=True)
class Environment:
    """What templates know beside the alert."""

    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""

    def moment(self, labels: Labels, value: float) -> Moment:
        return Moment(labels, value, self.external_labels, self.external_url)


@dataclass(slots=True)
class RuleOutcome:
    group: str
    rule: Rule
    alerts: list[AlertHistory] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    """The steps at which the rule had no answer, and why; it was then as if it had not been asked."""


@dataclass(frozen=True, slots=True)
class Run:
    moments: Moments
    outcomes: list[RuleOutcome]
    source: SeriesSource
    """What was there and what was recorded."""


def run_rules(
    groups: Sequence[Group],
    source: SeriesSource,
    moments: Moments,
    *,
    options: Options | None = None,
    environment: Environment | None = None,
) -> Run:
    """Evaluate the rules of `groups`, in order, at each of `moments`, which grow."""
    asked = [(group.name, rule) for group in groups for rule in group.rules]
    recorded = RecordedSource(source)
    evaluator = Evaluator(recorded, options or Options())
    run = Run(moments, [RuleOutcome(group, rule) for group, rule in asked], recorded)
    runner = _Runner(run, evaluator, recorded, environment or Environment())
    if _reads_ahead([rule for _, rule in asked]):
        runner.step_by_step()
    else:
        runner.rule_by_rule()
    return run


class _Runner:
    def __init__(self, run: Run, evaluator: Evaluator, recorded: RecordedSource, environment: Environment) -> None:
        self._run = run
        self._evaluator = evaluator
        self._recorded = recorded
        self._environment = environment

    def rule_by_rule(self) -> None:
        moments = self._run.moments
        for outcome in self._run.outcomes:
            found = _over(self._evaluator, outcome.rule.expression, moments, outcome.failures)
            rows, answered = self._named(outcome, found)
            if not outcome.rule.is_alert:
                for labels, values, present, _ in rows:
                    self._recorded.put(
                        recorded_series(labels, values, present & answered, answered=answered, moments=moments)
                    )
                continue
            asked = moments[answered]
            for labels, values, present, origins in rows:
                if not (present & answered).any():
                    continue
                rule = outcome.rule
                some = states_over(present[answered], asked, for_ms=rule.for_ms, keep_ms=rule.keep_firing_for_ms)
                states = _spread(some, answered)
                outcome.alerts.append(AlertHistory(rule, labels, states, present & answered, values, origins))
                for series in alert_series(outcome.alerts[-1].labels, rule, states, answered=answered, moments=moments):
                    self._recorded.put(series)

    def step_by_step(self) -> None:
        moments, outcomes = self._run.moments, self._run.outcomes
        machines = [AlertMachine(o.rule.for_ms, o.rule.keep_firing_for_ms) for o in outcomes]
        histories: list[dict[Labels, _Growing]] = [{} for _ in outcomes]
        written: list[set[Labels]] = [set() for _ in outcomes]
        for step in range(moments.size):
            moment = int(moments[step])
            for number, outcome in enumerate(outcomes):
                failures: dict[int, str] = {}
                at = Run(moments[step : step + 1], [], self._recorded)
                found = _over(self._evaluator, outcome.rule.expression, at.moments, failures)
                local = RuleOutcome(outcome.group, outcome.rule, failures=failures)
                rows, answered = self._named(local, found)
                if not answered[0]:
                    outcome.failures[step] = local.failures[0]
                    continue
                rows = [row for row in rows if row[2][0]]
                samples = dict(_samples(outcome.rule, rows, machines[number], moment))
                _remember(histories[number], rows, machines[number], step=step, width=moments.size)
                for labels, value in samples.items():
                    self._recorded.add(labels, moment, value)
                for labels in written[number] - samples.keys():
                    self._recorded.add(labels, moment, STALE)
                written[number] = set(samples)
        for number, outcome in enumerate(outcomes):
            if outcome.rule.is_alert:
                outcome.alerts.extend(held.done(outcome.rule, labels) for labels, held in histories[number].items())

    def _named(self, outcome: RuleOutcome, found: Vector) -> "tuple[list[_Row], Mask]":
        """Give the rows of `found` the labels of the rule; return with them at which steps there is an answer."""
        rule = outcome.rule
        answered = np.ones(found.values.shape[1], dtype=np.bool_)
        answered[list(outcome.failures)] = False
        groups: dict[Labels, list[tuple[Labels, Floats, Mask]]] = {}
        for row, origin in enumerate(found.labels):
            present = found.present[row] & answered
            for labels, there in self._labelled(rule, origin, found.values[row], present):
                groups.setdefault(labels, []).append((origin, found.values[row], there))
        rows: list[_Row] = []
        for labels, members in groups.items():
            several = np.sum([there for _, _, there in members], axis=0) > 1
            kind = "alert" if rule.is_alert else "rule"
            words = f"vector contains metrics with the same labelset after applying {kind} labels"
            outcome.failures.update((int(step), words) for step in np.flatnonzero(several))
            answered &= ~several
            values, present = members[0][1], members[0][2]
            if len(members) > 1:
                present = np.any([there for _, _, there in members], axis=0)
                values = np.select([there for _, _, there in members], [held for _, held, _ in members])
            rows.append((labels, values, present, tuple((origin, there) for origin, _, there in members)))
        return rows, answered

    def _labelled(self, rule: Rule, origin: Labels, values: Floats, present: Mask) -> Iterator[tuple[Labels, Mask]]:
        if not rule.is_alert:
            yield recorded_labels(rule, origin), present
            return
        if not any(template.reads_value for template in rule.labels.values()):
            yield self._alert_labels(rule, origin, 0.0), present
            return
        found: dict[Labels, Mask] = {}
        for step in np.flatnonzero(present):
            labels = self._alert_labels(rule, origin, float(values[step]))
            found.setdefault(labels, np.zeros(present.size, dtype=np.bool_))[step] = True
        yield from found.items()

    def _alert_labels(self, rule: Rule, origin: Labels, value: float) -> Labels:
        labels = dict(origin)
        labels.pop(METRIC_NAME, None)
        moment = self._environment.moment(origin, value)
        labels.update((name, template.expand(moment)) for name, template in rule.labels.items())
        labels[ALERTNAME] = rule.name
        return tuple(sorted((name, held) for name, held in labels.items() if held))


_Row = tuple[Labels, Floats, Mask, tuple[tuple[Labels, Mask], ...]]


def _spread(some: States, answered: Mask) -> States:
    """Lay states of the answered steps over all steps; without an answer an alert stays what it was."""
    last = np.cumsum(answered) - 1
    known = last >= 0
    places = np.maximum(last, 0)
    if not some.states.size:
        return States(np.zeros(answered.size, dtype=np.int8), np.zeros(answered.size, dtype=np.int64))
    return States(
        np.where(known, some.states[places], INACTIVE).astype(np.int8), np.where(known, some.active_at[places], 0)
    )


def _over(evaluator: Evaluator, expression: Expression, moments: Moments, failures: dict[int, str]) -> Vector:
    """Evaluate at `moments`; those without an answer are found by halving, named in `failures` and left empty."""

    def part(begin: int, end: int) -> list[Vector]:
        try:
            found = evaluator.over(expression, moments[begin:end])
        except EvaluationError as error:
            if end - begin == 1:
                failures[begin] = error.message
                return [Vector.empty(1)]
            middle = (begin + end) // 2
            return [*part(begin, middle), *part(middle, end)]
        if isinstance(found, Scalar):
            return [Vector([()], found.values[np.newaxis], np.ones((1, end - begin), dtype=np.bool_))]
        return [found]

    parts = part(0, moments.size) if moments.size else [Vector.empty(0)]
    return parts[0] if len(parts) == 1 else _beside(parts)


def _beside(parts: Sequence[Vector]) -> Vector:
    width = sum(part.values.shape[1] for part in parts)
    labels: list[Labels] = []
    values, present, column = [], [], 0
    for part in parts:
        until = column + part.values.shape[1]
        for row, one in enumerate(part.labels):
            labels.append(one)
            values.append(np.zeros(width))
            present.append(np.zeros(width, dtype=np.bool_))
            values[-1][column:until], present[-1][column:until] = part.values[row], part.present[row]
        column = until
    return merge(labels, np.stack(values), np.stack(present)) if labels else Vector.empty(width)


def _samples(rule: Rule, rows: Sequence[_Row], machine: AlertMachine, moment: int) -> Iterator[tuple[Labels, float]]:
    """Yield what a rule writes at one moment."""
    if not rule.is_alert:
        yield from ((labels, float(values[0])) for labels, values, _, _ in rows)
        return
    active = machine.advance({labels for labels, _, _, _ in rows}, moment)
    one, all_of_it = np.array([moment]), np.ones(1, dtype=np.bool_)
    for labels, (state, active_at) in active.items():
        states = States(np.array([state], dtype=np.int8), np.array([active_at]))
        for series in alert_series(labels, rule, states, answered=all_of_it, moments=one):
            yield series.labels, float(series.values[0])


@dataclass(slots=True)
class _Growing:
    states: States
    present: Mask
    values: Floats
    origins: dict[Labels, Mask]

    def done(self, rule: Rule, labels: Labels) -> AlertHistory:
        return AlertHistory(rule, labels, self.states, self.present, self.values, tuple(self.origins.items()))


def _remember(
    histories: dict[Labels, _Growing], rows: Sequence[_Row], machine: AlertMachine, *, step: int, width: int
) -> None:
    for labels, values, _, origins in rows:
        held = histories.get(labels)
        if held is None:
            states = States(np.zeros(width, dtype=np.int8), np.zeros(width, dtype=np.int64))
            held = histories[labels] = _Growing(states, np.zeros(width, dtype=np.bool_), np.zeros(width), {})
        held.present[step], held.values[step] = True, values[0]
        held.origins.setdefault(origins[0][0], np.zeros(width, dtype=np.bool_))[step] = True
    for labels, active in machine.active.items():
        # From here on, until the next evaluation says otherwise.
        histories[labels].states.states[step:] = active.state
        histories[labels].states.active_at[step:] = active.active_at
    for labels in histories.keys() - machine.active.keys():
        histories[labels].states.states[step:] = INACTIVE
        histories[labels].states.active_at[step:] = 0


def _reads_ahead(rules: Sequence[Rule]) -> bool:
    """Say whether a rule reads what it or a later one records, so that only single steps are right."""
    return any(_may_read(rule, later) for place, rule in enumerate(rules) for later in rules[place:])


def _may_read(rule: Rule, writer: Rule) -> bool:
    names = _ALERT_METRICS if writer.is_alert else frozenset({writer.name})
    for selector in selectors_of(rule.expression):
        others = [m for m in selector.matchers if m.label == ALERTNAME]
        if writer.is_alert and not all(matcher.matches(writer.name) for matcher in others):
            continue
        named = [m for m in selector.matchers if m.label == METRIC_NAME]
        if any(all(matcher.matches(name) for matcher in named) for name in names) and _labels_allow(selector, writer):
            return True
    return False


def _labels_allow(selector: Selector, writer: Rule) -> bool:
    """Say whether labels that the writer sets itself let `selector` find what it writes."""
    if writer.is_alert:
        return True
    fixed = {name: template.source for name, template in writer.labels.items()}
    return all(matcher.matches(fixed[matcher.label]) for matcher in selector.matchers if matcher.label in fixed)
