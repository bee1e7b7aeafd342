"""The child's life: it starts, listens, follows its parent into death, and leaves without a crash.

Contract: one process owns one directory. SIGTERM stops accepting, cancels queries, waits for their threads, closes the
directory and leaves with `os._exit`, because the library's own exit handlers crash when a query has run. A kill at any
moment loses no acknowledged insert (tables sync their parts). Measured ceiling: see docs/decisions/0003.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from tidegate.kernel import SystemClock
from tidegate.storage.engine.claims import EngineKeys
from tidegate.storage.engine.library import Library
from tidegate.storage.engine.server import EngineApp
from tidegate.storage.engine.statements import DATABASE

logger = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
_PARENT_POLL_S = 1.0
_DRAIN_S = 5  # a cancelled query ends within 0.5 s; what takes longer is stuck in a system call
_LAST_RESORT_S = 15  # then it leaves as a kill would make it leave, which loses nothing that was acknowledged
_KEEP_ALIVE_S = 75  # longer than the client's 30 s, so that it is the client who closes idle connections


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the command line and the environment say."""

    data_dir: Path
    keys: EngineKeys
    memory_bytes: int
    listen_fd: int | None
    port: int
    port_file: Path | None


class _Server(uvicorn.Server):
    """A server whose signals are ours: the library must be closed before the process may end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def run_engine(options: EngineOptions) -> None:
    """Serve until told to stop; never returns."""
    parent = _follow_parent()
    library = Library(options.data_dir, memory_bytes=options.memory_bytes)
    # Requests name this database, the question for readiness among them, which comes before the first migration.
    library.answer(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    app = EngineApp(library, options.keys, SystemClock())
    listener = _listener(options)
    asyncio.run(_serve(app, listener, options.port_file, parent))
    app.finish()
    library.close()
    logging.shutdown()
    os._exit(0)


def _follow_parent() -> int:
    """Ask the kernel for SIGTERM when the parent's thread ends, and return the parent's id.

    The signal comes when the *thread* that started this process ends, hence the supervisor starts it from a thread
    that lives as long as itself.
    """
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return parent


def _listener(options: EngineOptions) -> socket.socket:
    if options.listen_fd is not None:
        return socket.socket(fileno=options.listen_fd)
    # The protocol is named because asyncio turns off Nagle (40 ms an answer) only on sockets that say TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    listener.listen(128)
    return listener


async def _serve(app: EngineApp, listener: socket.socket, port_file: Path | None, parent: int) -> None:
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = _Server(config)

    def stop() -> None:
        app.refuse_new()
        server.should_exit = True
        last_resort = threading.Timer(_LAST_RESORT_S, os._exit, (1,))
        last_resort.daemon = True
        last_resort.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    watch = asyncio.create_task(_watch_parent(parent, stop))
    if port_file is not None:
        _write_atomically(port_file, str(listener.getsockname()[1]))
    logger.info("engine serves on port %d", listener.getsockname()[1])
    await server.serve(sockets=[listener])
    watch.cancel()


async def _watch_parent(parent: int, stop: Callable[[], None]) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of it but the number
        await asyncio.sleep(_PARENT_POLL_S)
    logger.warning("the parent is gone, the engine stops")
    stop()


def _write_atomically(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text)
    beside.replace(path)
