"""The jobs of paging: taking turns, leading alerts through new routes, the dead man's switch."""

from collections.abc import Mapping

from tidegate.alerts.paging.service import NOTIFY, REROUTE, WATCHDOG, Notifier, WatchdogService
from tidegate.jobs import Claimed, Dead, Done, Handler, Outcome
from tidegate.storage import Connection

__all__ = ["handlers_of"]


def handlers_of(notifier: Notifier, watchdog: WatchdogService) -> Mapping[str, Handler]:
    """Return the handlers by kind; each does all it does in the transaction that finishes its job."""

    async def notify(job: Claimed) -> Outcome:
        group, epoch, turn = job.payload.get("group"), job.payload.get("epoch"), job.payload.get("turn")
        if not (isinstance(group, str) and isinstance(epoch, str) and isinstance(turn, int)):
            return Dead("The payload names no turn.")
        channels = await notifier.channels(job.workspace)

        async def also(connection: Connection) -> None:
            await notifier.take_turn(
                connection, job.workspace, group_id=group, epoch=epoch, number=turn, channels=channels
            )

        return Done(also=also)

    async def reroute(job: Claimed) -> Outcome:
        async def also(connection: Connection) -> None:
            await notifier.reroute(connection, job.workspace)
            await watchdog.begin(connection, job.workspace)

        return Done(also=also)

    async def speak(job: Claimed) -> Outcome:
        version, sequence = job.payload.get("version"), job.payload.get("sequence")
        if not (isinstance(version, int) and isinstance(sequence, int)):
            return Dead("The payload names no notice.")
        channels = await notifier.channels(job.workspace)

        async def also(connection: Connection) -> None:
            await watchdog.speak(connection, job.workspace, version=version, sequence=sequence, channels=channels)

        return Done(also=also)

    return {NOTIFY: notify, REROUTE: reroute, WATCHDOG: speak}
