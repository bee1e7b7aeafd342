"""NUnit 3's own XML (`test-run`).

Every `test-case` counts as one case. `Inconclusive` proved nothing and counts as an error; a passed case with a warning
counts as passed, in words. A set-up or tear-down that failed stands in its `test-suite` and counts as one more case.
"""

from typing import Final
from xml.etree.ElementTree import Element

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.cases import case_of, check_case_count, report_from
from tidegate.evidence.formats.documents import parse_xml, short
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["nunit_of", "read_nunit"]

_RESULTS: Final = {
    "passed": CaseResult.PASSED,
    "warning": CaseResult.PASSED,
    "failed": CaseResult.FAILED,
    "skipped": CaseResult.SKIPPED,
}
_OWN_FAILURES: Final = frozenset({"setup", "teardown"})  # `site`: failures of the suite itself, not of its cases


def read_nunit(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError, ReportEntitiesRefusedError, ReportTooLargeError: as named.
    """
    return nunit_of(parse_xml(content))


def nunit_of(root: Element) -> ReadReport:
    if root.tag != "test-run":
        raise ReportUnreadableError(
            f"The root element is <{short(root.tag, 50)}>, not <test-run>: this is no NUnit 3 report."
        )
    elements = list(root.iter("test-case"))
    check_case_count(len(elements))
    cases = [_case_of(element) for element in elements]
    cases += [_suite_failure(suite) for suite in root.iter("test-suite") if _failed_itself(suite)]
    warned = sum(_word(element, "result") == "warning" for element in elements)
    return report_from(
        cases,
        form="nunit",
        claimed_failed_count=_count(root.get("failed")),
        claimed_count=_count(root.get("total")),
        warnings=[f"{warned} cases passed with a warning."] if warned else [],
    )


def _case_of(element: Element) -> ReportCase:
    name = element.get("fullname") or element.get("name")
    result = _RESULTS.get(_word(element, "result"), CaseResult.ERROR)
    if result is CaseResult.FAILED and _word(element, "label") in {"error", "invalid", "cancelled"}:
        result = CaseResult.ERROR
    message = element.findtext("failure/message") or element.findtext("reason/message")
    return case_of(name, result, message or f"The result is {short(element.get('result') or 'not given', 40)}.")


def _failed_itself(suite: Element) -> bool:
    return _word(suite, "result") == "failed" and _word(suite, "site") in _OWN_FAILURES


def _suite_failure(suite: Element) -> ReportCase:
    name = f"{suite.get('fullname') or suite.get('name') or '(unnamed suite)'} ({suite.get('site')})"
    return case_of(name, CaseResult.ERROR, suite.findtext("failure/message"))


def _word(element: Element, attribute: str) -> str:
    return (element.get(attribute) or "").strip().lower()


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else 0
