"""SARIF 2.1.0 logs of analysers: what was found, what of it counts, and whether the tool really ran. Pure.

An empty list of results is no proof: a log proves something only when each run holds results (none is an answer) and
an invocation that says `executionSuccessful: true`. What is unclear counts against the log: an unknown level is an
error, a suppression that waits for review suppresses nothing, an updated result is new.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_text, load_json, short
from tidegate.evidence.formats.sarif_rules import RuleLevels

__all__ = ["Execution", "FindingCount", "FindingPlace", "ScanReading", "ScanRun", "read_sarif"]

LEVELS: Final = ("error", "warning", "note", "none")
_SHOWN = 20
_MAX_RUNS = 1_000
_MAX_RESULTS = 200_000  # some 80 bytes each at least, in 16 MB
_MAX_RULES = 200
_FINDINGS: Final = frozenset({"fail"})
_UNDECIDED: Final = frozenset({"open", "review"})
_CLEAN: Final = frozenset({"pass", "notApplicable", "informational"})


class Execution(StrEnum):
    SUCCESSFUL = "successful"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """No invocation says how it went, or there are no results at all."""


@dataclass(frozen=True, slots=True)
class ScanRun:
    tool: str
    version: str | None
    execution: Execution
    result_count: int
    reason: str | None
    """Why its execution failed or is not known."""
    has_results: bool = True
    """Whether it has a list of results, be it an empty one."""


@dataclass(frozen=True, slots=True)
class FindingCount:
    level: str
    is_new: bool
    """Not in the baseline, or changed since, or the log names no baseline."""
    is_suppressed: bool
    """Each of its suppressions is accepted."""
    count: int


@dataclass(frozen=True, slots=True)
class FindingPlace:
    rule: str | None
    level: str
    message: str | None
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class ScanReading:
    runs: tuple[ScanRun, ...]
    findings: tuple[FindingCount, ...]
    """Results of kind fail, but for those that a baseline had and that are gone."""
    undecided_count: int
    """Results that a person has to look at: kinds open and review."""
    clean_count: int
    absent_count: int
    rule_ids: tuple[str, ...]
    """Of new unsuppressed findings, the first 200 by name."""
    places: tuple[FindingPlace, ...]
    """The first twenty new unsuppressed findings, the worst first."""
    warnings: tuple[str, ...]

    @property
    def execution(self) -> Execution:
        """Return the worst of the runs; without a run nothing is known."""
        said = {run.execution for run in self.runs}
        if Execution.FAILED in said:
            return Execution.FAILED
        return Execution.SUCCESSFUL if said == {Execution.SUCCESSFUL} else Execution.UNKNOWN

    def count(self, *, level: str | None = None, is_new: bool | None = None, is_suppressed: bool | None = None) -> int:
        """Count findings; `None` means whatever it is."""
        return sum(
            one.count
            for one in self.findings
            if level in {None, one.level}
            and is_new in {None, one.is_new}
            and is_suppressed in {None, one.is_suppressed}
        )


class _Tally:
    """What is counted over all runs."""

    def __init__(self) -> None:
        self.findings: Counter[tuple[str, bool, bool]] = Counter()
        self.kinds: Counter[str] = Counter()
        self.odd: Counter[str] = Counter()
        self.rules: set[str] = set()
        self.places: dict[str, list[FindingPlace]] = {level: [] for level in LEVELS}
        self.total = 0


def read_sarif(content: bytes) -> ScanReading:
    """Return what a log says.

    Raises:
        ReportUnreadableError: it is no SARIF 2.1.0 log.
        ReportTooLargeError: it is larger than any log is read.
    """
    root = as_mapping(load_json(content, what="SARIF log"), "The log")
    if root.get("version") != "2.1.0":
        raise ReportUnreadableError("Its `version` is not 2.1.0: older logs say other things by the same words.")
    if not isinstance(root.get("runs"), list):
        raise ReportUnreadableError("It has no list `runs`: this is no SARIF log.")
    if len(root["runs"]) > _MAX_RUNS:
        raise ReportUnreadableError(f"It has {len(root['runs'])} runs; {_MAX_RUNS} are read.")
    tally = _Tally()
    runs = tuple(_read_run(as_mapping(run, f"runs.{n}"), f"runs.{n}", tally) for n, run in enumerate(root["runs"]))
    if not runs:
        tally.odd["It has no run: no tool says anything."] = 1
    return ScanReading(
        runs=runs,
        findings=tuple(FindingCount(*key, count=count) for key, count in sorted(tally.findings.items())),
        undecided_count=sum(tally.kinds[kind] for kind in _UNDECIDED),
        clean_count=sum(tally.kinds[kind] for kind in _CLEAN),
        absent_count=tally.kinds["absent"],
        rule_ids=tuple(sorted(tally.rules)[:_MAX_RULES]),
        places=tuple(place for level in LEVELS for place in tally.places[level])[:_SHOWN],
        warnings=tuple(f"{text} ({count} times)" if count > 1 else text for text, count in tally.odd.most_common(20)),
    )


def _read_run(run: Mapping[str, Any], where: str, tally: _Tally) -> ScanRun:
    tool = as_mapping(run.get("tool"), f"{where}.tool")
    driver = as_mapping(tool.get("driver"), f"{where}.tool.driver")
    name = as_text(driver.get("name"), f"{where}.tool.driver.name", length=200)
    if not name:
        raise ReportUnreadableError(f"{where}.tool.driver has no name: who found this is not known.")
    invocations = [
        as_mapping(one, f"{where}.invocations.{n}")
        for n, one in enumerate(as_list(run.get("invocations"), f"{where}.invocations"))
    ]
    results = as_list(run.get("results"), f"{where}.results")
    tally.total += len(results)
    if tally.total > _MAX_RESULTS:
        raise ReportUnreadableError(f"It has more than {_MAX_RESULTS:,} results. Send it in parts.")
    levels = RuleLevels(tool, invocations, where)
    for number, result in enumerate(results):
        _read_result(as_mapping(result, f"{where}.results.{number}"), f"{where}.results.{number}", levels, tally)
    execution, reason = _execution_of(run, invocations, where)
    version = as_text(
        driver.get("semanticVersion") or driver.get("version"), f"{where}.tool.driver.version", length=100
    )
    return ScanRun(name, version, execution, len(results), reason, has_results=run.get("results") is not None)


def _execution_of(
    run: Mapping[str, Any], invocations: Sequence[Mapping[str, Any]], where: str
) -> tuple[Execution, str | None]:
    said = [one.get("executionSuccessful") for one in invocations]
    if any(one is False for one in said):
        return Execution.FAILED, "The tool says that its execution failed."
    for one in invocations:
        for number, note in enumerate(
            as_list(one.get("toolExecutionNotifications"), f"{where}.toolExecutionNotifications")
        ):
            if as_mapping(note, f"{where}.toolExecutionNotifications.{number}").get("level") == "error":
                return Execution.FAILED, "The tool reports an error of its own."
    if run.get("results") is None:
        elsewhere = as_mapping(run.get("externalPropertyFileReferences"), f"{where}.externalPropertyFileReferences")
        is_elsewhere = bool(elsewhere.get("results"))
        return Execution.UNKNOWN, "Its results stand in another file." if is_elsewhere else "It has no list of results."
    if not said or any(one is not True for one in said):
        return Execution.UNKNOWN, "No invocation says that it was successful."
    return Execution.SUCCESSFUL, None


def _read_result(result: Mapping[str, Any], where: str, levels: RuleLevels, tally: _Tally) -> None:
    said_level = as_text(result.get("level"), f"{where}.level", length=40)
    kind = _kind_of(result, said_level, where, tally)
    state = as_text(result.get("baselineState"), f"{where}.baselineState", length=40)
    if state == "absent":
        tally.kinds["absent"] += 1
        return
    if kind not in _FINDINGS:
        tally.kinds[kind] += 1
        return
    rule, default = levels.find(result, where)
    level = said_level or default
    if level not in LEVELS:
        tally.odd[f"The level {short(level, 40)!r} is none of SARIF's; it counts as error."] += 1
        level = "error"
    is_new, is_suppressed = state != "unchanged", _is_suppressed(result, where)
    tally.findings[level, is_new, is_suppressed] += 1
    if is_new and not is_suppressed:
        _keep(result, where, tally, rule=rule, level=level)


def _kind_of(result: Mapping[str, Any], level: str | None, where: str, tally: _Tally) -> str:
    kind = as_text(result.get("kind"), f"{where}.kind", length=40) or "fail"
    if kind not in _FINDINGS | _UNDECIDED | _CLEAN:
        tally.odd[f"The kind {kind!r} is none of SARIF's; it counts as a finding."] += 1
        return "fail"
    if kind not in _FINDINGS and level not in {None, "none"}:
        tally.odd[f"A result of kind {kind} has the level {level}; it counts as a finding."] += 1
        return "fail"
    return kind


def _is_suppressed(result: Mapping[str, Any], where: str) -> bool:
    """Return whether there are suppressions and each is accepted; one without a status is (SARIF 3.35.3)."""
    found = as_list(result.get("suppressions"), f"{where}.suppressions")
    states = [
        as_text(
            as_mapping(one, f"{where}.suppressions.{n}").get("status"), f"{where}.suppressions.{n}.status", length=40
        )
        for n, one in enumerate(found)
    ]
    return bool(states) and all(state in {None, "accepted"} for state in states)


def _keep(result: Mapping[str, Any], where: str, tally: _Tally, *, rule: str | None, level: str) -> None:
    if rule:
        tally.rules.add(rule)
    if len(tally.places[level]) >= _SHOWN:
        return
    message = as_mapping(result.get("message"), f"{where}.message")
    locations = as_list(result.get("locations"), f"{where}.locations")
    place = (
        as_mapping(as_mapping(locations[0], f"{where}.locations.0").get("physicalLocation"), where) if locations else {}
    )
    artifact = as_mapping(place.get("artifactLocation"), f"{where}.artifactLocation")
    tally.places[level].append(
        FindingPlace(
            rule,
            level,
            as_text(message.get("text") or message.get("id"), f"{where}.message", length=300),
            as_text(artifact.get("uri"), f"{where}.artifactLocation.uri", length=300),
            as_count(as_mapping(place.get("region"), f"{where}.region").get("startLine"), f"{where}.startLine"),
        )
    )
