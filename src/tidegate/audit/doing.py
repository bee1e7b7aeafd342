"""Who acts, as the doors of slices hand it on to what they call."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from tidegate.audit.deeds import Doer, doer_of
from tidegate.audit.ports import AuditTrail
from tidegate.edge.caller import Caller, CurrentCaller, Writer
from tidegate.edge.requests import request_id_of

__all__ = ["Reading", "ReadingRecords", "Writing"]


async def _writing(request: Request, caller: Writer) -> Doer:
    return doer_of(caller, request_id=request_id_of(request.scope))


@dataclass(frozen=True, slots=True)
class ReadingRecords:
    """Records what one caller reads that not everybody should read unseen."""

    caller: Caller
    request: Request

    async def content(self, action: str, target: str) -> None:
        """Record that prompts or outputs of a watched service are about to be shown.

        Raises:
            UnavailableError: it cannot be recorded now, so they may not be shown.
        """
        await self._record(action, target, "content")

    async def export(self, action: str, target: str) -> None:
        """Record that a list is about to be taken away as a file.

        Raises:
            UnavailableError: as for `content`.
        """
        await self._record(action, target, "export")

    async def _record(self, action: str, target: str, what: str) -> None:
        trail: AuditTrail = self.request.app.state.services[AuditTrail]
        by = doer_of(self.caller, request_id=request_id_of(self.request.scope))
        await trail.record_read(self.caller.workspace, by.deed(action, target, what=what))


async def _reading(request: Request, caller: CurrentCaller) -> ReadingRecords:
    return ReadingRecords(caller, request)


Writing = Annotated[Doer, Depends(_writing)]
"""Whoever may write, and does."""
Reading = Annotated[ReadingRecords, Depends(_reading)]
"""Whoever may read, where it is recorded what was read."""
