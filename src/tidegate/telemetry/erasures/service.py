"""Asking for rows to be erased, and how far that is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from tidegate.audit import Doer
from tidegate.audit.model import JsonValue
from tidegate.kernel import Clock, IdFactory, InvalidInputError, WorkspaceId
from tidegate.telemetry.erasures.errors import ErasureNotFoundError, NothingToEraseError
from tidegate.telemetry.erasures.model import Erasure, ErasureKind, ErasureState, Found, Target
from tidegate.telemetry.erasures.ports import ErasedRows, ErasureStore
from tidegate.telemetry.traces import is_trace_id

MAX_LISTED: Final = 200
_MAX_SUBJECT: Final = 512  # as intake cuts what rows are grouped by
_log = structlog.get_logger("tidegate.erasures")


class ErasureService:
    """Takes requests; `EraseRunner` does the work."""

    def __init__(
        self,
        *,
        rows: ErasedRows,
        store: ErasureStore,
        ids: IdFactory,
        clock: Clock,
        hold: timedelta,
        on_requested: Callable[[], None],
    ) -> None:
        self._rows = rows
        self._store = store
        self._ids = ids
        self._clock = clock
        self._hold = hold
        self._on_requested = on_requested

    async def preview(self, workspace: WorkspaceId, kind: ErasureKind, subject: str) -> Found:
        """Return what an erasure would take away now.

        Raises:
            NothingToEraseError: nothing of it is stored.
        """
        return await self._count(workspace, self._target_of(kind, subject))

    async def request(
        self, workspace: WorkspaceId, kind: ErasureKind, subject: str, *, reason: str, by: Doer
    ) -> Erasure:
        """Begin to erase; the same request while one is running returns that one.

        Raises:
            NothingToEraseError: nothing of it is stored.
            InvalidInputError: there is no reason.
        """
        if not reason.strip():
            raise InvalidInputError("Say why it is erased: the reason is kept.", field="reason")
        target = self._target_of(kind, subject)
        found = await self._count(workspace, target)
        erasure = Erasure(
            workspace=workspace,
            id=self._ids.new_id("ers"),
            target=target,
            reason=reason.strip(),
            requested_by=by.actor,
            state=ErasureState.RUNNING,
            found=found,
            seconds_done=0,
            batch=0,
            held_until=target.until + self._hold,
            finished_at=None,
        )
        rows: dict[str, JsonValue] = {
            "spans": found.spans,
            "logs": found.logs,
            "points": found.points,
            "runs": found.runs,
        }
        deed = by.deed(
            "telemetry:erase", f"{kind.value}/{target.subject}", erasure=erasure.id, reason=erasure.reason, rows=rows
        )
        kept = await self._store.add(workspace, erasure, deed=deed)
        _log.info("erasure requested", erasureId=kept.id, kind=kind.value, actor=by.actor, workspace=workspace)
        self._on_requested()
        return kept

    async def get(self, workspace: WorkspaceId, erasure_id: str) -> Erasure:
        """Return one erasure.

        Raises:
            ErasureNotFoundError: there is none of this id.
        """
        found = await self._store.find(workspace, erasure_id)
        if found is None:
            raise ErasureNotFoundError
        return found

    async def list_newest(self, workspace: WorkspaceId) -> list[Erasure]:
        """Return at most 200 erasures, the newest first."""
        return await self._store.list_newest(workspace, limit=MAX_LISTED)

    def _target_of(self, kind: ErasureKind, subject: str) -> Target:
        if kind is ErasureKind.TRACE:
            subject = subject.lower()
            if not is_trace_id(subject):
                raise NothingToEraseError(kind.value)
        if not 0 < len(subject) <= _MAX_SUBJECT or "\0" in subject:
            raise NothingToEraseError(kind.value)
        return Target(kind, subject, self._clock.now())

    async def _count(self, workspace: WorkspaceId, target: Target) -> Found:
        found = await self._rows.count(workspace, target)
        if found.is_nothing:
            raise NothingToEraseError(target.kind.value)
        return found
