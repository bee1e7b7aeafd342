"""Several processes take telemetry in at once, some die, some are only slow: every stored span is counted, once."""

import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.factories import auth_span, make_request
from tests.span_rows import batch_of

from tidegate.kernel import RandomIds, SystemClock, UnavailableError, WorkspaceId
from tidegate.signals.tasks import build_closer, build_reader
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry import EngineBatchStore, PostgresTouchLedger
from tidegate.telemetry.model import Signal

AT_ONCE = timedelta(0)


class Writer:
    """One process that takes telemetry in, step by step."""

    def __init__(self, database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> None:
        name = f"writer-{secrets.token_hex(4)}"
        self.ledger = PostgresTouchLedger(database, writer=name, late=AT_ONCE, given_up=AT_ONCE)
        self._store = EngineBatchStore(engine)
        self._workspace = workspace
        self._flush_id = RandomIds().new_id("flu")
        self._batch = batch_of(make_request(auth_span(200, at_ns=time.time_ns())), time.time_ns())

    async def announce(self) -> None:
        await self.ledger.announce(self._flush_id, {self._workspace: self._batch.seconds})

    async def store(self) -> None:
        await self._store.add([(self._workspace, self._batch)], signal=Signal.TRACES, token=self._flush_id)

    async def confirm(self) -> None:
        await self.ledger.confirm(self._flush_id, [self._workspace])

    async def confirm_in_doubt(self) -> None:
        await self.ledger.confirm_in_doubt(self._flush_id, [self._workspace])


class Counting:
    """The closer and the reader of one workspace."""

    def __init__(self, database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> None:
        self.closer = build_closer(database, engine, SystemClock())
        self._reader = build_reader(database, engine, SystemClock())
        self._workspace = workspace

    async def close(self) -> None:
        while await self.closer.close_once():
            pass

    async def counted(self) -> int:
        return await self._reader.span_count(self._workspace)


class LosingAnswers:
    """A state store that writes what it is told, and whose answer to that is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction_over(self, workspaces: Iterable[WorkspaceId]) -> AsyncIterator[Any]:
        async with self._database.transaction_over(workspaces) as each:
            yield each
        raise UnavailableError("gone in the middle")


@pytest.fixture
def counting(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> Counting:
    return Counting(database, engine, workspace)


@pytest.fixture
def one(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> Writer:
    return Writer(database, engine, workspace)


@pytest.fixture
def other(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> Writer:
    return Writer(database, engine, workspace)


async def test_one_that_lives_is_adopted_before_its_insert_and_is_counted_all_the_same(
    one: Writer, other: Writer, counting: Counting
) -> None:
    await one.announce()
    await other.ledger.adopt()
    await counting.close()  # counts the seconds before anything is in them
    await one.store()
    await one.confirm()
    await counting.close()
    assert await counting.counted() == 1


async def test_an_announcement_whose_answer_is_lost_is_counted_and_forgotten_once_it_is_settled(
    one: Writer, counting: Counting, database: Database, workspace: WorkspaceId, owner_connection: Any
) -> None:
    one.ledger._database = LosingAnswers(database)  # type: ignore[assignment]
    with pytest.raises(UnavailableError):
        await one.announce()
    one.ledger._database = database
    await one.store()  # as if it had been stored: nobody knows
    await one.confirm_in_doubt()
    await counting.close()
    assert await counting.counted() == 1
    await one.ledger.sweep()
    await counting.close()
    left = await owner_connection.fetchval("SELECT count(*) FROM telemetry_touches WHERE workspace = $1", workspace)
    assert left == 0


async def test_a_closing_that_read_the_adopted_touch_does_not_settle_what_came_after(
    one: Writer, other: Writer, counting: Counting
) -> None:
    class Interrupted:
        """The touch ledger of the closer, with something happening between counting and publishing."""

        def __init__(self, touches: Any) -> None:
            self._touches = touches

        def __getattr__(self, name: str) -> Any:
            return getattr(self._touches, name)

        async def publish(self, *given: Any, **named: Any) -> None:
            counting.closer.touches = self._touches
            await one.store()
            await one.confirm()
            await self._touches.publish(*given, **named)

    await one.announce()
    await other.ledger.adopt()
    counting.closer.touches = Interrupted(counting.closer.touches)  # type: ignore[assignment]
    await counting.close()
    assert await counting.counted() == 1


async def test_what_a_dead_one_stored_without_confirming_is_counted(
    one: Writer, other: Writer, counting: Counting
) -> None:
    await one.announce()
    await one.store()
    await other.ledger.adopt()
    await counting.close()
    assert await counting.counted() == 1


async def test_an_insert_that_ends_after_its_process_was_adopted_as_dead_is_counted_later(
    one: Writer, other: Writer, counting: Counting
) -> None:
    await one.announce()
    await other.ledger.adopt()
    await counting.close()
    await one.store()  # the engine was still at it; its process does not live to hear of it
    await other.ledger.sweep()
    await counting.close()
    assert await counting.counted() == 1


async def test_an_insert_that_ends_after_its_caller_gave_up_is_counted_later(one: Writer, counting: Counting) -> None:
    await one.announce()
    await one.confirm_in_doubt()
    await counting.close()
    assert await counting.counted() == 0
    await one.store()
    await one.ledger.sweep()
    await counting.close()
    assert await counting.counted() == 1


async def test_what_is_in_doubt_delays_no_figures(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId, counting: Counting
) -> None:
    slow = Writer(database, engine, workspace)
    slow.ledger = PostgresTouchLedger(database, writer="slow", late=timedelta(days=1))
    await slow.announce()
    await slow.store()
    await slow.confirm_in_doubt()
    await slow.ledger.sweep()
    await counting.close()
    assert await counting.counted() == 1  # and no error that counting is behind


async def test_adopting_twice_and_confirming_late_counts_once(one: Writer, other: Writer, counting: Counting) -> None:
    await one.announce()
    await one.store()
    for _ in range(2):
        await other.ledger.adopt()
        await counting.close()
    await one.confirm()
    await one.confirm_in_doubt()
    await other.ledger.sweep()
    await counting.close()
    assert await counting.counted() == 1
