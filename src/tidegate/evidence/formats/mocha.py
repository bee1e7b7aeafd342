"""Mocha's JSON reporter: `stats`, and `tests` of which each stands in `passes`, `failures` or `pending` as well.

A test that stands in no list counts as an error; a failure that is no test (a hook that crashed) as one case more.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.cases import case_of, check_case_count, report_from
from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_text, load_json
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["mocha_of", "read_mocha"]

_Key = tuple[str | None, str | None]


def read_mocha(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError, ReportTooLargeError: as named.
    """
    return mocha_of(load_json(content, what="report"))


def mocha_of(document: Any) -> ReadReport:  # noqa: ANN401 - JSON
    root = as_mapping(document, "The report")
    if not isinstance(root.get("stats"), dict) or not isinstance(root.get("tests"), list):
        raise ReportUnreadableError("It has no `stats` and `tests`: this is no report of Mocha.")
    tests = [as_mapping(test, f"tests.{number}") for number, test in enumerate(root["tests"])]
    failures = [
        as_mapping(test, f"failures.{number}") for number, test in enumerate(as_list(root.get("failures"), "failures"))
    ]
    check_case_count(len(tests) + len(failures))
    lists = {
        CaseResult.FAILED: Counter(_key(test) for test in failures),
        CaseResult.SKIPPED: _keys(root, "pending"),
        CaseResult.PASSED: _keys(root, "passes"),
    }
    cases = [_case_of(test, _result_of(test, lists)) for test in tests]
    for test in failures:
        if lists[CaseResult.FAILED][_key(test)] > 0:  # it was none of the tests
            lists[CaseResult.FAILED][_key(test)] -= 1
            cases.append(_case_of(test, CaseResult.ERROR))
    stats = root["stats"]
    return report_from(
        cases,
        form="mocha",
        claimed_failed_count=as_count(stats.get("failures"), "stats.failures") or 0,
        claimed_count=as_count(stats.get("tests"), "stats.tests"),
    )


def _result_of(test: Mapping[str, Any], lists: Mapping[CaseResult, Counter[_Key]]) -> CaseResult:
    key = _key(test)
    for result, known in lists.items():  # the worst first
        if known[key] > 0:
            known[key] -= 1
            return result
    return CaseResult.FAILED if as_mapping(test.get("err"), "err") else CaseResult.ERROR


def _case_of(test: Mapping[str, Any], result: CaseResult) -> ReportCase:
    error = as_mapping(test.get("err"), "err")
    message = as_text(error.get("message") or error.get("stack"), "err.message", length=2_000)
    name = as_text(test.get("fullTitle") or test.get("title"), "title")
    return case_of(name, result, message or "It stands in no list.", file=as_text(test.get("file"), "file"))


def _keys(root: Mapping[str, Any], name: str) -> Counter[_Key]:
    return Counter(
        _key(as_mapping(test, f"{name}.{number}")) for number, test in enumerate(as_list(root.get(name), name))
    )


def _key(test: Mapping[str, Any]) -> _Key:
    return as_text(test.get("file"), "file"), as_text(test.get("fullTitle") or test.get("title"), "title")
