"""RSpec's JSON formatter: `examples` and `summary`.

Errors outside of examples (a file that does not load) count as one case more each.
"""

from collections.abc import Mapping
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.cases import case_of, check_case_count, report_from
from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_text, load_json
from tidegate.evidence.model import CaseResult, ReadReport, ReportCase

__all__ = ["read_rspec", "rspec_of"]

_RESULTS: Final = {"passed": CaseResult.PASSED, "failed": CaseResult.FAILED, "pending": CaseResult.SKIPPED}


def read_rspec(content: bytes) -> ReadReport:
    """Return the cases in `content`.

    Raises:
        ReportUnreadableError, ReportTooLargeError: as named.
    """
    return rspec_of(load_json(content, what="report"))


def rspec_of(document: Any) -> ReadReport:  # noqa: ANN401 - JSON
    root = as_mapping(document, "The report")
    if not isinstance(root.get("examples"), list) or not isinstance(root.get("summary"), dict):
        raise ReportUnreadableError("It has no `examples` and `summary`: this is no report of RSpec.")
    check_case_count(len(root["examples"]))
    cases = [_case_of(as_mapping(one, f"examples.{number}")) for number, one in enumerate(root["examples"])]
    summary = root["summary"]
    outside = as_count(summary.get("errors_outside_of_examples_count"), "errors_outside_of_examples_count") or 0
    check_case_count(len(cases) + outside)
    messages = [as_text(text, "messages", length=2_000) for text in as_list(root.get("messages"), "messages")]
    said = next((text for text in messages if text and text.strip()), None)
    cases += [case_of(f"(outside of examples, {number + 1})", CaseResult.ERROR, said) for number in range(outside)]
    return report_from(
        cases,
        form="rspec",
        claimed_failed_count=as_count(summary.get("failure_count"), "failure_count") or 0,
        claimed_count=(as_count(summary.get("example_count"), "example_count") or 0) + outside,
    )


def _case_of(example: Mapping[str, Any]) -> ReportCase:
    name = as_text(
        example.get("full_description") or example.get("description") or example.get("id"), "full_description"
    )
    status = as_text(example.get("status"), "status", length=40)
    error = as_mapping(example.get("exception"), "exception")
    return case_of(
        name,
        _RESULTS.get(status or "", CaseResult.ERROR),
        as_text(error.get("message"), "exception.message", length=2_000) or f"The status is {status}.",
        file=as_text(example.get("file_path"), "file_path"),
        line=as_count(example.get("line_number"), "line_number"),
    )
