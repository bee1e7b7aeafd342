"""What the audit does by itself: refusals that were counted are recorded, and heads are signed."""

import asyncio
from typing import Final

import structlog

from tidegate.audit.errors import AuditChainBrokenError
from tidegate.audit.service import AuditService
from tidegate.audit.trail import PostgresAuditTrail
from tidegate.kernel import Clock, UnavailableError

__all__ = ["AuditKeeper"]

_SIGNED_EVERY_S: Final = 60.0
_log = structlog.get_logger("tidegate.audit")


class AuditKeeper:
    """Wakes with each minute; what is left is done when the server stops."""

    def __init__(self, *, trail: PostgresAuditTrail, audit: AuditService, clock: Clock) -> None:
        self._trail = trail
        self._audit = audit
        self._clock = clock

    async def run(self) -> None:
        """Keep the audit until cancelled."""
        try:
            while True:
                await asyncio.sleep(_SIGNED_EVERY_S - self._clock.now().timestamp() % _SIGNED_EVERY_S)
                await self.keep()
        finally:
            await self._finish()

    async def keep(self) -> None:
        """Record the refusals and reads of the minutes that are over, then sign every chain that grew."""
        try:
            await self._trail.flush_counted()
        except UnavailableError as error:
            _log.warning("refusals and reads are recorded later", cause=error.message)
        await self.sign()

    async def sign(self) -> None:
        """Sign the head of every chain that grew since; one that is broken is said aloud and holds up no other."""
        try:
            for workspace in await self._audit.list_unsigned():
                try:
                    await self._audit.sign_head(workspace)
                except AuditChainBrokenError as error:
                    _log.error("audit chain broken", workspace=workspace, detail=error.message)
        except UnavailableError as error:
            _log.warning("heads are signed later", cause=error.message)

    async def _finish(self) -> None:
        """Leave nothing behind in memory."""
        try:
            await self._trail.close()
            await self.sign()
        except UnavailableError:
            _log.exception("stopped without recording every refusal")
