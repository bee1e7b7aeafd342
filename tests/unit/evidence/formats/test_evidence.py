"""Bills of materials, load runs, settings of repositories and records of previews."""

import copy
from typing import Any

import pytest
from tests.unit.evidence.formats.samples import (
    BOM,
    ENV_PARITY,
    ENV_VALIDATION,
    EVIDENCE,
    K6_EXPORT,
    K6_MACHINE,
    K6_SUMMARY,
    LOCUST_CSV,
    LOCUST_JSON,
    PREVIEW,
    PROTECTION,
    RULES,
    as_json,
)

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats import (
    detect_format,
    read_cyclonedx,
    read_load,
    read_preview_coverage,
    read_repository_settings,
    summarise,
)


@pytest.mark.parametrize("sample", EVIDENCE)
def test_each_kind_is_known_by_what_stands_in_it_and_has_a_summary(sample: str) -> None:
    kind, content = EVIDENCE[sample]
    assert detect_format(content) in {kind, "k6", "locust"}
    assert summarise(kind, content)


def test_a_document_says_nothing_in_numbers() -> None:
    assert summarise("adr", b"# We use queues") == {}


def bom(**vulnerability: Any) -> Any:
    return read_cyclonedx(as_json(BOM | {"vulnerabilities": [{"id": "CVE-1"} | vulnerability]}))


def test_components_are_counted_at_any_depth() -> None:
    assert read_cyclonedx(as_json(BOM)).component_count == 2


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6", "1.7"])
def test_four_versions_are_read(version: str) -> None:
    assert read_cyclonedx(as_json(BOM | {"specVersion": version})).count(severity="high", is_open=True) == 1


def test_a_bill_without_vulnerabilities_says_nothing_about_them() -> None:
    silent = {key: value for key, value in BOM.items() if key != "vulnerabilities"}
    assert not read_cyclonedx(as_json(silent)).has_vulnerabilities
    assert read_cyclonedx(as_json(BOM | {"vulnerabilities": []})).has_vulnerabilities


@pytest.mark.parametrize(
    ("ratings", "severity"),
    [
        pytest.param([], "unknown", id="none"),
        pytest.param([{"severity": "low"}, {"severity": "critical"}], "critical", id="the worst of two"),
        pytest.param([{"score": 9.8, "method": "CVSSv31"}], "critical", id="by score"),
        pytest.param([{"severity": "low", "score": 7.1, "method": "CVSSv4"}], "high", id="a score above its word"),
        pytest.param([{"score": 9.8, "method": "OWASP"}], "unknown", id="a score of another method"),
        pytest.param([{"severity": "huge"}], "unknown", id="a word that CycloneDX has not"),
    ],
)
def test_the_severity_of_a_vulnerability(ratings: list[dict[str, Any]], severity: str) -> None:
    assert bom(ratings=ratings).count(severity=severity) == 1


@pytest.mark.parametrize(
    ("state", "is_open"),
    [
        (None, True), ("in_triage", True), ("exploitable", True), ("ignored", True),
        ("resolved", False), ("resolved_with_pedigree", False), ("false_positive", False), ("not_affected", False),
    ],
)  # fmt: skip
def test_only_a_closing_analysis_closes(state: str | None, is_open: bool) -> None:  # noqa: FBT001
    found = bom(analysis={} if state is None else {"state": state})
    assert (found.count(is_open=is_open), len(found.open_ones)) == (1, int(is_open))


@pytest.mark.parametrize("document", [K6_EXPORT, K6_SUMMARY, K6_MACHINE], ids=["export", "summary", "machine"])
def test_the_three_shapes_of_a_k6_summary_say_the_same(document: dict[str, Any]) -> None:
    load = read_load(as_json(document))
    assert (load.tool, load.request_count, load.failure_count, load.p95_ms, load.max_ms) == ("k6", 200, 4, 210.5, 400.0)
    assert load.requests_per_s == 20.0
    assert load.failure_ratio == 0.02


@pytest.mark.parametrize("document", [K6_EXPORT, K6_SUMMARY], ids=["a bare true is crossed", "ok false is crossed"])
def test_a_crossed_threshold_is_crossed_in_either_spelling(document: dict[str, Any]) -> None:
    load = read_load(as_json(document))
    assert [(one.metric, one.expression) for one in load.crossed] == [("http_req_failed", "rate<0.01")]
    assert len(load.thresholds or ()) == 2


def test_a_summary_without_a_place_for_thresholds_does_not_say_that_they_were_kept() -> None:
    load = read_load(as_json(K6_MACHINE))
    assert load.thresholds is None
    assert "not known" in load.warnings[0]


def test_a_k6_run_without_a_request_has_no_ratio() -> None:
    load = read_load(as_json({"root_group": {}, "metrics": {}}))
    assert (load.request_count, load.failure_count, load.failure_ratio, load.p95_ms) == (0, None, None, None)


def test_locusts_rows_are_added_up_and_its_totals_compared() -> None:
    load = read_load(LOCUST_CSV)
    assert (load.request_count, load.failure_count, load.p95_ms, load.p99_ms, load.warnings) == (
        200,
        4,
        130.0,
        290.0,
        (),
    )
    lying = read_load(LOCUST_CSV.replace(b",Aggregated,200,4", b",Aggregated,999,0"))
    assert (lying.request_count, lying.failure_count) == (200, 4)
    assert len(lying.warnings) == 2


