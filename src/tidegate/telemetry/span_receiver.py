"""Trace bodies that come over gRPC: the same reading and storing as over HTTP."""

import asyncio
from typing import Final

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import Clock, WorkspaceId
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.model import SpanRow
from tidegate.telemetry.otlp import parse_protobuf, rows_of
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.service import IngestService

_ROWS_PER_TURN: Final = 256  # 5 ms of work: other requests are served in between


class SpanReceiver:
    """Stores protobuf trace requests."""

    def __init__(self, *, ingest: IngestService, policy: ContentPolicy, clock: Clock) -> None:
        self._ingest = ingest
        self._policy = policy
        self._clock = clock

    def refuse_if_full(self, workspace: WorkspaceId) -> None:
        self._ingest.refuse_if_full(workspace)

    async def receive(self, caller: Caller, body: bytes, *, is_json: bool) -> Refusals:
        """Store all spans or none.

        Raises:
            OtlpMalformedError: the body cannot be read.
            SpanInvalidError: a span of it is wrong.
        """
        assert not is_json  # noqa: S101 - gRPC carries protobuf only
        received_ns = int(self._clock.now().timestamp() * 1_000_000) * 1_000
        rows: list[SpanRow] = []
        for row in rows_of(
            parse_protobuf(body), caller.workspace, received_ns, policy=self._policy, may_replay=caller.may(Scope.WRITE)
        ):
            rows.append(row)
            if len(rows) % _ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
        await self._ingest.accept(caller.workspace, rows, size_bytes=len(body))
        return Refusals()
