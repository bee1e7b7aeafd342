"""JUnit XML, read with suspicion: no schema exists, totals may lie, zero tests are possible.

Every `testcase` element counts as one case, at any depth, under one root `testsuites` or `testsuite`. It failed when it
holds a `failure` or an `error` or says so in an attribute, was skipped when it holds `skipped` or says so, and passed
otherwise. A case that appears twice counts twice: a retry that passed does not undo the failure before it. Failures
that stand in a suite instead of a case (a set-up that crashed) count as one more case each.
"""

import math
from xml.etree.ElementTree import Element

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.cases import case_of, check_case_count, report_from
from tidegate.evidence.formats.documents import parse_xml, short
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["junit_of", "read_junit"]

# GoogleTest and its descendants say it in an attribute and leave the element out.
_NOT_RUN = frozenset({"notrun", "skipped", "suppressed", "disabled", "ignored"})
# Some writers say it in an attribute alone.
_WENT_WRONG = frozenset({"fail", "failed", "failure", "error", "errored", "broken", "aborted", "timeout", "timedout"})


def read_junit(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError: it is no XML, or no JUnit report.
        ReportEntitiesRefusedError: it declares entities.
        ReportTooLargeError: it is larger than any report is read.
    """
    return junit_of(parse_xml(content))


def junit_of(root: Element) -> ReadReport:
    """Return the cases under `root`.

    Raises:
        ReportUnreadableError: it is no JUnit report.
    """
    if root.tag not in {"testsuites", "testsuite"}:
        raise ReportUnreadableError(
            f"The root element is <{short(root.tag, 50)}>, not <testsuites> or <testsuite>: this is no JUnit report."
        )
    elements = list(root.iter("testcase"))
    check_case_count(len(elements))
    cases = [_case_of(element) for element in elements]
    cases += [case for suite in root.iter("testsuite") for case in _suite_failures(suite)]
    odd = sum(not _is_time(element.get("time")) for element in elements)
    said = f"{odd} of {len(elements)} cases have a time that is no number of seconds; it was ignored."
    return report_from(
        cases,
        form="junit",
        claimed_failed_count=_claimed(root, "failures") + _claimed(root, "errors"),
        claimed_count=_claimed(root, "tests"),
        warnings=[said] if odd else [],
    )


def _case_of(element: Element) -> ReportCase:
    parts = (element.get("classname"), element.get("name"))
    name = ".".join(part for part in parts if part)
    file, line = element.get("file"), _count(element.get("line"))
    for tag, result in (("error", CaseResult.ERROR), ("failure", CaseResult.FAILED)):
        found = element.find(tag)
        if found is not None:
            return case_of(name, result, found.get("message") or found.text, file=file, line=line)
    said = {(element.get(attribute) or "").strip().lower() for attribute in ("status", "result")}
    if said & _WENT_WRONG:
        return case_of(name, CaseResult.FAILED, element.get("message"), file=file, line=line)
    is_skipped = element.find("skipped") is not None or bool(said & _NOT_RUN)
    return case_of(name, CaseResult.SKIPPED if is_skipped else CaseResult.PASSED)


def _suite_failures(suite: Element) -> list[ReportCase]:
    name = suite.get("name") or "(unnamed suite)"
    return [
        case_of(name, CaseResult.ERROR, child.get("message") or child.text, file=suite.get("file"))
        for child in suite
        if child.tag in {"error", "failure"}
    ]


def _claimed(root: Element, attribute: str) -> int:
    """Return what the root claims, else the sum of what its suites claim; a claim that is no number claims nothing."""
    if attribute in root.attrib:
        return _count(root.get(attribute))
    return sum(_count(suite.get(attribute)) for suite in root if suite.tag == "testsuite")


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _is_time(text: str | None) -> bool:
    if text is None or not text.strip():
        return True
    try:
        seconds = float(text.replace(",", ""))  # some tools group the digits
    except ValueError:
        return False
    return math.isfinite(seconds) and seconds >= 0
