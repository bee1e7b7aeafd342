import pytest

from tidegate.promql.durations import DAY_MS, HOUR_MS, MINUTE_MS, duration_of, parse_duration
from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.objectives.burn_rates import BurnRate, BurnRateImpossibleError, burn_rate, workbook
from tidegate.promql.objectives.objective import Imported
from tidegate.promql.objectives.reading import find_format, read_objectives
from tidegate.promql.parsing import parse_expression

PYRRA = b"""
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: errors, labels: {pyrra.dev/team: ops, other: x}}
spec:
  target: "99"
  window: 4w
  indicator:
    ratio:
      errors: {metric: 'http_requests_total{job="api",code=~"5.."}'}
      total: {metric: 'http_requests_total{job="api"}'}
      grouping: [route]
"""
OPENSLO = b"""
apiVersion: openslo/v1
kind: SLO
metadata: {name: ok}
spec:
  service: chat
  indicator: {spec: {ratioMetric: {counter: true,
    bad: {metricSource: {type: Prometheus, spec: {query: 'http_total{code=~"5.."}'}}},
    total: {metricSource: {type: Prometheus, spec: {query: 'http_total'}}}}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: ok, target: 0.999}]
  alertPolicies: [{alertPolicyRef: fast-burn}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast-burn}
spec: {severity: page, condition: {kind: burnrate, op: gte, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}}
"""
SLOTH = b"""
version: prometheus/v1
service: s
slos:
- name: n
  objective: %s
  sli: {events: {error_query: 'rate(e[{{.window}}])', total_query: 'rate(t[{{.window}}])'}}
  alerting: {name: A, ticket_alert: {disable: true}}
"""


def rules_of(imported: Imported) -> dict[str, str]:
    assert imported.refusals == ()
    (objective,) = imported.objectives
    generated = objective.generate(objective)
    assert generated.refusals == ()
    return {f"{rule.name} {rule.labels.get('long', '')}".strip(): str(parse_expression(rule.expression))
            for group in generated.groups for rule in group.rules}  # fmt: skip


def test_the_factors_of_the_workbook_are_share_times_window_by_long_window() -> None:
    assert [rate.factor for rate in workbook(30 * DAY_MS)] == [14.4, 6, 3, 1]
    assert [rate.factor for rate in workbook(28 * DAY_MS)] == [13.44, 5.6, 2.8, 0.9333333333]


def test_a_factor_that_no_ratio_of_errors_reaches_is_refused_with_the_reason() -> None:
    with pytest.raises(
        BurnRateImpossibleError, match=r"needs an error ratio above 1\.44: no ratio is above 1"
    ) as refused:
        BurnRate("page", 5 * MINUTE_MS, HOUR_MS, 14.4).check(0.1)
    assert "must stay below 10." in refused.value.message


@pytest.mark.parametrize(
    ("short_ms", "long_ms", "share"),
    [(5, 3, 0.1), (0, 3, 0.1), (5, 1000, 0.1), (1, 2, 0.0), (1, 2, 1.1)],
)
def test_windows_and_shares_that_cannot_be_are_refused(short_ms: int, long_ms: int, share: float) -> None:
    with pytest.raises(BurnRateImpossibleError):
        burn_rate("page", short_ms=short_ms, long_ms=long_ms, share=share, window_ms=100)


def test_an_objective_whose_page_is_impossible_loses_the_page_and_says_so() -> None:
    (objective,) = read_objectives(SLOTH % b"90", "sloth").objectives
    generated = objective.generate(objective)
    (refusal,) = generated.refusals
    assert refusal.name == "s-n page"
    assert "no ratio is above 1" in refusal.error.message
    assert not any(rule.is_alert for group in generated.groups for rule in group.rules)


def test_an_objective_of_pyrra_becomes_the_rules_of_pyrra() -> None:
    rules = rules_of(read_objectives(PYRRA, find_format(PYRRA)))
    assert list(rules) == [
        *(f"http_requests:burnrate{window}" for window in ("5m", "30m", "1h", "2h", "6h", "1d", "4d")),
        *(f"ErrorBudgetBurn {window}" for window in ("1h", "6h", "1d", "4d")),
    ]
    by = "sum by (route) (rate(http_requests_total{%s}[5m]))"
    errors, total = by % 'code=~"5..",job="api"', by % 'job="api"'
    assert rules["http_requests:burnrate5m"] == str(parse_expression(f"{errors} / {total}"))
    sides = (f'http_requests:burnrate{window}{{job="api",slo="errors"}} > (14 * (1-0.99))' for window in ("5m", "1h"))
    assert rules["ErrorBudgetBurn 1h"] == str(parse_expression(" and ".join(sides)))


