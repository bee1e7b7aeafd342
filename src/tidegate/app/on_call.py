"""Paging with what it asks and what stands beside it: on-call schedules, Alertmanagers that alerts are sent to."""

from dataclasses import replace

from tidegate.alerts.forwarding.service import LIMITS as SENDING
from tidegate.alerts.forwarding.service import Forwarder, TargetService
from tidegate.alerts.forwarding.store import PostgresTargets, TargetListener
from tidegate.alerts.forwarding.tasks import handlers_of
from tidegate.alerts.oncall.assembly import build_schedules
from tidegate.alerts.oncall.fetching import LIMITS
from tidegate.alerts.oncall.store import PostgresSchedules
from tidegate.alerts.paging.assembly import Paging, build_paging
from tidegate.alerts.paging.ports import TellingListener
from tidegate.alerts.paging.sources import DeliveryCourier, ReadSchedules
from tidegate.app.keys import load_envelopes
from tidegate.app.settings import DEFAULT_HOST, DEFAULT_PORT, EdgeSettings, egress_allowances
from tidegate.audit import AuditTrail
from tidegate.deliveries import Deliveries
from tidegate.egress import EgressClient
from tidegate.jobs import PostgresOutbox
from tidegate.kernel import Clock, RandomIds
from tidegate.storage import Database

__all__ = ["build_pages"]


def build_pages(
    settings: EdgeSettings,
    database: Database,
    *,
    deliveries: Deliveries,
    trail: AuditTrail,
    clock: Clock,
    listener: TellingListener | None = None,
) -> Paging:
    """Return paging that knows who is on call, with the services and jobs that read it."""
    outbox, ids = PostgresOutbox(), RandomIds()
    url = settings.public_url or f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
    store = PostgresSchedules(database, trail, outbox)
    paging = build_paging(
        database, outbox=outbox, courier=DeliveryCourier(deliveries.deliveries), trail=trail, ids=ids, clock=clock,
        url=url, schedules=ReadSchedules(store, clock), listener=listener,
    )  # fmt: skip
    schedules = build_schedules(
        store, announcer=paging.announcer, calling=EgressClient(egress_allowances(), limits=LIMITS),
        envelopes=load_envelopes(settings.data_dir), ids=ids, clock=clock,
    )  # fmt: skip
    targets = PostgresTargets(database, trail, outbox)
    sending = EgressClient(egress_allowances(), limits=SENDING)
    envelopes = load_envelopes(settings.data_dir)
    forwarder = Forwarder(store=targets, calling=sending, envelopes=envelopes, clock=clock, url=url)
    service = TargetService(store=targets, calling=sending, envelopes=envelopes, ids=ids, clock=clock)
    return replace(
        paging,
        handlers={**paging.handlers, **schedules.handlers, **handlers_of(forwarder)},
        further={**paging.further, **schedules.services, TargetService: service},
        followers=(TargetListener(targets, clock),),
    )
