"""Alerts: rules judged over signals, and durable episodes with every move and its cause."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.alerts.burning import BurnAlerts
    from tidegate.alerts.errors import (
        AlertNotFoundError,
        AlertOutOfStepError,
        OverrideInvalidError,
        RuleWithoutRunbookError,
        WatchLostError,
    )
    from tidegate.alerts.evaluator import AlertEvaluator, Evaluation
    from tidegate.alerts.model import (
        Alert,
        AlertDetail,
        AlertKey,
        AlertPreview,
        AlertState,
        Cause,
        CauseKind,
        FamilyAlert,
        Origin,
        QuietState,
        Rule,
        Severity,
        Transition,
    )
    from tidegate.alerts.overriding import OVERRIDE_CODE, OverrideAlerts, OverrideNews
    from tidegate.alerts.ports import AlertListener, Watch
    from tidegate.alerts.rules import BUILT_IN_RULES, load_rules
    from tidegate.alerts.service import OPEN_STATES, AlertService
    from tidegate.alerts.store import PostgresAlertStore, PostgresWatchStore
else:
    __getattr__ = lazily(
        {
            "tidegate.alerts.burning": ("BurnAlerts",),
            "tidegate.alerts.errors": (
                "AlertNotFoundError",
                "AlertOutOfStepError",
                "OverrideInvalidError",
                "RuleWithoutRunbookError",
                "WatchLostError",
            ),
            "tidegate.alerts.evaluator": (
                "AlertEvaluator",
                "Evaluation",
            ),
            "tidegate.alerts.model": (
                "Alert",
                "AlertDetail",
                "AlertKey",
                "AlertPreview",
                "AlertState",
                "Cause",
                "CauseKind",
                "FamilyAlert",
                "Origin",
                "QuietState",
                "Rule",
                "Severity",
                "Transition",
            ),
            "tidegate.alerts.overriding": ("OVERRIDE_CODE", "OverrideAlerts", "OverrideNews"),
            "tidegate.alerts.ports": ("AlertListener", "Watch"),
            "tidegate.alerts.rules": (
                "BUILT_IN_RULES",
                "load_rules",
            ),
            "tidegate.alerts.service": (
                "OPEN_STATES",
                "AlertService",
            ),
            "tidegate.alerts.store": (
                "PostgresAlertStore",
                "PostgresWatchStore",
            ),
        }
    )

__all__ = [
    "BUILT_IN_RULES",
    "OPEN_STATES",
    "OVERRIDE_CODE",
    "Alert",
    "AlertDetail",
    "AlertEvaluator",
    "AlertKey",
    "AlertListener",
    "AlertNotFoundError",
    "AlertOutOfStepError",
    "AlertPreview",
    "AlertService",
    "AlertState",
    "BurnAlerts",
    "Cause",
    "CauseKind",
    "Evaluation",
    "FamilyAlert",
    "Origin",
    "OverrideAlerts",
    "OverrideInvalidError",
    "OverrideNews",
    "PostgresAlertStore",
    "PostgresWatchStore",
    "QuietState",
    "Rule",
    "RuleWithoutRunbookError",
    "Severity",
    "Transition",
    "Watch",
    "WatchLostError",
    "load_rules",
]
