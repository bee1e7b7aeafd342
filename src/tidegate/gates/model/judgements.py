"""From a gate, a release and results to one sentence and the steps to GO. Pure."""

from collections.abc import Sequence
from datetime import datetime

from tidegate.gates.model.approvals import Approval
from tidegate.gates.model.checks import CheckKind, Gate
from tidegate.gates.model.measures.approval import Said, binding_of, is_answered, measure_voices
from tidegate.gates.model.moments import moment_in_words
from tidegate.gates.model.overriding import override_of
from tidegate.gates.model.scores import Scored, score_of
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult, Judgement, Step, Verdict, blockers_of, decide
from tidegate.gates.model.waivers import Waiver
from tidegate.gates.model.waiving import waive
from tidegate.releases import Release

_NOTHING_SAID = Said()
_WORSE = (Verdict.GO, Verdict.HOLD, Verdict.NO_GO)


def judge(
    gate: Gate,
    release: Release | None,
    results: Sequence[CheckResult],
    *,
    now: datetime,
    waivers: Sequence[Waiver] = (),
    said: Said = _NOTHING_SAID,
) -> Judgement:
    """Return what `gate` says. Without a release, a readable file and a required check it holds.

    `results` are those of every check but approvals, which are judged here: they agree to what the others say.
    """
    binding = None
    if release is not None:
        results = waive(gate, release.id, results, waivers, now=now)
        binding = binding_of(gate, release, results)
        results = _with_voices(gate, results, said, binding=binding, now=now)
    scored = score_of(results, gate.score, holds_on_warning=gate.holds_on_warning) if gate.score else None
    verdict = Verdict.HOLD if release is None or gate.problem else _verdict_of(gate, results, scored)
    blockers = blockers_of(results, holds_on_warning=gate.holds_on_warning)
    if scored and release is not None:
        known = {blocker.check.id for blocker in blockers}
        blockers += tuple(result for result in scored.lacking if result.check.id not in known)
    override = None
    if release is not None and verdict is not Verdict.GO:
        override = override_of(gate, release.id, blockers, said.overrides, now=now)
    truth = f"{_word(verdict, results)}: {_why(gate, release, results, blockers, verdict=verdict, scored=scored)}"
    return Judgement(
        gate_id=gate.id,
        gate_version=gate.version,
        policy_digest=gate.policy_digest,
        release_id=release.id if release else None,
        release_name=release.name if release else None,
        verdict=verdict,
        sentence=f"{override.words}; in truth {truth}" if override else truth,
        results=tuple(results),
        steps=_steps(gate, release, blockers),
        decided_at=now,
        override=override,
        binding=binding if is_answered(results) else None,
        approvals=_counted(said, results),
    )


def _counted(said: Said, results: Sequence[CheckResult]) -> tuple[Approval, ...]:
    counted = {ref.id for result in results if result.check.kind is CheckKind.APPROVAL for ref in result.evidence}
    return tuple(approval for approval in said.approvals if approval.id in counted)


def _with_voices(
    gate: Gate, results: Sequence[CheckResult], said: Said, *, binding: str, now: datetime
) -> Sequence[CheckResult]:
    """Return `results` with those of the approvals of `gate`, in its order."""
    asked = [check for check in gate.checks if check.kind is CheckKind.APPROVAL]
    if not asked:
        return results
    known = {result.check.id: result for result in results}
    known |= {check.id: measure_voices(gate.id, check, said, binding=binding, now=now) for check in asked}
    return [known[check.id] for check in gate.checks if check.id in known]


def _verdict_of(gate: Gate, results: Sequence[CheckResult], scored: Scored | None) -> Verdict:
    """Return the worse of what the required checks say and what the score says; a score alone may decide."""
    if scored is None:
        return decide(results, holds_on_warning=gate.holds_on_warning)
    if not any(result.check.required for result in results):
        return scored.verdict
    required = decide(results, holds_on_warning=gate.holds_on_warning)
    return max(required, scored.verdict, key=_WORSE.index)


def _why(
    gate: Gate,
    release: Release | None,
    results: Sequence[CheckResult],
    blockers: Sequence[CheckResult],
    *,
    verdict: Verdict,
    scored: Scored | None,
) -> str:
    if gate.problem:
        return gate.problem
    if release is None:
        return "there is no release to decide on."
    if verdict is Verdict.GO:
        return _praise(release, results) + (f" {_capital(scored.sentence)}" if scored else "")
    if scored and _is_scores_matter(gate, results, scored):
        return scored.sentence
    if not blockers:
        return "the gate has no required check, and silence is never consent."
    first = blockers[0]
    more = f" ({len(blockers) - 1} more below)" if len(blockers) > 1 else ""
    return f"{first.check.title}: {first.reason}{more}"


def _is_scores_matter(gate: Gate, results: Sequence[CheckResult], scored: Scored) -> bool:
    """Return whether it is the score that keeps the gate from GO, and no required check."""
    return scored.verdict is not Verdict.GO and not blockers_of(results, holds_on_warning=gate.holds_on_warning)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _word(verdict: Verdict, results: Sequence[CheckResult]) -> str:
    """Say of a GO how many waivers it takes: it never looks like one that takes none."""
    count = sum(result.outcome is CheckOutcome.WAIVED for result in results)
    return f"{verdict.word} with {_count(count, 'waiver')}" if verdict is Verdict.GO and count else verdict.word


def _praise(release: Release, results: Sequence[CheckResult]) -> str:
    required = [result for result in results if result.check.required]
    waived = [result for result in required if result.outcome is CheckOutcome.WAIVED]
    warned = sum(result.outcome is CheckOutcome.WARNED for result in required)
    passed = len(required) - len(waived)
    of_all = f"{passed} of {len(required)} required checks" if waived else _count(len(required), "required check")
    warnings = f", with {_count(warned, 'warning')}" if warned else ""
    until = min((result.waived.waiver.expires_at for result in waived if result.waived), default=None)
    until_words = f"; it blocks again at {moment_in_words(until)}" if until else ""
    return f"{release.name} passed {of_all}{warnings}{until_words}."


def _steps(gate: Gate, release: Release | None, blockers: Sequence[CheckResult]) -> tuple[Step, ...]:
    if gate.problem or not any(check.required or (gate.score and check.weight) for check in gate.checks):
        return (
            Step(
                "gate", gate.owner, f"apply a readable file with a required check: tidegate gate apply {gate.id}.yaml"
            ),
        )
    if release is None:
        create = "tidegate release create NAME --service SERVICE --version VERSION --commit COMMIT"
        return (Step("release", gate.owner, f"create the release: {create}"),)
    return tuple(
        Step(blocker.check.id, blocker.check.owner, blocker.step or f"see the reason of {blocker.check.id}")
        for blocker in blockers
    )


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
