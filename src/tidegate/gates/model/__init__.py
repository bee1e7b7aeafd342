"""What a gate is, how a check is measured and how a verdict is reached. Pure: no I/O, no clock, no framework."""

from tidegate.gates.model.checks import TEMPLATE_VERSION, Check, CheckKind, CheckSpec, Gate
from tidegate.gates.model.judgements import judge
from tidegate.gates.model.measures.quiet import ActivityReading, OpenAlert, QuietReading, QuietSpec, measure_quiet
from tidegate.gates.model.measures.regression import (
    RegressionSpec,
    RunReading,
    RunSource,
    SubjectReading,
    measure_regression,
)
from tidegate.gates.model.measures.signal import Bound, BoundError, SignalReading, SignalSpec, measure_signal
from tidegate.gates.model.verdicts import (
    LETS_THROUGH,
    CheckOutcome,
    CheckResult,
    Dashboard,
    Decision,
    EvidenceRef,
    Judgement,
    RecordedCheck,
    Step,
    Verdict,
    decide,
)

__all__ = [
    "LETS_THROUGH",
    "TEMPLATE_VERSION",
    "ActivityReading",
    "Bound",
    "BoundError",
    "Check",
    "CheckKind",
    "CheckOutcome",
    "CheckResult",
    "CheckSpec",
    "Dashboard",
    "Decision",
    "EvidenceRef",
    "Gate",
    "Judgement",
    "OpenAlert",
    "QuietReading",
    "QuietSpec",
    "RecordedCheck",
    "RegressionSpec",
    "RunReading",
    "RunSource",
    "SignalReading",
    "SignalSpec",
    "Step",
    "SubjectReading",
    "Verdict",
    "decide",
    "judge",
    "measure_quiet",
    "measure_regression",
    "measure_signal",
]
