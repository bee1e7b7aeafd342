"""An override of a gate is an alert: it opens when the second person confirms, and closes when the override ends.

Written in the transaction of who confirms or ends it, so that there is no override without its alert.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.model import (
    Alert,
    AlertKey,
    AlertState,
    Cause,
    CauseKind,
    Change,
    Origin,
    Severity,
    Transition,
    Unit,
)
from tidegate.alerts.ports import AlertListener
from tidegate.alerts.rows import ALERT_COLUMNS, alert_of, append, insert, update
from tidegate.kernel import AlertId, IdFactory, WorkspaceId
from tidegate.signals import Family
from tidegate.storage import Connection

__all__ = ["OVERRIDE_CODE", "OverrideAlerts", "OverrideNews"]

OVERRIDE_CODE: Final = "release_gate_overridden"


@dataclass(frozen=True, slots=True)
class OverrideNews:
    """What an alert tells of an override."""

    override: str
    gate: str
    service: str
    """The first of the release: routes go by services."""
    sentence: str


class OverrideAlerts:
    """Opens and closes the alerts of overrides; `listener` writes what follows from them."""

    def __init__(self, *, listener: AlertListener, ids: IdFactory) -> None:
        self._listener = listener
        self._ids = ids

    async def open_in(
        self, connection: Connection, workspace: WorkspaceId, news: OverrideNews, *, now: datetime
    ) -> None:
        """Open the alert of one override: it fires at once."""
        labels = (("gate", news.gate), ("override", news.override))
        alert = Alert(
            id=AlertId(self._ids.new_id("alr")),
            key=AlertKey(workspace, OVERRIDE_CODE, news.service, None, labels),
            family=Family.RUNTIME,
            severity=Severity.P1,
            runbook=f"/runbooks/{OVERRIDE_CODE}",
            state=AlertState.FIRING,
            value=1,
            threshold=0,
            count=1,
            sentence=news.sentence,
            since=now,
            transition_count=1,
            fired_at=now,
            unit=Unit.COUNT,
            origin=Origin.GATES,
        )
        move = Transition(1, AlertState.INACTIVE, AlertState.FIRING, now, _cause(CauseKind.REPORTED, news.sentence))
        await self._store(connection, workspace, Change(alert, (move,)))

    async def close_in(
        self, connection: Connection, workspace: WorkspaceId, override: str, *, now: datetime, words: str
    ) -> None:
        """Close the alert of one override; no error when it is closed."""
        row = await connection.fetchrow(
            f"""
            SELECT {ALERT_COLUMNS} FROM alerts
            WHERE workspace = $1 AND origin = 'gates' AND state <> 'resolved' AND code = $2
                AND dimensions ->> 'override' = $3
            FOR UPDATE
            """,
            workspace,
            OVERRIDE_CODE,
            override,
        )
        if row is None:
            return
        alert = alert_of(row)
        number = alert.transition_count + 1
        closed = replace(
            alert,
            state=AlertState.RESOLVED,
            resolved_at=now,
            transition_count=number,
            sentence=f"{alert.sentence} {words}",
        )
        move = Transition(number, alert.state, AlertState.RESOLVED, now, _cause(CauseKind.ENDED, words))
        await self._store(connection, workspace, Change(closed, (move,)))

    async def _store(self, connection: Connection, workspace: WorkspaceId, change: Change) -> None:
        if change.is_new:
            await insert(connection, workspace, [change])
        else:
            await update(connection, workspace, [change])
        await append(connection, workspace, [change])
        await self._listener.changed(connection, workspace, [change])


def _cause(kind: CauseKind, words: str) -> Cause:
    return Cause(kind, 1, 0, 1, 0, timedelta(), words)
