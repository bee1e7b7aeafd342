"""Settings to objects to one ASGI application. Everything that a slice needs is handed to it here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from tidegate import __version__
from tidegate.alerts import AlertService, PostgresAlertStore, load_rules
from tidegate.alerts.alertmanager.assembly import Alertmanager, build_alertmanager
from tidegate.alerts.backtest.service import BacktestService
from tidegate.alerts.paging.assembly import Paging
from tidegate.alerts.paging.sources import DeliveryCourier
from tidegate.alerts.watching import AlertWatcher
from tidegate.app import health
from tidegate.app.auditing import build_auditing
from tidegate.app.burning import build_burn_watch
from tidegate.app.gate_sources import build_gates
from tidegate.app.history import build_history
from tidegate.app.incidents import build_incidents, build_opener
from tidegate.app.ingest_edge import build_ingest, grpc_tasks, telemetry_doors
from tidegate.app.keys import load_cursor_key, load_envelopes
from tidegate.app.live import Bell, PostgresVersions
from tidegate.app.mail_settings import installation_mail
from tidegate.app.on_call import build_pages
from tidegate.app.people import build_people
from tidegate.app.routers import ROUTERS
from tidegate.app.rules import build_rules
from tidegate.app.running import Edge, Task, connect_engines, running
from tidegate.app.settings import DEFAULT_HOST, DEFAULT_PORT, default_quotas, egress_allowances, request_allowance
from tidegate.app.tools import TOOLBOX, recorder
from tidegate.audit import AuditTrail
from tidegate.deliveries import Deliveries, build_deliveries
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.edge.limits import RequestLimits
from tidegate.edge.live import LiveHub
from tidegate.edge.mcp import ToolDoor
from tidegate.edge.prometheus import answer_missing as answer_unknown
from tidegate.edge.requests import RequestContext
from tidegate.evidence import EvidenceService, PostgresCiReportStore, build_evidence
from tidegate.gates.pages import TelemetryWatch
from tidegate.gates.tasks import GateRefresher, workspace_lister
from tidegate.identity import IdentityService
from tidegate.identity.policy import CedarAuthorizer, read_policies
from tidegate.identity.providers.pages import proof_choices, sign_in_choices
from tidegate.identity.quotas import build_metering
from tidegate.identity.scim.routes import answer_missing
from tidegate.identity.scim.routes import scim as scim_routes
from tidegate.identity.sessions import SignInFailures
from tidegate.identity.standing import PostgresAskers, PostgresStandings
from tidegate.isolation import IsolationService, PostgresAuthzRunStore
from tidegate.jobs import Handler, JobService, PostgresJobs, PostgresOutbox, Worker
from tidegate.jobs.store import CHANNEL as JOBS_ADDED
from tidegate.jobs.tasks import build_worker
from tidegate.kernel import RandomIds, SystemClock
from tidegate.releases import PostgresReleaseStore, ReleasesService
from tidegate.signals import SignalService
from tidegate.signals.ai_runs import AiRunService
from tidegate.signals.explore import ExploreService
from tidegate.signals.explore.sources import AnnouncedReleases
from tidegate.signals.metric_points import EnginePoints
from tidegate.signals.prices import PostgresPriceStore, PriceBooks, PriceService
from tidegate.signals.prometheus.routes import router as prometheus_routes
from tidegate.signals.quality import EvaluationService
from tidegate.signals.reader import RollupReader
from tidegate.signals.repricing import Recounts
from tidegate.signals.retention import PostgresRetention
from tidegate.signals.runtime import EngineRuntime
from tidegate.signals.tasks import (
    RollupCloser,
    build_closer,
    build_prometheus,
    build_reader,
    build_recounts,
    build_retention,
    build_runs,
    build_stepped_reader,
)
from tidegate.signals.tenants import TenantService
from tidegate.slos.freezing import FreezeService
from tidegate.slos.service import ObjectiveService
from tidegate.slos.tasks import build_freezes, build_objectives
from tidegate.storage import Database
from tidegate.storage.disk import DiskWatch
from tidegate.storage.hearing import hear
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry import StoredRecords
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.erasures import EngineErasedRows, EraseRunner, ErasureService, PostgresErasures
from tidegate.telemetry.logs.service import LogSearchService
from tidegate.telemetry.logs.store import EngineLogStore
from tidegate.telemetry.tasks import hear_touches
from tidegate.telemetry.traces import EngineTraceStore, TraceService

if TYPE_CHECKING:
    from tidegate.app.settings import EdgeSettings

_log = structlog.get_logger("tidegate.edge")
_CONNECT_RETRY_S = 0.25
_RAW_KEPT = timedelta(days=7)  # copies of what was erased are erased as long: senders keep nothing longer


async def open_edge(settings: EdgeSettings, stack: AsyncExitStack) -> Edge:
    """Connect both engines and put everything together; what is opened is closed with `stack`."""
    policies = read_policies()  # first: with some that are not valid, nothing is opened
    database, engine = await connect_engines(settings, stack)
    clock = SystemClock()
    return build_edge(
        settings,
        database,
        engine,
        authorizer=lambda trail: CedarAuthorizer(policies, denials=[trail], clock=clock),
    )


def build_edge(
    settings: EdgeSettings,
    database: Database,
    engine: TelemetryEngine,
    *,
    authorizer: Callable[[AuditTrail], CedarAuthorizer],
) -> Edge:
    """Put everything together over engines that are connected; `authorizer` is made with what records refusals."""
    clock = SystemClock()
    audit = build_auditing(settings, database)
    policy_wall = authorizer(audit.trail)
    people = build_people(settings, database, audit.trail, clock)
    identity, failures = people[IdentityService], people[SignInFailures]
    assert isinstance(identity, IdentityService)  # noqa: S101 - put there by its type
    assert isinstance(failures, SignInFailures)  # noqa: S101 - the same
    disk = DiskWatch.of(settings.data_dir, settings.disk_limit)
    engines = health.Engines(state=database, telemetry=engine, disk=disk)
    price_store = PostgresPriceStore(database, audit.trail)
    books = PriceBooks(store=price_store, changes=price_store)
    askers = PostgresAskers(database, policy_wall, clock)
    closer = build_closer(database, engine, clock, prices=books, askers=askers)
    policy = ContentPolicy(settings.content)
    quotas = default_quotas()
    meter, refusals = build_metering(database, audit.trail, clock=clock, defaults=quotas)
    ingest = build_ingest(database, engine, disk=disk, policy=policy, listener=closer, quotas=meter)
    tools = ToolDoor(version=__version__, toolbox=TOOLBOX, record=recorder(audit.trail))
    deliveries = build_deliveries(
        database, audit.trail, allowed=egress_allowances(), envelopes=load_envelopes(settings.data_dir),
        ids=RandomIds(), clock=clock, mail=installation_mail(egress_allowances()),
    )  # fmt: skip
    opener = build_opener(database, audit.trail, ids=RandomIds(), clock=clock)
    paging = build_pages(settings, database, deliveries=deliveries, trail=audit.trail, clock=clock, listener=opener)
    alertmanager = build_alertmanager(
        database, listener=paging.listener, outbox=PostgresOutbox(), courier=DeliveryCourier(deliveries.deliveries),
        trail=audit.trail, ids=RandomIds(), clock=clock,
        url=settings.public_url or f"http://{DEFAULT_HOST}:{DEFAULT_PORT}",
    )  # fmt: skip
    services, tasks = _slices(
        database, engine, closer, audit.trail, data_dir=settings.data_dir, identity=identity, askers=askers,
        deliveries=deliveries, paging=paging, alertmanager=alertmanager,
    )  # fmt: skip
    tasks += [
        tools.run,
        audit.keep,
        failures.run,
        meter.run,
        refusals.run,
        *ingest.tasks,
        *grpc_tasks(ingest, identity, policy_wall, settings.otlp_grpc_port),
    ]
    worker, hub = services[Worker], services[LiveHub]
    assert isinstance(worker, Worker)  # noqa: S101 - put there by its type
    assert isinstance(hub, LiveHub)  # noqa: S101 - the same
    tasks.append(partial(hear, settings.database_dsn, JOBS_ADDED, worker.wake))
    if settings.has_ingest_edge:
        tasks.append(partial(hear_touches, settings.database_dsn, closer.wake))
    services |= audit.services | {
        PriceService: PriceService(store=price_store, books=books, clock=clock),
        EvaluationService: EvaluationService(ingest=ingest.service, policy=policy, ids=RandomIds(), clock=clock),
        **people,
        ToolDoor: tools,
        health.Engines: engines,
        PageRenderer: PageRenderer(version=__version__, clock=clock, notices=engines.notices),
    }
    application = build_http_app(
        version=__version__,
        authenticator=identity,
        authorizer=policy_wall,
        limits=RequestLimits(clock, request_allowance(), quotas=quotas, on_refused=refusals.note),
        cursor_key=load_cursor_key(settings.data_dir),
        services=services,
        lifespan=running(tasks),
    )
    application.state.sign_in_choices = [sign_in_choices]
    application.state.proof_choices = [proof_choices]
    application.state.error_shapes = {scim_routes.prefix: answer_missing, prometheus_routes.prefix: answer_unknown}
    for router in ROUTERS:
        application.include_router(router)
    doors = telemetry_doors(application, ingest, identity, policy_wall)
    return Edge(RequestContext(doors), close_streams=hub.close, tasks=tuple(tasks))


def _slices(  # noqa: PLR0913 - what slices share
    database: Database,
    engine: TelemetryEngine,
    closer: RollupCloser,
    trail: AuditTrail,
    *,
    data_dir: Path,
    identity: IdentityService,
    askers: PostgresAskers,
    deliveries: Deliveries,
    paging: Paging,
    alertmanager: Alertmanager,
) -> tuple[dict[type[Any], object], list[Task]]:
    """Return the services of the slices, and what runs in the background."""
    clock, ids = SystemClock(), RandomIds()
    reader = build_reader(database, engine, clock)
    rules = load_rules()
    hub = LiveHub(PostgresVersions(database), standings=PostgresStandings(database, clock), on_doubt=identity.forget)
    closer.on_published = Bell(hub.wake)
    alert_store = PostgresAlertStore(database, listener=paging)
    judging = build_rules(
        data_dir, database, trail, shipped=rules, reader=reader, alerts=alert_store, clock=clock, ids=ids,
        on_changed=hub.wake,
    )  # fmt: skip
    objectives = build_objectives(database, build_stepped_reader(database, engine, clock), trail, clock)
    freezes = build_freezes(database, objectives, trail, clock=clock, ids=ids)
    alerts = AlertService(
        rules=rules, reader=reader, store=alert_store, clock=clock, budgets=freezes, own=judging.remembered
    )
    releases = ReleasesService(store=PostgresReleaseStore(database, trail), ids=ids, clock=clock)
    isolation = IsolationService(store=PostgresAuthzRunStore(database, trail), clock=clock)
    evidence = EvidenceService(store=PostgresCiReportStore(database, trail), ids=ids, clock=clock)
    records = build_evidence(
        database, trail, releases=releases, allowed=egress_allowances(), askers=askers, ids=ids, clock=clock
    )
    gates = build_gates(
        database, signals=reader, alerts=alerts, rules=rules, releases=releases, isolation=isolation,
        evidence=evidence, book=records.book, trail=trail, ids=ids, clock=clock,
    )  # fmt: skip
    rows, erasures = EngineErasedRows(engine), PostgresErasures(database, trail)
    eraser = EraseRunner(rows=rows, store=erasures, clock=clock, holder=ids.new_id("edg"), askers=askers)
    traces = TraceService(store=EngineTraceStore(engine), clock=clock)
    history = build_history(database, ids=ids, clock=clock)
    handlers: dict[str, Handler] = {
        **history.handlers,
        **deliveries.handlers,
        **paging.handlers,
        **alertmanager.handlers,
        **records.handlers,
    }  # by kind of job
    worker, keeper = build_worker(database, handlers, ids=ids, clock=clock)
    services: dict[type[Any], object] = {
        Worker: worker,
        JobService: JobService(PostgresJobs(database)),
        TraceService: traces,
        ErasureService: ErasureService(
            rows=rows, store=erasures, ids=ids, clock=clock, hold=_RAW_KEPT, on_requested=eraser.wake
        ),
        AiRunService: build_runs(database, engine, clock, traces=traces),
        Recounts: build_recounts(database, clock),
        PostgresRetention: build_retention(database, clock),
        SignalService: SignalService(reader=reader, clock=clock, runtime=EngineRuntime(engine)),
        ExploreService: ExploreService(
            reader=reader,
            points=EnginePoints(engine),
            watcher=AlertWatcher(alerts, clock),
            marks=AnnouncedReleases(releases),
            clock=clock,
        ),
        TenantService: TenantService(reader=reader, clock=clock),
        LiveHub: hub,
        LogSearchService: LogSearchService(store=EngineLogStore(engine), clock=clock),
        StoredRecords: StoredRecords(engine),
        RollupReader: reader,
        TelemetryWatch: reader,
        ObjectiveService: objectives,
        FreezeService: freezes,
        AlertService: alerts,
        **judging.services,
        BacktestService: BacktestService(reader=reader, rules=judging.own, paging=paging.now, clock=clock),
        ReleasesService: releases,
        IsolationService: isolation,
        EvidenceService: evidence,
        **gates.services,
        **deliveries.services,
        **build_incidents(database, trail, gates=gates.service, ids=ids, clock=clock),
        **build_prometheus(reader, engine, clock),
        **paging.services,
        **alertmanager.services,
        **records.services,
    }
    refresher = GateRefresher(gates.service, list_workspaces=workspace_lister(database))
    evaluating = partial(judging.evaluator.run, closer.on_published)
    burning = build_burn_watch(
        database, objectives, listener=paging.listener, clock=clock, ids=ids, on_changed=hub.wake
    ).run
    keepers = [keeper.run, history.keeper.run]
    return services, [
        closer.run,
        evaluating,
        refresher.run,
        hub.run,
        eraser.run,
        worker.run,
        *keepers,
        burning,
        judging.asking,
    ]
