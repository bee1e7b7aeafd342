"""Objectives of other tools become objectives of ours, with their windows and factors, or are refused by name."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import yaml

from tidegate.alerts.importing.objectives import KeptObjective, kept_objectives
from tidegate.promql.objectives.reading import read_objectives
from tidegate.slos.model import Events, Rolling
from tidegate.slos.objective_files import parse_objectives

_CHAT = '{service="chat"}'
_FAILED = f"sum(rate(tidegate_request_failure_total{_CHAT}[{{{{.window}}}}]))"
_ALL = f"sum(rate(tidegate_request_request_total{_CHAT}[{{{{.window}}}}]))"


def sloth(**changes: Any) -> dict[str, Any]:
    slo = {
        "name": "requests-availability",
        "objective": 99.9,
        "description": "Chat answers",
        "sli": {"events": {"error_query": _FAILED, "total_query": _ALL}},
        "alerting": {"name": "ChatBudget"},
        **changes,
    }
    return {"version": "prometheus/v1", "service": "chat", "slos": [slo]}


def pyrra(**indicator: Any) -> dict[str, Any]:
    kinds = {"errors": "failure", "total": "request"}
    metrics = {name: {"metric": f"tidegate_request_{kind}_total{_CHAT}"} for name, kind in kinds.items()}
    return {
        "apiVersion": "pyrra.dev/v1alpha1",
        "kind": "ServiceLevelObjective",
        "metadata": {"name": "chat-availability", "labels": {}},
        "spec": {"target": "99", "window": "4w", "indicator": {"ratio": {**metrics, **indicator}}},
    }


def openslo(**changes: Any) -> dict[str, Any]:
    def source(kind: str) -> dict[str, Any]:
        spec = {"query": f"tidegate_ai_run_{kind}_total{_CHAT}"}
        return {"metricSource": {"type": "Prometheus", "spec": spec}}

    ratio = {"counter": True, "good": source("failed"), "total": source("run")}
    spec = {
        "service": "chat",
        "indicator": {"metadata": {"name": "ok"}, "spec": {"ratioMetric": ratio}},
        "timeWindow": [{"duration": "30d", "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"displayName": "ok", "target": 0.995}],
        **changes,
    }
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "runs"}, "spec": spec}


def kept(document: dict[str, Any], *without: str) -> KeptObjective:
    form = "sloth" if "slos" in document else "pyrra" if "pyrra" in document["apiVersion"] else "openslo"
    [found] = kept_objectives(read_objectives(yaml.safe_dump(document).encode(), form), without=without)
    return found


def test_an_objective_of_sloth_becomes_one_with_its_windows_and_factors() -> None:
    found = kept(sloth())
    assert found.error is None
    [objective] = parse_objectives(yaml.safe_dump(found.file).encode())
    assert (objective.name, objective.title, objective.owner) == ("chat-requests-availability", "Chat answers", "chat")
    assert objective.indicator == Events("failureCount", None, "requestCount")
    assert (objective.target, objective.service, objective.is_per_tenant) == (Decimal("0.999"), "chat", False)
    assert isinstance(objective.window, Rolling)
    assert {pair.min_count for pair in objective.burn_pairs} == {1}
    pairs = [(pair.severity.value, pair.words, pair.factor) for pair in objective.burn_pairs]
    assert pairs == [
        ("P1", "1h/5m at 14.4", Fraction(72, 5)),
        ("P1", "6h/30m at 6", 6),
        ("P2", "1d/2h at 3", 3),
        ("P2", "3d/6h at 1", 1),
    ]


def test_good_events_stay_good_events() -> None:
    good = f"({_ALL} - sum(rate(tidegate_request_success_total{_CHAT}[{{{{.window}}}}])))"
    rest = f"1 - (sum(rate(tidegate_request_success_total{_CHAT}[{{{{.window}}}}])) / {_ALL})"
    for sli in ({"events": {"error_query": good, "total_query": _ALL}}, {"raw": {"error_ratio_query": rest}}):
        found = kept(sloth(sli=sli))
        assert found.file is not None, found.error
        assert found.file["spec"]["indicator"] == {"events": {"good": "successCount", "total": "requestCount"}}


def test_alerts_that_are_switched_off_are_no_pairs() -> None:
    found = kept(sloth(alerting={"name": "X", "page_alert": {"disable": True}}))
    assert found.file is not None
    assert {pair["severity"] for pair in found.file["spec"]["burn"]} == {"P2"}


def test_an_objective_of_openslo_without_alerts_tells_nobody() -> None:
    found = kept(openslo())
    assert found.file is not None, found.error
    assert found.file["spec"]["burn"] == []
    assert found.file["spec"]["indicator"] == {"events": {"good": "failedCount", "total": "runCount"}}
    assert found.file["spec"]["target"] == "0.995"


def test_alerts_that_wait_are_refused_unless_they_may_be_left_behind() -> None:
    refused = kept(pyrra())
    assert refused.error is not None
    assert refused.error.message.startswith("`for` of critical cannot be kept: a burn is told at once. --without")
    found = kept(pyrra(), "burn-rates")
    assert found.file is not None
    [objective] = parse_objectives(yaml.safe_dump(found.file).encode())
    assert not objective.has_own_burn
    assert objective.burn_pairs


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (sloth(sli={"events": {"error_query": "sum(rate(errors[{{.window}}]))", "total_query": _ALL}}), "`errors`"),
        (sloth(labels={"tier": "1"}, alerting={"name": "X", "labels": {"team": "a"}}), "the label team"),
        (sloth(alerting={"name": "X", "annotations": {"more": "a"}}), "the annotation more"),
        (sloth(objective=90), "chat-requests-availability page"),
        (pyrra(grouping=["tenant"]), "by (tenant)"),
        (sloth(sli={"raw": {"error_ratio_query": _FAILED}}), "the indicator"),
        (sloth(sli={"events": {"error_query": _FAILED.replace(_CHAT, ""), "total_query": _ALL.replace(_CHAT, "")}}),
         "it has to select one service"),
        (sloth(sli={"events": {"error_query": _FAILED.replace("chat", "x"), "total_query": _ALL}}), "both sides"),
        (sloth(sli={"events": {"error_query": _FAILED.replace('="', '=~"'), "total_query": _ALL.replace('="', '=~"')}}),
         'service=~"chat"'),
    ],
)  # fmt: skip
def test_what_no_objective_says_is_refused_by_name(document: dict[str, Any], named: str) -> None:
    found = kept(document)
    assert found.file is None
    assert found.error is not None
    assert named in found.error.message


def test_one_objective_that_is_refused_says_so_beside_those_that_are_taken() -> None:
    document = sloth()
    document["slos"].append({"name": "other", "objective": 99, "sli": {"plugin": {}}, "alerting": {"name": "X"}})
    found = list(kept_objectives(read_objectives(yaml.safe_dump(document).encode(), "sloth")))
    assert [one.error is None for one in found] == [True, False]
