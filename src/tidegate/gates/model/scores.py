"""Weighted scores: how many of the points a gate gives its checks were reached. Pure.

A score is asked besides the required checks and never overrules one. A check that has not answered leaves the score
unknown: it is not counted as nothing, and not left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.gates.model.checks import Score
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult, Verdict

_POINTS = {
    CheckOutcome.PASSED: 1.0,
    CheckOutcome.WARNED: 0.5,
    CheckOutcome.WAIVED: 0.5,  # as a warning: what a person accepted is worth no more than what was measured
    CheckOutcome.FAILED: 0.0,
}


@dataclass(frozen=True, slots=True)
class Scored:
    """What the checks of a gate add up to."""

    verdict: Verdict
    ratio: float | None
    """Points reached by points there are, 0 to 1; `None` when it is not known."""
    is_warning: bool
    sentence: str
    lacking: tuple[CheckResult, ...]
    """What took points, or has not answered, the heaviest first; empty when it is GO."""


def score_of(results: Sequence[CheckResult], score: Score, *, holds_on_warning: bool) -> Scored:
    """Return the score of `results`; without a check that has a weight it holds."""
    counted = [result for result in results if result.check.weight > 0]
    total = sum(result.check.weight for result in counted)
    if not counted:
        return Scored(Verdict.HOLD, None, False, "no check has a weight, so there is no score.", ())
    unknown = [result for result in counted if result.outcome not in _POINTS]
    if unknown:
        sentence = f"the score is not known: {unknown[0].check.title} has not answered: {unknown[0].reason}"
        return Scored(Verdict.HOLD, None, False, sentence, _heaviest_first(unknown))
    reached = sum(_POINTS[result.outcome] * result.check.weight for result in counted)
    ratio = reached / total
    lost = _heaviest_first([result for result in counted if _POINTS[result.outcome] < 1])
    said = f"the score is {ratio:.4g} ({reached:g} of {total:g} points"
    # Multiplied, not divided: 9 of 10 points are 0.9 exactly.
    if reached >= score.passing * total:
        return Scored(Verdict.GO, ratio, False, f"{said}, needed {score.passing:g}).", ())
    if reached >= score.warning * total:
        verdict = Verdict.HOLD if holds_on_warning else Verdict.GO
        sentence = f"{said}, within {score.warning:g} but below {score.passing:g})."
        return Scored(verdict, ratio, True, sentence, lost if holds_on_warning else ())
    return Scored(Verdict.NO_GO, ratio, False, f"{said}, needed {score.warning:g}).", lost)


def _heaviest_first(results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    return tuple(sorted(results, key=lambda result: -result.check.weight))
