"""How a verdict is reached from the results of checks. Pure: no I/O, no clock, no framework."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.gates.model.approvals import Approval
from tidegate.gates.model.checks import Check
from tidegate.gates.model.overrides import Override
from tidegate.gates.model.waivers import Waiver
from tidegate.kernel import DecisionId, GateId, ReleaseId, digest_of, format_utc
from tidegate.kernel.canonical import JsonValue


class CheckOutcome(StrEnum):
    PASSED = "passed"
    WAIVED = "waived"
    WARNED = "warned"
    PENDING = "pending"
    MISSING = "missing"
    STALE = "stale"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    FAILED = "failed"


LETS_THROUGH = frozenset({CheckOutcome.PASSED, CheckOutcome.WARNED, CheckOutcome.WAIVED})
_WORST_FIRST = (
    CheckOutcome.FAILED,
    CheckOutcome.ERROR,
    CheckOutcome.MISSING,
    CheckOutcome.STALE,
    CheckOutcome.INCONCLUSIVE,
    CheckOutcome.PENDING,
    CheckOutcome.WARNED,
    CheckOutcome.WAIVED,
    CheckOutcome.PASSED,
)


class Verdict(StrEnum):
    GO = "go"
    HOLD = "hold"
    NO_GO = "no_go"

    @property
    def word(self) -> str:
        return self.value.upper().replace("_", "-")


@dataclass(frozen=True, slots=True)
class EvidenceRef:
    """What a result rests on, so that it can be looked at and compared later."""

    id: str
    uri: str
    digest: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    check: Check
    outcome: CheckOutcome
    reason: str
    """One sentence for a person who has to decide: the number, the bound, the time."""
    measured_at: datetime
    value: str | None = None
    bound: str | None = None
    stale_after: datetime | None = None
    """When the answer is too old to pass, if nothing newer comes."""
    evidence: tuple[EvidenceRef, ...] = ()
    step: str | None = None
    """What the owner does next; `None` when there is nothing to do."""
    inputs: Mapping[str, JsonValue] | None = None
    """The figures that were read, for the digest of what was decided on."""
    waived: "Waived | None" = None
    """Set where a waiver lets it through: what it says in truth, and the waiver."""

    @property
    def inputs_digest(self) -> str:
        return digest_of({"figures": self.inputs, "evidence": [ref.digest for ref in self.evidence]})


@dataclass(frozen=True, slots=True)
class Waived:
    """Why a result that does not pass is let through."""

    outcome: CheckOutcome
    """What was measured."""
    waiver: Waiver


def rank_of(outcome: CheckOutcome) -> int:
    """Return how much attention `outcome` needs: 0 is the worst."""
    return _WORST_FIRST.index(outcome)


def decide(results: Sequence[CheckResult], *, holds_on_warning: bool = False) -> Verdict:
    """Return the verdict that `results` add up to.

    A gate without a required check holds: silence is never consent.
    """
    outcomes = {result.outcome for result in results if result.check.required}
    if CheckOutcome.FAILED in outcomes:
        return Verdict.NO_GO
    if holds_on_warning and CheckOutcome.WARNED in outcomes:
        return Verdict.HOLD
    return Verdict.GO if outcomes and outcomes <= LETS_THROUGH else Verdict.HOLD


def blockers_of(results: Sequence[CheckResult], *, holds_on_warning: bool = False) -> tuple[CheckResult, ...]:
    """Return the required results that keep a gate from GO, worst first."""
    let_through = LETS_THROUGH - {CheckOutcome.WARNED} if holds_on_warning else LETS_THROUGH
    blocking = [result for result in results if result.check.required and result.outcome not in let_through]
    return tuple(sorted(blocking, key=lambda result: rank_of(result.outcome)))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do before the gate says GO."""

    check: str
    owner: str
    step: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate says about a release at a moment, before it is recorded."""

    gate_id: GateId
    gate_version: int
    policy_digest: str
    release_id: ReleaseId | None
    release_name: str | None
    verdict: Verdict
    sentence: str
    results: tuple[CheckResult, ...]
    steps: tuple[Step, ...]
    """To reach GO, most urgent first."""
    decided_at: datetime
    override: Override | None = None
    """Set where two people let it out all the same; the verdict stays what the gate says."""
    binding: str | None = None
    """What an approval of now would agree to; `None` while a source does not answer."""
    approvals: tuple[Approval, ...] = ()
    """Those that count, in order of receipt."""

    @property
    def fingerprint(self) -> str:
        """Digest of what makes a new decision: verdict, outcomes, policy, evidence. Not figures inside their bounds."""
        return digest_of(
            {
                "policy": self.policy_digest,
                "release": self.release_id,
                "verdict": self.verdict,
                "outcomes": [
                    [result.check.id, result.outcome, [ref.digest for ref in result.evidence], *_waiver_of(result)]
                    for result in self.results
                ],
                **_override_of(self.override),
            }
        )

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Return those that let a check through, in the order of the checks."""
        return tuple(result.waived.waiver for result in self.results if result.waived)

    @property
    def digest(self) -> str:
        """Digest of everything that was decided on and said."""
        return digest_of(
            {
                "gate": self.gate_id,
                "policy": self.policy_digest,
                "release": self.release_id,
                "verdict": self.verdict,
                "sentence": self.sentence,
                "decidedAt": format_utc(self.decided_at),
                "checks": [
                    [result.check.id, result.outcome, result.reason, result.inputs_digest, *_waiver_of(result)]
                    for result in self.results
                ],
                **_override_of(self.override),
            }
        )


def _waiver_of(result: CheckResult) -> tuple[str, ...]:
    return (result.waived.outcome, result.waived.waiver.digest) if result.waived else ()


def _override_of(override: Override | None) -> dict[str, JsonValue]:
    """Left out where there is none: decisions of before keep their digests."""
    return {"override": override.confirmed_digest} if override else {}


@dataclass(frozen=True, slots=True)
class RecordedOverride:
    """An override as it stands in a recorded decision."""

    id: str
    reason: str
    requested_by: str
    confirmed_by: str
    words: str
    expires_at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class RecordedWaiver:
    """A waiver as it stands in a recorded decision."""

    id: str
    outcome: CheckOutcome
    """What the check said in truth."""
    owner: str
    reason: str
    given_by: str
    expires_at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class RecordedCheck:
    """A result as it stands in a recorded decision: what was said, whatever the gate file says today."""

    check: str
    title: str
    kind: str
    owner: str
    is_required: bool
    outcome: CheckOutcome
    reason: str
    value: str | None
    bound: str | None
    measured_at: datetime
    stale_after: datetime | None
    evidence: tuple[EvidenceRef, ...]
    inputs_digest: str
    runbook: str | None
    waiver: RecordedWaiver | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A judgement that was recorded. It never changes; what moves is when it was last found true."""

    id: DecisionId
    sequence: int
    """Order of recording."""
    gate_id: GateId
    gate_version: int
    policy_digest: str
    release_id: ReleaseId | None
    release_name: str | None
    verdict: Verdict
    sentence: str
    checks: tuple[RecordedCheck, ...]
    steps: tuple[Step, ...]
    decided_at: datetime
    digest: str
    override: RecordedOverride | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What a gate says now: the decision in force, and the results measured just now."""

    judgement: Judgement
    decision_id: DecisionId
    decided_at: datetime
    """When this verdict was reached."""
    verified_at: datetime
    """When it was last measured and found the same."""
