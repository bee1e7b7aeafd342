"""From settings to children: who is started, with what, after whom."""

import json
import secrets
import socket
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from tidegate.app.supervisor.environment import environment_with
from tidegate.app.supervisor.probes import get, http_answers
from tidegate.app.supervisor.settings import ChildSpec, Lifetime, SupervisorSettings
from tidegate.app.supervisor.sockets import listen, reserve_loopback, url_of
from tidegate.storage.postgres import START_LIMIT_S, STOP_LIMIT_S, STOP_SIGNAL, PostgresServer, PreparedPostgres
from tidegate.storage.processes import Launch

POSTGRES, ENGINE, MIGRATE, EDGE, INGEST, WORKER = "postgres", "engine", "migrate", "edge", "ingest", "worker"

_SECRET_BYTES = 32  # 256 random bits, new at each start
_MIGRATION_LIMIT = timedelta(minutes=30)  # a backfill of a large table; without one it takes 0.5 s


@dataclass(frozen=True, slots=True)
class Doors:
    """The sockets that outlive the children."""

    http: socket.socket
    otlp: socket.socket | None
    engine: socket.socket | None
    otlp_grpc: socket.socket | None = None
    """Keeps the port for the edge, which listens beside it."""

    @property
    def url(self) -> str:
        return url_of(self.http)

    @property
    def otlp_url(self) -> str | None:
        return None if self.otlp is None else url_of(self.otlp)

    @property
    def otlp_grpc_port(self) -> int | None:
        return None if self.otlp_grpc is None else int(self.otlp_grpc.getsockname()[1])

    @property
    def otlp_grpc_url(self) -> str | None:
        return None if self.otlp_grpc is None else url_of(self.otlp_grpc)

    def close(self) -> None:
        for listener in (self.http, self.otlp, self.engine, self.otlp_grpc):
            if listener is not None:
                listener.close()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the children are told about each other."""

    settings: SupervisorSettings
    doors: Doors
    data_dir: Path
    postgres: PreparedPostgres | None
    telemetry_secret: str = field(default_factory=lambda: secrets.token_hex(_SECRET_BYTES), repr=False)

    @property
    def database_dsn(self) -> str | None:
        return self.settings.database_url or (self.postgres.dsns.serving if self.postgres is not None else None)

    @property
    def owner_dsn(self) -> str | None:
        if self.settings.database_url is not None:
            return self.settings.owner_database_url or self.settings.database_url
        return self.postgres.dsns.owner if self.postgres is not None else None

    @property
    def telemetry_url(self) -> str | None:
        return self.settings.telemetry_url or (url_of(self.doors.engine) if self.doors.engine is not None else None)

    def child_settings(self, **more: str | int | list[str] | None) -> str:
        """Return `TIDEGATE_CHILD`, the one way in which children are told what the supervisor knows."""
        settings_secret = self.settings.telemetry_secret
        known = {
            "dataDir": str(self.data_dir),
            "databaseDsn": self.database_dsn,
            "telemetryUrl": self.telemetry_url,
            "telemetrySecret": self.telemetry_secret if self.settings.telemetry_url is None else settings_secret,
            "telemetryPassword": self.settings.telemetry_password,
            "telemetryCluster": self.settings.telemetry_cluster,
            "publicUrl": self.settings.public_url or self.doors.url,
            "otlpUrl": self.doors.otlp_url,
        }
        return json.dumps({**known, **more})


def open_doors(settings: SupervisorSettings) -> Doors:
    """Bind everything that is listened on, before anything starts.

    Raises:
        PortBusyError: the port of the pages is taken; OTLP ports are given up silently, the state file says so.
    """
    http = listen(settings.host, settings.port)
    otlp = None if settings.otlp_port is None else _listen_if_free(settings.otlp_port)
    grpc = None if settings.otlp_grpc_port is None else reserve_loopback(settings.otlp_grpc_port)
    if otlp is None and settings.ingest_edge:
        otlp = listen("127.0.0.1", 0)  # an edge of its own needs a door of its own, wherever it is
    return Doors(http, otlp, listen("127.0.0.1", 0) if settings.telemetry_url is None else None, grpc)


def _listen_if_free(port: int) -> socket.socket | None:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError:
        return None


def children_of(wiring: Wiring, server: PostgresServer | None) -> tuple[ChildSpec, ...]:
    """Return all children in the order of their start; they are stopped in the reverse order."""
    settings = wiring.settings
    engines: list[ChildSpec] = []
    if server is not None and wiring.postgres is not None:
        engines.append(_postgres(server, wiring.postgres))
    if wiring.doors.engine is not None:
        engines.append(_engine(wiring, wiring.doors.engine))
    migrate = _migrate(wiring, tuple(each.name for each in engines))
    served = [_edge(wiring)]
    if settings.ingest_edge and wiring.doors.otlp is not None:
        served.append(_ingest_edge(wiring, wiring.doors.otlp))
    if settings.worker_command is not None:
        served.append(_worker(wiring, settings.worker_command))
    return (*engines, migrate, *served, *settings.extra_children)


def _postgres(server: PostgresServer, prepared: PreparedPostgres) -> ChildSpec:
    async def sweep() -> None:
        await server.clear_leftovers()
        server.forget()

    return ChildSpec(
        name=POSTGRES,
        launch=prepared.launch,
        ready=server.is_ready,
        ready_within=timedelta(seconds=START_LIMIT_S),
        stop_signal=STOP_SIGNAL,
        stop_within=timedelta(seconds=STOP_LIMIT_S),
        before_start=server.clear_leftovers,
        after_stop=sweep,
    )


def _engine(wiring: Wiring, listener: socket.socket) -> ChildSpec:
    descriptor = listener.fileno()
    folder = str(wiring.data_dir / "telemetry")
    url = url_of(listener)

    async def ready() -> bool:
        return await wiring.settings.engine_ready(url, wiring.telemetry_secret)

    return ChildSpec(
        name=ENGINE,
        launch=Launch(
            (*wiring.settings.engine_command, "--data-dir", folder, "--listen-fd", str(descriptor)),
            # Killed outright with its supervisor it loses nothing acknowledged, and cannot linger with its lock.
            environment_with({"TIDEGATE_ENGINE_SECRET": wiring.telemetry_secret}),
            log=_log(wiring, ENGINE),
            pass_fds=(descriptor,),
        ),
        ready=ready,
        silent_within=wiring.settings.silent_within,
    )


def _migrate(wiring: Wiring, engines: tuple[str, ...]) -> ChildSpec:
    launch = Launch(
        wiring.settings.migrate_command, _told(wiring, ownerDsn=wiring.owner_dsn), log=_log(wiring, MIGRATE)
    )
    return ChildSpec(
        name=MIGRATE, launch=launch, lifetime=Lifetime.ONCE, ready_within=_MIGRATION_LIMIT, depends_on=engines
    )


def _edge(wiring: Wiring) -> ChildSpec:
    settings, doors = wiring.settings, wiring.doors
    http = doors.http.fileno()
    otlp = None if doors.otlp is None or settings.ingest_edge else doors.otlp.fileno()
    launch = Launch(
        settings.edge_command,
        _told(
            wiring,
            httpFd=http,
            otlpFd=otlp,
            otlpGrpcPort=None if settings.ingest_edge else doors.otlp_grpc_port,
            hasIngestEdge=settings.ingest_edge,
        ),
        log=_log(wiring, EDGE),
        pass_fds=(http,) if otlp is None else (http, otlp),
    )
    return ChildSpec(
        name=EDGE,
        launch=launch,
        ready=partial(_is_alive, doors.url),
        silent_within=wiring.settings.silent_within,
        depends_on=(MIGRATE,),
    )


def _ingest_edge(wiring: Wiring, listener: socket.socket) -> ChildSpec:
    descriptor = listener.fileno()
    launch = Launch(
        wiring.settings.edge_command,
        _told(wiring, httpFd=None, otlpFd=descriptor, otlpGrpcPort=wiring.doors.otlp_grpc_port, roles=["ingest"]),
        log=_log(wiring, INGEST),
        pass_fds=(descriptor,),
    )
    return ChildSpec(
        name=INGEST,
        launch=launch,
        ready=partial(_is_alive, url_of(listener)),
        silent_within=wiring.settings.silent_within,
        depends_on=(MIGRATE,),
    )


async def _is_alive(url: str) -> bool:
    answer = await http_answers(url, get("/healthz"))
    return answer is not None and answer[0] == 200


def _worker(wiring: Wiring, command: tuple[str, ...]) -> ChildSpec:
    launch = Launch(command, _told(wiring), log=_log(wiring, WORKER))
    return ChildSpec(name=WORKER, launch=launch, depends_on=(MIGRATE,))


def _told(wiring: Wiring, **more: str | int | list[str] | None) -> dict[str, str]:
    return environment_with({"TIDEGATE_CHILD": wiring.child_settings(**more)})


def _log(wiring: Wiring, name: str) -> Path:
    return wiring.data_dir / "logs" / f"{name}.log"
