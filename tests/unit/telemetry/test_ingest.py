import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.factories import NANO, make_request, make_span
from tests.span_rows import batch_of

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage.native import Columns
from tidegate.storage.telemetry import BadTelemetryRowsError
from tidegate.telemetry import IngestService
from tidegate.telemetry.errors import IngestFullError
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.service import MAX_WAITING_ROWS_PER_WORKSPACE
from tidegate.testing import CountingIds

ACME, GLOBEX = WorkspaceId("acme"), WorkspaceId("globex")
NOW_NS = 1_700_000_002 * NANO
DAY_NS = 86_400 * NANO


def spans(count: int = 1, *, size_bytes: int = 0, received_ns: int = NOW_NS, **changes: object) -> Batch:
    request = make_request(*(make_span(**changes) for _ in range(count)))
    return batch_of(request, received_ns, size_bytes=size_bytes)


class RecordingSpans:
    """A span store that can be told to fail."""

    def __init__(self) -> None:
        self.inserts: list[tuple[str, int]] = []
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def add(
        self, batches: Sequence[tuple[WorkspaceId, Batch]], *, signal: Signal, token: str
    ) -> Sequence[Columns]:
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.inserts.append((token, sum(batch.row_count for _, batch in batches)))
        return ()


class PickySpans(RecordingSpans):
    """A span store that cannot read rows of one name."""

    async def add(
        self, batches: Sequence[tuple[WorkspaceId, Batch]], *, signal: Signal, token: str
    ) -> Sequence[Columns]:
        if any(
            "unreadable" in extent.columns.texts["name"].words
            for _, batch in batches
            for extent in batch.payload.extents
        ):
            raise BadTelemetryRowsError("cannot be read")
        return await super().add(batches, signal=signal, token=token)


