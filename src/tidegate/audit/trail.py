"""Recording: what waits is written together, in one transaction over all workspaces.

Guarantee: `record` returns after the commit of its deed, or raises. Deeds of one workspace stand in the order in which
they were committed. Whoever gives up waiting takes nothing with them: the deed was done, and is written.
Who writes: at most one transaction over many workspaces at a time a process. A workspace whose chain is held by another
transaction is written by itself and keeps nobody waiting. What the engine refuses in company is tried by itself, so
that one workspace cannot fail the others.
On a crash: what was not committed was not answered. Refusals past the twentieth a minute, and reads of content past the
first, are counted in memory and written when the minute ends and when the server stops: a killed process takes at most
one minute of those counts along.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from tidegate.audit.model import Deed, Entry, Outcome, recordable
from tidegate.audit.ports import ChainStore
from tidegate.audit.repeats import DENIALS_ONE_BY_ONE, READS_ONE_BY_ONE, Repeats
from tidegate.audit.store import append_deed
from tidegate.kernel import Clock, UnavailableError, WorkspaceId
from tidegate.storage import Connection

__all__ = ["PostgresAuditTrail"]

_ROUND_LIMIT: Final = 500  # deeds a transaction: 20 ms of hashing and inserting, within the bar of 25 ms
_WORKSPACES_A_ROUND: Final = 50  # three round trips each: 15 ms
_ALONE_AT_ONCE: Final = 2  # of eight connections: chains that are held must not take them all
_log = structlog.get_logger("tidegate.audit")

_Waiting = tuple[Entry, "asyncio.Future[None]"]


class PostgresAuditTrail:
    """Keeps the promises of `AuditTrail`."""

    def __init__(self, *, store: ChainStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._denials = Repeats(one_by_one=DENIALS_ONE_BY_ONE)
        self._reads = Repeats(one_by_one=READS_ONE_BY_ONE)
        self._unwritten: list[tuple[WorkspaceId, Entry]] = []
        self._waiting: dict[WorkspaceId, list[_Waiting]] = {}
        self._alone: dict[WorkspaceId, asyncio.Task[None]] = {}
        """Workspaces that are written by themselves; who else is recorded there meanwhile follows them."""
        self._places = asyncio.Semaphore(_ALONE_AT_ONCE)
        self._writer: asyncio.Task[None] | None = None
        self._is_closed = False

    async def append(self, workspace: WorkspaceId, deed: Deed, *, within: Connection) -> None:
        await append_deed(workspace, deed, within=within, recorded_at=self._clock.now())

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        fit = recordable(deed)
        if (
            fit.outcome is Outcome.DENIED
            and not self._is_closed
            and self._denials.is_counted(workspace, fit, self._clock.now())
        ):
            return
        await self._record(workspace, Entry(fit))

    async def record_read(self, workspace: WorkspaceId, deed: Deed) -> None:
        fit = recordable(deed)
        if self._is_closed or not self._reads.is_counted(workspace, fit, self._clock.now()):
            await self._record(workspace, Entry(fit))

    async def flush_counted(self, *, everything: bool = False) -> None:
        """Record the refusals and reads that were only counted, of the minutes that are over or of all.

        Raises:
            UnavailableError: some could not be written; they are kept for the next time.
        """
        before = None if everything else self._clock.now()
        found = self._unwritten + self._denials.take(before=before) + self._reads.take(before=before)
        self._unwritten = []
        answers = await asyncio.gather(
            *(self._record(workspace, entry) for workspace, entry in found), return_exceptions=True
        )
        self._unwritten = [
            counted for counted, answer in zip(found, answers, strict=True) if isinstance(answer, BaseException)
        ]
        if self._unwritten:
            raise UnavailableError(f"{len(self._unwritten)} counts of refusals and reads could not be recorded yet.")

    async def close(self) -> None:
        """Record what was only counted and finish what waits; from here on nothing is only counted."""
        self._is_closed = True
        try:
            await self.flush_counted(everything=True)
        finally:
            self._name_lost()
        while self._writer is not None or self._alone:
            under_way = [*self._alone.values(), *([self._writer] if self._writer is not None else [])]
            await asyncio.wait(under_way)
            await asyncio.sleep(0)

    def _name_lost(self) -> None:
        for workspace, entry in self._unwritten:
            _log.error(
                "refusals or reads could not be recorded",
                workspace=workspace,
                actor=entry.deed.actor,
                action=entry.deed.action,
                count=entry.count,
            )

    async def _record(self, workspace: WorkspaceId, entry: Entry) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace, []).append((entry, done))
        self._wake()
        await done

    def _wake(self) -> None:
        if self._writer is None and any(workspace not in self._alone for workspace in self._waiting):
            self._writer = asyncio.create_task(self._write_rounds())

    async def _write_rounds(self) -> None:
        try:
            while batch := self._next_round():
                await self._write(batch)
        finally:
            self._writer = None
            self._wake()

    def _next_round(self) -> dict[WorkspaceId, list[_Waiting]]:
        """Take a fair share of what waits: as many of each workspace as fit into one transaction."""
        ready = [workspace for workspace in self._waiting if workspace not in self._alone]
        chosen = ready[:_WORKSPACES_A_ROUND]  # those that go on waiting have moved to the front
        share = _ROUND_LIMIT // max(1, len(chosen))
        return {workspace: self._take(workspace, share) for workspace in chosen}

    def _take(self, workspace: WorkspaceId, limit: int) -> list[_Waiting]:
        waiting = self._waiting.pop(workspace)
        if len(waiting) > limit:
            self._waiting[workspace] = waiting[limit:]
        return waiting[:limit]

    async def _write(self, batch: dict[WorkspaceId, list[_Waiting]]) -> None:
        wanted = [(workspace, [entry for entry, _ in waiting]) for workspace, waiting in batch.items()]
        try:
            left_out = await self._store.write(wanted, recorded_at=self._clock.now())
        except UnavailableError as error:
            for waiting in batch.values():
                _answer(waiting, error)
            return
        except asyncio.CancelledError:
            for waiting in batch.values():
                _answer(waiting, UnavailableError("The server stops; nobody knows whether this was recorded."))
            raise
        except Exception as error:  # noqa: BLE001 - rolled back whole; each workspace is tried by itself
            _log.warning("recording apart", workspaces=len(batch), cause=repr(error))
            left_out = list(batch)
        for workspace, waiting in batch.items():
            if workspace in left_out:
                self._alone[workspace] = asyncio.create_task(self._write_alone(workspace, waiting))
            else:
                _answer(waiting)

    async def _write_alone(self, workspace: WorkspaceId, waiting: list[_Waiting]) -> None:
        try:
            async with self._places:
                await self._write_one(workspace, waiting)
        except asyncio.CancelledError:
            _answer(waiting, UnavailableError("The server stops; nobody knows whether this was recorded."))
            raise
        finally:
            del self._alone[workspace]
            self._wake()

    async def _write_one(self, workspace: WorkspaceId, waiting: Sequence[_Waiting]) -> None:
        try:
            await self._store.write_one(workspace, [entry for entry, _ in waiting], recorded_at=self._clock.now())
        except UnavailableError as error:
            _answer(waiting, error)
        except Exception as error:  # noqa: BLE001 - rolled back whole; one deed must not fail its neighbours
            if len(waiting) == 1:
                _log.exception("a deed could not be recorded", workspace=workspace)
                _answer(waiting, error)
                return
            for each in waiting:
                await self._write_one(workspace, [each])
        else:
            _answer(waiting)


def _answer(waiting: Sequence[_Waiting], error: Exception | None = None) -> None:
    """Tell those who still wait."""
    for _, done in waiting:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
