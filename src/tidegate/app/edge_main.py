"""`python -m tidegate.app.edge_main`: one edge process, a child of the supervisor."""

import gc
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog
import uvicorn
import uvloop

from tidegate.app.running import Edge
from tidegate.app.settings import EdgeSettings, Role
from tidegate.edge.connections import MAX_CONNECTIONS, ImpatientProtocol, raise_file_limit

_ALLOCATIONS_A_COLLECTION = 50_000  # a body of 512 spans makes some thousands
_DRAIN_S = 5  # requests under way may finish; the slowest bar of a route is 1 s


def configure_logs() -> None:
    """Write one JSON object a line to stderr; the supervisor points that at a file."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="requestTimestamp"),
            # Without local variables: a driver's frames hold the database password.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def collect_garbage_less_often() -> None:
    """Leave cycles lie longer: there are few, and looking for them among the rows of a body takes 5 % of its time."""
    gc.freeze()  # modules and their like stay
    gc.set_threshold(_ALLOCATIONS_A_COLLECTION)


class _Server(uvicorn.Server):
    """Ends the streams of open pages first: waiting for requests under way would wait for them."""

    def __init__(self, config: uvicorn.Config, close_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._close_streams = close_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._close_streams()
        await super().shutdown(sockets)


async def serve(settings: EdgeSettings) -> None:
    """Serve until SIGTERM."""
    async with AsyncExitStack() as stack:
        edge = await _open(settings, stack)
        config = uvicorn.Config(
            edge.application,
            http=ImpatientProtocol,
            limit_concurrency=MAX_CONNECTIONS,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # who stands before us is a setting still to come; until then nobody may say so
            timeout_graceful_shutdown=_DRAIN_S,
            timeout_keep_alive=30,
        )
        descriptors = [fd for fd in (settings.http_fd, settings.otlp_fd) if fd is not None]
        await _Server(config, edge.close_streams).serve(sockets=[socket.socket(fileno=fd) for fd in descriptors])


async def _open(settings: EdgeSettings, stack: AsyncExitStack) -> Edge:
    if settings.roles == {Role.INGEST}:
        from tidegate.app.ingest_edge import open_ingest_edge

        return await open_ingest_edge(settings, stack)
    from tidegate.app.assembly import open_edge  # late: an edge that only takes telemetry in has no use for it

    return await open_edge(settings, stack)


def main() -> None:
    """Run the process that the supervisor describes in its environment."""
    configure_logs()
    raise_file_limit()
    collect_garbage_less_often()
    uvloop.run(serve(EdgeSettings.from_environment()))


if __name__ == "__main__":
    main()
