"""What the readers of test reports share: how cases become a report that hides nothing. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import first_line, short
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["BAD", "MAX_CASES", "case_of", "check_case_count", "count_flaky", "report_from"]

MAX_CASES = 100_000  # a 16 MB report holds fewer; the largest public one we read has 4,239
BAD = frozenset({CaseResult.FAILED, CaseResult.ERROR})
_MAX_NAME = 500
_MAX_MESSAGE = 300
_MAX_PATH = 300
_MAX_LINE = 10_000_000
_MAX_WARNINGS = 20


def case_of(
    name: str | None,
    result: CaseResult,
    message: str | None = None,
    *,
    file: str | None = None,
    line: int | None = None,
) -> ReportCase:
    """Return a case with its texts cut to what is kept; one that did not fail keeps its name alone."""
    said = short(name.strip() if name else "", _MAX_NAME) or "(unnamed)"
    if result not in BAD:
        return ReportCase(said, result)
    path = short(file.strip(), _MAX_PATH) if file and file.strip() else None
    place = line if path and line is not None and 0 < line <= _MAX_LINE else None
    return ReportCase(said, result, first_line(message or "", _MAX_MESSAGE), path, place)


def check_case_count(count: int) -> None:
    """Refuse more cases than a report may have.

    Raises:
        ReportUnreadableError: there are more.
    """
    if count > MAX_CASES:
        raise ReportUnreadableError(f"The report has {count} cases; {MAX_CASES} are read. Send it in parts.")


def report_from(
    cases: Sequence[ReportCase],
    *,
    form: str,
    claimed_failed_count: int = 0,
    claimed_count: int | None = None,
    warnings: Sequence[str] = (),
) -> ReadReport:
    """Return the report of `cases`; what the file claims about itself is compared and not believed.

    A `claimed_count` of `None` or zero: the file does not say how many cases it has.
    """
    check_case_count(len(cases))
    odd = list(warnings)
    if claimed_count and claimed_count != len(cases):
        odd.append(f"The file says it has {claimed_count} cases; {len(cases)} are in it, and those count.")
    return ReadReport(
        cases=tuple(cases),
        flaky_count=count_flaky(cases),
        claimed_failed_count=claimed_failed_count,
        warnings=tuple(odd[:_MAX_WARNINGS]),
        format=form,
    )


def count_flaky(cases: Sequence[ReportCase]) -> int:
    results: dict[str, set[CaseResult]] = defaultdict(set)
    for case in cases:
        results[case.id].add(case.result)
    return sum(CaseResult.PASSED in seen and bool(seen & BAD) for seen in results.values())
