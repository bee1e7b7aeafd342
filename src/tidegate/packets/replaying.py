"""A decision made once more from its packet: the same judging over the recorded results, compared byte by byte. Pure.

The stand-alone verifier reaches the verdict by code of its own; here it is the code that gates run on, so that the
sentence and the steps are compared too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tidegate.gates.expressions import compile_bound
from tidegate.gates.model import (
    BoundError,
    Check,
    CheckKind,
    CheckOutcome,
    CheckResult,
    CheckSpec,
    EvidenceRef,
    Gate,
    Score,
    Waived,
    Waiver,
    judge,
)
from tidegate.kernel import GateId, ReleaseId, canonical_json, parse_utc
from tidegate.kernel.canonical import JsonValue
from tidegate.packets.model import JSON
from tidegate.releases import Release, ReleaseService
from tidegate.signals import Family

__all__ = ["ReplayDiffersError", "replay", "verdict_bytes"]

_OVERRIDDEN = "; in truth "


class ReplayDiffersError(Exception):
    """The decision comes out otherwise."""


@dataclass(frozen=True, slots=True)
class _Recorded(CheckSpec):
    """Stands for whatever was asked: results are there already, so nothing is measured."""

    kind: ClassVar[CheckKind] = CheckKind.WEBHOOK
    fields: Mapping[str, JsonValue] = field(default_factory=dict)

    def define(self) -> Mapping[str, JsonValue]:
        return self.fields


def verdict_bytes(decision: Mapping[str, JSON]) -> bytes:
    """Return the one form of what a decision says."""
    checks = [[each["check"], each["outcome"], each["reason"], each["inputsDigest"]] for each in decision["checks"]]
    names = ("gateId", "gateVersion", "policyDigest", "releaseId", "releaseName", "verdict", "sentence", "decidedAt")
    return canonical_json({name: decision[name] for name in names} | {"checks": checks, "steps": decision["steps"]})


def replay(predicate: Mapping[str, JSON]) -> bytes:
    """Judge what a packet holds once more; return the bytes of the verdict, which are those of the decision.

    Raises:
        ReplayDiffersError: it comes out otherwise; the message says where.
    """
    decision, policy = predicate["decision"], predicate["policy"]["body"]
    asked = {each["id"]: each for each in policy["checks"]}
    for each in decision["checks"]:
        if each["kind"] == CheckKind.SIGNAL and each["outcome"] in {"passed", "warned"}:
            _measure_signal(asked[each["check"]], each)
    now = parse_utc(predicate["clock"])
    results = [_result_of(predicate, asked[each["check"]], each) for each in decision["checks"]]
    gate = _gate_of(predicate, tuple(result.check for result in results))
    judgement = judge(gate, _release_of(predicate["release"]), results, now=now)
    truth = decision["sentence"]
    if decision.get("override"):
        words, mark, truth = truth.partition(_OVERRIDDEN)
        if not mark or not words.startswith("GO (overridden by "):
            raise ReplayDiffersError("The decision was overridden, and its sentence does not say so.")
    said = verdict_bytes({**decision, "sentence": truth})
    found = verdict_bytes(
        {
            **decision,
            "releaseId": judgement.release_id,
            "releaseName": judgement.release_name,
            "verdict": judgement.verdict,
            "sentence": judgement.sentence,
            "checks": [
                {
                    "check": result.check.id,
                    "outcome": result.outcome,
                    "reason": result.reason,
                    "inputsDigest": result.inputs_digest,
                }
                for result in judgement.results
            ],
            "steps": [{"check": step.check, "owner": step.owner, "step": step.step} for step in judgement.steps],
        }
    )
    if said != found:
        raise ReplayDiffersError(f"Judged once more it says: {judgement.sentence}")
    return verdict_bytes(decision)


def _measure_signal(asked: Mapping[str, Any], said: Mapping[str, JSON]) -> None:
    """Ask the bound of a signal check once more about the figures that were read."""
    family = Family(asked["family"])
    bounds = [compile_bound(asked["expression"], family, field="expression")]
    if asked.get("warn") and said["outcome"] == CheckOutcome.PASSED:
        bounds.append(compile_bound(asked["warn"], family, field="warn"))
    try:
        is_within = bool(said["inputs"]) and all(
            figures is not None and bound.holds(figures) for figures in said["inputs"].values() for bound in bounds
        )
    except BoundError as error:
        raise ReplayDiffersError(f"The bound of {said['check']} has no answer for its figures: {error}") from error
    if not is_within:
        raise ReplayDiffersError(f"The figures of {said['check']} are not within its bound, and it {said['outcome']}.")


def _result_of(predicate: Mapping[str, JSON], asked: Mapping[str, Any], said: Mapping[str, JSON]) -> CheckResult:
    steps = {each["check"]: each["step"] for each in predicate["decision"]["steps"]}
    weight = asked.get("weight")
    check = Check(
        id=said["check"],
        title=said["title"],
        owner=said["owner"],
        spec=_Recorded(),
        required=said["isRequired"],
        weight=1.0 if weight is None else weight,
    )
    return CheckResult(
        check=check,
        outcome=CheckOutcome(said["outcome"]),
        reason=said["reason"],
        measured_at=parse_utc(said["measuredAt"]),
        value=said["value"],
        bound=said["bound"],
        evidence=tuple(EvidenceRef(ref["id"], ref["uri"], ref["digest"]) for ref in said["evidence"]),
        step=steps.get(said["check"]),
        inputs=said["inputs"],
        waived=_waived_of(predicate, said["waiver"]) if said["waiver"] else None,
    )


def _waived_of(predicate: Mapping[str, JSON], said: Mapping[str, JSON]) -> Waived:
    given = next(each for each in predicate["waivers"] if each["id"] == said["id"])
    waiver = Waiver(
        id=given["id"],
        gate_id=GateId(given["gate"]),
        check_id=given["check"],
        question=given["question"],
        release_id=ReleaseId(given["release"]) if given["release"] else None,
        release_name=None,
        tenant=given["tenant"],
        owner=given["owner"],
        reason=given["reason"],
        outcome=given["outcome"],
        given_by=given["givenBy"],
        given_at=parse_utc(given["givenAt"]),
        expires_at=parse_utc(given["expiresAt"]),
    )
    return Waived(CheckOutcome(said["outcome"]), waiver)


def _gate_of(predicate: Mapping[str, JSON], checks: tuple[Check, ...]) -> Gate:
    policy = predicate["policy"]
    score = policy["body"].get("score")
    if score is not None:
        warning = score["pass"] if score.get("warning") is None else score["warning"]
    return Gate(
        id=GateId(policy["gate"]),
        title=policy["body"]["title"],
        owner=policy["body"]["owner"],
        checks=checks,
        policy_digest=policy["digest"],
        version=policy["version"],
        holds_on_warning=policy["body"]["onWarning"] == "hold",
        score=Score(score["pass"], warning) if score is not None else None,
    )


def _release_of(release: Mapping[str, JSON]) -> Release:
    return Release(
        id=ReleaseId(release["id"]),
        name=release["name"],
        environment=release["environment"],
        services=tuple(
            ReleaseService(each["service"], each["version"], each["commit"]) for each in release["services"]
        ),
        created_at=parse_utc(release["createdAt"]),
        is_candidate=True,
    )
