"""The job of alerts from outside: closing those that were not sent again."""

from collections.abc import Mapping

from tidegate.alerts.alertmanager.service import TIMEOUT, Receiver
from tidegate.jobs import Claimed, Done, Handler, Outcome
from tidegate.storage import Connection

__all__ = ["handlers_of"]


def handlers_of(receiver: Receiver) -> Mapping[str, Handler]:
    """Return the handlers by kind; each does all it does in the transaction that finishes its job."""

    async def time_out(job: Claimed) -> Outcome:
        async def also(connection: Connection) -> None:
            await receiver.time_out(connection, job.workspace)

        return Done(also=also)

    return {TIMEOUT: time_out}
