"""Objective files: what is wrong is named with line and field, and what is right reads back the same."""

import json

import pytest
from tests.unit.slos.objectives import events_file, make, slices_file

from tidegate.signals import Family, Totals, figures_of
from tidegate.slos.errors import ObjectiveInvalidError
from tidegate.slos.model import COUNTED
from tidegate.slos.objective_files import body_of, file_of, objective_of_body, parse_objectives
from tidegate.slos.openslo import as_openslo

EVENTS = "{events: {bad: failureCount, total: requestCount}}"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param(events_file(target="1"), 8, "spec.target: A target lies between 0 and 1", id="nothing may fail"),
        pytest.param(events_file(target=".nan"), 8, "spec.target", id="no number"),
        pytest.param(events_file(family="runtime"), 6, "spec.family", id="a family without good and bad"),
        pytest.param(events_file(family="nonsense"), 6, "spec.family", id="no family"),
        pytest.param(
            events_file(indicator="{events: {bad: nonsense, total: requestCount}}"), 7,
            "spec.indicator.events.bad: The family request counts no 'nonsense'", id="no figure",
        ),
        pytest.param(events_file(indicator="{}"), 7, "Say either `events` or `slices`", id="no indicator"),
        pytest.param(events_file(window="{rolling: 31d}"), 9, "spec.window.rolling", id="too long"),
        pytest.param(events_file(window="{calendar: month, timeZone: Mars}"), 9, "timeZone", id="no zone"),
        pytest.param(events_file(window="{rolling: 1d, calendar: week}"), 9, "spec.window", id="two windows"),
        pytest.param(events_file(burn="[{severity: P1, long: 1h, short: 5m, factor: 200}]"), 10,
                     "spec.burn.0: A burn of 200 can never be exceeded", id="an impossible factor"),
        pytest.param(events_file(burn="[{severity: P1, long: 1h, short: 30s, factor: 2}]"), 10,
                     "finer than the data", id="finer than the data"),
        pytest.param(events_file(policy="{freezeAt: 0.2, liftAt: 0.1}"), 10, "spec.policy", id="lifts too early"),
        pytest.param(events_file(runbook="nowhere"), 10, "resolves to nothing", id="a runbook that is not there"),
        pytest.param(events_file(runbook="javascript:alert(1)"), 10, "resolves to nothing", id="no address"),
        pytest.param(events_file(colour="red"), 10, "spec.colour", id="an unknown field"),
        pytest.param(slices_file(perTenant="true"), 10, "15m at least", id="too many slices of tenants"),
        pytest.param(events_file(name="Not A Slug"), 3, "metadata.name", id="no slug"),
        pytest.param(events_file() + b"---\n" + events_file(), 13, "stands twice", id="the name twice"),
        pytest.param(events_file() + b"  target: 0.9\n", 10, "stands twice", id="the field twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text: bytes, line: int, said: str) -> None:
    with pytest.raises(ObjectiveInvalidError) as refused:
        parse_objectives(text)
    assert said in refused.value.message
    assert f"line {line}" in refused.value.message


@pytest.mark.parametrize(
    "text", [b"", b"# nothing", b"\xff", b"a: *b", b"[" * 2_000, b"{}", b"- 1", b"a: &a [1]\nb: *a"]
)
def test_what_is_no_objective_file_is_refused(text: bytes) -> None:
    with pytest.raises(ObjectiveInvalidError):
        parse_objectives(text)


FILES = [
    events_file(),
    events_file(indicator="{events: {good: successCount, total: requestCount}}", perTenant="false", target="0.9995"),
    events_file(window="{calendar: quarter, timeZone: Asia/Kolkata}", environment="prod"),
    events_file(burn="[{severity: P2, long: 2h, short: 10m, factor: 2.5}]", policy="{freezeAt: 0.1, liftAt: 0.25}"),
    slices_file(),
    slices_file(indicator="{slices: {figure: p95Ms, length: 1h, atMost: 500}}", runbook="run_failure_rate_high"),
]


@pytest.mark.parametrize("text", FILES)
def test_an_objective_is_stored_and_read_back_the_same(text: bytes) -> None:
    [objective] = parse_objectives(text)
    assert objective_of_body(json.loads(body_of(objective))) == objective
    assert body_of(objective_of_body(json.loads(body_of(objective)))) == body_of(objective)


@pytest.mark.parametrize("text", FILES)
def test_openslo_says_the_same_and_reads_back_the_same(text: bytes) -> None:
    [objective] = parse_objectives(text)
    document = as_openslo(file_of(objective).model_dump(mode="json", by_alias=True, exclude_none=True))
    assert document["apiVersion"] == "openslo/v1"
    assert parse_objectives(json.dumps(document).encode()) == (objective,)


def openslo(**changes: object) -> dict[str, object]:
    file = file_of(make()).model_dump(mode="json", by_alias=True, exclude_none=True)
    document = as_openslo(file)
    return document | {"spec": document["spec"] | changes}


PROMETHEUS = {"metricSource": {"type": "Prometheus", "spec": {"query": "x"}}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(openslo(alertPolicies=[{"alertPolicyRef": "fast"}]), "spec.alertPolicies", id="alert policies"),
        pytest.param(openslo(budgetingMethod="RatioTimeslices"), "RatioTimeslices", id="a budgeting method"),
        pytest.param(openslo(indicatorRef="x"), "spec.indicatorRef", id="an indicator elsewhere"),
        pytest.param(openslo(weather="fine"), "spec.weather", id="an unknown field"),
        pytest.param(openslo(objectives=[{"target": 0.9}, {"target": 0.99}]), "Exactly one", id="two objectives"),
        pytest.param(openslo(timeWindow=[{"duration": "1Y", "isRolling": False}]), "calendar", id="a year"),
        pytest.param(
            openslo(indicator={"spec": {"ratioMetric": {"bad": PROMETHEUS, "total": PROMETHEUS}}}),
            "type 'Prometheus' is not read", id="somebody else's metrics",
        ),
        pytest.param({**openslo(), "kind": "AlertCondition"}, "AlertCondition", id="another kind"),
        pytest.param({**openslo(), "apiVersion": "openslo/v2"}, "openslo/v1", id="another version"),
    ],
)  # fmt: skip
def test_what_openslo_says_and_objectives_cannot_is_refused_by_name(document: dict[str, object], said: str) -> None:
    with pytest.raises(ObjectiveInvalidError) as refused:
        parse_objectives(json.dumps(document).encode())
    assert said in refused.value.message


