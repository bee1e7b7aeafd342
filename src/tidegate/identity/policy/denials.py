"""Where refusals go: a record of each, without letting a flood of them through.

Contract. Of one actor, action and minute, the first 20 refusals are recorded one by one, before the answer; the others
are counted, and one more record says how many, within 70 s. Counts live in the process: a crash loses at most a
minute's worth of them, never one of the first 20.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from tidegate.audit import Deed
from tidegate.identity.policy.ports import DenialLog
from tidegate.kernel import Clock, TidegateError, WorkspaceId

__all__ = ["CoalescedDenials", "LoggedDenials"]

_EACH: Final = 20  # SECURITY section 2
_MAX_COUNTED: Final = 4_096  # actors and actions of one minute; beyond, refusals are recorded one by one
_SWEEP_S: Final = 10.0
_log = structlog.get_logger("tidegate.policy")


@dataclass
class _Counted:
    minute: datetime
    last: Deed
    count: int = 0


class LoggedDenials:
    """A `DenialLog` that is the log of the process."""

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        _log.info(
            "denial",
            workspace=workspace,
            actor=deed.actor,
            member=deed.member,
            action=deed.action,
            target=deed.target,
            policyIds=deed.policy_ids,
            requestId=deed.request_id,
            **dict(deed.details),
        )


class CoalescedDenials:
    """A `DenialLog` before another one. `run` must be running."""

    def __init__(self, log: DenialLog, *, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._counted: dict[tuple[WorkspaceId, str, str], _Counted] = {}

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        key = (workspace, deed.actor, deed.action)
        minute = self._clock.now().replace(second=0, microsecond=0)
        counted = self._counted.get(key)
        if counted is not None and counted.minute != minute:
            await self._close(key)
            counted = None
        if counted is None:
            if len(self._counted) >= _MAX_COUNTED:
                await self._log.record(workspace, deed)
                return
            counted = self._counted[key] = _Counted(minute, deed)
        counted.count += 1
        counted.last = deed
        if counted.count <= _EACH:
            await self._log.record(workspace, deed)

    async def run(self) -> None:
        """Record what was only counted, minute after minute, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            await self.sweep()

    async def sweep(self) -> None:
        """Close the minutes that are over; one that cannot be recorded now is tried again later."""
        minute = self._clock.now().replace(second=0, microsecond=0)
        for key in [key for key, counted in self._counted.items() if counted.minute != minute]:
            try:
                await self._close(key)
            except TidegateError as error:
                _log.warning("counted refusals are not recorded yet", detail=error.message)
                return

    async def _close(self, key: tuple[WorkspaceId, str, str]) -> None:
        counted = self._counted.pop(key, None)
        if counted is None or counted.count <= _EACH:
            return
        more = counted.count - _EACH
        details = {**counted.last.details, "count": more, "minute": counted.minute.isoformat()}
        try:
            await self._log.record(key[0], replace(counted.last, details=details))
        except TidegateError:
            self._counted.setdefault(key, counted)
            raise
