"""The handler of `gates.end_override`: an override whose time is over is an alert no more.

Contract: the alert closes in the transaction that finishes the job, once. An override that was ended before its time
has no open alert, so there is nothing left to do. Whether an override counts is asked of its end, never of this job.
"""

from tidegate.gates.approvals.override_store import PostgresOverrides
from tidegate.jobs import Claimed, Dead, Done, Outcome
from tidegate.kernel import Clock
from tidegate.storage import Connection

__all__ = ["OverrideEnding"]


class OverrideEnding:
    """Runs jobs of the kind `gates.end_override`."""

    def __init__(self, *, store: PostgresOverrides, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, job: Claimed) -> Outcome:
        override = job.payload.get("override")
        if not isinstance(override, str):
            return Dead("The job names no override.")

        async def close(connection: Connection) -> None:
            await self._store.expire_in(connection, job.workspace, override, self._clock.now())

        return Done(also=close)
