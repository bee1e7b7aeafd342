"""Objectives put together for `app`, and what watches them in the background."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from tidegate.audit import AuditTrail
from tidegate.kernel import Clock, UnavailableError
from tidegate.signals import StepCounts
from tidegate.slos.burning import BurnLook
from tidegate.slos.keeping import BurnKeeper
from tidegate.slos.objective_files import body_of, parse_objectives
from tidegate.slos.ports import BurnListener
from tidegate.slos.service import ObjectiveService
from tidegate.slos.store import PostgresObjectiveStore
from tidegate.storage import Database

__all__ = ["BurnWatch", "build_objectives"]

_log = structlog.get_logger("tidegate.objectives")
_EVERY_S: Final = 5.0  # the shortest window of a pair is five minutes


def build_objectives(database: Database, counts: StepCounts, trail: AuditTrail, clock: Clock) -> ObjectiveService:
    store = PostgresObjectiveStore(database, trail)
    keeper = BurnKeeper(counts=counts, store=store)
    return ObjectiveService(store=store, keeper=keeper, clock=clock, read=parse_objectives, body_of=body_of)


class BurnWatch:
    """Looks at all objectives again and again: counts stay warm, freezes are remembered, and what burns is told."""

    def __init__(self, objectives: ObjectiveService, listener: BurnListener | None = None) -> None:
        self._objectives = objectives
        self._listener = listener

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        try:
            while True:
                await self._look_safely()
                await asyncio.sleep(_EVERY_S)
        finally:
            if self._listener is not None:
                with suppress(UnavailableError):
                    await self._listener.release()

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except UnavailableError as error:  # what cannot be told is neither burning nor over
            _log.warning("objectives_unanswered", reason=error.message)
        except Exception:  # noqa: BLE001 - the top of a background task; logged with its traceback
            _log.exception("objectives_failed")

    async def look(self) -> BurnLook:
        """Look once; return what was found."""
        asked = await self._listener.find_open() if self._listener is not None else None
        look = await self._objectives.watch(asked or ())
        if self._listener is not None and asked is not None:
            await self._listener.told(look)
        return look
