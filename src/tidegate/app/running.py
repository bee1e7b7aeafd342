"""What every edge process begins with: engines that may still be starting, and tasks that never end unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog

from tidegate.kernel import UnavailableError
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from tidegate.app.settings import EdgeSettings

_log = structlog.get_logger("tidegate.edge")
_CONNECT_RETRY_S = 0.25

Task = Callable[[], Awaitable[None]]
Connected = TypeVar("Connected")


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge process: what it serves, and what runs beside it."""

    application: ASGIApp
    close_streams: Callable[[], None]
    """To be called when the process stops: streams would keep it waiting."""
    tasks: tuple[Task, ...] = ()
    """What runs beside it, for as long as the application is up."""


async def connect_engines(settings: EdgeSettings, stack: AsyncExitStack) -> tuple[Database, TelemetryEngine]:
    """Connect both engines; they are closed with `stack`."""
    database = await _eventually(lambda: Database.connect(settings.database_dsn))
    stack.push_async_callback(database.close)
    engine = await _eventually(
        lambda: TelemetryEngine.connect(
            settings.telemetry_url, secret=settings.telemetry_secret, password=settings.telemetry_password
        )
    )
    stack.push_async_callback(engine.close)
    return database, engine


def running(tasks: Sequence[Task]) -> Callable[[Any], Any]:
    """Return a lifespan in which `tasks` run."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        under_way = [asyncio.create_task(_kept_running(task)) for task in tasks]
        try:
            yield
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    return lifespan


async def _kept_running(task: Task) -> None:
    """Run a background task for ever: one that fails is logged and begins again, it never ends unseen."""
    while True:
        try:
            await task()
        except Exception:  # noqa: BLE001 - the top of a background task; the traceback is logged
            _log.exception("background task failed", task=getattr(task, "__qualname__", repr(task)))
        await asyncio.sleep(1)


async def _eventually(connect: Callable[[], Awaitable[Connected]]) -> Connected:
    """Connect, for as long as the engine is still starting; the supervisor gives up on us before we do on it."""
    while True:
        try:
            return await connect()
        except (OSError, TimeoutError, UnavailableError, asyncpg.CannotConnectNowError) as error:
            _log.info("waiting for an engine", reason=repr(error))
            await asyncio.sleep(_CONNECT_RETRY_S)
