"""`approval`: who agreed to what is judged here, of each role that was asked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.gates.model.approvals import Approval, ApprovalSpec, Poll, PollAnswer, Voice
from tidegate.gates.model.checks import Check, CheckKind, Gate
from tidegate.gates.model.measures.findings import plain
from tidegate.gates.model.overrides import Override
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult, EvidenceRef
from tidegate.gates.model.waivers import CLOCK_TOLERANCE
from tidegate.kernel import GateId, digest_of
from tidegate.releases import Release

_LIVE = frozenset({CheckKind.SIGNAL, CheckKind.ALERTS_QUIET, CheckKind.SLO, CheckKind.PROM})
"""Their figures move all the time: an approval is bound to what they say, not to what they read."""


@dataclass(frozen=True, slots=True)
class Said:
    """What people said about a release at a gate."""

    approvals: tuple[Approval, ...] = ()
    polls: tuple[Poll, ...] = ()
    """The newest of each check."""
    overrides: tuple[Override, ...] = ()


def binding_of(gate: Gate, release: Release, results: Sequence[CheckResult]) -> str:
    """Return the digest of what an approval agrees to, from the results of the other checks with their waivers."""
    others = [result for result in results if result.check.kind is not CheckKind.APPROVAL]
    return digest_of(
        {
            "release": release.id,
            "subject": [[own.service, own.version, own.commit] for own in release.services],
            "policy": gate.policy_digest,
            "outcomes": [[result.check.id, result.outcome] for result in others if result.check.required],
            "evidence": [
                [result.check.id, sorted(ref.digest for ref in result.evidence)]
                for result in others
                if result.check.kind not in _LIVE
            ],
            "waivers": sorted(result.waived.waiver.digest for result in others if result.waived),
        }
    )


def is_answered(results: Sequence[CheckResult]) -> bool:
    """Return whether every source answered: while one is away nobody knows whether anything changed."""
    return all(
        result.outcome is not CheckOutcome.ERROR for result in results if result.check.kind is not CheckKind.APPROVAL
    )


def measure_voices(gate_id: GateId, check: Check, said: Said, *, binding: str, now: datetime) -> CheckResult:
    """Return what the people who were asked say about `binding`."""
    spec = check.spec
    assert isinstance(spec, ApprovalSpec)  # noqa: S101 - judged by kind
    if spec.is_poll:
        poll = next((one for one in said.polls if one.check_id == check.id), None)
        return _of_poll(check, spec, poll, binding=binding, now=now)
    own = [one for one in said.approvals if one.check_id == check.id and one.gate_id == gate_id]
    command = f"tidegate gate approve {gate_id} {check.id}"
    return _of_approvals(check, spec, own, binding=binding, now=now, command=command)


def _of_approvals(
    check: Check, spec: ApprovalSpec, approvals: Sequence[Approval], *, binding: str, now: datetime, command: str
) -> CheckResult:
    own = [one for one in approvals if one.withdrawn_at is None and one.is_intact]
    standing = [one for one in own if one.counts(binding, now) and _is_fresh(one, spec, now)]
    # Each counts once: the first that a person gave.
    by_person = {one.person: one for one in sorted(standing, key=lambda one: (one.given_at, one.id), reverse=True)}
    counted = sorted(by_person.values(), key=lambda one: (one.given_at, one.id))
    lacking = [role for role in spec.roles if sum(one.role == role for one in counted) < spec.quorum]
    lapsed = sorted({one.person for one in own} - set(by_person))
    return CheckResult(
        check=check,
        outcome=CheckOutcome.MISSING if lacking else CheckOutcome.PASSED,
        reason=_reason_of(spec, counted, lacking, lapsed_count=len(lapsed)),
        measured_at=now,
        value=", ".join(f"{role} {sum(one.role == role for one in counted)}" for role in spec.roles),
        bound=", ".join(f"{role} {spec.quorum}" for role in spec.roles),
        stale_after=min((one.given_at + spec.max_age for one in counted), default=None) if spec.max_age else None,
        evidence=tuple(EvidenceRef(one.id, f"/gates/{one.gate_id}/approve#{one.id}", one.digest) for one in counted),
        step=(
            f"somebody who speaks for {', '.join(lacking)} and made neither release nor evidence approves: {command}"
            if lacking
            else None
        ),
        inputs={"binding": binding, "approvals": [[one.role, one.person] for one in counted]},
    )


def _is_fresh(one: Approval, spec: ApprovalSpec, now: datetime) -> bool:
    return spec.max_age is None or now < one.given_at + spec.max_age


def _reason_of(spec: ApprovalSpec, counted: Sequence[Approval], lacking: Sequence[str], *, lapsed_count: int) -> str:
    named = ", ".join(f"{plain(one.name)} for {one.role}" for one in counted[:5]) or "nobody"
    more = f" and {len(counted) - 5} more" if len(counted) > 5 else ""
    also = f" {lapsed_count} more lapsed: what they agreed to changed, or they speak for the role no more." if (
        lapsed_count
    ) else ""  # fmt: skip
    if lacking:
        asked = ", ".join(f"{role} has {sum(one.role == role for one in counted)} of {spec.quorum}" for role in lacking)
        return f"{asked}; approved so far: {named}{more}.{also}"
    return f"Approved by {named}{more}.{also}"


def _of_poll(check: Check, spec: ApprovalSpec, poll: Poll | None, *, binding: str, now: datetime) -> CheckResult:
    outcome, reason, step = _poll_said(check, spec, poll, binding=binding, now=now)
    voices = () if poll is None else poll.last_words
    refs = () if poll is None else (EvidenceRef(poll.id, "/launch/poll", _digest_of(poll)),)
    return CheckResult(
        check=check,
        outcome=outcome,
        reason=reason,
        measured_at=now,
        value=", ".join(f"{voice.role} {voice.answer}" for voice in voices) or None,
        bound=f"go of {', '.join(spec.roles)}, at least {spec.quorum} of each",
        evidence=refs,
        step=step,
        inputs={"binding": binding, "voices": [[voice.role, voice.person, voice.answer] for voice in voices]},
    )


def _digest_of(poll: Poll) -> str:
    """Digest of the poll with all that was said, and whether it is closed."""
    return digest_of(
        {
            "poll": poll.digest,
            "voices": [voice.facts() for voice in poll.voices],
            "isClosed": poll.closed_at is not None,
        }
    )


def _poll_said(
    check: Check, spec: ApprovalSpec, poll: Poll | None, *, binding: str, now: datetime
) -> tuple[CheckOutcome, str, str | None]:
    again = f"open a poll: tidegate poll open --check {check.id}"
    if poll is None:
        return CheckOutcome.MISSING, "No launch poll was held for this release.", again
    if not poll.is_intact or poll.opened_at > now + CLOCK_TOLERANCE:
        return CheckOutcome.ERROR, "What is stored of the launch poll is not what was said.", again
    # Who speaks for a role no more says go no more; what they objected to is not settled by that.
    voices = [voice for voice in poll.last_words if voice.is_entitled or voice.answer is not PollAnswer.GO]
    settle = f"settle it, then {again}"
    refusing = [voice for voice in voices if voice.answer is PollAnswer.NO_GO]
    if refusing:
        return CheckOutcome.FAILED, f"{_voiced(refusing)} said no-go.", settle
    if poll.question != check.question or poll.binding != binding or poll.is_lapsed:
        return CheckOutcome.MISSING, "What the launch poll was about changed since it was opened.", again
    holding = [voice for voice in voices if voice.answer is PollAnswer.HOLD]
    if holding:
        return CheckOutcome.PENDING, f"{_voiced(holding)} said hold.", settle
    return _counted(spec, poll, voices, again, now=now)


def _counted(
    spec: ApprovalSpec, poll: Poll, voices: Sequence[Voice], again: str, *, now: datetime
) -> tuple[CheckOutcome, str, str | None]:
    """Return what a poll says in which nobody said anything but go."""
    lacking = ", ".join(role for role in spec.roles if sum(voice.role == role for voice in voices) < spec.quorum)
    if poll.is_open(now):
        waits = f"{lacking} has not answered" if lacking else "everybody said go; it is not closed yet"
        answer = "answer: tidegate poll answer ROLE go" if lacking else "close it: tidegate poll close"
        return CheckOutcome.PENDING, f"The launch poll is open: {waits}.", answer
    if lacking:
        return CheckOutcome.MISSING, f"The launch poll closed without {lacking} ({spec.quorum} of each asked).", again
    return CheckOutcome.PASSED, f"{_voiced(voices)} said go.", None


def _voiced(voices: Sequence[Voice]) -> str:
    return ", ".join(f"{plain(voice.name)} for {voice.role}" for voice in voices)
