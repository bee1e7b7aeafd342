"""TRX, what `dotnet test --logger trx` and Visual Studio write (`TestRun`).

Every `UnitTestResult` counts as one case; one that holds inner results counts through them. Only `Passed` is passed and
only `NotExecuted` is skipped: whatever else an outcome says, or none at all, proved nothing and counts as an error. A
run that says of itself that it failed, aborted or timed out, with no case that did, counts as one case more.
"""

from typing import Final
from xml.etree.ElementTree import Element

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.cases import BAD, case_of, check_case_count, report_from
from tidegate.evidence.formats.documents import parse_xml, short, without_namespace
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["read_trx", "trx_of"]

_RESULTS: Final = {"passed": CaseResult.PASSED, "notexecuted": CaseResult.SKIPPED, "failed": CaseResult.FAILED}
_WENT_WELL: Final = frozenset({"", "completed", "passed", "warning"})
_BAD_COUNTERS: Final = ("failed", "error", "timeout", "aborted")


def read_trx(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError, ReportEntitiesRefusedError, ReportTooLargeError: as named.
    """
    return trx_of(parse_xml(content))


def trx_of(root: Element) -> ReadReport:
    if without_namespace(root.tag) != "TestRun":
        raise ReportUnreadableError(
            f"The root element is <{short(root.tag, 90)}>, not <TestRun>: this is no TRX report."
        )
    results = [element for element in root.iter() if without_namespace(element.tag) == "UnitTestResult"]
    check_case_count(len(results))
    owners = _owners(root)
    cases = [case for element in results for case in _cases_of(element, owners)]
    summary = _child(root, "ResultSummary")
    outcome = "" if summary is None else (summary.get("outcome") or "").strip().lower()
    if outcome not in _WENT_WELL and not any(case.result in BAD for case in cases):
        cases.append(case_of("(the run)", CaseResult.ERROR, _run_message(summary) or f"The run ended as {outcome}."))
    counters = None if summary is None else _child(summary, "Counters")
    claimed = {} if counters is None else counters.attrib
    return report_from(
        cases,
        form="trx",
        claimed_failed_count=sum(_count(claimed.get(name)) for name in _BAD_COUNTERS),
        claimed_count=_count(claimed.get("total")),
    )


def _owners(root: Element) -> dict[str, str]:
    """Return the class of each test id: `testName` alone may be a made-up display name."""
    owners = {}
    for test in root.iter():
        if without_namespace(test.tag) == "UnitTest":
            method = _child(test, "TestMethod")
            if method is not None:
                owners[test.get("id") or ""] = method.get("className") or ""
    return owners


def _cases_of(element: Element, owners: dict[str, str]) -> list[ReportCase]:
    result = _RESULTS.get((element.get("outcome") or "").strip().lower(), CaseResult.ERROR)
    inner = _child(element, "InnerResults")
    if inner is not None and len(inner) and (result not in BAD or _holds_a_failure(inner)):
        return []  # it counts through its inner results
    name, owner = element.get("testName") or "", owners.get(element.get("testId") or "", "")
    if owner and not name.startswith(owner):
        name = f"{owner}: {name}"
    found = next((each for each in element.iter() if without_namespace(each.tag) == "Message"), None)
    said = found.text if found is not None else f"The outcome is {short(element.get('outcome') or 'not given', 40)}."
    return [case_of(name, result, said)]


def _holds_a_failure(inner: Element) -> bool:
    return any(
        _RESULTS.get((each.get("outcome") or "").strip().lower(), CaseResult.ERROR) in BAD
        for each in inner.iter()
        if without_namespace(each.tag) == "UnitTestResult"
    )


def _run_message(summary: Element | None) -> str | None:
    if summary is None:
        return None
    return next((each.text for each in summary.iter() if without_namespace(each.tag) == "Text" and each.text), None)


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if without_namespace(child.tag) == name), None)


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else 0
