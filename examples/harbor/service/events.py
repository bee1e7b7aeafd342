"""Events: log records with a name, for what happens beside requests and runs; and request lines as records."""

import logging
import time
from collections.abc import Mapping

from opentelemetry._logs import Logger, SeverityNumber

from examples.harbor.service.telemetry import JsonLines

AttributeValue = str | bool | int | float
SEVERITIES: Mapping[int, SeverityNumber] = {
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
}


class Events:
    """What tidegate counts from names and attributes: see its reference of events."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def record_usage(self, meter: str, quantity: int, *, limit: int, attributes: Mapping[str, str]) -> None:
        self.record(
            "usage.recorded",
            {"tidegate.meter": meter, "tidegate.quantity": quantity, "tidegate.limit": limit, **attributes},
        )

    def record_decision(self, policy: str, *, is_allowed: bool, attributes: Mapping[str, str]) -> None:
        decision = "allow" if is_allowed else "deny"
        self.record(
            "policy.decision", {"tidegate.policy.id": policy, "tidegate.policy.decision": decision, **attributes}
        )

    def record_evaluation(self, name: str, score: float, *, attributes: Mapping[str, str]) -> None:
        self.record(
            "gen_ai.evaluation.result",
            {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": round(score, 4), **attributes},
        )

    def record(self, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        """Send an event that happens now, as a part of the span under way."""
        self._logger.emit(
            timestamp=time.time_ns(),
            event_name=name,
            severity_number=SeverityNumber.INFO,
            attributes=attributes,
        )


class RequestLines(logging.Handler):
    """Sends the JSON line of each request as a log record of its span: found by it, and counted with it once."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self._logger.emit(
            timestamp=int(record.created * 1_000_000) * 1_000,
            severity_number=SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
            severity_text=record.levelname,
            body=self.format(record),
        )
