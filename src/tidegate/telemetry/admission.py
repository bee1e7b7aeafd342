"""Who may send how much at once: bodies in flight are bounded per workspace and in all, slow ones are cut off.

What is in flight is what this process holds in memory before it is stored: bytes as received and as expanded. Half of
the room is the most that one workspace may take, so a flood of one leaves the other half to all others. The first body
of a workspace always has room in its own half: a single large body is a matter of the size limit alone.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.telemetry.errors import IngestFullError, OtlpMalformedError

if TYPE_CHECKING:
    from starlette.types import Receive

__all__ = ["Admission", "BodiesInFlight", "BodyTooSlowError"]

MAX_BYTES = 96 * 2**20  # a third of what all processes may take after a million spans
MAX_BODIES_PER_WORKSPACE = 256  # of half a megabyte, as exporters send them: more than one flush takes in 30 s
_FIRST_PATIENCE_S = 15.0  # OTLP exporters give up after 10 s
_SLOWEST_BYTES_A_SECOND = 64 * 1024  # half a megabit: 16 MB take four minutes


class BodyTooSlowError(UnavailableError):
    code: ClassVar[str] = "body_too_slow"

    def __init__(self) -> None:
        super().__init__(
            f"The body came in too slowly: {_FIRST_PATIENCE_S:.0f} s and one more for every 64 kB are allowed. "
            "Nothing of it was stored; send smaller batches."
        )


class BodiesInFlight:
    """The bodies that one process is reading or storing."""

    def __init__(
        self,
        *,
        max_bytes: int = MAX_BYTES,
        max_bodies: int = MAX_BODIES_PER_WORKSPACE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_bodies = max_bodies
        self._monotonic = monotonic
        self._bytes: defaultdict[WorkspaceId, int] = defaultdict(int)
        self._bodies: defaultdict[WorkspaceId, int] = defaultdict(int)

    @property
    def total_bytes(self) -> int:
        return sum(self._bytes.values())

    @asynccontextmanager
    async def admitted(self, workspace: WorkspaceId) -> AsyncIterator["Admission"]:
        """Let one more body of `workspace` in for the length of the block.

        Raises:
            IngestFullError: it has too many in flight already.
        """
        if self._bodies[workspace] >= self._max_bodies:
            raise IngestFullError
        self._bodies[workspace] += 1
        admission = Admission(self, workspace, self._monotonic)
        try:
            yield admission
        finally:
            self._bodies[workspace] -= 1
            self._bytes[workspace] -= admission.held_bytes
            if not self._bodies[workspace]:
                del self._bodies[workspace], self._bytes[workspace]

    def hold(self, workspace: WorkspaceId, more: int) -> None:
        """Count `more` bytes of `workspace`.

        Raises:
            IngestFullError: there is no room for them; nothing was counted.
        """
        mine = self._bytes[workspace]
        others = self.total_bytes - mine
        is_alone = self._bodies[workspace] == 1
        if mine + more > self._max_bytes // 2 and not is_alone:
            raise IngestFullError
        if others and mine + others + more > self._max_bytes and not (is_alone and others <= self._max_bytes // 2):
            raise IngestFullError
        self._bytes[workspace] = mine + more


class Admission:
    """One body from its first byte until it is stored."""

    def __init__(self, flight: BodiesInFlight, workspace: WorkspaceId, monotonic: Callable[[], float]) -> None:
        self._flight = flight
        self._workspace = workspace
        self._monotonic = monotonic
        self.held_bytes = 0

    def hold(self, more: int) -> None:
        """Count `more` bytes that this body takes.

        Raises:
            IngestFullError: there is no room for them.
        """
        self._flight.hold(self._workspace, more)
        self.held_bytes += more

    async def chunks(self, receive: "Receive") -> AsyncIterator[bytes]:
        """Yield the body as it comes in; what is kept of it is to be held.

        Raises:
            BodyTooSlowError: it comes slower than it may.
            OtlpMalformedError: its sender is gone.
        """
        started, received = self._monotonic(), 0
        while True:
            allowed_s = _FIRST_PATIENCE_S + received / _SLOWEST_BYTES_A_SECOND
            try:
                async with asyncio.timeout(started + allowed_s - self._monotonic()):
                    message = await receive()
            except TimeoutError as error:
                raise BodyTooSlowError from error
            if message["type"] == "http.disconnect":
                raise OtlpMalformedError("it ended before it was complete.")
            chunk: bytes = message.get("body", b"")
            received += len(chunk)
            yield chunk
            if not message.get("more_body"):
                return
