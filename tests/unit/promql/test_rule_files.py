import pytest

from tidegate.promql.documents import read_documents
from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.rule_files import read_rule_file

MIXED = b"""
groups:
- name: g
  interval: 30s
  labels: {tier: 2.0}
  rules:
  - {record: a, expr: sum(up)}
  - {alert: B, expr: "predict_linear(up[5m], 60) > 1"}
  - {alert: C, expr: up == 0, for: 5m, annotations: {s: "{{ if true }}"}}
  - {record: d, expr: up, for: 5m}
  - {alert: E, expr: up == 0, labels: {severity: yes}}
  - {record: "no metric", expr: up}
  - {alert: F, record: g, expr: up}
  - {alert: G, expr: up, unknown: 1}
- name: limited
  limit: 10
  rules:
  - {record: x, expr: up}
"""


def test_a_rule_that_is_refused_leaves_the_others_of_its_file_alone() -> None:
    file = read_rule_file(MIXED)
    first, limited = file.groups
    assert [rule.name for rule in first.rules] == ["a", "E"]
    assert first.interval_ms == 30_000
    assert limited.rules == ()
    assert [(one.group, one.rule, one.position) for one in file.refusals] == [
        ("g", "B", 2), ("g", "C", 3), ("g", "d", 4), ("g", "no metric", 6), ("g", "F", 7), ("g", "G", 8),
        ("limited", "x", 1),
    ]  # fmt: skip
    named = [one.error.what for one in file.refusals if isinstance(one.error, NotSupportedError)]
    assert named == ["predict_linear", "if", "limit"]


def test_labels_stay_the_text_that_was_written() -> None:
    (group, _) = read_rule_file(MIXED).groups
    assert {name: template.source for name, template in group.rules[1].labels.items()} == {
        "severity": "yes",
        "tier": "2.0",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"groups: {}",
        b"groups: 7",
        b"groups: [{name: g}, {name: g}]",
        b"groups: [{rules: []}]",
        b"rules: []",
        b"a: &a [x]\nb: *a",
        b"a: 1\na: 2",
        b"\xff\xfe",
        b"[" * 5000,
        b"groups: []\n---\ngroups: []",
        b"x" * (5 << 20),
    ],
)
def test_what_is_no_rule_file_is_refused(content: bytes) -> None:
    with pytest.raises(RuleFileError):
        read_rule_file(content)


def test_documents_of_nothing_are_left_out() -> None:
    assert read_documents(b"---\n---\na: 1\n") == [{"a": "1"}]
    assert read_rule_file(b"").groups == ()
