"""Gates: what a release has to answer before it goes out, and what it answered."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.gates.errors import DecisionNotFoundError, GateNotFoundError
    from tidegate.gates.kinds.alerts_quiet import QuietSource
    from tidegate.gates.kinds.regression import RegressionSource
    from tidegate.gates.kinds.signal import SignalSource
    from tidegate.gates.model import (
        Check,
        CheckKind,
        CheckOutcome,
        CheckResult,
        Dashboard,
        Decision,
        Gate,
        Judgement,
        Step,
        Verdict,
    )
    from tidegate.gates.ports import AlertCatalogue, AlertRule, QuietReader, RunbookCatalogue
    from tidegate.gates.reading import GateReader
    from tidegate.gates.records import RecordedDecisions
    from tidegate.gates.service import GateService
    from tidegate.gates.store import PostgresGateStore
else:
    __getattr__ = lazily(
        {
            "tidegate.gates.errors": ("DecisionNotFoundError", "GateNotFoundError"),
            "tidegate.gates.kinds.alerts_quiet": ("QuietSource",),
            "tidegate.gates.kinds.regression": ("RegressionSource",),
            "tidegate.gates.kinds.signal": ("SignalSource",),
            "tidegate.gates.model": (
                "Check",
                "CheckKind",
                "CheckOutcome",
                "CheckResult",
                "Dashboard",
                "Decision",
                "Gate",
                "Judgement",
                "Step",
                "Verdict",
            ),
            "tidegate.gates.ports": (
                "AlertCatalogue",
                "AlertRule",
                "QuietReader",
                "RunbookCatalogue",
            ),
            "tidegate.gates.reading": ("GateReader",),
            "tidegate.gates.records": ("RecordedDecisions",),
            "tidegate.gates.service": ("GateService",),
            "tidegate.gates.store": ("PostgresGateStore",),
        }
    )

__all__ = [
    "AlertCatalogue",
    "AlertRule",
    "Check",
    "CheckKind",
    "CheckOutcome",
    "CheckResult",
    "Dashboard",
    "Decision",
    "DecisionNotFoundError",
    "Gate",
    "GateNotFoundError",
    "GateReader",
    "GateService",
    "Judgement",
    "PostgresGateStore",
    "QuietReader",
    "QuietSource",
    "RecordedDecisions",
    "RegressionSource",
    "RunbookCatalogue",
    "SignalSource",
    "Step",
    "Verdict",
]
