"""What waivers make of results: the true outcome stays beside. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tidegate.gates.model.checks import Check, Gate
from tidegate.gates.model.measures.findings import plain
from tidegate.gates.model.moments import moment_in_words
from tidegate.gates.model.verdicts import LETS_THROUGH, CheckOutcome, CheckResult, Waived
from tidegate.gates.model.waivers import Waiver
from tidegate.kernel import ReleaseId


def waive(
    gate: Gate, release_id: ReleaseId, results: Sequence[CheckResult], waivers: Sequence[Waiver], *, now: datetime
) -> tuple[CheckResult, ...]:
    """Return `results`, those that block let through where a waiver of theirs is in force at `now`.

    What passes by itself takes no waiver. Of several the one counts that lasts longest.
    """
    in_force = [waiver for waiver in waivers if waiver.is_in_force(now)]
    if not in_force:
        return tuple(results)
    return tuple(_waived(gate, release_id, result, in_force) for result in results)


def is_asked(gate: Gate, check: Check) -> bool:
    """Return whether the verdict rests on `check`: it is required, or counts in a score."""
    return check.required or (gate.score is not None and check.weight > 0)


def _waived(gate: Gate, release_id: ReleaseId, result: CheckResult, in_force: Sequence[Waiver]) -> CheckResult:
    let_through = LETS_THROUGH - {CheckOutcome.WARNED} if gate.holds_on_warning else LETS_THROUGH
    if not is_asked(gate, result.check) or result.outcome in let_through:
        return result
    own = [waiver for waiver in in_force if waiver.covers(gate.id, result.check, release_id)]
    if not own:
        return result
    waiver = max(own, key=lambda one: (one.expires_at, one.id))
    return replace(
        result,
        outcome=CheckOutcome.WAIVED,
        reason=(
            f"Waived until {moment_in_words(waiver.expires_at)} for {plain(waiver.owner)} ({plain(waiver.reason)}); "
            f"in truth it is {result.outcome}: {result.reason}"
        ),
        stale_after=waiver.expires_at,
        waived=Waived(result.outcome, waiver),
    )
