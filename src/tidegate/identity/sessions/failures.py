"""Sign-ins that failed, recorded in the workspaces of the person whose they were to be.

Recorded after the answer, by a task of their own: what is written for a person who is known must cost whoever tries no
time that it does not cost for one who is not. What waits is lost when the process is killed; a stop writes it first.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from tidegate.audit import ActorKind, AuditTrail, Deed, Outcome
from tidegate.audit.model import JsonValue
from tidegate.identity.acting import Visit
from tidegate.kernel import TidegateError, WorkspaceId

__all__ = ["SignInFailures"]

_AFTER_S: Final = 1.0  # later than any answer is sent: nobody measures in it whether something is written
_MOST_WAITING: Final = 10_000  # attempts are limited to hundreds a minute long before
_MOST_WORKSPACES: Final = 50
_log = structlog.get_logger("tidegate.sign_in")


class SignInFailures:
    """`run` must be running; `note` never waits."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail
        self._waiting: deque[tuple[WorkspaceId, Deed]] = deque(maxlen=_MOST_WAITING)
        self._wake = asyncio.Event()

    def note(
        self,
        workspaces: Iterable[WorkspaceId],
        person: str | None,
        *,
        how: str,
        visit: Visit,
        about: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Have a failed sign-in of `person` recorded; `None` is the operator's one-time link."""
        deed = Deed(
            # Nobody proved to be anybody: the person is whom it was tried for.
            ActorKind.OPERATOR if person is None else ActorKind.PERSON,
            person or "operator",
            "sessions:create",
            "sign-in-link" if person is None else f"member/{person}",
            outcome=Outcome.DENIED,
            member=person,
            details={"how": how, **visit.facts, **(about or {})},
        )
        self._waiting.extend((workspace, deed) for workspace in list(workspaces)[:_MOST_WORKSPACES])
        self._wake.set()

    async def run(self) -> None:
        """Record until cancelled, then what is left."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(_AFTER_S)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Record all that waits."""
        while self._waiting:
            workspace, deed = self._waiting.popleft()
            try:
                await self._trail.record(workspace, deed)
            except TidegateError as error:
                _log.error("a failed sign-in is not recorded", workspace=workspace, detail=error.message)
