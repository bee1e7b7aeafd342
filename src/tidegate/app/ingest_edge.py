"""Ingest, as a part of an edge or as an edge of its own: the doors of telemetry and what stores it.

An edge of its own serves nothing else, so a flood can starve neither the board nor the evaluator. It tells the process
that counts through PostgreSQL's NOTIFY.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tidegate.app import health
from tidegate.app.auditing import build_auditing
from tidegate.app.keys import load_signing_key
from tidegate.app.running import Edge, Task, connect_engines, running
from tidegate.app.settings import default_quotas
from tidegate.edge.problems import CONTENT_TYPE, problem_body
from tidegate.edge.requests import RequestContext, request_id_of
from tidegate.identity import IdentityService, PostgresCredentialStore
from tidegate.identity.policy import CedarAuthorizer, read_policies
from tidegate.identity.quotas import build_metering
from tidegate.kernel import RandomIds, SystemClock
from tidegate.storage import Database
from tidegate.storage.disk import DiskWatch
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry import EngineBatchStore, IngestService, PostgresTouchLedger
from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.content import DEFAULT_POLICY, ContentPolicy
from tidegate.telemetry.grpc_door import GrpcDoor
from tidegate.telemetry.model import Signal
from tidegate.telemetry.ports import Listener, Nobody, NoQuotas, Quotas
from tidegate.telemetry.receiving import LOGS, POINTS, RecordsReceiver
from tidegate.telemetry.routes import OtlpDoor, Receiver
from tidegate.telemetry.span_receiver import SpanReceiver
from tidegate.telemetry.tasks import sweep_touches

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from tidegate.app.settings import EdgeSettings
    from tidegate.edge.authority import Authorizer
    from tidegate.edge.caller import Authenticator


_NO_QUOTAS = NoQuotas()


@dataclass(frozen=True, slots=True)
class Ingest:
    """What takes telemetry in within one process."""

    service: IngestService
    receivers: Mapping[Signal, Receiver]
    bodies: BodiesInFlight
    """Bounds what all doors together hold in memory."""
    tasks: tuple[Task, ...]


def build_ingest(  # noqa: PLR0913 - what the process has for it
    database: Database,
    engine: TelemetryEngine,
    *,
    disk: DiskWatch,
    policy: ContentPolicy = DEFAULT_POLICY,
    listener: Listener | None = None,
    notifies: bool = False,
    quotas: Quotas = _NO_QUOTAS,
) -> Ingest:
    """Return the ingest of this process; `notifies` when another one counts, else `listener` does."""
    ids, clock = RandomIds(), SystemClock()
    ledger = PostgresTouchLedger(database, writer=ids.new_id("edg"), notifies=notifies)
    store = EngineBatchStore(engine, returns_columns=listener is not None)
    service = IngestService(store=store, touches=ledger, ids=ids, listener=listener or Nobody(), gate=disk.gate)
    receivers: dict[Signal, Receiver] = {
        Signal.TRACES: SpanReceiver(ingest=service, policy=policy, clock=clock, quotas=quotas),
        **{
            kind.signal: RecordsReceiver(kind, ingest=service, policy=policy, clock=clock, quotas=quotas)
            for kind in (LOGS, POINTS)
        },
    }
    return Ingest(service, receivers, BodiesInFlight(), (service.run, partial(sweep_touches, ledger)))


def telemetry_doors(app: ASGIApp, ingest: Ingest, authenticator: Authenticator, authorizer: Authorizer) -> ASGIApp:
    """Return `app` with the doors of telemetry before it: the same in every process that takes telemetry in."""
    return OtlpDoor(
        app, receivers=ingest.receivers, authenticator=authenticator, authorizer=authorizer, bodies=ingest.bodies
    )


def grpc_tasks(
    ingest: Ingest, authenticator: Authenticator, authorizer: Authorizer, port: int | None
) -> tuple[Task, ...]:
    """Return what serves OTLP over gRPC; nothing without a port."""
    if port is None:
        return ()
    door = GrpcDoor(ingest.receivers, authenticator=authenticator, authorizer=authorizer, bodies=ingest.bodies)
    return (partial(door.run, port),)


async def open_ingest_edge(settings: EdgeSettings, stack: AsyncExitStack) -> Edge:
    """Connect both engines and put an edge together that takes telemetry in and does nothing else."""
    policies = read_policies()
    database, engine = await connect_engines(settings, stack)
    audit = build_auditing(settings, database)
    authorizer = CedarAuthorizer(policies, denials=[audit.trail])
    store = PostgresCredentialStore(database, audit.trail)
    identity = IdentityService(store=store, key=load_signing_key(settings.data_dir), clock=SystemClock())
    disk = DiskWatch.of(settings.data_dir, settings.disk_limit)
    meter, refusals = build_metering(database, audit.trail, clock=SystemClock(), defaults=default_quotas())
    policy = ContentPolicy(settings.content)
    ingest = build_ingest(database, engine, disk=disk, policy=policy, notifies=True, quotas=meter)
    grpc = grpc_tasks(ingest, identity, authorizer, settings.otlp_grpc_port)
    tasks = (audit.keep, *ingest.tasks, *grpc, meter.run, refusals.run)
    rest = _Rest(health.Engines(state=database, telemetry=engine, disk=disk), tasks)
    return Edge(RequestContext(telemetry_doors(rest, ingest, identity, authorizer)), close_streams=lambda: None)


class _Rest:
    """Health, and 404 for everything else; without the framework, which is 20 MB for two answers."""

    def __init__(self, engines: health.Engines, tasks: tuple[Task, ...]) -> None:
        self._engines = engines
        self._lifespan = running(tasks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._lifespan(self):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, send: Send) -> None:
        status, content_type = 200, "application/json"
        body: dict[str, Any] = {"status": "alive"}
        if scope["path"] == "/readyz":
            readiness = await self._engines.readiness()
            status, body = 200 if readiness.status == "ready" else 503, readiness.as_json()
        elif scope["path"] != "/healthz":
            words = "Only telemetry is taken in at this address; pages and the API are at the other one."
            status, content_type = 404, CONTENT_TYPE
            body = problem_body(404, "Not found", "not_found", words, request_id_of(scope))
        content = json.dumps(body).encode()
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(content)).encode())]
        headers += [(b"retry-after", b"1")] if status == 503 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
