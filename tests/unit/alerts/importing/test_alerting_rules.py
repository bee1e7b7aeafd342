"""Prometheus's alerting rules become rules whose alerts open and close at the same moments, or are refused by name."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import yaml
from tests.unit.alerts.importing.made import (
    MINUTES,
    made_events,
    made_rules,
    rule_file,
    series_of,
    states_of,
)

from tidegate.alerts.importing.alerting_rules import KeptRule, as_rule_file, kept_rules
from tidegate.alerts.rule_sets.reading import read_rule_file as read_ours
from tidegate.promql.alerting import FIRING, INACTIVE
from tidegate.promql.rule_files import read_rule_file
from tidegate.promql.running import run_rules
from tidegate.promql.series import MemorySource, Series
from tidegate.promql.testing_files import read_test_file

_RUNBOOK = "https://runbooks.example/x"


def kept(expr: str, **changes: Any) -> KeptRule:
    rule = {
        "alert": "HighErrorRate",
        "expr": expr,
        "labels": {"severity": "page"},
        "annotations": {"runbook_url": _RUNBOOK},
        **changes,
    }
    group = {"name": "g", "rules": [rule]}
    [found] = kept_rules(read_rule_file(json.dumps({"groups": [group]}).encode()))
    return found


def summed(name: str, *, by: str = "service", braces: str = "", function: str = "increase", window: str = "5m") -> str:
    return f"sum by ({by}) ({function}(tidegate_{name}_total{braces}[{window}]))"


FAILED, ALL = summed("request_failure"), summed("request_request")


@pytest.mark.parametrize("seed", range(4))
def test_the_same_alerts_are_pending_and_firing_in_every_minute(seed: int) -> None:
    events, made = made_events(seed), made_rules(seed, 12)
    file = read_rule_file(rule_file(made))
    assert file.refusals == ()
    ours = read_ours(yaml.safe_dump(as_rule_file("made", list(kept_rules(file)))).encode()).rules
    source = MemorySource()
    moments = np.arange(MINUTES + 1, dtype=np.int64) * 60_000
    for name, values in series_of(events).items():
        source.put(Series(_labels(name), moments, np.array(values, dtype=float)))
    run = run_rules(file.groups, source, moments)
    moved = 0
    for outcome, rule, one in zip(run.outcomes, ours, made, strict=True):
        theirs: list[dict[tuple[str, str | None], str]] = [{} for _ in moments]
        for alert in outcome.alerts:
            labels = dict(alert.labels)
            key = (
                labels.get("service", one.only.get("service", "")),
                labels.get("tenant") if "tenant" in one.by else None,
            )
            for step in np.flatnonzero(alert.states.states != INACTIVE).tolist():
                theirs[step][key] = "firing" if alert.states.states[step] == FIRING else "pending"
        found = states_of(rule, one, events)
        moved += sum(before != after for before, after in pairwise(found))
        assert {step: pair for step, pair in enumerate(zip(found, theirs, strict=True)) if pair[0] != pair[1]} == {}, (
            one
        )
    assert moved > 50  # it is not that nothing ever happens


def _labels(series: str) -> Any:
    file = {"tests": [{"interval": "1m", "input_series": [{"series": series, "values": "0"}]}]}
    return read_test_file(json.dumps(file).encode()).tests[0].series[0].labels


def test_a_rule_becomes_what_prometheus_says_and_what_makes_it_different() -> None:
    failed, total = (
        summed(name, by=by, braces='{tenant!=""}', window="10m")
        for name, by in (("request_failure", "service, tenant"), ("request_request", "tenant, service"))
    )
    expr = f"{failed} / {total} >= 0.05"
    found = kept(
        expr,
        **{
            "for": "2m",
            "labels": {"severity": "critical", "team": "chat"},
            "annotations": {"runbook_url": _RUNBOOK, "summary": "{{ $value | humanizePercentage }} of {all} failed"},
        },
    )
    assert found.error is None
    assert found.entry == {
        "code": "high_error_rate",
        "signal": "request.failureRate",
        "op": "above",
        "threshold": 0.05,
        "minCount": 1,
        "window": "10m",
        "for": "2m",
        "groupBy": ["service", "tenant"],
        "allTenants": False,
        "noData": "ignore",
        "flapDamping": False,
        "severity": "P1",
        "labels": {"imported_as": "HighErrorRate", "team": "chat"},
        "runbook": _RUNBOOK,
        "summary": "{value} of {{all}} failed",
    }


@pytest.mark.parametrize(
    ("expr", "threshold", "least"),
    [
        (f"{FAILED} / {ALL} > 0.05", 0.05000000000000001, 1),
        (f"0.05 < {FAILED} / {ALL}", 0.05000000000000001, 1),
        (f"{FAILED} > 5", 6.0, 1),
        (f"{FAILED} >= 5", 5.0, 1),
        (f"{FAILED} >= 4.2", 5.0, 1),
        (f"{summed('request_failure', function='rate')} > 0.01", 4.0, 1),
        (f"{FAILED} / {ALL} > 0.5 and {ALL} > 19", 0.5000000000000001, 20),
        (f"{FAILED} / {ALL} > 0.5 and on (service) {ALL} >= 20", 0.5000000000000001, 20),
    ],
)
def test_what_fires_above_a_bound_fires_at_the_next_value(expr: str, threshold: float, least: int) -> None:
    found = kept(expr)
    assert found.entry is not None, found.error
    assert (found.entry["threshold"], found.entry["minCount"]) == (threshold, least)


@pytest.mark.parametrize(
    ("expr", "named"),
    [
        ("up == 0", "`up == 0` cannot be kept"),
        (f"{FAILED} < 5", "`<` cannot be kept"),
        (f"{FAILED} > -1", "a bound is above 0"),
        (f"{FAILED} > bool 5", "a rule is one figure"),
        ("sum by (service) (rate(http_requests_total[5m])) > 1", "`http_requests_total` cannot be kept"),
        ("avg by (service) (increase(tidegate_request_failure_total[5m])) > 1", "`avg` cannot be kept"),
        ("sum without (tenant) (increase(tidegate_request_failure_total[5m])) > 1", "write it as sum by"),
        ("sum(increase(tidegate_request_failure_total[5m])) > 1", "an alert is about one service"),
        (f"{summed('request_failure', by='service, tenant')} > 1", 'select tenant!=""'),
        (f"{summed('request_failure', braces=chr(123) + 'route!=`x`' + chr(125))} > 1", 'route!="x"'),
        (f"{summed('request_failure', by='service, model')} > 1", "has no such label"),
        (f"{FAILED} / {summed('request_request', window='10m')} > 0.1", "both sides have to count the same"),
        (f"{FAILED} / {summed('request_request', function='rate')} > 0.1", "increase and rate do not mix"),
        (f"1 - {FAILED} / {ALL} > 0.1", "floating point rounds it"),
        (f"100 * {FAILED} / {ALL} > 5", "cannot be kept"),
        (f"{summed('request_success')} / {ALL} > 0.1", "request has no figure that is this share"),
        (f"{FAILED} / {ALL} > 0.1 and {FAILED} > 5", "the least number of events of failureRate is one of count"),
        (f"{FAILED} / {ALL} > 0.1 or {FAILED} > 5", "cannot be kept"),
        ("sum by (service) (increase(tidegate_request_failure_total[5m] offset 1h)) > 1", "`offset` cannot be kept"),
        ("sum by (service) (increase(tidegate_request_by_status_total[5m])) > 1", "no figure that a rule can"),
        ("sum by (service) (increase(tidegate_ai_run_cost_usd_total[5m])) > 1", "no figure that a rule can"),
        (f"{summed('request_failure', window='1500ms')} > 1", "times are whole seconds"),
    ],
)
def test_an_expression_that_no_rule_says_is_refused_by_name(expr: str, named: str) -> None:
    found = kept(expr)
    assert found.entry is None
    assert found.error is not None
    assert named in found.error.message


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"keep_firing_for": "5m"}, "keep_firing_for cannot be kept"),
        ({"labels": {}}, "severity cannot be kept"),
        ({"labels": {"severity": "info"}}, "severity cannot be kept"),
        ({"labels": {"severity": "page", "x": "{{ $labels.service }}"}}, "the label x cannot be kept"),
        ({"annotations": {}}, "runbook_url cannot be kept"),
        ({"annotations": {"runbook_url": _RUNBOOK, "summary": "{{ $labels.service }}"}}, "the annotation summary"),
        ({"annotations": {"runbook_url": _RUNBOOK, "description": "x"}}, "the annotation description"),
    ],
)
def test_what_a_rule_says_besides_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    found = kept(f"{FAILED} > 5", **changes)
    assert found.error is not None
    assert named in found.error.message


def test_recording_rules_and_intervals_are_refused_and_an_interval_may_be_left_behind() -> None:
    rules = [{"record": "a:b", "expr": "up"}, {"alert": "A", "expr": f"{FAILED} > 5", "labels": {"severity": "page"},
                                               "annotations": {"runbook_url": _RUNBOOK}}]  # fmt: skip
    file = read_rule_file(json.dumps({"groups": [{"name": "g", "interval": "1m", "rules": rules}]}).encode())
    words = [one.error.message.split(" cannot")[0] for one in kept_rules(file) if one.error is not None]
    assert words == ["interval", "interval"]
    assert [one.error is None for one in kept_rules(file, without=["interval"])] == [False, True]


def test_one_name_with_two_severities_becomes_two_rules() -> None:
    made = [kept(f"{FAILED} > {bound}", labels={"severity": name}) for bound, name in ((50, "page"), (5, "ticket"))]
    codes = [entry["code"] for entry in as_rule_file("x", made)["rules"]]
    assert codes == ["high_error_rate_p1", "high_error_rate_p2"]
