"""Dependencies between roles: received, or provisional until a date. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from tidegate.evidence import EvidenceRecord, EvidenceStanding
from tidegate.gates.model.checks import Check, CheckKind
from tidegate.gates.model.measures.findings import plain
from tidegate.gates.model.measures.standings import Said, StandingSpec, StandingsReading, measure_standings, text_of
from tidegate.gates.model.moments import moment_in_words
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult
from tidegate.kernel import InvalidInputError, parse_utc
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import ReleaseService

# No word of the record stands in a step: what follows a colon there is shown as a command to be copied.
_BRING = "have it delivered, and add it under the same title with the state received"


@dataclass(frozen=True, slots=True)
class DependencySpec(StandingSpec):
    """What one role needs of another came. `None`: whatever role."""

    kind: ClassVar[CheckKind] = CheckKind.DEPENDENCY
    from_role: str | None
    to_role: str | None
    min_count: int

    def define(self) -> Mapping[str, JsonValue]:
        return {
            **self.asked.define(),
            "from": self.from_role,
            "to": self.to_role,
            "minCount": self.min_count,
        }


def measure_dependency(check: Check, reading: StandingsReading, *, now: datetime) -> CheckResult:
    spec = check.spec
    assert isinstance(spec, DependencySpec)  # noqa: S101 - measures are chosen by kind

    def say(record: EvidenceRecord, services: Sequence[ReleaseService]) -> Said:  # noqa: ARG001 - it is of roles
        return _say(spec, record.summary, now=now)

    asked = replace(reading, standings=[one for one in reading.standings if _may_be_asked(spec, one)])
    return measure_standings(check, asked, say, now=now, bound="received or accepted", min_count=spec.min_count)


def _may_be_asked(spec: DependencySpec, standing: EvidenceStanding) -> bool:
    """Return whether it is between the roles that are asked for; what cannot be told may be."""
    record = standing.record
    if record is None or not record.is_intact or not record.has_content:
        return True
    roles = ((spec.from_role, text_of(record.summary, "from")), (spec.to_role, text_of(record.summary, "to")))
    return all(wanted is None or said in {None, wanted} for wanted, said in roles)


def _say(spec: DependencySpec, summary: Mapping[str, object], *, now: datetime) -> Said:
    state, due = text_of(summary, "state"), _moment(summary, "due")
    source, target, what = (text_of(summary, name) for name in ("from", "to", "what"))
    if state is None or due is None or source is None or target is None or what is None:
        return Said(CheckOutcome.INCONCLUSIVE, "does not say who needs what of whom until when")
    which = f"{plain(what)}, from {plain(source)} to {plain(target)}, due {moment_in_words(due)}"
    if state in {"received", "accepted"}:
        return Said(CheckOutcome.PASSED, f"is {state} ({which})", state)
    if state == "provisional":
        return _provisional(spec, summary, which, now=now)
    if state in {"requested", "acknowledged"} and now < due:
        return Said(CheckOutcome.PENDING, f"is {state} and did not come yet ({which})", state, _BRING)
    return Said(CheckOutcome.MISSING, f"is overdue: it is {plain(state)} ({which})", "overdue", _BRING)


def _provisional(spec: DependencySpec, summary: Mapping[str, object], which: str, *, now: datetime) -> Said:
    until = _moment(summary, "until")
    step = "have the final answer, and add it under the same title with the state received"
    if until is None:
        return Said(CheckOutcome.INCONCLUSIVE, f"is provisional and does not say until when ({which})", step=step)
    words = f"is provisional until {moment_in_words(until)} ({which})"
    if now >= until:
        return Said(CheckOutcome.STALE, f"was provisional until {moment_in_words(until)} ({which})", "overdue", step)
    outcome = CheckOutcome.WARNED if spec.asked.allows_provisional else CheckOutcome.PENDING
    return Said(outcome, words, "provisional", step, until=until)


def _moment(summary: Mapping[str, object], name: str) -> datetime | None:
    try:
        return parse_utc(text_of(summary, name) or "")
    except InvalidInputError:
        return None