@pytest.mark.parametrize("family", COUNTED)
def test_counted_figures_are_those_of_the_signals(family: Family) -> None:
    """A field that is raised alone raises the figure of that name and no other one that is counted."""
    for figure, field in COUNTED[family].items():
        told = figures_of(family, Totals(**{field: 7}))
        assert told[figure] == 7, figure
        others = {name for name, own in COUNTED[family].items() if own != field}
        assert all(not told[name] for name in others), figure


def test_what_would_tell_nobody_or_too_late_is_refused_with_the_reason() -> None:
    with pytest.raises(
        ObjectiveInvalidError, match=r"No pair of the workbook can burn here.*longer than the objective"
    ):
        parse_objectives(slices_file(indicator=_HOURLY, window="{rolling: 2h}"))
    assert parse_objectives(slices_file(indicator=_HOURLY, window="{rolling: 2h}", burn="[]"))[0].burn_pairs == ()
    late = "[{severity: P1, long: 1d, short: 2h, factor: 30}]"
    with pytest.raises(ObjectiveInvalidError, match="is reached when the budget of 30d is used up") as caught:
        parse_objectives(events_file(burn=late))
    assert caught.value.field == "spec.burn.0"


_HOURLY = "{slices: {figure: averageCostPerRunUsd, length: 1h, atMost: 0.3}}"
