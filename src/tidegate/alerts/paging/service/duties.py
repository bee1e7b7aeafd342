"""Whoever is on call: which channels a route comes to at one moment."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from tidegate.alerts.paging.model import EscalationStep, OnDuty, Route
from tidegate.alerts.paging.ports import Channel, Schedules
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection

__all__ = ["NO_SCHEDULES", "NoSchedules", "duties_in", "receivers_of"]


async def duties_in(
    schedules: Schedules,
    connection: Connection,
    workspace: WorkspaceId,
    route: Route,
    *,
    channels: Mapping[str, Channel],
    at: datetime,
) -> Mapping[str, OnDuty]:
    """Return what the schedules of a route and of its steps come to; nothing is asked for one that names none."""
    names = {on_call.schedule for on_call in route.on_calls}
    if not names:
        return {}
    return await schedules.on_duty_in(connection, workspace, names, channels=channels, at=at)


def receivers_of(told: Route | EscalationStep, duties: Mapping[str, OnDuty]) -> tuple[str, ...]:
    """Return the channels of a route or step: its own, then those of whoever is on call, each once."""
    if told.on_call is None:
        return told.channels
    return tuple(dict.fromkeys((*told.channels, *duties[told.on_call.schedule].receivers(told.on_call))))


class NoSchedules:
    """Keeps the promises of `Schedules` where there are none: whoever names one gets its fallback."""

    async def names(self, workspace: WorkspaceId) -> frozenset[str]:  # noqa: ARG002 - the port's
        return frozenset()

    async def on_duty_in(
        self,
        connection: Connection,  # noqa: ARG002 - the port's
        workspace: WorkspaceId,  # noqa: ARG002 - the same
        names: Collection[str],
        *,
        channels: Mapping[str, Channel],  # noqa: ARG002 - the same
        at: datetime,  # noqa: ARG002 - the same
    ) -> Mapping[str, OnDuty]:
        return {name: OnDuty(f"there is no schedule {name}") for name in names}


NO_SCHEDULES: Final = NoSchedules()