def test_windows_of_pyrra_scale_with_the_objective() -> None:
    week = PYRRA.replace(b"4w", b"7d")
    (objective,) = read_objectives(week, "pyrra").objectives
    assert [duration_of(rate.short_ms) for rate in objective.burn_rates] == ["1m", "8m", "30m", "1h30m"]
    assert [duration_of(rate.for_ms) for rate in objective.burn_rates] == ["1m", "4m", "15m", "45m"]


def test_a_condition_of_openslo_becomes_an_alert_on_its_own_window() -> None:
    (objective,) = read_objectives(OPENSLO, find_format(OPENSLO)).objectives
    (rate,) = objective.burn_rates
    assert (rate.factor, rate.long_ms, rate.short_ms, rate.for_ms) == (14.4, HOUR_MS, 0, 5 * MINUTE_MS)
    rules = rules_of(read_objectives(OPENSLO, "openslo"))
    assert rules["slo:sli_error:ratio_rate1h"] == str(
        parse_expression('sum(increase(http_total{code=~"5.."}[1h])) / sum(increase(http_total[1h]))')
    )
    assert ">= (14.4 * 0.000" in rules["ok-fast-burn"].replace("bool ", "")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (PYRRA.replace(b"ratio:", b"latencyNative:"), "latencyNative"),
        (OPENSLO.replace(b"Occurrences", b"Timeslices"), "Timeslices"),
        (OPENSLO.replace(b"isRolling: true", b"isRolling: false"), "calendar"),
        (OPENSLO.replace(b"30d", b"1M"), "1M"),
        (OPENSLO.replace(b"kind: burnrate", b"kind: latency"), "latency"),
        (OPENSLO.replace(b"type: Prometheus", b"type: Datadog"), "Datadog"),
        ((SLOTH % b"99").replace(b"events: {", b"plugin: {"), "plugin"),
        ((SLOTH % b"99").replace(b"rate(e[", b"irate(e["), "irate"),
        ((SLOTH % b"99").replace(b"rate(e[", b"rate({{ .other }}e["), "{{ .other }}"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name(content: bytes, what: str) -> None:
    imported = read_objectives(content, find_format(content))
    assert imported.objectives == ()
    (refusal,) = imported.refusals
    assert isinstance(refusal.error, NotSupportedError)
    assert refusal.error.what == what


@pytest.mark.parametrize("content", [b"a: 1", b"[]", b"- x", b"version: prometheus/v2\nslos: []"])
def test_a_file_of_nobody_is_refused(content: bytes) -> None:
    with pytest.raises(RuleFileError):
        read_objectives(content, find_format(content))


@pytest.mark.parametrize("text", ["5m", "1h30m", "30d", "1w", "100ms", "1y", "0s", "8d", "1d1ms"])
def test_a_duration_reads_back_the_same(text: str) -> None:
    assert duration_of(parse_duration(text)) == text


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        (
            b"latency: {success: {metric: 'd_bucket{le=\"1\"}'}, total: {metric: d_count}}",
            '(sum(rate(d_count[5m])) - sum(rate(d_bucket{le="1"}[5m]))) / sum(rate(d_count[5m]))',
        ),
        (
            b"bool_gauge: {metric: probe}",
            "(sum(count_over_time(probe[5m])) - sum(sum_over_time(probe[5m]))) / sum(count_over_time(probe[5m]))",
        ),
    ],
)
def test_indicators_of_pyrra_become_ratios_of_errors(indicator: bytes, expected: str) -> None:
    content = PYRRA[: PYRRA.index(b"ratio:")] + indicator
    (objective,) = read_objectives(content, "pyrra").objectives
    assert objective.error_ratio(5 * MINUTE_MS) == str(parse_expression(expected))


def test_references_of_openslo_are_followed_within_the_file() -> None:
    content = b"""
apiVersion: openslo/v1
kind: SLO
metadata: {name: ok}
spec:
  service: chat
  indicatorRef: good
  timeWindow: [{duration: 4w}]
  objectives: [{targetPercent: 99}]
  alertPolicies: [fast]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: good}
spec:
  ratioMetric: {good: {metricSource: {spec: {query: 'g[{{.window}}]'}}}, total: {metricSource: {spec: {query: t}}}}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: fast}
spec: {conditions: [{conditionRef: burn}]}
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: burn}
spec: {condition: {kind: burnrate, threshold: 2, lookbackWindow: 1h}}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: people}
"""
    imported = read_objectives(content, "openslo")
    no_window, other_kind = imported.refusals
    assert no_window.error.message == "The query has no {{.window}}: 't'."
    assert other_kind.name == "AlertNotificationTarget"
    whole = content.replace(b"'g[{{.window}}]'", b"'sum(rate(g[{{.window}}]))'").replace(
        b"query: t}", b"query: 'sum(rate(t[{{.window}}]))'}"
    )
    (objective,) = read_objectives(whole, "openslo").objectives
    assert objective.error_ratio(HOUR_MS) == "1 - ((sum(rate(g[1h]))) / (sum(rate(t[1h]))))"
