"""Telling people that a schedule is not read any more, and when it is again.

Those are told whom routes fall back to: from now on they are called in the place of whoever is on call.
"""

from collections.abc import Sequence
from datetime import datetime

from tidegate.alerts.oncall.model import Schedule
from tidegate.alerts.oncall.ports import Recipient
from tidegate.alerts.paging.model import stable_id
from tidegate.alerts.paging.ports import Channel, Courier, Message, RoutingStore
from tidegate.kernel import WorkspaceId, format_duration, format_utc
from tidegate.storage import Connection

__all__ = ["StaleAnnouncer"]

_NEVER = "0001-01-01T00:00:00Z"


class StaleAnnouncer:
    """Keeps the promises of `Announcer` and `Uses` over routes and channels."""

    def __init__(self, *, routings: RoutingStore, courier: Courier, url: str) -> None:
        self._routings = routings
        self._courier = courier
        self._url = url.rstrip("/")

    async def is_used_in(self, connection: Connection, workspace: WorkspaceId, name: str) -> bool:
        stored = await self._routings.find_routing_in(connection, workspace)
        return any(each.schedule == name for route in stored.routing.all_routes() for each in route.on_calls)

    async def audience(self, workspace: WorkspaceId, name: str) -> Sequence[Recipient]:
        stored = await self._routings.find_routing(workspace)
        on_calls = [each for route in stored.routing.all_routes() for each in route.on_calls if each.schedule == name]
        if not on_calls:
            return ()
        channels = await self._courier.channels(workspace)
        wanted = sorted({each for on_call in on_calls for each in on_call.fallback} & channels.keys())
        return [Recipient(channels[each].id, each) for each in wanted]

    async def reachable(self, workspace: WorkspaceId) -> Sequence[Recipient]:
        return [Recipient(each.id, name) for name, each in sorted((await self._courier.channels(workspace)).items())]

    async def announce(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        schedule: Schedule,
        *,
        to: Sequence[Recipient],
        now: datetime,
        is_removed: bool = False,
    ) -> None:
        messages = [self._message(workspace, schedule, each, now, is_removed=is_removed) for each in to]
        await self._courier.enqueue(connection, workspace, messages)

    def _message(
        self, workspace: WorkspaceId, schedule: Schedule, to: Recipient, now: datetime, *, is_removed: bool
    ) -> Message:
        read = schedule.reading
        is_stale, since = now >= schedule.stale_at() and not is_removed, read.told_stale_at or now
        state = "firing" if is_stale else "resolved"
        duty = schedule.duty_at(now, now=now)
        if is_removed:
            title = f"RESOLVED P1 on-call schedule {schedule.name} is removed"
            lines: tuple[str, ...] = ("It is removed, and no route names it: nobody is called by it any more.",)
        elif is_stale:
            title = f"FIRING P1 on-call schedule {schedule.name} is stale"
            age = format_duration(schedule.stale_after)
            words = f"{schedule.name} was not read for more than {age}: {read.problem}"
            lines = (words, "Until it is, you are called in the place of whoever is on call.")
        else:
            title = f"RESOLVED P1 on-call schedule {schedule.name} is read again"
            lines = (duty.sentence,)
        labels = {"alertname": "on_call_schedule_stale", "severity": "P1", "schedule": schedule.name}
        key = f'{{}}:{{alertname="on_call_schedule_stale", schedule="{schedule.name}"}}'
        alert = {
            "status": state,
            "labels": labels,
            "annotations": {"summary": lines[0]},
            "startsAt": format_utc(since),
            "endsAt": _NEVER if is_stale else format_utc(now),
            "generatorURL": f"{self._url}/settings/schedules",
        }
        return Message(
            id=stable_id("msg", workspace, "schedule", schedule.name, format_utc(since), state, to.id),
            channel=Channel(to.id, to.name),
            event=f"alert.{state}",
            severity="P1",
            title=title,
            lines=lines,
            links={"alert": f"{self._url}/settings/schedules"},
            dedup_key=stable_id("sch", workspace, schedule.name, format_utc(since)),
            data={
                "version": "4",
                "groupKey": key,
                "truncatedAlerts": 0,
                "status": state,
                "receiver": to.name,
                "groupLabels": labels,
                "commonLabels": labels,
                "commonAnnotations": {"summary": lines[0]},
                "externalURL": self._url,
                "alerts": [alert],
                "tidegate": {"workspace": workspace, "event": f"schedule.{state}", "schedule": schedule.name},
            },
        )
