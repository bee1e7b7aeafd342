"""What a gate is, how a check is measured and how a verdict is reached. Pure: no I/O, no clock, no framework."""

from tidegate.gates.model.checks import TEMPLATE_VERSION, Check, CheckKind, CheckSpec, Gate, Score
from tidegate.gates.model.diffs import ChangeKind, CheckChange, DecisionDiff, compare
from tidegate.gates.model.judgements import judge
from tidegate.gates.model.measures.dependency import DependencySpec, measure_dependency
from tidegate.gates.model.measures.evidence import EvidenceSpec, measure_evidence
from tidegate.gates.model.measures.load import LoadSpec, measure_load
from tidegate.gates.model.measures.quiet import ActivityReading, OpenAlert, QuietReading, QuietSpec, measure_quiet
from tidegate.gates.model.measures.regression import (
    RegressionSpec,
    RunReading,
    RunSource,
    SubjectReading,
    measure_regression,
)
from tidegate.gates.model.measures.rehearsals import DrillSpec, RehearsalSpec, RollbackSpec, measure_rehearsal
from tidegate.gates.model.measures.scan import ScanSpec, measure_scan
from tidegate.gates.model.measures.signal import Bound, BoundError, SignalReading, SignalSpec, measure_signal
from tidegate.gates.model.measures.standings import Asked, StandingSpec, StandingsReading
from tidegate.gates.model.scores import Scored, score_of
from tidegate.gates.model.verdicts import (
    LETS_THROUGH,
    CheckOutcome,
    CheckResult,
    Dashboard,
    Decision,
    EvidenceRef,
    Judgement,
    RecordedCheck,
    RecordedWaiver,
    Step,
    Verdict,
    Waived,
    decide,
)
from tidegate.gates.model.waivers import Waiver

__all__ = [
    "LETS_THROUGH",
    "TEMPLATE_VERSION",
    "ActivityReading",
    "Asked",
    "Bound",
    "BoundError",
    "ChangeKind",
    "Check",
    "CheckChange",
    "CheckKind",
    "CheckOutcome",
    "CheckResult",
    "CheckSpec",
    "Dashboard",
    "Decision",
    "DecisionDiff",
    "DependencySpec",
    "DrillSpec",
    "EvidenceRef",
    "EvidenceSpec",
    "Gate",
    "Judgement",
    "LoadSpec",
    "OpenAlert",
    "QuietReading",
    "QuietSpec",
    "RecordedCheck",
    "RecordedWaiver",
    "RegressionSpec",
    "RehearsalSpec",
    "RollbackSpec",
    "RunReading",
    "RunSource",
    "ScanSpec",
    "Score",
    "Scored",
    "SignalReading",
    "SignalSpec",
    "StandingSpec",
    "StandingsReading",
    "Step",
    "SubjectReading",
    "Verdict",
    "Waived",
    "Waiver",
    "compare",
    "decide",
    "judge",
    "measure_dependency",
    "measure_evidence",
    "measure_load",
    "measure_quiet",
    "measure_regression",
    "measure_rehearsal",
    "measure_scan",
    "measure_signal",
    "score_of",
]
