"""Which override counts for what a gate says. Pure."""

from collections.abc import Sequence
from datetime import datetime

from tidegate.gates.model.checks import Gate
from tidegate.gates.model.overrides import Override, newest_in_force
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult
from tidegate.kernel import ReleaseId

__all__ = ["override_of"]


def override_of(
    gate: Gate, release_id: ReleaseId, blockers: Sequence[CheckResult], overrides: Sequence[Override], *, now: datetime
) -> Override | None:
    """Return the override in force that covers every one of `blockers`; `None` where nothing blocks."""
    if not blockers or gate.problem:
        return None
    for one in newest_in_force(overrides, now):
        if one.gate_id == gate.id and one.release_id == release_id and one.policy_digest == gate.policy_digest:
            known = {check.check: check.outcome for check in one.checks}
            if all(_covers(known, blocker) for blocker in blockers):
                return one
    return None


def _covers(known: dict[str, str], blocker: CheckResult) -> bool:
    """What two people saw unanswered and has failed since is more than what they agreed to."""
    seen = known.get(blocker.check.id)
    return seen is not None and (blocker.outcome is not CheckOutcome.FAILED or seen == CheckOutcome.FAILED)
