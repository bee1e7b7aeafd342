"""Schedules put together."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.alerts.oncall.fetching import ScheduleReader
from tidegate.alerts.oncall.ports import Calling
from tidegate.alerts.oncall.service import ScheduleRefresher, ScheduleService
from tidegate.alerts.oncall.store import PostgresSchedules
from tidegate.alerts.oncall.tasks import handlers_of
from tidegate.alerts.oncall.wishes import Rules
from tidegate.alerts.paging.service.staleness import StaleAnnouncer
from tidegate.jobs import Handler
from tidegate.kernel import Clock, IdFactory
from tidegate.storage.envelopes import Envelopes

__all__ = ["Schedules", "build_schedules"]


@dataclass(frozen=True, slots=True)
class Schedules:
    services: Mapping[type[object], object]
    handlers: Mapping[str, Handler]
    """For the worker of jobs."""


def build_schedules(
    store: PostgresSchedules,
    *,
    announcer: StaleAnnouncer,
    calling: Calling,
    envelopes: Envelopes,
    ids: IdFactory,
    clock: Clock,
) -> Schedules:
    """Return what reads schedules and answers for them; `announcer` is paging's, which asks the same store."""
    service = ScheduleService(
        store=store, rules=Rules(calling), uses=announcer, announcer=announcer, envelopes=envelopes, ids=ids,
        clock=clock,
    )  # fmt: skip
    refresher = ScheduleRefresher(
        store=store, reader=ScheduleReader(calling, envelopes), announcer=announcer, clock=clock
    )
    return Schedules({ScheduleService: service}, handlers_of(refresher))
