"""Reports of tests in any format that is known, read into one model. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tidegate.evidence.errors import ReportOfOtherKindError, ReportUnreadableError
from tidegate.evidence.formats.cases import check_case_count, count_flaky
from tidegate.evidence.formats.dart import read_dart
from tidegate.evidence.formats.detection import EVIDENCE_FORMATS, REPORT_FORMATS, detect_format
from tidegate.evidence.formats.documents import check_size, short
from tidegate.evidence.formats.go_test import read_go_test
from tidegate.evidence.formats.junit import read_junit
from tidegate.evidence.formats.mocha import read_mocha
from tidegate.evidence.formats.nunit import read_nunit
from tidegate.evidence.formats.rspec import read_rspec
from tidegate.evidence.formats.trx import read_trx
from tidegate.evidence.model import ReadReport

__all__ = ["merge_reports", "read_report"]

_READERS: Final[Mapping[str, Callable[[bytes], ReadReport]]] = {
    "junit": read_junit,
    "nunit": read_nunit,
    "trx": read_trx,
    "mocha": read_mocha,
    "rspec": read_rspec,
    "dart": read_dart,
    "go": read_go_test,
}
_MAX_WARNINGS = 20


def read_report(content: bytes, *, format: str | None = None) -> ReadReport:  # noqa: A002 - the word on the wire
    """Return the cases in `content`; its format is found out unless it is said.

    Raises:
        ReportUnreadableError: it is no report, or not of the format that was said.
        ReportEntitiesRefusedError: it declares XML entities.
        ReportTooLargeError: it is larger than any report is read.
        ReportOfOtherKindError: it is evidence of another kind, which has a door of its own.
    """
    check_size(content)
    form = format or detect_format(content)
    if form is not None and form in EVIDENCE_FORMATS:
        is_like, kind = EVIDENCE_FORMATS[form]
        raise ReportOfOtherKindError(is_like, kind=kind)
    if form == "authz-run":
        raise ReportUnreadableError("This is an AuthzRegressionRun: POST /release/authz-regression takes it.")
    if form is None and content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return read_junit(content)  # which says what is wrong with it
    reader = _READERS.get(form or "")
    if reader is None:
        raise ReportUnreadableError(
            f"This is no report in a format that is known ({', '.join(REPORT_FORMATS)})."
            if format is None
            else f"The format {short(format, 40)!r} is none of {', '.join(REPORT_FORMATS)}."
        )
    return reader(content)


def merge_reports(parts: Sequence[tuple[str, ReadReport]]) -> ReadReport:
    """Return one report of several files of one run, named in its warnings; nothing in one undoes what another says."""
    if not parts:
        raise ReportUnreadableError("There is no file in it.")
    if len(parts) == 1:
        return parts[0][1]
    check_case_count(sum(len(read.cases) for _, read in parts))
    cases = tuple(case for _, read in parts for case in read.cases)
    warnings = [f"{short(name, 100)}: {warning}" for name, read in parts for warning in read.warnings]
    empty = [short(name, 100) for name, read in parts if not read.cases]
    if empty:
        warnings.insert(0, f"{len(empty)} of {len(parts)} files hold no case, the first is {empty[0]}.")
    return replace(
        parts[0][1],
        cases=cases,
        flaky_count=count_flaky(cases),
        claimed_failed_count=_missing_failures(parts) + sum(len(_bad(read)) for _, read in parts),
        warnings=tuple(warnings[:_MAX_WARNINGS]),
        format="+".join(sorted({read.format for _, read in parts})),
    )


def _missing_failures(parts: Sequence[tuple[str, ReadReport]]) -> int:
    """Count the failures that files claim and do not hold, each file by itself: what one has more hides nothing."""
    return sum(max(0, read.claimed_failed_count - len(_bad(read))) for _, read in parts)


def _bad(read: ReadReport) -> list[object]:
    return [case for case in read.cases if case.result in {"failed", "error"}]
