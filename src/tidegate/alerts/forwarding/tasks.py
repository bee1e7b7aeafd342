"""The job of Alertmanagers: sending to one what fires and what is just over."""

from collections.abc import Mapping

from tidegate.alerts.forwarding.service import Forwarder
from tidegate.alerts.forwarding.store import FORWARD
from tidegate.jobs import Claimed, Dead, Done, Handler, Outcome
from tidegate.storage import Connection

__all__ = ["handlers_of"]


def handlers_of(forwarder: Forwarder) -> Mapping[str, Handler]:
    """Return the handlers by kind."""

    async def forward(job: Claimed) -> Outcome:
        name, revision, turn = (job.payload.get(key) for key in ("target", "revision", "turn"))
        if not (isinstance(name, str) and isinstance(revision, str) and isinstance(turn, int)):
            return Dead("The payload names no turn.")
        sent = await forwarder.send(job.workspace, name, revision=revision, turn=turn)

        async def also(connection: Connection) -> None:
            if sent is None:
                await forwarder.hasten(connection, job.workspace, name, revision)
            else:
                await forwarder.record(connection, job.workspace, sent)

        return Done(also=also)

    return {FORWARD: forward}
