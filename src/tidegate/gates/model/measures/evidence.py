"""Documents and recorded settings: present, fresh, accepted, signed, and, where they are read, good. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from tidegate.evidence import EvidenceRecord
from tidegate.gates.model.checks import Check, CheckKind
from tidegate.gates.model.measures.measured import Demand, say_measured
from tidegate.gates.model.measures.standings import Said, StandingSpec, StandingsReading, measure_standings
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import ReleaseService


@dataclass(frozen=True, slots=True)
class EvidenceSpec(StandingSpec):
    """Evidence of a kind."""

    kind: ClassVar[CheckKind] = CheckKind.EVIDENCE
    min_count: int
    """How many pieces, told apart by title and subject; all there are have to count."""
    demand: Demand

    def define(self) -> Mapping[str, JsonValue]:
        return {
            **self.asked.define(),
            "evidenceKind": self.asked.evidence_kind,
            "minCount": self.min_count,
            **self.demand.define(self.asked.evidence_kind),
        }


def measure_evidence(check: Check, reading: StandingsReading, *, now: datetime) -> CheckResult:
    spec = check.spec
    assert isinstance(spec, EvidenceSpec)  # noqa: S101 - measures are chosen by kind

    def say(record: EvidenceRecord, services: Sequence[ReleaseService]) -> Said:
        said = say_measured(spec.asked.evidence_kind, record.summary, spec.demand, services)
        return said or Said(
            CheckOutcome.PASSED, "is there, unchanged" + (" and accepted" if record.is_accepted else "")
        )

    return measure_standings(check, reading, say, now=now, bound=_bound(spec), min_count=spec.min_count)


def _bound(spec: EvidenceSpec) -> str:
    words = [f"at least {spec.min_count}"]
    words += ["accepted by another person"] if spec.asked.is_review_required else []
    words += ["signed by a known key"] if spec.asked.signed_by is not None else []
    return ", ".join(words)
