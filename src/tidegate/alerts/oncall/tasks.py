"""The job of schedules: reading one where it is kept.

Contract: a try is written, and the next one's job added, in the transaction that finishes its job, whatever came of it;
a process that dies in between tries again. Nothing waits for it: who asks meanwhile gets what was read before, or that
it is stale.
"""

from collections.abc import Mapping

from tidegate.alerts.oncall.service import ScheduleRefresher
from tidegate.alerts.oncall.store import READ
from tidegate.jobs import Claimed, Dead, Done, Handler, Outcome
from tidegate.storage import Connection

__all__ = ["handlers_of"]


def handlers_of(refresher: ScheduleRefresher) -> Mapping[str, Handler]:
    """Return the handlers by kind."""

    async def read(job: Claimed) -> Outcome:
        name, revision, sequence = (job.payload.get(key) for key in ("schedule", "revision", "sequence"))
        if not (isinstance(name, str) and isinstance(revision, str) and isinstance(sequence, int)):
            return Dead("The payload names no schedule.")
        done = await refresher.read(job.workspace, name, revision=revision, sequence=sequence)
        if done is None:
            return Done()

        async def also(connection: Connection) -> None:
            await refresher.record(connection, job.workspace, done)

        return Done(also=also)

    return {READ: read}
