"""Decisions as pages show them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.alerts.labels import labels_of
from tidegate.alerts.model import Alert
from tidegate.alerts.paging.answers import Why
from tidegate.alerts.paging.model import CareEvent, CareKind, Decision, DecisionKind, Matcher, Operator
from tidegate.edge.marks import MARKS, Mark

__all__ = ["LineView", "lines_of", "matchers_for"]

_TITLES: Final[Mapping[DecisionKind, tuple[str, str]]] = {
    DecisionKind.WAITING: ("Waits for its group", "pending"),
    DecisionKind.NO_ROUTE: ("Nobody is told", "no_rule"),
    DecisionKind.NOTIFIED: ("Told", "firing"),
    DecisionKind.RESOLVED_NOTIFIED: ("Told that it is over", "resolved"),
    DecisionKind.ALREADY_NOTIFIED: ("Told already", "pending"),
    DecisionKind.SILENCED: ("Silenced", "waived"),
    DecisionKind.INHIBITED: ("Inhibited", "waived"),
    DecisionKind.MUTED: ("Muted", "waived"),
    DecisionKind.ACKNOWLEDGED: ("Not repeated", "waived"),
    DecisionKind.ESCALATED: ("Escalated", "firing"),
    DecisionKind.OVER: ("Over", "resolved"),
}
_CARE: Final = {
    CareKind.ACKNOWLEDGED: "Acknowledged",
    CareKind.ASSIGNED: "Given to somebody",
    CareKind.NOTED: "Noted",
}


@dataclass(frozen=True, slots=True)
class LineView:
    mark: Mark
    title: str
    words: str
    at: datetime


def lines_of(why: Why) -> tuple[LineView, ...]:
    """Return what was decided and done about an alert, the newest first."""
    lines = [*map(_decided, why.decisions), *map(_done, why.events)]
    lines.sort(key=lambda line: line.at)
    return tuple(lines[::-1])  # of one moment, what came last comes first


def matchers_for(alert: Alert) -> str:
    """Return matchers that fit alerts like this one, a line each."""
    labels = labels_of(alert)
    fixed = [Matcher(name, Operator.EQUAL, labels.get(name, "")) for name in ("alertname", "service", "tenant")]
    return "\n".join(map(str, fixed))


def _decided(decision: Decision) -> LineView:
    title, mark = _TITLES[decision.kind]
    return LineView(MARKS[mark], title, decision.words, decision.at)


def _done(event: CareEvent) -> LineView:
    whose = f" {event.assignee or 'Nobody'} has it." if event.kind is CareKind.ASSIGNED else ""
    return LineView(MARKS["waived"], _CARE[event.kind], f"By {event.by}.{whose} {event.note}".strip(), event.at)
