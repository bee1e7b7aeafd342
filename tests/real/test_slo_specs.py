"""Objectives of Sloth's own examples, against the rules that Sloth itself generated from them."""

from collections.abc import Mapping

import pytest
from tests.real.conftest import find_input

from tidegate.promql.documents import read_documents
from tidegate.promql.durations import HOUR_MS, MINUTE_MS
from tidegate.promql.expressions import Expression
from tidegate.promql.objectives.burn_rates import read_windows
from tidegate.promql.objectives.objective import GeneratedGroup, GeneratedRule, Imported
from tidegate.promql.objectives.openslo import read_openslo
from tidegate.promql.objectives.sloth import read_sloth
from tidegate.promql.parsing import parse_expression
from tidegate.promql.rule_files import Group, Rule, read_rule_file

pytestmark = pytest.mark.real

SPECS = (
    "getting-started",
    "home-wifi",
    "kubernetes-apiserver",
    "no-alerts",
    "openslo-getting-started",
    "raw-home-wifi",
)
CLI_LABELS = {"cmd": "examplesgen.sh"}  # what the examples were generated with


def read_spec(name: str) -> Imported:
    documents = read_documents(find_input("slo-specs", "specs", f"{name}.yml").read_bytes())
    if name.startswith("openslo"):
        return read_openslo(documents, extra_labels=CLI_LABELS)
    return read_sloth(documents[0], extra_labels=CLI_LABELS)


def generate(imported: Imported) -> list[GeneratedGroup]:
    assert imported.refusals == ()
    generated = [objective.generate(objective) for objective in imported.objectives]
    assert [one.refusals for one in generated] == [()] * len(generated)
    return [group for one in generated for group in one.groups]


Shape = tuple[str, bool, Expression, Mapping[str, str], Mapping[str, str], int]


def of_ours(rule: GeneratedRule) -> Shape:
    expression = parse_expression(rule.expression)
    return (rule.name, rule.is_alert, expression, dict(rule.labels), dict(rule.annotations), rule.for_ms)


def of_theirs(rule: Rule) -> Shape:
    labels = {name: template.source for name, template in rule.labels.items()}
    annotations = {name: template.source for name, template in rule.annotations.items()}
    return (rule.name, rule.is_alert, rule.expression, labels, annotations, rule.for_ms)


def theirs(name: str) -> tuple[Group, ...]:
    found = read_rule_file(find_input("slo-specs", "generated-rules", f"{name}.yml").read_bytes())
    assert found.refusals == ()
    return found.groups


@pytest.mark.parametrize("name", SPECS)
def test_windows_factors_ratios_and_words_of_every_generated_rule_are_those_of_the_source(name: str) -> None:
    ours = {group.name: [of_ours(rule) for rule in group.rules] for group in generate(read_spec(name))}
    expected = {group.name: [of_theirs(rule) for rule in group.rules] for group in theirs(name)}
    assert ours == expected


def test_no_rule_of_the_examples_is_left_out() -> None:
    rules = [rule for name in SPECS for group in theirs(name) for rule in group.rules]
    ours = [rule for name in SPECS for group in generate(read_spec(name)) for rule in group.rules]
    assert (len(rules), sum(rule.is_alert for rule in rules)) == (132, 12)
    assert (len(ours), sum(rule.is_alert for rule in ours)) == (132, 12)


def test_the_windows_of_a_week_give_their_factors() -> None:
    document = read_documents(find_input("slo-specs", "windows", "7d.yaml").read_bytes())[0]
    window_ms, rates = read_windows(document)
    assert window_ms == 168 * HOUR_MS
    assert [(rate.severity, rate.short_ms, rate.long_ms, rate.factor) for rate in rates] == [
        ("page", 5 * MINUTE_MS, HOUR_MS, 13.44),
        ("page", 30 * MINUTE_MS, 6 * HOUR_MS, 3.5),
        ("ticket", 2 * HOUR_MS, 24 * HOUR_MS, 1.4),
        ("ticket", 6 * HOUR_MS, 72 * HOUR_MS, 0.98),
    ]
