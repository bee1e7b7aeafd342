"""Puts channels and deliveries together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.audit import AuditTrail
from tidegate.deliveries.channels import ChannelService
from tidegate.deliveries.model import ChannelKind
from tidegate.deliveries.ports import Sender
from tidegate.deliveries.senders.http import LIMITS, HttpSender
from tidegate.deliveries.senders.smtp import InstallationMail, SmtpSender
from tidegate.deliveries.service import KIND, DeliveryService
from tidegate.deliveries.store import PostgresChannels, PostgresDeliveries
from tidegate.deliveries.tasks import DeliverySending
from tidegate.deliveries.wishes import Rules
from tidegate.egress import Allowances, EgressClient, EgressLimits, EgressStreams
from tidegate.jobs import Handler, PostgresJobs, PostgresOutbox
from tidegate.kernel import Clock, IdFactory
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes

__all__ = ["Deliveries", "build_deliveries"]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What doors and other slices use, and what the worker runs."""

    services: Mapping[type[Any], object]
    handlers: Mapping[str, Handler]
    deliveries: DeliveryService


def build_deliveries(  # noqa: PLR0913 - one argument a part
    database: Database,
    trail: AuditTrail,
    *,
    allowed: Allowances,
    envelopes: Envelopes,
    ids: IdFactory,
    clock: Clock,
    mail: InstallationMail | None = None,
    limits: EgressLimits = LIMITS,
) -> Deliveries:
    """Return all of it; `mail` is the installation's server."""
    calling, connecting = EgressClient(allowed, limits=limits), EgressStreams(allowed, total_s=limits.total_s)
    channels, store = PostgresChannels(database, trail), PostgresDeliveries(database, trail)
    rules = Rules(calling, connecting, has_mail=mail is not None)
    service = DeliveryService(
        database=database,
        channels=channels,
        store=store,
        outbox=PostgresOutbox(ids=ids),
        jobs=PostgresJobs(database),
        trail=trail,
        ids=ids,
        clock=clock,
    )
    posting = HttpSender(calling)
    senders: dict[ChannelKind, Sender] = {
        **dict.fromkeys((ChannelKind.WEBHOOK, ChannelKind.SLACK, ChannelKind.PAGERDUTY), posting),
        ChannelKind.EMAIL: SmtpSender(connecting, installation=mail),
    }
    sending = DeliverySending(store=store, senders=senders, envelopes=envelopes, clock=clock)
    return Deliveries(
        services={
            ChannelService: ChannelService(store=channels, rules=rules, envelopes=envelopes, ids=ids, clock=clock),
            DeliveryService: service,
        },
        handlers={KIND: sending},
        deliveries=service,
    )
