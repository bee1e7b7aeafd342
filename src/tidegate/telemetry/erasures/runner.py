"""Erasing in the background.

Contract. An erasure works through the seconds in which its rows lie, a batch at a time: announce the seconds in the
touch ledger, delete exactly the rows of these seconds, confirm the touches. A row that comes in between lies in an
announced second and is counted anew, or in another second and is found by the next look: no second is ever left with
counts of rows that are gone. A crash anywhere leaves the erasure running; after the lease another process begins with
what is left. An erasure whose rows are gone is held for as long as raw telemetry is kept: rows of it that come in again
are found by a look every `LOOK_S` seconds, and erased as the first ones were. Counting may have seen them in between.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from tidegate.edge.authority import Askers
from tidegate.kernel import Clock, TidegateError, WorkspaceId
from tidegate.telemetry.erasures.model import Erasure
from tidegate.telemetry.erasures.ports import ErasedRows, ErasureStore

_ACTION: Final = "telemetry:erase"
LOOK_S: Final = 15.0  # how long a late copy may be seen; one statement for hundreds of held erasures
BATCH_SECONDS: Final = 500  # seconds are bound in the engine's URL, which has 64 kB
_LEASE: Final = timedelta(seconds=90)  # longer than the longest statement: 60 s
# Rows are stored at most 50 s after they are stamped as received: a flush may take 20 s, an insert 30 s.
_SETTLED: Final = timedelta(seconds=120)
_log = structlog.get_logger("tidegate.erasures")


class EraseRunner:
    """Works on what is to be erased; `run` must be running in at least one process."""

    def __init__(
        self, *, rows: ErasedRows, store: ErasureStore, clock: Clock, holder: str, askers: Askers | None = None
    ) -> None:
        self._askers = askers
        self._rows = rows
        self._store = store
        self._clock = clock
        self._holder = holder
        self._wake = asyncio.Event()
        self._looked_at: dict[WorkspaceId, datetime] = {}

    def wake(self) -> None:
        """Say that something is to be erased."""
        self._wake.set()

    async def run(self) -> None:
        """Erase until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.run_once()
            except TidegateError as error:
                _log.warning("erasing waits", reason=error.message)
            except Exception:  # noqa: BLE001 - the top of a task that must go on; the traceback is logged
                _log.exception("erasing failed")
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            except TimeoutError:
                continue

    async def run_once(self) -> int:
        """Look for late copies, then erase whatever nobody else is erasing; return how many erasures were finished.

        Raises:
            UnavailableError: an engine does not answer; what was begun goes on later.
        """
        finished = 0
        for workspace in await self._store.list_open_workspaces():
            await self._look_for_late_copies(workspace)
            while (erasure := await self._claim(workspace)) is not None:
                if await self._is_refused(workspace, erasure):
                    continue
                await self._erase(workspace, erasure)
                finished += 1
        return finished

    async def _claim(self, workspace: WorkspaceId) -> Erasure | None:
        now = self._clock.now()
        return await self._store.claim(workspace, holder=self._holder, now=now, until=now + _LEASE)

    async def _is_refused(self, workspace: WorkspaceId, erasure: Erasure) -> bool:
        """Return whether who asked may not have it done any more; what was begun in their right is finished."""
        if self._askers is None or erasure.batch:
            return False
        why = await self._askers.why_not(workspace, erasure.requested_by, _ACTION)
        if why:
            _log.warning("erasure refused", erasureId=erasure.id, asker=erasure.requested_by, workspace=workspace)
            await self._store.refuse(workspace, erasure, why=why, at=self._clock.now(), holder=self._holder)
        return bool(why)

    async def _erase(self, workspace: WorkspaceId, erasure: Erasure) -> None:
        has_deleted = False
        while True:  # until a look from the beginning finds nothing: rows come in while others go
            found_any = False
            after = -1
            while seconds := await self._rows.seconds_of(workspace, erasure.target, after=after, limit=BATCH_SECONDS):
                erasure = await self._erase_batch(workspace, erasure, seconds)
                after, found_any, has_deleted = seconds[-1], True, True
            if not found_any:
                break
        if has_deleted:
            await self._free()
        await self._store.finish(workspace, erasure, at=self._clock.now(), holder=self._holder)
        _log.info("erased", erasureId=erasure.id, kind=erasure.target.kind.value, workspace=workspace)

    async def _erase_batch(self, workspace: WorkspaceId, erasure: Erasure, seconds: list[int]) -> Erasure:
        # A run is counted where its topmost span ended: a part of it that goes changes that second as well.
        changed = set(seconds) | await self._rows.counted_with(workspace, erasure.target, seconds)
        numbered = replace(erasure, batch=erasure.batch + 1)
        await self._store.announce(workspace, numbered, changed)
        await self._rows.delete(workspace, erasure.target, seconds)
        until = self._clock.now() + _LEASE
        return await self._store.confirm(workspace, numbered, done=len(seconds), holder=self._holder, until=until)

    async def _look_for_late_copies(self, workspace: WorkspaceId) -> None:
        now = self._clock.now()
        await self._store.end_holds(workspace, now=now)
        held = await self._store.list_held(workspace)
        if not held:
            return
        # The first look of a process goes back to the earliest request: it does not know who looked before.
        since = self._looked_at.get(workspace, min(erasure.requested_at for erasure in held) - _SETTLED)
        # Of one subject that was erased twice, the later request means more rows.
        newest = {(one.target.kind, one.target.subject): one for one in sorted(held, key=lambda one: one.requested_at)}
        found = await self._rows.find_late(workspace, [one.target for one in newest.values()], since=since)
        late = {one.id for one in newest.values() if one.target in found}
        if late:
            await self._store.reopen(workspace, late)
        self._looked_at[workspace] = now - _SETTLED

    async def _free(self) -> None:
        """Ask for the disk space; rows that no reader sees stay there until parts are merged when this is refused."""
        try:
            await self._rows.free()
        except TidegateError as error:
            _log.warning("erased rows stay on disk until they are merged", reason=error.message)
