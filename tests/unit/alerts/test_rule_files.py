"""Rule files: what they say, what is refused, where."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.alerts.model import Bound, Filter, NoData, Op, Rule, Severity
from tidegate.alerts.rule_sets.errors import RuleFileInvalidError
from tidegate.alerts.rule_sets.model import ChangeKind, changes_between, described, explanation_of
from tidegate.alerts.rule_sets.reading import SHIPPED, read_rule_file, rules_in

NOWHERE = "does not resolve: name a page of `tidegate runbook list`, or an https address."
HEAD = "apiVersion: tidegate/v1\nkind: Rules\nmetadata: {name: checkout}\n"
WHOLE = """
plans: {enterprise: [globex, initech]}
rules:
  - code: checkout_errors_high
    severity: P1
    signal: request.errorRate
    where: {service: chat, route: [/checkout, /pay]}
    groupBy: [service, tenant]
    window: 10m
    op: above
    threshold: 0.05
    clear: 0.03
    for: 2m
    keepFiringFor: 5m
    minCount: 30
    confidence: 0.95
    noData: ignore
    thresholds: [{tenant: acme, threshold: 0.10, severity: P2}, {plan: enterprise, threshold: 0.02}]
    zeroTolerance: false
    runbook: auth_failure_rate_high
    owner: team-checkout
    labels: {team: checkout}
    summary: "{value} of {count} checkout requests failed"
    enabled: true
