"""What a measurement finds about one service or suite, and how findings add up to the result of a check. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.gates.model.checks import Check
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult, EvidenceRef, rank_of
from tidegate.kernel.canonical import JsonValue

READING_MAX_AGE = timedelta(seconds=10)
"""An evaluator ticks every second and a reading is judged at once; ten missed ticks are no hiccup."""
_ID_LENGTH = 80
_CONTROL = dict.fromkeys(range(32)) | dict.fromkeys(range(127, 160))


@dataclass(frozen=True, slots=True)
class Finding:
    outcome: CheckOutcome
    reason: str
    step: str | None = None
    value: str | None = None
    stale_after: datetime | None = None
    evidence: tuple[EvidenceRef, ...] = ()


def result_of(
    check: Check,
    findings: Sequence[Finding],
    *,
    now: datetime,
    bound: str,
    inputs: Mapping[str, JsonValue] | None = None,
) -> CheckResult:
    """Return the result that `findings` add up to: the worst counts, and says why; none at all is missing."""
    if not findings:
        findings = (Finding(CheckOutcome.MISSING, "Nothing was read.", "name a service in the gate file or release"),)
    worst = min(findings, key=lambda finding: rank_of(finding.outcome))
    alike = [finding for finding in findings if finding.outcome is worst.outcome]
    moments = [finding.stale_after for finding in findings if finding.stale_after]
    return CheckResult(
        check=check,
        outcome=worst.outcome,
        reason=" ".join(finding.reason for finding in alike[:3]) + _more(len(alike) - 3),
        measured_at=now,
        value="; ".join(finding.value for finding in findings[:3] if finding.value) or None,
        bound=bound,
        stale_after=min(moments, default=None),
        evidence=tuple(ref for finding in findings for ref in finding.evidence),
        step=worst.step,
        inputs=inputs,
    )


def in_words(length: timedelta) -> str:
    """Write a duration for a sentence: the largest unit that is not zero, and never a false exactness."""
    seconds = max(0, int(length.total_seconds()))
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def at_in_words(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def plain(text: str) -> str:
    """Return `text` from outside as it may stand in a sentence: short, one line, no control characters."""
    clean = text.translate(_CONTROL)
    return clean if len(clean) <= _ID_LENGTH else clean[: _ID_LENGTH - 1] + "…"


def _more(count: int) -> str:
    return f" And {count} more like this." if count > 0 else ""
