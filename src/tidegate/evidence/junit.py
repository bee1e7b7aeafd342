"""JUnit XML, read with suspicion: no schema exists, totals may lie, zero tests are possible.

Every `testcase` element counts as one case, at any depth, under one root `testsuites` or `testsuite`. It failed when it
holds a `failure` or an `error` or says so in an attribute, was skipped when it holds `skipped` or says so, and passed
otherwise. A case that appears twice counts twice: a retry that passed does not undo the failure before it. Failures
that stand in a suite instead of a case (a set-up that crashed) count as one more case each.
"""

import math
from collections import defaultdict
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tidegate.evidence.errors import ReportEntitiesRefusedError, ReportUnreadableError
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase, count_cases

__all__ = ["MAX_CASES", "read_junit"]

MAX_CASES = 100_000  # a 16 MB report holds fewer; the largest public one we read has 4,239
_MAX_NAME = 500
_MAX_MESSAGE = 300
# GoogleTest and its descendants say it in an attribute and leave the element out.
_NOT_RUN = frozenset({"notrun", "skipped", "suppressed", "disabled", "ignored"})
# Some writers say it in an attribute alone.
_WENT_WRONG = frozenset({"fail", "failed", "failure", "error", "errored", "broken", "aborted", "timeout", "timedout"})
_BAD = frozenset({CaseResult.FAILED, CaseResult.ERROR})


def read_junit(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError: it is no XML, or no JUnit report.
        ReportEntitiesRefusedError: it declares entities.
    """
    root = _root_of(content)
    elements = list(root.iter("testcase"))
    if len(elements) > MAX_CASES:
        raise ReportUnreadableError(f"The report has {len(elements)} cases; {MAX_CASES} are read. Send it in parts.")
    cases = [_case_of(element) for element in elements]
    cases += [case for suite in root.iter("testsuite") for case in _suite_failures(suite)]
    counts = count_cases(case.result for case in cases)
    return ReadReport(
        cases=tuple(cases),
        flaky_count=_count_flaky(cases),
        claimed_failed_count=_claimed_failed_count(root),
        warnings=_warnings(elements, total=counts.total, claimed=_claimed(root, "tests")),
    )


def _root_of(content: bytes) -> Element:
    try:
        root: Element = fromstring(content)
    except DefusedXmlException as error:
        raise ReportEntitiesRefusedError from error
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise ReportUnreadableError(f"The report is no XML: {_short(str(error), 200)}.") from error
    if root.tag not in {"testsuites", "testsuite"}:
        raise ReportUnreadableError(
            f"The root element is <{_short(root.tag, 50)}>, not <testsuites> or <testsuite>: this is no JUnit report."
        )
    return root


def _case_of(element: Element) -> ReportCase:
    parts = (element.get("classname"), element.get("name"))
    name = _short(".".join(part for part in parts if part) or "(unnamed)", _MAX_NAME)
    for tag, result in (("error", CaseResult.ERROR), ("failure", CaseResult.FAILED)):
        found = element.find(tag)
        if found is not None:
            return ReportCase(name, result, _first_line(found.get("message") or found.text or ""))
    said = {(element.get(attribute) or "").strip().lower() for attribute in ("status", "result")}
    if said & _WENT_WRONG:
        return ReportCase(name, CaseResult.FAILED, _first_line(element.get("message") or ""))
    is_skipped = element.find("skipped") is not None or bool(said & _NOT_RUN)
    return ReportCase(name, CaseResult.SKIPPED if is_skipped else CaseResult.PASSED)


def _suite_failures(suite: Element) -> list[ReportCase]:
    name = _short(suite.get("name") or "(unnamed suite)", _MAX_NAME)
    return [
        ReportCase(name, CaseResult.ERROR, _first_line(child.get("message") or child.text or ""))
        for child in suite
        if child.tag in {"error", "failure"}
    ]


def _count_flaky(cases: list[ReportCase]) -> int:
    results: dict[str, set[CaseResult]] = defaultdict(set)
    for case in cases:
        results[case.id].add(case.result)
    return sum(CaseResult.PASSED in seen and bool(seen & _BAD) for seen in results.values())


def _claimed_failed_count(root: Element) -> int:
    return _claimed(root, "failures") + _claimed(root, "errors")


def _claimed(root: Element, attribute: str) -> int:
    """Return what the root claims, else the sum of what its suites claim; a claim that is no number claims nothing."""
    if attribute in root.attrib:
        return _count(root.get(attribute))
    return sum(_count(suite.get(attribute)) for suite in root if suite.tag == "testsuite")


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _warnings(elements: list[Element], *, total: int, claimed: int) -> tuple[str, ...]:
    warnings = []
    odd = sum(not _is_time(element.get("time")) for element in elements)
    if odd:
        warnings.append(f"{odd} of {len(elements)} cases have a time that is no number of seconds; it was ignored.")
    if claimed != total and claimed:
        warnings.append(f"The file says it has {claimed} cases; {total} are in it, and those count.")
    return tuple(warnings)


def _is_time(text: str | None) -> bool:
    if text is None or not text.strip():
        return True
    try:
        seconds = float(text.replace(",", ""))  # some tools group the digits
    except ValueError:
        return False
    return math.isfinite(seconds) and seconds >= 0


def _first_line(text: str) -> str | None:
    lines = text.strip().splitlines()
    return _short(lines[0], _MAX_MESSAGE) if lines else None


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
