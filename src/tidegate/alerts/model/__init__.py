"""Rules, what they find, and how an alert moves because of it. Pure: no I/O, no clock."""

from tidegate.alerts.model.alert import (
    Alert,
    AlertDetail,
    AlertKey,
    AlertPreview,
    AlertState,
    Cause,
    CauseKind,
    Change,
    FamilyAlert,
    QuietState,
    Transition,
)
from tidegate.alerts.model.machine import advance, step
from tidegate.alerts.model.rule import (
    DEFAULT_WINDOW,
    Finding,
    Judgement,
    Measure,
    Rule,
    Severity,
    Unit,
    exceeds,
    judge,
    window_at,
)
from tidegate.alerts.model.words import sentence_of

__all__ = [
    "DEFAULT_WINDOW",
    "Alert",
    "AlertDetail",
    "AlertKey",
    "AlertPreview",
    "AlertState",
    "Cause",
    "CauseKind",
    "Change",
    "FamilyAlert",
    "Finding",
    "Judgement",
    "Measure",
    "QuietState",
    "Rule",
    "Severity",
    "Transition",
    "Unit",
    "advance",
    "exceeds",
    "judge",
    "sentence_of",
    "step",
    "window_at",
]
