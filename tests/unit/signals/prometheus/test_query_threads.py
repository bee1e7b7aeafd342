"""Evaluations that nobody waits for any more still take a processor: never more of them than there are places."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tidegate.kernel import WorkspaceId
from tidegate.promql.series import Series
from tidegate.signals.prometheus.errors import QueryTimeoutError
from tidegate.signals.prometheus.reading import Held
from tidegate.signals.prometheus.service import QueryService

WORKSPACE = WorkspaceId("w-one")


class Slow:
    """A `SeriesReading` whose series are looked at for as long as the test says, and which counts who looks."""

    now_ms = 0

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.lock = threading.Lock()
        self.begun = 0

    async def read(self, workspace: WorkspaceId, demands: Mapping[Any, Any], *, within: object) -> Held:
        return SlowHeld(self)

    async def warnings(self, *_: object, **__: object) -> tuple[str, ...]:
        return ()


class SlowHeld(Held):
    def __init__(self, slow: Slow) -> None:
        super().__init__()
        self.slow = slow

    def select(self, matchers: object, start_ms: int, end_ms: int) -> Sequence[Series]:
        with self.slow.lock:
            self.slow.begun += 1
        self.slow.go_on.wait(10)
        return []


async def test_queries_that_time_out_take_no_more_processors_than_queries_may() -> None:
    slow = Slow()
    service = QueryService(slow)  # type: ignore[arg-type]  # what a query asks of it
    for _ in range(5):
        with pytest.raises(QueryTimeoutError):
            await service.query(WORKSPACE, "up", at_ms=0, timeout_s=0.05, within=None)  # type: ignore[arg-type]
    begun = slow.begun
    slow.go_on.set()
    await asyncio.sleep(0)
    assert begun == 2
    assert await service.query(WORKSPACE, "up", at_ms=0, timeout_s=5, within=None) is not None  # type: ignore[arg-type]
