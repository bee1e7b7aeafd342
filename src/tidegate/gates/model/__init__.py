"""What a gate is, how a check is measured and how a verdict is reached. Pure: no I/O, no clock, no framework."""

from tidegate.gates.model.approvals import Approval, ApprovalSpec, Poll, PollAnswer, Voice
from tidegate.gates.model.checks import TEMPLATE_VERSION, Check, CheckKind, CheckSpec, Gate, Score
from tidegate.gates.model.diffs import ChangeKind, CheckChange, DecisionDiff, compare
from tidegate.gates.model.judgements import judge
from tidegate.gates.model.measures.approval import Said
from tidegate.gates.model.measures.freeze import (
    BudgetFreeze,
    FreezeException,
    FreezeSpec,
    FreezeWindow,
    measure_freeze,
)
from tidegate.gates.model.measures.quiet import ActivityReading, OpenAlert, QuietReading, QuietSpec, measure_quiet
from tidegate.gates.model.measures.regression import (
    RegressionSpec,
    RunReading,
    RunSource,
    SubjectReading,
    measure_regression,
)
from tidegate.gates.model.measures.signal import Bound, BoundError, SignalReading, SignalSpec, measure_signal
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
    "EvidenceRef",
    "FreezeException",
    "FreezeSpec",
    "FreezeWindow",
    "Gate",
    "Judgement",
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
    "RunReading",
    "RunSource",
    "Said",
    "Score",
    "Scored",
    "SignalReading",
    "SignalSpec",
    "Step",
    "SubjectReading",
    "Verdict",
    "Voice",
    "Waived",
    "Waiver",
    "compare",
    "decide",
    "judge",
    "measure_freeze",
    "measure_quiet",
    "measure_regression",
    "measure_signal",
    "score_of",
]