class RecordingTouches:
    """A ledger that writes down the order of what happened."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []
        self.failures: list[Exception] = []
        """What the next announcements end with, written though they are."""
        self.gate = asyncio.Event()
        self.gate.set()

    async def announce(self, flush_id: str, seconds: Mapping[WorkspaceId, Mapping[int, int]]) -> None:
        self.events.append(("announce", flush_id, *sorted(seconds)))
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)

    async def confirm(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        self.events.append(("confirm", flush_id, *workspaces))

    async def confirm_in_doubt(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        self.events.append(("confirm in doubt", flush_id, *workspaces))

    async def adopt(self) -> None:
        self.events.append(("adopt",))

    async def sweep(self) -> None:
        self.events.append(("sweep",))


class World:
    """One ingest service over recording ports."""

    def __init__(self, spans: RecordingSpans | None = None) -> None:
        self.spans, self.touches = spans or RecordingSpans(), RecordingTouches()
        self.stored = 0
        self.ingest = IngestService(
            store=self.spans, touches=self.touches, ids=CountingIds(), listener=self, monotonic=lambda: 0.0
        )

    def keep(self, flush_id: str, spans: Sequence[Columns], /) -> None:
        del spans
        self.touches.events.append(("keep", flush_id))

    def wake(self) -> None:
        self.stored += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.ingest.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def world() -> World:
    return World()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition of the recorded events, not an event of its own
            await asyncio.sleep(0)


async def test_it_announces_then_stores_then_confirms(world: World) -> None:
    async with world.running():
        await world.ingest.accept(ACME, spans(2))
    assert world.touches.events == [
        ("adopt",),
        ("announce", "flu_00001", "acme"),
        ("keep", "flu_00001"),
        ("confirm", "flu_00001", "acme"),
    ]
    assert [count for _, count in world.spans.inserts] == [2]
    assert (world.ingest.stored_rows, world.stored) == (2, 1)


async def test_what_comes_in_together_is_stored_together(world: World) -> None:
    async with world.running():
        await asyncio.gather(world.ingest.accept(ACME, spans()), world.ingest.accept(GLOBEX, spans(3)))
    assert [count for _, count in world.spans.inserts] == [4]


async def test_an_insert_never_spans_two_days_of_arrival(world: World) -> None:
    async with world.running():
        await asyncio.gather(
            world.ingest.accept(ACME, spans()), world.ingest.accept(ACME, spans(received_ns=NOW_NS + DAY_NS))
        )
    assert len({token for token, _ in world.spans.inserts}) == 2


async def test_spans_of_any_year_share_one_insert(world: World) -> None:
    async with world.running():
        await asyncio.gather(
            *(world.ingest.accept(ACME, spans(end_time_unix_nano=NOW_NS - year * 365 * DAY_NS)) for year in (1, 5, 9))
        )
    assert [count for _, count in world.spans.inserts] == [3]


async def test_nothing_to_store_is_stored_at_once(world: World) -> None:
    await world.ingest.accept(ACME, Batch(Signal.TRACES, None, 0, {}, NOW_NS, size_bytes=0))
    assert world.touches.events == []


async def test_a_failed_insert_reaches_its_sender_and_its_seconds_are_counted_all_the_same(world: World) -> None:
    world.spans.failures.append(UnavailableError("engine away"))
    async with world.running():
        with pytest.raises(UnavailableError, match="engine away"):
            await world.ingest.accept(ACME, spans())
        await world.ingest.accept(ACME, spans())
    assert ("confirm in doubt", "flu_00001", "acme") in world.touches.events
    assert [token.partition("-")[0] for token, _ in world.spans.inserts] == ["flu_00002"]


async def test_an_engine_that_never_answers_does_not_hold_up_senders_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.telemetry.flushing._FLUSH_LIMIT_S", 0.01)
    world.spans.gate.clear()
    async with world.running():
        with pytest.raises(UnavailableError, match="too long"):
            await world.ingest.accept(ACME, spans())
        world.spans.gate.set()
        await world.ingest.accept(ACME, spans())
    assert len(world.spans.inserts) == 1


async def test_an_announcement_whose_answer_is_lost_is_settled_for_figures_would_wait_for_it(world: World) -> None:
    # On a full disk PostgreSQL ends in the middle; what it had written held up a workspace's figures until a restart.
    world.touches.failures.append(UnavailableError("gone in the middle"))
    async with world.running():
        with pytest.raises(UnavailableError, match="gone in the middle"):
            await world.ingest.accept(ACME, spans())
        await world.ingest.accept(GLOBEX, spans())
    assert ("confirm in doubt", "flu_00001", "acme") in world.touches.events
    assert [token.partition("-")[0] for token, _ in world.spans.inserts] == ["flu_00002"]


async def test_an_announcement_that_is_never_answered_is_settled_as_well(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.telemetry.flushing._FLUSH_LIMIT_S", 0.01)
    world.touches.gate.clear()
    async with world.running():
        with pytest.raises(UnavailableError, match="too long"):
            await world.ingest.accept(ACME, spans())
        world.touches.gate.set()
        await world.ingest.accept(ACME, spans())
    assert ("confirm in doubt", "flu_00001", "acme") in world.touches.events


async def test_an_announcement_that_is_refused_leaves_nothing_to_settle(world: World) -> None:
    world.touches.failures.append(RuntimeError("no such workspace"))
    async with world.running():
        with pytest.raises(UnavailableError):
            await world.ingest.accept(ACME, spans())
        await world.ingest.accept(GLOBEX, spans())
    assert [event for event in world.touches.events if event[0] == "confirm in doubt"] == []


async def test_an_unexpected_failure_is_no_end_of_ingest(world: World) -> None:
    world.spans.failures.append(RuntimeError("a bug"))
    async with world.running():
        with pytest.raises(UnavailableError):
            await world.ingest.accept(ACME, spans())
        await world.ingest.accept(ACME, spans())
    assert len(world.spans.inserts) == 1


async def test_a_flood_of_one_workspace_is_stopped_and_another_gets_through(world: World) -> None:
    world.spans.gate.clear()
    one = spans()
    async with world.running():
        flood = asyncio.create_task(world.ingest.accept(ACME, spans(size_bytes=MAX_WAITING_ROWS_PER_WORKSPACE * 1_024)))
        await until(lambda: len(world.touches.events) > 1)
        with pytest.raises(IngestFullError):
            await world.ingest.accept(ACME, one)
        quiet = asyncio.create_task(world.ingest.accept(GLOBEX, spans()))
        world.spans.gate.set()
        await asyncio.gather(flood, quiet)
        await world.ingest.accept(ACME, one)


async def test_a_sender_that_hangs_up_leaves_its_rows_stored(world: World) -> None:
    world.spans.gate.clear()
    async with world.running():
        sender = asyncio.create_task(world.ingest.accept(ACME, spans()))
        await until(lambda: len(world.touches.events) > 1)
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        world.spans.gate.set()
        await until(lambda: world.stored == 1)
    assert len(world.spans.inserts) == 1


async def test_stopping_tells_the_senders_to_come_again(world: World) -> None:
    world.spans.gate.clear()
    async with world.running():
        sender = asyncio.create_task(world.ingest.accept(ACME, spans()))
        await until(lambda: len(world.touches.events) > 1)
    with pytest.raises(UnavailableError, match="stopping"):
        await sender


async def test_stopping_tells_those_who_still_wait_for_their_flush(world: World) -> None:
    world.spans.gate.clear()
    async with world.running():
        first = asyncio.create_task(world.ingest.accept(ACME, spans()))
        await until(lambda: len(world.touches.events) > 1)
        second = asyncio.create_task(world.ingest.accept(ACME, spans()))
        await asyncio.sleep(0)
    for sender in (first, second):
        with pytest.raises(UnavailableError, match="stopping"):
            await asyncio.wait_for(sender, 5)


async def test_a_row_that_cannot_be_read_is_refused_alone() -> None:
    picky = World(PickySpans())
    async with picky.running():
        answers = await asyncio.gather(
            picky.ingest.accept(ACME, spans()),
            picky.ingest.accept(GLOBEX, spans(name="unreadable")),
            picky.ingest.accept(ACME, spans(2)),
            return_exceptions=True,
        )
    assert [type(answer) for answer in answers] == [type(None), BadTelemetryRowsError, type(None)]
    assert [count for _, count in picky.spans.inserts] == [1, 2]


async def test_few_rows_of_many_bytes_wait_as_many_rows(world: World) -> None:
    world.spans.gate.clear()
    async with world.running():
        first = asyncio.create_task(world.ingest.accept(ACME, spans(size_bytes=60 * 2**20)))
        await until(lambda: bool(world.touches.events))
        with pytest.raises(IngestFullError):
            await world.ingest.accept(ACME, spans(size_bytes=60 * 2**20))
        world.spans.gate.set()
        await first
        await world.ingest.accept(ACME, spans(size_bytes=60 * 2**20))


async def test_rows_of_a_sender_that_hung_up_take_room_until_they_are_stored(world: World) -> None:
    world.spans.gate.clear()
    async with world.running():
        gone = asyncio.create_task(world.ingest.accept(ACME, spans(size_bytes=60 * 2**20)))
        await until(lambda: bool(world.touches.events))
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        with pytest.raises(IngestFullError):
            await world.ingest.accept(ACME, spans(size_bytes=60 * 2**20))
        world.spans.gate.set()
        await until(lambda: bool(world.spans.inserts))
