"""Rehearsals: of this release's rollback, and drills by name. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

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
from tidegate.kernel import InvalidInputError, parse_utc
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import ReleaseService

_AGAIN = "mend what failed, rehearse it again and add the record"


@dataclass(frozen=True, slots=True)
class RehearsalSpec(StandingSpec):
    """What rollback proofs and drills share. `None`: no such bound."""

    environment: str | None
    max_recovery_s: float | None

    def define(self) -> Mapping[str, JsonValue]:
        return {**self.asked.define(), "environment": self.environment, "maxRecoveryS": self.max_recovery_s}


@dataclass(frozen=True, slots=True)
class RollbackSpec(RehearsalSpec):
    """A rehearsal of this release's rollback."""

    kind: ClassVar[CheckKind] = CheckKind.ROLLBACK_PROOF


@dataclass(frozen=True, slots=True)
class DrillSpec(RehearsalSpec):
    """A drill of a name; evidence of the drill has it as its title."""

    kind: ClassVar[CheckKind] = CheckKind.DRILL
    drill: str

    def define(self) -> Mapping[str, JsonValue]:
        fields = dict(RehearsalSpec.define(self))
        del fields["evidenceTitle"]
        return {**fields, "drill": self.drill}


def measure_rehearsal(check: Check, reading: StandingsReading, *, now: datetime) -> CheckResult:
    """Judge rollback proofs and drills."""
    spec = check.spec
    assert isinstance(spec, RehearsalSpec)  # noqa: S101 - measures are chosen by kind

    def say(record: EvidenceRecord, services: Sequence[ReleaseService]) -> Said:
        return _say(spec, record.summary, services)

    bound = "passed, every step"
    if spec.max_recovery_s is not None:
        bound += f", recovered within {spec.max_recovery_s:g} s"
    return measure_standings(check, reading, say, now=now, bound=bound)


def _say(spec: RehearsalSpec, summary: Mapping[str, object], services: Sequence[ReleaseService]) -> Said:
    steps, passed = count_of(summary, "stepCount"), count_of(summary, "passedCount")
    failed, skipped = count_of(summary, "failedCount"), count_of(summary, "skippedCount")
    outcome, done_at = text_of(summary, "outcome"), _moment(summary, "finishedAt")
    if steps is None or passed is None or failed is None or skipped is None or outcome is None or done_at is None:
        return Said(CheckOutcome.INCONCLUSIVE, "does not say how the rehearsal went")
    value = f"{passed} of {steps} steps passed"
    if outcome != "passed" or failed:
        words = f"ended {plain(outcome)} with {failed} of {steps} steps failed (allowed 0){_first(summary)}"
        return Said(CheckOutcome.FAILED, words, value, _AGAIN, done_at)
    recovery = _recovery(spec, summary)
    if steps == 0:
        return Said(CheckOutcome.MISSING, "has no step: a rehearsal of nothing proves nothing", value, done_at=done_at)
    if skipped or passed != steps:
        words = f"has {skipped} of {steps} steps skipped (allowed 0){_first(summary)}"
        return Said(CheckOutcome.INCONCLUSIVE, words, value, _AGAIN, done_at)
    where = plain(text_of(summary, "environment") or "")
    words = f"passed {passed} of {steps} steps in {where}{_recovered(summary)}"
    good = Said(CheckOutcome.PASSED, words, value, done_at=done_at)
    return recovery or _wrong_subject(spec, summary, services) or _gaps(summary) or good


def _recovery(spec: RehearsalSpec, summary: Mapping[str, object]) -> Said | None:
    if spec.max_recovery_s is None:
        return None
    found = _seconds(summary)
    if found is None:
        words = f"does not say how long it took to recover (allowed {spec.max_recovery_s:g} s)"
        return Said(CheckOutcome.INCONCLUSIVE, words, step="measure it, and add the record with `recoveryS`")
    if found > spec.max_recovery_s:
        words = f"recovered in {found:g} s (allowed {spec.max_recovery_s:g} s)"
        return Said(CheckOutcome.FAILED, words, f"{found:g} s", _AGAIN)
    return None


def _wrong_subject(
    spec: RehearsalSpec, summary: Mapping[str, object], services: Sequence[ReleaseService]
) -> Said | None:
    """Return why it is a rehearsal of something else."""
    environment = text_of(summary, "environment")
    if spec.environment not in {None, environment}:
        words = f"was rehearsed in {plain(environment or 'an unknown place')}, not in {plain(spec.environment or '')}"
        return Said(CheckOutcome.INCONCLUSIVE, words, step=f"rehearse it in {plain(spec.environment or '')}")
    if isinstance(spec, DrillSpec):
        drill = text_of(summary, "drill")
        words = f"is the record of another drill, {plain(drill or 'unknown')}"
        return None if drill == spec.drill else Said(CheckOutcome.INCONCLUSIVE, words)
    source, target = text_of(summary, "fromVersion"), text_of(summary, "toVersion")
    if source is None or target is None or source == target:
        words = "does not say from which version to which other one it went back"
        return Said(CheckOutcome.INCONCLUSIVE, words, step="add the record with `fromVersion` and `toVersion`")
    if source not in {own.version for own in services}:
        words = f"goes back from version {plain(source)}, which is not of this release"
        return Said(CheckOutcome.INCONCLUSIVE, words, step="rehearse the rollback of this version")
    return None


def _gaps(summary: Mapping[str, object]) -> Said | None:
    unowned = count_of(summary, "unownedGapCount")
    if unowned == 0:
        return None
    words = f"found {'an unknown number of' if unowned is None else unowned} gaps without an owner (allowed 0)"
    return Said(CheckOutcome.INCONCLUSIVE, words, step="give each gap an owner, and add the record again")


def _first(summary: Mapping[str, object]) -> str:
    entries = summary.get("notPassed")
    if not isinstance(entries, list | tuple) or not entries or not isinstance(entries[0], Mapping):
        return ""
    return f", first {plain(str(entries[0].get('step')))}"


def _recovered(summary: Mapping[str, object]) -> str:
    found = _seconds(summary)
    return "" if found is None else f", recovered in {found:g} s"


def _seconds(summary: Mapping[str, object]) -> float | None:
    found = summary.get("recoveryS")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float("inf"):
        return None
    return float(found)


def _moment(summary: Mapping[str, object], name: str) -> datetime | None:
    try:
        return parse_utc(text_of(summary, name) or "")
    except InvalidInputError:
        return None
