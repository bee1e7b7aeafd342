"""Scans: what analysers and bills of materials found that is new and open. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from tidegate.evidence import EvidenceRecord
from tidegate.gates.model.checks import Check, CheckKind
from tidegate.gates.model.measures.findings import plain
from tidegate.gates.model.measures.standings import (
    Said,
    StandingSpec,
    StandingsReading,
    count_of,
    measure_standings,
    text_of,
)
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import ReleaseService

LEVELS: Final = ("error", "warning", "note", "none")
SEVERITIES: Final = ("critical", "high", "medium", "low", "info", "none")
_TRUST = (
    "have the tool write an invocation with executionSuccessful, or set `trustUnknownExecution: true` in the gate file"
)


@dataclass(frozen=True, slots=True)
class ScanSpec(StandingSpec):
    """No finding of a level or worse that is new and not suppressed, or of a severity or worse that is open."""

    kind: ClassVar[CheckKind] = CheckKind.SCAN
    worst: tuple[str, ...]
    """The levels or severities that fail it, the worst first."""
    max_count: int
    trusts_unknown_execution: bool

    @property
    def is_bill(self) -> bool:
        return self.asked.evidence_kind == "cyclonedx"

    def define(self) -> Mapping[str, JsonValue]:
        return {
            **self.asked.define(),
            "format": self.asked.evidence_kind,
            "severity" if self.is_bill else "level": self.worst[-1],
            "maxCount": self.max_count,
            "trustUnknownExecution": self.trusts_unknown_execution or None,
        }


def measure_scan(check: Check, reading: StandingsReading, *, now: datetime) -> CheckResult:
    spec = check.spec
    assert isinstance(spec, ScanSpec)  # noqa: S101 - measures are chosen by kind

    def say(record: EvidenceRecord, services: Sequence[ReleaseService]) -> Said:  # noqa: ARG001 - a log is of its commit
        return _say_bill(spec, record) if spec.is_bill else _say_log(spec, record)

    return measure_standings(check, reading, say, now=now, bound=f"{_found(spec)} at most {spec.max_count}")


def _found(spec: ScanSpec) -> str:
    what = "open vulnerabilities of severity" if spec.is_bill else "new unsuppressed findings of level"
    return f"{what} {spec.worst[-1]} or worse:"


def _say_log(spec: ScanSpec, record: EvidenceRecord) -> Said:
    summary = record.summary
    counts = [count_of(summary, "new", level) for level in spec.worst]
    runs, undecided = count_of(summary, "runCount"), count_of(summary, "undecidedCount")
    if runs is None or undecided is None or None in counts:
        return _unreadable("a SARIF log")
    found = sum(count or 0 for count in counts)
    value = f"{found} new of level {spec.worst[-1]} or worse"
    if found > spec.max_count:
        return _failed(spec, f"has {found} new unsuppressed findings of level {spec.worst[-1]} or worse", record, value)
    if runs == 0:
        return Said(CheckOutcome.MISSING, "holds no run: no tool says anything", value)
    doubt = _execution_doubt(spec, summary)
    if doubt is not None:
        return doubt
    if undecided:
        words = f"has {undecided} results that nobody has decided on (kinds open and review, allowed 0)"
        return Said(CheckOutcome.INCONCLUSIVE, words, value, "decide on them, and add the log again")
    tools = "1 run" if runs == 1 else f"{runs} runs"
    return Said(CheckOutcome.PASSED, f"has {found} {_words(spec)} (allowed {spec.max_count}) in {tools}", value)


def _execution_doubt(spec: ScanSpec, summary: Mapping[str, object]) -> Said | None:
    """Return why it is not known that the tool ran: an empty list proves nothing without that."""
    execution, reason = text_of(summary, "execution"), _reason_of(summary)
    if execution == "successful":
        return None
    if execution == "failed":
        return Said(CheckOutcome.ERROR, f"is of a tool that failed{reason}", step="run the tool again and add its log")
    if not spec.trusts_unknown_execution:
        return Said(CheckOutcome.INCONCLUSIVE, f"does not say whether its tool ran to its end{reason}", step=_TRUST)
    if execution != "unknown" or count_of(summary, "withoutResultsCount") != 0:
        words = "has a run without a list of results: nothing was looked for, or it stands elsewhere"
        return Said(CheckOutcome.INCONCLUSIVE, words, step="have the tool write its results into the log")
    return None


def _reason_of(summary: Mapping[str, object]) -> str:
    tools = summary.get("tools")
    for tool in tools if isinstance(tools, list | tuple) else ():
        if isinstance(tool, Mapping) and tool.get("execution") != "successful":
            return f" ({plain(str(tool.get('name')))}: {plain(str(tool.get('reason')).removesuffix('.'))})"
    return ""


def _say_bill(spec: ScanSpec, record: EvidenceRecord) -> Said:
    summary = record.summary
    # A severity that is not known may be any: it counts as the worst.
    counts = [count_of(summary, "open", severity) for severity in (*spec.worst, "unknown")]
    components, has_any = count_of(summary, "componentCount"), summary.get("hasVulnerabilities")
    if components is None or None in counts or not isinstance(has_any, bool):
        return _unreadable("a CycloneDX bill")
    found = sum(count or 0 for count in counts)
    value = f"{found} open of severity {spec.worst[-1]} or worse"
    if found > spec.max_count:
        words = f"has {found} open vulnerabilities of severity {spec.worst[-1]} or worse, or of unknown severity"
        return _failed(spec, words, record, value)
    if components == 0:
        return Said(CheckOutcome.MISSING, "lists no component: an empty bill proves nothing", value)
    if not has_any:
        words = "says nothing about vulnerabilities: nobody looked"
        return Said(CheckOutcome.INCONCLUSIVE, words, step="add the bill of a scanner, with its `vulnerabilities`")
    words = f"has {found} {_words(spec)} (allowed {spec.max_count}) in {components} components"
    return Said(CheckOutcome.PASSED, words, value)


def _words(spec: ScanSpec) -> str:
    return _found(spec).removesuffix(":")


def _unreadable(what: str) -> Said:
    return Said(CheckOutcome.INCONCLUSIVE, f"does not say in numbers what {what} says")


def _failed(spec: ScanSpec, words: str, record: EvidenceRecord, value: str) -> Said:
    first = _first(record.summary.get("worst" if spec.is_bill else "places"), ("id",) if spec.is_bill else ("rule",))
    about = f", first {first}" if first else ""
    step = "fix, suppress with a reason, or assess what was found, scan again and add the result"
    return Said(CheckOutcome.FAILED, f"{words} (allowed {spec.max_count}){about}", value, step)


def _first(entries: object, names: tuple[str, ...]) -> str:
    if not isinstance(entries, list | tuple) or not entries or not isinstance(entries[0], Mapping):
        return ""
    entry = entries[0]
    said = " ".join(plain(str(entry[name])) for name in names if entry.get(name))
    place = entry.get("file") or entry.get("affects")
    line = f":{entry['line']}" if entry.get("line") else ""
    return f"{said} in {plain(str(place))}{line}" if place else said
