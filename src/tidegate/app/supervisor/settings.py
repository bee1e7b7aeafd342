"""What a supervisor is told, and the two kinds of children it is told to keep."""

import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path

from tidegate.app.supervisor.probes import engine_is_ready
from tidegate.storage.disk import DiskLimit
from tidegate.storage.processes import Launch

Probe = Callable[[], Awaitable[bool]]
EngineProbe = Callable[[str, str], Awaitable[bool]]
Step = Callable[[], Awaitable[None]]


class Lifetime(Enum):
    """What the end of a child means."""

    KEPT = "kept"
    """It is started again."""
    ONCE = "once"
    """It is ready when it has ended well; another end stops the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child, as data."""

    name: str
    launch: Launch
    """Command, environment, inherited sockets, identity, log."""
    ready: Probe | None = None
    """Asked until it says yes; `None` counts as ready at once."""
    ready_within: timedelta = timedelta(seconds=60)
    """A child that is not ready by then is killed and started again."""
    silent_within: timedelta | None = None
    """A child that was ready and says no for this long hangs: it is killed and started again; `None` never asks."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: timedelta = timedelta(seconds=8)
    """How long it may take to end after `stop_signal`; then it is killed."""
    depends_on: tuple[str, ...] = ()
    """Children that must be ready before the first start; later each is kept on its own."""
    lifetime: Lifetime = Lifetime.KEPT
    before_start: Step | None = None
    """Done before every start, for example clearing what the last one left."""
    after_stop: Step | None = None
    """Done once, when the supervisor has stopped the child for good."""


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSettings:
    """All that `run_supervisor` is told; `app.settings` fills it from flags, environment and file."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8420
    """0 takes any free port."""
    otlp_port: int | None = 4318
    """Taken when free, at `127.0.0.1`; `None` leaves it to others."""
    otlp_grpc_port: int | None = None
    """The same for OTLP over gRPC."""
    public_url: str | None = None
    """How people reach the pages, when that differs from host and port."""
    database_url: str | None = None
    """A PostgreSQL server of one's own: none is embedded then."""
    owner_database_url: str | None = None
    """The role that migrates there; `None` for the one above."""
    telemetry_url: str | None = None
    """A telemetry engine of one's own: none is embedded then."""
    telemetry_password: str | None = None
    """Of the user in that URL."""
    telemetry_secret: str | None = None
    """When that is an embedded engine started by itself; `None` for a server."""
    telemetry_cluster: str | None = None
    """Where the server makes the tables; `None` on itself alone."""
    disk_limit: DiskLimit = field(default_factory=DiskLimit)
    """Below it intake stops; above it the ballast is made again."""
    ingest_edge: bool = False
    """Whether a process of its own takes telemetry in, so that a flood cannot starve the pages."""
    engine_command: tuple[str, ...] = _module("tidegate.storage.engine")
    """Gets `--data-dir DIR --listen-fd N`: the supervisor keeps the socket, so the port outlives the process."""
    engine_ready: EngineProbe = engine_is_ready
    """Asked with the engine's URL and secret."""
    migrate_command: tuple[str, ...] = _module("tidegate.storage.migrations")
    edge_command: tuple[str, ...] = _module("tidegate.app.edge_main")
    worker_command: tuple[str, ...] | None = None
    """`None` when the edge does the background work too."""
    extra_children: tuple[ChildSpec, ...] = ()
    silent_within: timedelta = timedelta(seconds=30)
    """When an engine or an edge that runs without answering is taken for hung: six questions, 2 s each."""
    log_to_stderr: bool = False
    """Events also go to stderr; they always go to `logs/supervisor.log`."""
