"""What stands in promtool's files of rule tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tidegate.promql.documents import Node, flag, items, mapping, milliseconds, number, read_documents, text, texts
from tidegate.promql.durations import MINUTE_MS
from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.evaluator import Sample
from tidegate.promql.input_series import MOST_SAMPLES, parse_input_series, parse_labels
from tidegate.promql.series import Series

__all__ = ["AlertTest", "ExpectedAlert", "ExpressionTest", "TestFile", "TestGroup", "read_test_file"]

_FILE_KEYS: Final = frozenset({"rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"})
_TEST_KEYS: Final = frozenset(
    {"interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels", "external_url", "name"}
    | {"start_timestamp"}
)


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertTest:
    name: str
    at_ms: int
    """After the start of the test."""
    alerts: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExpressionTest:
    expression: str
    at_ms: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class TestGroup:
    __test__ = False  # nothing that pytest collects

    name: str
    series: tuple[Series, ...]
    alert_tests: tuple[AlertTest, ...]
    expression_tests: tuple[ExpressionTest, ...]
    external_labels: Mapping[str, str]
    external_url: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class TestFile:
    __test__ = False

    rule_files: tuple[str, ...]
    """Paths or patterns, relative to the file itself."""
    interval_ms: int
    group_order: tuple[str, ...]
    tests: tuple[TestGroup, ...]
    is_fuzzy: bool
    """Whether results may differ in the last bit."""


def read_test_file(content: bytes) -> TestFile:
    """Read a file of rule tests.

    Raises:
        RuleFileError: it is no such file.
        ExpressionError: it names series that are none.
        NotSupportedError: it tests something outside the subset.
    """
    documents = read_documents(content)
    if len(documents) != 1:
        raise RuleFileError("A file of rule tests is one YAML document.")
    file = mapping(documents[0], _FILE_KEYS, "file")
    interval_ms = milliseconds(file.get("evaluation_interval"), "evaluation_interval") or MINUTE_MS
    order = tuple(text(node, "group_eval_order") for node in items(file.get("group_eval_order"), "group_eval_order"))
    if len(set(order)) < len(order):
        raise RuleFileError("A group stands twice in group_eval_order.", field="group_eval_order")
    tests = items(file.get("tests"), "tests")
    return TestFile(
        rule_files=tuple(text(node, "rule_files") for node in items(file.get("rule_files"), "rule_files")),
        interval_ms=interval_ms,
        group_order=order,
        tests=tuple(_test(node, interval_ms, f"tests.{place}") for place, node in enumerate(tests)),
        is_fuzzy=flag(file.get("fuzzy_compare"), "fuzzy_compare", default=False),
    )


def _test(node: Node, interval_ms: int, field: str) -> TestGroup:
    test = mapping(node, _TEST_KEYS, field)
    step_ms = milliseconds(test.get("interval"), f"{field}.interval") or interval_ms
    start_ms = _start(test.get("start_timestamp"), f"{field}.start_timestamp")
    series, count = [], 0
    for place, one in enumerate(items(test.get("input_series"), f"{field}.input_series")):
        given = mapping(one, {"series", "values"}, f"{field}.input_series.{place}")
        name, values = text(given.get("series"), f"{field}.series"), text(given.get("values"), f"{field}.values")
        series.append(parse_input_series(name, values, start_ms=start_ms, interval_ms=step_ms))
        count += series[-1].moments.size
        if count > MOST_SAMPLES:
            raise RuleFileError(f"{field} has more than {MOST_SAMPLES} samples.", field=field)
    alert_tests = items(test.get("alert_rule_test"), f"{field}.alert_rule_test")
    expression_tests = items(test.get("promql_expr_test"), f"{field}.promql_expr_test")
    return TestGroup(
        name=text(test.get("name"), f"{field}.name", default=""),
        series=tuple(series),
        alert_tests=tuple(_alert(one, f"{field}.alert_rule_test.{n}") for n, one in enumerate(alert_tests)),
        expression_tests=tuple(
            _expression(one, f"{field}.promql_expr_test.{n}") for n, one in enumerate(expression_tests)
        ),
        external_labels=texts(test.get("external_labels"), f"{field}.external_labels"),
        external_url=text(test.get("external_url"), f"{field}.external_url", default=""),
        start_ms=start_ms,
    )


def _start(node: Node | None, field: str) -> int:
    """Return the moment of the first sample: Unix seconds or RFC 3339; 1970 unless said."""
    if node is None or node == "":
        return 0
    written = text(node, field)
    try:
        at = datetime.fromisoformat(written)
        if at.tzinfo is not None:
            return round(at.astimezone(UTC).timestamp() * 1000)
    except ValueError:
        pass
    return round(number(node, field) * 1000)


def _alert(node: Node, field: str) -> AlertTest:
    test = mapping(node, {"eval_time", "alertname", "exp_alerts"}, field)
    name = text(test.get("alertname"), f"{field}.alertname", default="")
    if not name:
        raise RuleFileError(f"{field} names no alertname.", field=f"{field}.alertname")
    alerts = []
    for place, one in enumerate(items(test.get("exp_alerts"), f"{field}.exp_alerts")):
        given = mapping(one, {"exp_labels", "exp_annotations"}, f"{field}.exp_alerts.{place}")
        labels = texts(given.get("exp_labels"), f"{field}.exp_labels")
        alerts.append(ExpectedAlert(labels, texts(given.get("exp_annotations"), f"{field}.exp_annotations")))
    return AlertTest(name, milliseconds(test.get("eval_time"), f"{field}.eval_time"), tuple(alerts))


def _expression(node: Node, field: str) -> ExpressionTest:
    test = mapping(node, {"expr", "eval_time", "exp_samples"}, field)
    samples = []
    for place, one in enumerate(items(test.get("exp_samples"), f"{field}.exp_samples")):
        given = mapping(one, {"labels", "value", "histogram"}, f"{field}.exp_samples.{place}")
        if "histogram" in given:
            raise NotSupportedError("histogram", where=field, why="native histograms are not read; buckets are")
        labels = parse_labels(text(given.get("labels"), f"{field}.labels", default=""))
        samples.append(Sample(labels, number(given.get("value", "0"), f"{field}.value")))
    at_ms = milliseconds(test.get("eval_time"), f"{field}.eval_time")
    return ExpressionTest(text(test.get("expr"), f"{field}.expr"), at_ms, tuple(samples))
