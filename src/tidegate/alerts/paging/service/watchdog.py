"""The dead man's switch: a notice at intervals over the whole way, which stops when any part of it does.

Contract of this part:
- The notice is sent by a job, through the same ledger and channels as pages, and only while rules are evaluated:
  whoever waits for it outside learns of a dead evaluator, worker, state store or channel alike.
- Each notice adds the job of the next one in the transaction that sends it. After a break, a notice says from when to
  when nobody was told.
- Kept per workspace; a new version of the routing begins it anew.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.paging.model import Watchdog, stable_id
from tidegate.alerts.paging.ports import Channel, Courier, Message, RoutingStore, Wake, Wakes, WatchdogRow, WatchdogRows
from tidegate.kernel import Clock, WorkspaceId, format_utc
from tidegate.storage import Connection

__all__ = ["WATCHDOG", "WatchdogService"]

WATCHDOG: Final = "alerts.watchdog"
_STALE: Final = timedelta(seconds=60)  # as the watch of alerts: after a longer gap nobody knows what it hid


class WatchdogService:
    """Speaks while all is well."""

    def __init__(
        self, *, rows: WatchdogRows, routings: RoutingStore, courier: Courier, wakes: Wakes, clock: Clock, url: str
    ) -> None:
        self._rows = rows
        self._routings = routings
        self._courier = courier
        self._wakes = wakes
        self._clock = clock
        self._url = url.rstrip("/")

    async def begin(self, connection: Connection, workspace: WorkspaceId) -> None:
        """Start, restart or stop it as the routing of now says; the caller commits."""
        stored = await self._routings.find_routing_in(connection, workspace)
        old = await self._rows.lock_watchdog_in(connection, workspace)
        if stored.routing.watchdog is None:
            await self._rows.set_watchdog_in(connection, workspace, None)
            return
        sequence = old.sequence + 1 if old is not None else 1
        row = WatchdogRow(stored.version, sequence, self._clock.now(), old.sent_at if old else None, None)
        await self._rows.set_watchdog_in(connection, workspace, row)
        await self._wakes.add(connection, workspace, [_wake(row)])

    async def speak(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        *,
        version: int,
        sequence: int,
        channels: Mapping[str, Channel],
    ) -> None:
        """Send the notice of now, unless rules are not evaluated, and add the job of the next one."""
        row = await self._rows.lock_watchdog_in(connection, workspace)
        stored = await self._routings.find_routing_in(connection, workspace)
        watchdog = stored.routing.watchdog
        if row is None or watchdog is None or (row.version, row.sequence) != (version, sequence):
            return
        now = max(self._clock.now(), row.next_at)
        evaluated_at = await self._rows.evaluated_at_in(connection, workspace)
        is_evaluated = evaluated_at is not None and now - evaluated_at <= _STALE
        broken_since = row.broken_since
        if now - row.next_at > max(watchdog.every, _STALE):
            broken_since = broken_since or row.next_at
        if is_evaluated:
            messages = self._messages(workspace, row, watchdog, channels, now=now, broken_since=broken_since)
            await self._courier.enqueue(connection, workspace, messages)
            broken_since = None
        else:
            broken_since = broken_since or evaluated_at or row.next_at
        # In step with the first one: a late notice does not shift those after it.
        missed = (now - row.next_at) // watchdog.every
        next_at = row.next_at + (missed + 1) * watchdog.every
        sent_at = now if is_evaluated else row.sent_at
        after = WatchdogRow(row.version, row.sequence + 1, next_at, sent_at, broken_since)
        await self._rows.set_watchdog_in(connection, workspace, after)
        await self._wakes.add(connection, workspace, [_wake(after)])

    def _messages(
        self,
        workspace: WorkspaceId,
        row: WatchdogRow,
        watchdog: Watchdog,
        channels: Mapping[str, Channel],
        *,
        now: datetime,
        broken_since: datetime | None,
    ) -> list[Message]:
        if broken_since is None:
            title = "Paging works"
            lines: tuple[str, ...] = (f"Rules are evaluated and this notice arrived: {format_utc(now)}.",)
        else:
            title = "Paging did not work and does again"
            lines = (f"From {format_utc(broken_since)} to {format_utc(now)} nobody may have been told of alerts.",)
        data = {
            "version": "4",
            "groupKey": '{}:{alertname="Watchdog"}',
            "truncatedAlerts": 0,
            "status": "firing",
            "groupLabels": {"alertname": "Watchdog"},
            "commonLabels": {"alertname": "Watchdog", "severity": "none"},
            "commonAnnotations": {"summary": lines[0]},
            "externalURL": self._url,
            "alerts": [],
            "tidegate": {
                "workspace": workspace,
                "event": "watchdog",
                "sequence": row.sequence,
                "sentAt": format_utc(now),
                "every_s": watchdog.every.total_seconds(),
                "brokenSince": broken_since and format_utc(broken_since),
            },
        }
        return [
            Message(
                id=stable_id("msg", workspace, "watchdog", row.version, row.sequence, channels[name].id),
                channel=channels[name],
                event="watchdog",
                severity="P2" if broken_since is None else "P1",
                title=title,
                lines=lines,
                links={"alert": f"{self._url}/alerts"},
                dedup_key=stable_id("wdg", workspace),
                data={**data, "receiver": name},
            )
            for name in watchdog.channels
            if name in channels
        ]


def _wake(row: WatchdogRow) -> Wake:
    payload = {"version": row.version, "sequence": row.sequence}
    return Wake(WATCHDOG, f"{row.version}:{row.sequence}", row.next_at, payload=payload)
