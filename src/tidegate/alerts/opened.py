"""The open alerts of all workspaces in memory, by rule and as columns: a copy of the store, written there first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tidegate.alerts.crossings import Subjects
from tidegate.alerts.model import Alert, AlertKey, Change, is_settled
from tidegate.alerts.questions import Placed
from tidegate.kernel import WorkspaceId
from tidegate.storage.native import Numbers

__all__ = ["OpenAlerts", "Opened"]

_MOST_SUBJECTS = 2_000_000  # 150 bytes each; names that come and go for weeks


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The open alerts of one rule."""

    alerts: Sequence[Alert]
    subjects: Numbers
    is_settled: Numbers
    """Whose state nothing changes while its bound stays crossed."""


class OpenAlerts:
    """Open alerts, and how often those that closed of late had opened and closed."""

    def __init__(
        self, alerts: Iterable[Alert] = (), flaps: Mapping[AlertKey, tuple[datetime, ...]] | None = None
    ) -> None:
        self._by_code: dict[str, dict[WorkspaceId, dict[AlertKey, Alert]]] = {}
        self._cached: dict[Placed, Opened] = {}
        self._placed: dict[str, set[Placed]] = {}
        self._flaps = dict(flaps or {})
        self.subjects = Subjects()
        for alert in alerts:
            self._add(alert)

    def __len__(self) -> int:
        return sum(len(found) for owners in self._by_code.values() for found in owners.values())

    def __iter__(self) -> Iterator[Alert]:
        for owners in self._by_code.values():
            for found in owners.values():
                yield from found.values()

    def flaps_of(self, key: AlertKey) -> tuple[datetime, ...]:
        return self._flaps.get(key, ())

    def apply(self, changes: Iterable[Change]) -> None:
        """Keep what was stored."""
        for change in changes:
            alert = change.alert
            if alert.is_open:
                self._add(alert)
                self._flaps.pop(alert.key, None)
                continue
            self._by_code.get(alert.code, {}).get(alert.workspace, {}).pop(alert.key, None)
            if alert.flaps:
                self._flaps[alert.key] = alert.flaps
            self._forget_columns(alert.code)

    def of(self, placed: Placed) -> Opened:
        """Return the open alerts of a rule."""
        found = self._cached.get(placed)
        if found is None:
            owners = self._by_code.get(placed.rule.code, {})
            alerts = [
                alert
                for workspace, own in owners.items()
                if placed.counts_for(workspace)
                for alert in own.values()
                if _fits(placed, alert.key)
            ]
            found = self._cached[placed] = Opened(
                alerts,
                np.fromiter((self.subjects.of_key(alert.key) for alert in alerts), np.int64, len(alerts)),
                np.fromiter((is_settled(alert) for alert in alerts), bool, len(alerts)),
            )
            self._placed.setdefault(placed.rule.code, set()).add(placed)
        return found

    def without_rule(self, placed: Sequence[Placed]) -> list[Alert]:
        """Return the open alerts that none of these rules judges any more."""
        by_code: dict[str, list[Placed]] = {}
        for one in placed:
            by_code.setdefault(one.rule.code, []).append(one)
        return [
            alert
            for alert in self
            if not any(one.counts_for(alert.workspace) and _fits(one, alert.key) for one in by_code.get(alert.code, ()))
        ]

    def end_evaluation(self, *, at: datetime, window_s: float) -> None:
        """Let go of what no longer counts."""
        self.subjects.end_evaluation()
        if len(self.subjects) > _MOST_SUBJECTS:
            self.subjects = Subjects()
            self.forget_rules()
        if len(self._flaps) > len(self) + 10_000:
            self._flaps = {
                key: moments for key, moments in self._flaps.items() if (at - moments[-1]).total_seconds() < window_s
            }

    def forget_rules(self) -> None:
        self._cached.clear()
        self._placed.clear()

    def _add(self, alert: Alert) -> None:
        self._by_code.setdefault(alert.code, {}).setdefault(alert.workspace, {})[alert.key] = alert
        self._forget_columns(alert.code)

    def _forget_columns(self, code: str) -> None:
        for placed in self._placed.pop(code, ()):
            self._cached.pop(placed, None)


def _fits(placed: Placed, key: AlertKey) -> bool:
    """Return whether a rule groups in the way in which this alert was grouped."""
    rule = placed.rule
    if key.tenant is None and "tenant" in rule.group_by and not rule.judges_all_tenants:
        return False
    named = {name for name, _ in key.labels} | {"service", "tenant"}
    return (key.tenant is None or "tenant" in rule.group_by) and named == {*rule.group_by, "service", "tenant"}