def test_locust_without_a_row_of_totals_has_no_percentiles() -> None:
    load = read_load(b"\n".join(LOCUST_CSV.splitlines()[:-1]))
    assert (load.request_count, load.p95_ms) == (200, None)
    assert "no row Aggregated" in load.warnings[0]


def test_percentiles_of_locusts_json_are_of_all_requests() -> None:
    load = read_load(as_json(LOCUST_JSON))
    assert (load.request_count, load.failure_count, load.duration_s) == (100, 1, 10.0)
    assert (load.p50_ms, load.p95_ms, load.p99_ms, load.max_ms) == (50.0, 200.0, 200.0, 210.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            LOCUST_CSV.replace(b"100,1", b"1,100", 1), "of 101 requests failed", id="more failures than requests"
        ),
        pytest.param(LOCUST_CSV.replace(b",100,1,", b",1e3x,1,"), "is no number of count", id="no number"),
        pytest.param(LOCUST_CSV.replace(b",100,1,", b",-5,1,"), "no number that can be", id="a negative count"),
        pytest.param(LOCUST_CSV.replace(b",100,1,", b",nan,1,"), "no number that can be", id="NaN"),
        pytest.param(LOCUST_CSV.replace(b"GET,/a,", b"GET,"), "cells", id="a cell less"),
        pytest.param(LOCUST_CSV.replace(b"GET,/a", b",Aggregated"), "more than one row of totals", id="two totals"),
        pytest.param(as_json(K6_EXPORT).replace(b"true", b'"yes"'), "neither kept nor crossed", id="a vague threshold"),
        pytest.param(as_json(K6_EXPORT).replace(b'"count": 200', b'"count": 2'), "4 of 2 requests", id="k6 failures"),
        pytest.param(b"GET /a 100", "neither a summary of k6", id="neither"),
    ],
)
def test_a_load_result_that_cannot_be_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ReportUnreadableError, match=words):
        read_load(content)


def test_branch_protection_says_of_which_branch_it_is() -> None:
    found = read_repository_settings(as_json(PROTECTION))
    assert (found.repository, found.branch, found.required_checks) == ("acme/shop", "release/1", ("ci", "lint"))
    assert (found.required_review_count, found.is_enforced_for_admins, found.allows_force_pushes) == (2, True, False)


def test_settings_that_are_not_said_are_not_known() -> None:
    found = read_repository_settings(
        as_json({"enforce_admins": {}, "url": "https://elsewhere.example.test/protection"})
    )
    assert (found.is_enforced_for_admins, found.allows_force_pushes, found.repository) == (None, None, None)
    assert found.warnings


def test_a_branch_without_protection_is_an_answer() -> None:
    assert not read_repository_settings(as_json({"message": "Branch not protected", "status": "404"})).is_protected
    assert not read_repository_settings(b"[]").is_protected


def test_the_rules_of_a_branch_do_not_say_who_may_bypass_them() -> None:
    found = read_repository_settings(as_json(RULES))
    assert (found.required_checks, found.required_review_count, found.is_strict) == (("ci",), 1, True)
    assert (found.allows_force_pushes, found.allows_deletions, found.is_enforced_for_admins) == (False, True, None)


@pytest.mark.parametrize("message", ["Not Found", "Bad credentials", "Resource not accessible by integration"])
def test_a_refusal_of_the_api_is_no_setting(message: str) -> None:
    with pytest.raises(ReportUnreadableError, match="May the token read them"):
        read_repository_settings(as_json({"message": message, "status": "403"}))


def test_previews_are_counted_and_those_without_one_named() -> None:
    found = read_preview_coverage(as_json(PREVIEW))
    assert (found.change_count, found.covered_count, found.coverage) == (2, 1, 0.5)
    assert found.uncovered == (("#2", "failed"),)
    assert read_preview_coverage(as_json(PREVIEW | {"changes": []})).coverage is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"outcome": "fine"}, "none of failed", id="a word that is not known"),
        pytest.param({"preview": None}, "no address", id="ready and nowhere"),
        pytest.param({"preview": "javascript:alert(1)"}, "no address", id="an address that runs"),
        pytest.param({"change": "#2"}, "again", id="a change twice"),
        pytest.param({"coverage": 1}, "not known", id="a field that is not known"),
    ],
)
def test_a_record_of_previews_that_may_mean_two_things_is_refused(change: dict[str, Any], words: str) -> None:
    record = copy.deepcopy(PREVIEW)
    record["changes"][0] |= change
    with pytest.raises(ReportUnreadableError, match=words):
        read_preview_coverage(as_json(record))


@pytest.mark.parametrize("sample", [ENV_VALIDATION, ENV_PARITY], ids=["validation", "parity"])
def test_what_was_found_in_environments_holds_names_and_no_value(sample: dict[str, Any]) -> None:
    kind = sample["schema"].removeprefix("tidegate.").removesuffix("/v1")
    assert summarise(kind, as_json(sample))
    field = "problems" if "problems" in sample else "differences"
    for spoiled in ({"name": "hunter2!"}, {"value": "hunter2"}):
        changed = copy.deepcopy(sample)
        changed[field][0] |= spoiled
        with pytest.raises(ReportUnreadableError):
            summarise(kind, as_json(changed))
