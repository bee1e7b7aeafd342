"""The events of `dart test --reporter json` and `flutter test --machine`, one JSON object a line.

A test counts when it is done and not hidden. One that began and never ended counts as an error: its process died. So
does a run without its `done` event, and one that says that it failed while no test of it did.
"""

from dataclasses import dataclass, field
from typing import Any

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.cases import BAD, case_of, check_case_count, report_from
from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_text, load_json_lines
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["read_dart"]


@dataclass(slots=True)
class _Test:
    name: str | None
    file: str | None
    line: int | None
    error: str | None = None


@dataclass(slots=True)
class _Run:
    suites: dict[int, str | None] = field(default_factory=dict)
    open_tests: dict[int, _Test] = field(default_factory=dict)
    cases: list[ReportCase] = field(default_factory=list)
    has_begun: bool = False
    is_success: bool | None = None


def read_dart(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError, ReportTooLargeError: as named.
    """
    run = _Run()
    for number, value in load_json_lines(content, what="report"):
        # Flutter wraps some events of its own into lists.
        for event in value if isinstance(value, list) else [value]:
            _take(run, as_mapping(event, f"Line {number}"))
            check_case_count(len(run.cases) + len(run.open_tests))
    if not run.has_begun:
        raise ReportUnreadableError("It has no `start` event: this is no report of Dart's or Flutter's tests.")
    for test in run.open_tests.values():
        run.cases.append(_ended(test, CaseResult.ERROR, "It began and never ended."))
    if run.is_success is not True and not any(case.result in BAD for case in run.cases):
        said = "The run says that it failed." if run.is_success is False else "The run has no end: its process died."
        run.cases.append(case_of("(the run)", CaseResult.ERROR, said))
    return report_from(run.cases, form="dart")


def _take(run: _Run, event: Any) -> None:  # noqa: ANN401 - JSON
    kind = event.get("type")
    if kind == "start":
        run.has_begun = True
    elif kind == "suite":
        suite = as_mapping(event.get("suite"), "suite")
        run.suites[_id(suite.get("id"), "suite.id")] = as_text(suite.get("path"), "suite.path")
    elif kind == "testStart":
        _begin(run, as_mapping(event.get("test"), "test"))
    elif kind == "error":
        test = run.open_tests.get(_id(event.get("testID"), "testID"))
        if test is not None and test.error is None:
            test.error = as_text(event.get("error"), "error", length=2_000)
    elif kind == "testDone":
        _end(run, event)
    elif kind == "done":
        run.is_success = event.get("success") if isinstance(event.get("success"), bool) else None


def _begin(run: _Run, test: Any) -> None:  # noqa: ANN401 - JSON
    url, line = as_text(test.get("root_url") or test.get("url"), "test.url"), test.get("root_line") or test.get("line")
    suite = run.suites.get(_id(test.get("suiteID"), "test.suiteID"))
    is_own = (
        url is not None and suite is not None and url.replace("\\", "/").endswith(suite.replace("\\", "/").lstrip("/"))
    )
    as_list(test.get("groupIDs"), "test.groupIDs")
    run.open_tests[_id(test.get("id"), "test.id")] = _Test(
        as_text(test.get("name"), "test.name"), suite, as_count(line, "test.line") if is_own else None
    )


def _end(run: _Run, event: Any) -> None:  # noqa: ANN401 - JSON
    test = run.open_tests.pop(_id(event.get("testID"), "testID"), None)
    if test is None:
        raise ReportUnreadableError("A test ended that never began.")
    result = event.get("result")
    if event.get("hidden") is True and result == "success":
        return  # loading a file, setting up a group
    if result == "success":
        run.cases.append(case_of(test.name, CaseResult.SKIPPED if event.get("skipped") is True else CaseResult.PASSED))
    else:
        run.cases.append(_ended(test, CaseResult.FAILED if result == "failure" else CaseResult.ERROR))


def _ended(test: _Test, result: CaseResult, said: str | None = None) -> ReportCase:
    return case_of(test.name, result, test.error or said, file=test.file, line=test.line)


def _id(value: object, where: str) -> int:
    found = as_count(value, where)
    if found is None:
        raise ReportUnreadableError(f"{where} is missing.")
    return found
