"""What a gate is, how a check is measured and how a verdict is reached. Pure: no I/O, no clock, no framework."""

from tidegate.gates.model.approvals import Approval, ApprovalSpec, Poll, PollAnswer, Voice
from tidegate.gates.model.checks import TEMPLATE_VERSION, Check, CheckKind, CheckSpec, Gate, Score
from tidegate.gates.model.diffs import ChangeKind, CheckChange, DecisionDiff, compare
from tidegate.gates.model.judgements import judge
from tidegate.gates.model.measures.approval import Said
from tidegate.gates.model.measures.dependency import DependencySpec, measure_dependency
from tidegate.gates.model.measures.evidence import EvidenceSpec, measure_evidence
from tidegate.gates.model.measures.freeze import (
    BudgetFreeze,
    FreezeException,
    FreezeSpec,
    FreezeWindow,
    measure_freeze,
)
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
from tidegate.gates.model.overrides import MAX_OVERRIDE, Overridden, Override
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
    RecordedOverride,
    RecordedWaiver,
    Step,
    Verdict,
    Waived,
    decide,
)
from tidegate.gates.model.waivers import Waiver

__all__ = [
    "LETS_THROUGH",
    "MAX_OVERRIDE",
    "TEMPLATE_VERSION",
    "ActivityReading",
    "Approval",
    "ApprovalSpec",
    "Asked",
    "Bound",
    "BoundError",
    "BudgetFreeze",
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
    "FreezeException",
    "FreezeSpec",
    "FreezeWindow",
    "Gate",
    "Judgement",
    "LoadSpec",
    "OpenAlert",
    "Overridden",
    "Override",
    "Poll",
    "PollAnswer",
    "QuietReading",
    "QuietSpec",
    "RecordedCheck",
    "RecordedOverride",
    "RecordedWaiver",
    "RegressionSpec",
    "RehearsalSpec",
    "RollbackSpec",
    "RunReading",
    "RunSource",
    "Said",
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
    "Voice",
    "Waived",
    "Waiver",
    "compare",
    "decide",
    "judge",
    "measure_dependency",
    "measure_evidence",
    "measure_freeze",
    "measure_load",
    "measure_quiet",
    "measure_regression",
    "measure_rehearsal",
    "measure_scan",
    "measure_signal",
    "score_of",
]
