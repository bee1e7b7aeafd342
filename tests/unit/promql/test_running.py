import numpy as np
import pytest
from tests.unit.promql.made import moments, source_of

from tidegate.promql import running
from tidegate.promql.alerting import FIRING
from tidegate.promql.rule_files import read_rule_file
from tidegate.promql.running import Environment, Run, run_rules

SERIES = {
    'err{job="a"}': "0x5 0+30x10 300+0x20 300+50x10",
    'err{job="b"}': "0+1x20 stale 5+1x20",
    'lim{job="a"}': "1x60",
    'lim{job="b"}': "1x30 1x2 stale",
    'dup{job="a",x="1"}': "_x10 1x5",
    'dup{job="a",x="2"}': "_x12 1x10",
}
RULES = b"""
groups:
- name: g
  rules:
  - record: job:err:rate5m
    expr: sum by (job) (rate(err[5m]))
    labels: {team: t}
  - alert: Hot
    expr: job:err:rate5m > on (job) group_left () (0.01 * lim)
    for: 2m
    keep_firing_for: 3m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.job }} at {{ $value | humanize }}"}
  - alert: Valued
    expr: err > 100
    labels: {step: "{{ printf \\"%.0f\\" $value }}"}
  - record: pairs
    expr: lim * on (job) group_right dup * on (job) dup
  - alert: Watched
    expr: count(ALERTS{alertstate="firing",alertname="Hot"}) > 0
"""


def outline(run: Run) -> list[object]:
    return [
        (
            outcome.rule.name,
            outcome.failures,
            sorted((alert.labels, alert.states.states.tolist(), alert.states.active_at.tolist())
                   for alert in outcome.alerts if alert.states.states.any()),
        )
        for outcome in run.outcomes
    ]  # fmt: skip


def stored(run: Run) -> list[object]:
    return [
        (one.labels, one.moments.tolist(), [repr(v) for v in one.values.tolist()])
        for one in run.source.select((), 0, 1)
    ]


def test_rule_by_rule_over_all_moments_is_the_same_as_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    file = read_rule_file(RULES)
    groups = file.groups
    assert file.refusals == ()
    at_once = run_rules(groups, source_of(SERIES), moments(70))
    monkeypatch.setattr(running, "_reads_ahead", lambda _: True)
    stepwise = run_rules(groups, source_of(SERIES), moments(70))
    assert outline(at_once) == outline(stepwise)
    assert stored(at_once) == stored(stepwise)
    hot = at_once.outcomes[1].alerts
    assert any((alert.states.states == FIRING).any() for alert in hot)


def test_a_rule_that_has_no_answer_at_some_moments_leaves_its_alerts_as_they_were() -> None:
    rules = b"""
groups:
- name: g
  rules:
  - alert: A
    expr: (lim{job="a"} > 0) and on (job) (lim * on (job) group_right () dup or on (job) lim)
"""
    run = run_rules(read_rule_file(rules).groups, source_of(SERIES), moments(30))
    (outcome,) = run.outcomes
    assert set(outcome.failures) == set()
    failing = rules.replace(b"lim * on (job) group_right () dup", b"lim * on (job) dup")
    (outcome,) = run_rules(read_rule_file(failing).groups, source_of(SERIES), moments(30)).outcomes
    assert sorted(outcome.failures) == list(range(12, 21))
    assert "many-to-many" in outcome.failures[12]
    (alert,) = outcome.alerts
    assert (alert.states.states == FIRING).all()


def test_a_rule_that_reads_what_it_records_is_evaluated_step_by_step() -> None:
    rules = b"""
groups:
- name: g
  rules:
  - record: total
    expr: total + 1 or on () vector(1)
"""
    run = run_rules(read_rule_file(rules).groups, source_of({}), moments(5))
    (series,) = run.source.select((), 0, 1)
    assert series.values.tolist() == [1, 2, 3, 4, 5]


def test_two_alerts_that_become_one_by_their_labels_are_an_error_of_the_rule() -> None:
    rules = b"""
groups:
- name: g
  rules:
  - alert: A
    expr: lim > 0
    labels: {job: same}
"""
    (outcome,) = run_rules(read_rule_file(rules).groups, source_of(SERIES), moments(40)).outcomes
    assert outcome.failures[0] == "vector contains metrics with the same labelset after applying alert labels"
    assert max(outcome.failures) == 33
    (alert,) = outcome.alerts
    assert alert.states.states.tolist() == [0] * 34 + [FIRING] * 6


def test_annotations_of_an_alert_that_is_kept_firing_are_those_of_the_last_time_it_held() -> None:
    run = run_rules(read_rule_file(RULES).groups, source_of(SERIES), moments(70))
    alert = next(one for one in run.outcomes[1].alerts if dict(one.labels)["job"] == "a")
    kept = np.flatnonzero((alert.states.states == FIRING) & ~alert.present)
    assert alert.annotations_at(int(kept[0]), Environment()) == alert.annotations_at(int(kept[0]) - 1, Environment())
    assert kept.tolist() == [21, 22, 23, 53, 54, 55]
