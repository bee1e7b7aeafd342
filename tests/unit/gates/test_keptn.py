"""Keptn's objectives as a gate that means the same."""

import pytest
from tests.unit.gates.fakes import NOW
from tests.unit.gates.test_contracts import READER
from tests.unit.gates.test_waivers import RELEASE

from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.expressions import compile_bound
from tidegate.gates.gate_files import parse_gate_file
from tidegate.gates.keptn import import_keptn, read_figure
from tidegate.gates.model import Gate, SignalReading, SignalSpec, Verdict, judge, measure_signal
from tidegate.signals import Totals

FIGURES = dict(
    map(read_figure, ("error_rate=request.failureRate", "failures=request.failureCount", "auth=auth.failureRate"))
)
SLO = """
spec_version: "1.0"
comparison: {compare_with: single_result, include_result_with_score: pass}
objectives:
  - sli: error_rate
    key_sli: true
    weight: 2
    pass: [{criteria: ["<0.01", ">=0"]}, {criteria: ["=0.5"]}]
    warning: [{criteria: ["<=0.05"]}]
  - sli: failures
    pass: [{criteria: ["<50"]}]
  - sli: seen
total_score: {pass: "90%", warning: 60}
"""


def gate_of(text: str = SLO) -> Gate:
    imported = import_keptn(text.encode(), FIGURES, gate_id="shop", owner="sre")
    return READER.read(parse_gate_file(imported.text.encode()))


def verdict_at(failures: int, *, count: int = 1_000) -> Verdict:
    gate, results = gate_of(), []
    reading = SignalReading(Totals(count=count, success_count=count - failures, failure_count=failures), NOW)
    for check in gate.checks:
        spec = check.spec
        assert isinstance(spec, SignalSpec)
        bound = compile_bound(spec.expression, spec.family, field="expression")
        warn = compile_bound(spec.warn_expression, spec.family, field="warn") if spec.warn_expression else None
        results.append(measure_signal(check, {"harbor": reading}, bound=bound, warn_bound=warn, now=NOW))
    return judge(gate, RELEASE, results, now=NOW).verdict


@pytest.mark.parametrize(
    ("failures", "verdict"),
    [
        pytest.param(5, Verdict.GO, id="all pass: 3 of 3"),
        pytest.param(49, Verdict.GO, id="one warns: 2 of 3, above 60 per cent"),
        pytest.param(50, Verdict.NO_GO, id="one warns, one fails: 1 of 3"),
        pytest.param(60, Verdict.NO_GO, id="the key objective fails"),
        pytest.param(500, Verdict.GO, id="the other set passes, the count fails: 2 of 3"),
    ],
)
def test_the_gate_says_what_keptn_says(failures: int, verdict: Verdict) -> None:
    assert verdict_at(failures) is verdict


def test_no_data_holds_where_keptn_gives_no_points() -> None:
    assert verdict_at(0, count=0) is Verdict.HOLD


def test_what_decides_nothing_is_left_out_and_named() -> None:
    assert import_keptn(SLO.encode(), FIGURES, gate_id="shop", owner="sre").left_out == ("seen",)


@pytest.mark.parametrize(
    ("wrong", "right", "field"),
    [
        pytest.param('"<50"', '"<=+10%"', "objectives.1.pass.0.criteria.0", id="relative, no history here"),
        pytest.param('"<50"', '"<+10"', "objectives.1.pass.0.criteria.0", id="relative by a number"),
        pytest.param('"<50"', '"about 50"', "objectives.1.pass.0.criteria.0", id="no criterion"),
        pytest.param("sli: failures", "sli: nobody", "objectives.1.sli", id="unknown indicator"),
        pytest.param("weight: 2", "weight: true", "objectives.0.weight", id="no weight"),
        pytest.param("weight: 2", "wieght: 2", "objectives.0.wieght", id="typo"),
        pytest.param('"90%"', '"0%"', "total_score.pass", id="passes always"),
        pytest.param("spec_version", "filter: {id: x}\nspec_version", "filter", id="a filter"),
        pytest.param(
            "  - sli: seen", "  - sli: seen\n    key_sli: true", "objectives.2.pass", id="a key without criteria"
        ),
    ],
)
def test_what_a_gate_cannot_say_is_refused_by_its_place(wrong: str, right: str, field: str) -> None:
    assert wrong in SLO
    with pytest.raises(GateFileInvalidError) as refused:
        gate_of(SLO.replace(wrong, right, 1))
    assert refused.value.field == field


@pytest.mark.parametrize("text", ["objectives: []", "a: &a [1]\nobjectives: *a", "[]", "objectives: [{sli: seen}]"])
def test_no_objective_is_no_gate(text: str) -> None:
    """Known hole: with no objective file, or none that counts, Keptn passes."""
    with pytest.raises(GateFileInvalidError):
        gate_of(text)