"""
PLAIN = {
    "code": "a_rule", "severity": "P2", "signal": "request.errorRate", "threshold": "0.1",
    "runbook": "auth_failure_rate_high",
}  # fmt: skip


def entry(**changes: str | None) -> bytes:
    said = {name: value for name, value in {**PLAIN, **changes}.items() if value is not None}
    return f"{HEAD}rules:\n  - {{{', '.join(f'{name}: {value}' for name, value in said.items())}}}\n".encode()


TWICE = entry() + entry().splitlines()[-1] + b"\n"


def only(text: bytes) -> Rule:
    (rule,) = read_rule_file(text).rules
    return rule


def refusal(text: bytes) -> str:
    with pytest.raises(RuleFileInvalidError) as caught:
        read_rule_file(text)
    return str(caught.value)


def test_a_file_says_all_of_a_rule() -> None:
    rule = only((HEAD + WHOLE).encode())

    assert (rule.severity, rule.threshold, rule.clear, rule.op) == (Severity.P1, 0.05, 0.03, Op.ABOVE)
    assert rule.where == (Filter("route", ("/checkout", "/pay")), Filter("service", ("chat",)))
    assert (rule.window, rule.lasting, rule.keep_firing) == tuple(timedelta(minutes=number) for number in (10, 2, 5))
    assert (rule.min_count, rule.confidence, rule.no_data) == (30, 0.95, NoData.IGNORE)
    assert dict(rule.tenants) == {
        "acme": Bound(0.10, severity=Severity.P2), "globex": Bound(0.02), "initech": Bound(0.02),
    }  # fmt: skip
    assert (rule.owner, rule.labels) == ("team-checkout", (("team", "checkout"),))


def test_what_a_file_leaves_out_is_as_for_the_rules_that_ship() -> None:
    rule = only(entry())

    assert (rule.window, rule.min_count, rule.group_by) == (timedelta(minutes=15), 20, ("service", "tenant"))
    assert (rule.lasting, rule.no_data, rule.clear_bound) == (timedelta(), NoData.HOLD, 0.1)


def test_what_is_stored_is_read_as_it_was_written() -> None:
    read = read_rule_file((HEAD + WHOLE).encode())

    assert rules_in(read.body) == (read.rules, [])


def test_durations_are_grouped_by_service_unless_said() -> None:
    assert only(entry(signal="request.p95Ms", threshold="500")).group_by == ("service",)


def test_a_rule_that_ships_takes_other_bounds_and_keeps_the_rest() -> None:
    rule = only(f"{HEAD}rules: [{{code: auth_failure_rate_high, threshold: 0.3, for: 5m, enabled: false}}]".encode())
    shipped = SHIPPED["auth_failure_rate_high"]

    assert (rule.threshold, rule.lasting, rule.is_enabled) == (0.3, timedelta(minutes=5), False)
    assert (rule.severity, rule.measure, rule.phrase) == (shipped.severity, shipped.measure, shipped.phrase)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            entry(treshold="1"), "line 5: rules.0.treshold: there is no such field. Allowed here: code", id="key"
        ),
        pytest.param(entry(signal="nothing.count"), "there is no family 'nothing'. There are: request", id="family"),
        pytest.param(
            entry(signal="request.runCount"), "request has no figure 'runCount'. It has: requestCount", id="figure"
        ),
        pytest.param(entry(groupBy="[service, model]"), "knows no 'model'. It knows: service, tenant", id="dimension"),
        pytest.param(entry(where="{queue: a}"), "rules.0.where.queue: request.errorRate knows no 'queue'", id="filter"),
        pytest.param(
            entry(signal="request.p95Ms", threshold="5", groupBy="[service, tenant]"),
            "Durations are kept without tenants.",
            id="durations of tenants",
        ),
        pytest.param(entry(groupBy="[tenant]"), "an alert is about one service", id="no service"),
        pytest.param(entry(window="31d"), "31d is out of reach: whole seconds, 1s to 30d", id="too long a window"),
        pytest.param(entry(window="500ms"), "500ms is out of reach", id="too short a window"),
        pytest.param(entry(window="0s"), "0s is out of reach", id="no window"),
        pytest.param(entry(threshold="1.2"), "it lies between 0 and 1", id="a rate above 1"),
        pytest.param(entry(threshold=".nan"), "rules.0.threshold", id="not a number"),
        pytest.param(entry(threshold='"0.1"'), "rules.0.threshold", id="a number as text"),
        pytest.param(
            entry(signal="request.failureCount", threshold="1.5"), "must be a whole number", id="half an event"
        ),
        pytest.param(entry(clear="0.2"), "lies above the threshold", id="clear on the wrong side"),
        pytest.param(entry(op="below", clear="0.05"), "lies below the threshold", id="clear on the wrong side, below"),
        pytest.param(
            entry(signal="request.failureCount", threshold="5", confidence="0.9"), "is no rate", id="confidence"
        ),
        pytest.param(entry(runbook="nowhere"), "'nowhere' does not resolve", id="a runbook that is not there"),
        pytest.param(entry(runbook="http://wiki/x"), "does not resolve", id="a link without TLS"),
        pytest.param(entry(runbook="https://me:secret@wiki.example/x"), "does not resolve", id="a link with a secret"),
        pytest.param(
            entry(summary='"{value.__class__}"'), "only {value} and {count}", id="a template that looks around"
        ),
        pytest.param(entry(summary='"{value"'), "this cannot be read", id="half a template"),
        pytest.param(entry(labels="{severity: mine}"), "every alert has this label already", id="a reserved label"),
        pytest.param(
            entry(thresholds="[{plan: gold, threshold: 0.2}]"), "no plan 'gold' in `plans`", id="unknown plan"
        ),
        pytest.param(entry(thresholds="[{threshold: 0.2}]"), "either a `tenant` or a `plan`", id="a bound of nobody"),
        pytest.param(
            entry(thresholds="[{tenant: a, threshold: 0.2}, {tenant: a, threshold: 0.3}]"),
            "a has a bound already",
            id="two bounds of one tenant",
        ),
        pytest.param(entry(where='{route: {matches: "(a"}}'), "no pattern of RE2", id="half a pattern"),
        pytest.param(
            entry(where='{route: {matches: "((a{1,100}){1,100}){1,100}"}}'), "too large", id="a pattern that explodes"
        ),
        pytest.param(
            entry(zeroTolerance="true", severity="P2"), "what tolerates nothing is P1", id="a mild zero tolerance"
        ),
        pytest.param(entry(zeroTolerance="true", severity="P1"), "needs a count", id="zero tolerance of a rate"),
        pytest.param(entry(code="A-b"), "rules.0.code", id="a code that is none"),
        pytest.param(entry(severity=None), "is missing", id="no severity"),
        pytest.param(entry(signal="usage.share"), "do not add up", id="a share of all meters"),
        pytest.param(
            f"{HEAD}rules: [{{code: auth_failure_rate_high, signal: auth.failureCount}}]".encode(),
            "belongs to the rule that ships",
            id="another signal under a code that ships",
        ),
        pytest.param(
            f"{HEAD}rules: [{{code: cross_tenant_leak, enabled: false}}]".encode(),
            "tolerates nothing",
            id="zero tolerance switched off",
        ),
        pytest.param(TWICE, "line 6: rules.1.code: a_rule stands twice", id="twice"),
        pytest.param(b"rules: [&a [*a]]", "aliases", id="aliases"),
        pytest.param(b"[" * 5_000, "cannot be read", id="depth"),
        pytest.param(b"#" * 300_000, "larger than 256 KB", id="size"),
        pytest.param(b"a: 1\na: 2", "line 2: body", id="a key twice"),
        pytest.param(b"\xff", "not UTF-8", id="not text"),
        pytest.param(b"!!python/object/apply:os.system [ls]", "cannot be read", id="a tag that runs something"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: bytes, words: str) -> None:
    assert words in refusal(text)


def test_all_that_is_wrong_is_named_and_nothing_of_the_file_counts() -> None:
    good, bad = str(PLAIN).replace("'", ""), str({**PLAIN, "code": "b_rule", "window": "40d", "runbook": "nowhere"})
    text = f"{HEAD}rules:\n  - {good}\n  - {bad}\n".replace("'", "").encode()

    assert refusal(text).splitlines()[1:] == [
        "line 6: rules.1.window: 40d is out of reach: whole seconds, 1s to 30d.",
        f"line 6: rules.1.runbook: 'nowhere' {NOWHERE}",
    ]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(RuleFileInvalidError):
        assert read_rule_file(text).name


def test_a_plan_names_what_differs_by_field() -> None:
    before, after = only(entry()), only(entry(threshold="0.2"))

    (change,) = changes_between([before], [after], SHIPPED)
    assert change.kind is ChangeKind.CHANGED
    assert [(one.field, one.before, one.after) for one in change.fields] == [
        ("threshold", 0.1, 0.2), ("clear", 0.1, 0.2),
    ]  # fmt: skip
    assert [change.kind for change in changes_between([before], [], SHIPPED)] == [ChangeKind.REMOVED]
    assert [change.kind for change in changes_between([], [after], SHIPPED)] == [ChangeKind.ADDED]
    assert changes_between([before], [before], SHIPPED) == []


def test_a_rule_that_ships_is_changed_and_not_added() -> None:
    rule = only(f"{HEAD}rules: [{{code: auth_failure_rate_high, threshold: 0.3}}]".encode())

    (change,) = changes_between([], [rule], SHIPPED)
    assert (change.kind, change.fields[0].before, change.fields[0].after) == (ChangeKind.CHANGED, 0.2, 0.3)


def test_an_explanation_says_the_bound_of_the_tenant() -> None:
    rule = only((HEAD + WHOLE).encode())

    assert "at or above 0.1," in explanation_of(rule, "acme")[0]
    assert "at or above 0.05," in explanation_of(rule, None)[0]
    assert described(rule)["keepFiringFor"] == "5m"
