"""What a piece of evidence says in numbers, by its kind: what is stored beside its bytes and what gates judge. Pure.

Keys are camelCase as on the wire. A document (a kind without a reader) says nothing in numbers: its summary is empty.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tidegate.evidence.formats.cyclonedx import SEVERITIES, read_cyclonedx
from tidegate.evidence.formats.dependencies import read_dependency
from tidegate.evidence.formats.environments import read_env_parity, read_env_validation
from tidegate.evidence.formats.load import read_load
from tidegate.evidence.formats.preview_coverage import read_preview_coverage
from tidegate.evidence.formats.rehearsals import read_rehearsal
from tidegate.evidence.formats.reports import read_report
from tidegate.evidence.formats.repository_settings import read_repository_settings
from tidegate.evidence.formats.sarif import LEVELS, read_sarif
from tidegate.evidence.model import count_cases
from tidegate.kernel import format_utc

__all__ = ["READ_KINDS", "summarise"]

Summary = Mapping[str, Any]


def summarise(kind: str, content: bytes) -> Summary:
    """Return what `content` says as evidence of `kind`.

    Raises:
        ReportUnreadableError, ReportEntitiesRefusedError, ReportOfOtherKindError: it is no evidence of this kind.
        ReportTooLargeError: it is larger than any is read.
    """
    reader = _READERS.get(kind)
    return {} if reader is None else reader(content)


def _test_report(content: bytes) -> Summary:
    read = read_report(content)
    totals = count_cases(case.result for case in read.cases)
    return {
        "format": read.format,
        "total": totals.total,
        "passed": totals.passed,
        "failed": totals.failed,
        "skipped": totals.skipped,
        "error": totals.error,
        "flakyCount": read.flaky_count,
        "claimedFailedCount": read.claimed_failed_count,
        "warnings": list(read.warnings),
    }


def _sarif(content: bytes) -> Summary:
    scan = read_sarif(content)
    return {
        "execution": scan.execution.value,
        "tools": [
            {"name": run.tool, "version": run.version, "execution": run.execution.value, "reason": run.reason}
            for run in scan.runs[:20]
        ],
        "runCount": len(scan.runs),
        "withoutResultsCount": sum(not run.has_results for run in scan.runs),
        "new": {level: scan.count(level=level, is_new=True, is_suppressed=False) for level in LEVELS},
        "known": {level: scan.count(level=level, is_new=False, is_suppressed=False) for level in LEVELS},
        "suppressed": {level: scan.count(level=level, is_suppressed=True) for level in LEVELS},
        "undecidedCount": scan.undecided_count,
        "absentCount": scan.absent_count,
        "rules": list(scan.rule_ids[:50]),
        "places": [
            {"rule": at.rule, "level": at.level, "message": at.message, "file": at.file, "line": at.line}
            for at in scan.places
        ],
        "warnings": list(scan.warnings),
    }


def _cyclonedx(content: bytes) -> Summary:
    bom = read_cyclonedx(content)
    return {
        "specVersion": bom.spec_version,
        "componentCount": bom.component_count,
        "hasVulnerabilities": bom.has_vulnerabilities,
        "open": {severity: bom.count(severity=severity, is_open=True) for severity in SEVERITIES},
        "closed": {severity: bom.count(severity=severity, is_open=False) for severity in SEVERITIES},
        "states": {state: sum(one.count for one in bom.vulnerabilities if one.state == state)
                   for state in sorted({one.state for one in bom.vulnerabilities})},
        "worst": [{"id": one.id, "severity": one.severity, "state": one.state, "affects": one.affects}
                  for one in bom.open_ones],
        "warnings": list(bom.warnings),
    }  # fmt: skip


def _load(content: bytes) -> Summary:
    load = read_load(content)
    return {
        "tool": load.tool,
        "requestCount": load.request_count,
        "failureCount": load.failure_count,
        "failureRatio": load.failure_ratio,
        "p50Ms": load.p50_ms,
        "p95Ms": load.p95_ms,
        "p99Ms": load.p99_ms,
        "maxMs": load.max_ms,
        "requestsPerS": load.requests_per_s,
        "durationS": load.duration_s,
        "thresholdCount": None if load.thresholds is None else len(load.thresholds),
        "crossed": [f"{one.metric}: {one.expression}" for one in load.crossed[:20]],
        "crossedCount": None if load.thresholds is None else len(load.crossed),
        "warnings": list(load.warnings),
    }


def _repository_settings(content: bytes) -> Summary:
    found = read_repository_settings(content)
    return {
        "source": found.source,
        "repository": found.repository,
        "branch": found.branch,
        "isProtected": found.is_protected,
        "requiredChecks": list(found.required_checks),
        "isStrict": found.is_strict,
        "requiredReviewCount": found.required_review_count,
        "dismissesStaleReviews": found.dismisses_stale_reviews,
        "requiresCodeOwners": found.requires_code_owners,
        "isEnforcedForAdmins": found.is_enforced_for_admins,
        "allowsForcePushes": found.allows_force_pushes,
        "allowsDeletions": found.allows_deletions,
        "requiresSignatures": found.requires_signatures,
        "warnings": list(found.warnings),
    }


def _preview_coverage(content: bytes) -> Summary:
    found = read_preview_coverage(content)
    return {
        "repository": found.repository,
        "changeCount": found.change_count,
        "coveredCount": found.covered_count,
        "coverage": found.coverage,
        "uncovered": [{"change": change, "outcome": outcome} for change, outcome in found.uncovered],
    }


def _env_validation(content: bytes) -> Summary:
    found = read_env_validation(content)
    return {
        "schemaDigest": found.schema_digest,
        "environment": found.environment,
        "checkedCount": found.checked_count,
        "problemCount": len(found.problems),
        "problems": [{"name": one.name, "problem": one.problem} for one in found.problems[:50]],
        "unknown": list(found.unknown[:50]),
    }


def _env_parity(content: bytes) -> Summary:
    found = read_env_parity(content)
    return {
        "schemaDigest": found.schema_digest,
        "environments": list(found.environments),
        "comparedCount": found.compared_count,
        "differenceCount": len(found.differences),
        "differences": [{"name": one.name, "problem": one.problem} for one in found.differences[:50]],
    }


def _rehearsal(content: bytes) -> Summary:
    found = read_rehearsal(content)
    return {
        "drill": found.drill,
        "environment": found.environment,
        "startedAt": format_utc(found.started_at),
        "finishedAt": format_utc(found.finished_at),
        "outcome": found.outcome,
        "stepCount": len(found.steps),
        "passedCount": found.count("passed"),
        "failedCount": found.count("failed"),
        "skippedCount": found.count("skipped"),
        "notPassed": [{"step": name, "outcome": outcome} for name, outcome in found.steps if outcome != "passed"][:20],
        "recoveryS": found.recovery_s,
        "fromVersion": found.from_version,
        "toVersion": found.to_version,
        "gapCount": len(found.gaps),
        "unownedGapCount": sum(owner is None for _, owner in found.gaps),
    }


def _dependency(content: bytes) -> Summary:
    found = read_dependency(content)
    return {
        "from": found.from_role,
        "to": found.to_role,
        "what": found.what,
        "due": format_utc(found.due),
        "state": found.state,
        "until": None if found.until is None else format_utc(found.until),
    }


_READERS: Final[Mapping[str, Callable[[bytes], Summary]]] = {
    "test-report": _test_report,
    "sarif": _sarif,
    "cyclonedx": _cyclonedx,
    "load": _load,
    "repository-settings": _repository_settings,
    "preview-coverage": _preview_coverage,
    "env-validation": _env_validation,
    "env-parity": _env_parity,
    "dependency": _dependency,
    "drill": _rehearsal,
    "rollback-proof": _rehearsal,
}
READ_KINDS: Final = frozenset(_READERS)
"""Kinds whose bytes are read; of the others the digest alone counts."""
