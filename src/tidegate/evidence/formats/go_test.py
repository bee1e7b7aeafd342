"""The events of `go test -json`, one JSON object a line.

Each test and subtest of a package that passed, failed or was skipped counts as one case. One that began and never ended
counts as an error (a panic or a time-out ends the package), and so does a package that failed while no test of it did:
it did not build.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.cases import BAD, case_of, check_case_count, report_from
from tidegate.evidence.formats.documents import as_mapping, as_text, load_json_lines
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["read_go_test"]

_RESULTS: Final = {
    "pass": CaseResult.PASSED,
    "fail": CaseResult.FAILED,
    "skip": CaseResult.SKIPPED,
    "bench": CaseResult.PASSED,
}
_MAX_OUTPUT: Final = 2_000
_FRAMING: Final = ("=== ", "--- ", "PASS", "FAIL", "ok ")


@dataclass(slots=True)
class _Run:
    open_tests: dict[tuple[str, str], str] = field(default_factory=dict)
    """What each test that goes on has said first."""
    packages: dict[str, bool] = field(default_factory=dict)
    """Whether each package has ended."""
    cases: list[ReportCase] = field(default_factory=list)
    with_failures: set[str] = field(default_factory=set)
    has_begun: bool = False


def read_go_test(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError, ReportTooLargeError: as named.
    """
    run = _Run()
    for number, value in load_json_lines(content, what="report"):
        _take(run, as_mapping(value, f"Line {number}"))
        check_case_count(len(run.cases) + len(run.open_tests))
    if not run.has_begun:
        raise ReportUnreadableError("No line has an `Action` and a `Package`: this is no report of `go test -json`.")
    for (package, test), output in run.open_tests.items():
        run.with_failures.add(package)
        run.cases.append(case_of(f"{package}.{test}", CaseResult.ERROR, output or "It began and never ended."))
    for package, has_ended in run.packages.items():
        if not has_ended and package not in run.with_failures:
            run.cases.append(case_of(package, CaseResult.ERROR, "The package began and never ended."))
    return report_from(run.cases, form="go")


def _take(run: _Run, event: Any) -> None:  # noqa: ANN401 - JSON
    action = as_text(event.get("Action"), "Action", length=40)
    package = as_text(event.get("Package") or event.get("ImportPath"), "Package")
    if action is None or package is None:
        raise ReportUnreadableError("A line has no `Action` and `Package`: this is no report of `go test -json`.")
    run.has_begun = True
    if event.get("Package") is not None:
        run.packages.setdefault(package, False)
    test = as_text(event.get("Test"), "Test")
    if test is None:
        _take_package(run, package, action)
    elif action == "run":
        run.open_tests.setdefault((package, test), "")
    elif action == "output":
        _hear(run, (package, test), as_text(event.get("Output"), "Output", length=_MAX_OUTPUT) or "")
    elif action in _RESULTS:
        output = run.open_tests.pop((package, test), "")
        result = _RESULTS[action]
        if result in BAD:
            run.with_failures.add(package)
        run.cases.append(case_of(f"{package}.{test}", result, output))


def _take_package(run: _Run, package: str, action: str) -> None:
    if action in _RESULTS:
        run.packages[package] = True
        is_explained = package in run.with_failures or any(owner == package for owner, _ in run.open_tests)
        if action == "fail" and not is_explained:
            run.with_failures.add(package)
            run.cases.append(case_of(package, CaseResult.ERROR, "The package failed, and no test of it: did it build?"))


def _hear(run: _Run, key: tuple[str, str], output: str) -> None:
    """Keep the first line that says something: why it failed stands there."""
    text = output.strip()
    if key in run.open_tests and not run.open_tests[key] and text and not text.startswith(_FRAMING):
        run.open_tests[key] = text
