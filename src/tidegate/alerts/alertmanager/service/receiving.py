"""Taking what other tools say of their alerts.

Contract of this part:
- What is taken is committed before the sender hears that it is, with its transitions and what paging makes of it.
- Sent again while it fires, an alert moves not at all: its end moves. Senders do so about every minute.
- An end that comes without word is a job of the ledger, added with the alert: no process has to be alive for it to
  stand, and the moment that is written down is the one that was due, however late somebody gets to it.
- One at a time moves such alerts in a workspace: two senders that watch the same things may send at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.alertmanager.model import (
    MAX_OPEN,
    Sent,
    newest_of,
    opened,
    problem_of,
    spoken_of,
    unheard,
)
from tidegate.alerts.alertmanager.ports import OutsideStore
from tidegate.alerts.model import Change, Outside
from tidegate.alerts.paging.ports import Wake, Wakes
from tidegate.kernel import AlertId, Clock, IdFactory, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["TIMEOUT", "Receiver"]

TIMEOUT: Final = "alerts.outside_timeout"
_PRIORITY: Final = 10  # as what tells of alerts
_SECOND: Final = timedelta(seconds=1)


class Receiver:
    """Receives alerts."""

    def __init__(
        self,
        *,
        store: OutsideStore,
        wakes: Wakes,
        database: Database,
        ids: IdFactory,
        clock: Clock,
        max_open: int = MAX_OPEN,
    ) -> None:
        self._store = store
        self._wakes = wakes
        self._database = database
        self._ids = ids
        self._clock = clock
        self._max_open = max_open

    def now(self) -> datetime:
        return self._clock.now()

    async def receive(self, workspace: WorkspaceId, sent: Sequence[Sent], *, sender: str) -> list[str]:
        """Take all alerts that are valid, and return what is wrong with the others."""
        problems = [problem_of(each) for each in sent]
        wanted = newest_of(each for each, problem in zip(sent, problems, strict=True) if problem is None)
        refused = [problem for problem in problems if problem is not None]
        if not wanted:
            return refused
        async with self._database.transaction(workspace) as connection:
            await self._store.lock_in(connection, workspace)
            refused += await self._take(connection, workspace, list(wanted.values()), sender=sender)
        return refused

    async def time_out(self, connection: Connection, workspace: WorkspaceId) -> None:
        """Close what was not sent again in time, and come back when the next one is due."""
        await self._store.lock_in(connection, workspace)
        late = await self._store.list_unheard_in(connection, workspace, self._clock.now())
        await self._store.add_changes_in(connection, workspace, [unheard(alert) for alert in late])
        next_at = await self._store.next_end_in(connection, workspace)
        await self._wake(connection, workspace, [next_at] if next_at is not None else [])

    async def _take(
        self, connection: Connection, workspace: WorkspaceId, wanted: Sequence[Sent], *, sender: str
    ) -> list[str]:
        now = self._clock.now()
        known = await self._store.list_open_in(connection, workspace, [each.labels for each in wanted])
        changes: list[Change] = []
        said: list[tuple[AlertId, Outside]] = []
        new: list[Sent] = []
        for each in wanted:
            alert = known.get(each.labels)
            if alert is None:
                new += [] if each.is_over_at(now) else [each]
                continue
            outside, change = spoken_of(alert, each, sender=sender, now=now)
            if change is None:
                said.append((alert.id, outside))
            else:
                changes.append(change)
        room = max(0, self._max_open - await self._store.count_open_in(connection, workspace)) if new else 0
        taken = new[:room]
        changes += [opened(workspace, AlertId(self._ids.new_id("alr")), each, sender=sender, now=now) for each in taken]
        await self._store.set_outside_in(connection, workspace, said)
        await self._store.add_changes_in(connection, workspace, changes)
        # An end that moves away is met by the job of the one that was due before; one that comes nearer needs its own.
        before = {alert.id: alert.outside.ends_at for alert in known.values() if alert.outside is not None}
        nearer = [outside.ends_at for alert_id, outside in said if outside.ends_at < before[alert_id]]
        await self._wake(connection, workspace, [*nearer, *(each.ends_at for each in taken)])
        problem = f"the workspace has {self._max_open:,} open alerts from outside, which is the limit"
        return [problem] * (len(new) - len(taken))

    async def _wake(self, connection: Connection, workspace: WorkspaceId, ends: Iterable[datetime]) -> None:
        moments = sorted({_whole_second(end) for end in ends})[:1]
        wakes = [Wake(TIMEOUT, str(int(at.timestamp())), at, priority=_PRIORITY) for at in moments]
        await self._wakes.add(connection, workspace, wakes)


def _whole_second(at: datetime) -> datetime:
    """Return the first whole second at or after `at`: alerts that end within one second share a job."""
    floor = at.replace(microsecond=0)
    return floor if floor == at else floor + _SECOND
