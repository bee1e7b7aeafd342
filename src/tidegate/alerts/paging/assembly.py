"""Paging put together: what `app` hands it and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.alerts.backtest.sources import StoredPaging
from tidegate.alerts.model import Change
from tidegate.alerts.paging.ports import Courier, Schedules, TellingListener
from tidegate.alerts.paging.service import (
    AlertPlacer,
    CareService,
    Husher,
    Notifier,
    PagingService,
    RoutingService,
    SilenceService,
    WatchdogService,
    Writer,
)
from tidegate.alerts.paging.service.duties import NO_SCHEDULES
from tidegate.alerts.paging.service.staleness import StaleAnnouncer
from tidegate.alerts.paging.sources import JobWakes, MemberRows
from tidegate.alerts.paging.store import (
    PostgresCareStore,
    PostgresPageStore,
    PostgresRoutingStore,
    PostgresSilenceStore,
    PostgresWatchdogRows,
)
from tidegate.alerts.paging.tasks import handlers_of
from tidegate.alerts.ports import AlertListener
from tidegate.audit import AuditTrail
from tidegate.jobs import Handler, Outbox
from tidegate.kernel import Clock, IdFactory, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["Paging", "build_paging"]


@dataclass(frozen=True, slots=True)
class Paging:
    listener: AlertPlacer
    """For the store of alerts."""
    handlers: Mapping[str, Handler]
    """For the worker of jobs."""
    routing: RoutingService
    silences: SilenceService
    care: CareService
    paging: PagingService
    notifier: Notifier
    now: StoredPaging
    """Who is told at the moment, for those who try rules."""
    announcer: StaleAnnouncer
    """For those who read on-call schedules."""
    followers: tuple[AlertListener, ...] = ()
    """Who is told of alerts that move beside the placer."""
    further: Mapping[type[object], object] = field(default_factory=dict)
    """Services of what stands beside it."""

    async def changed(self, connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
        """Tell all who follow alerts, as `AlertListener` promises."""
        for each in (self.listener, *self.followers):
            await each.changed(connection, workspace, changes)

    @property
    def services(self) -> dict[type[object], object]:
        return {
            RoutingService: self.routing,
            SilenceService: self.silences,
            CareService: self.care,
            PagingService: self.paging,
            **self.further,
        }


def build_paging(  # noqa: PLR0913 - one argument a collaborator
    database: Database, *, outbox: Outbox, courier: Courier, trail: AuditTrail, ids: IdFactory, clock: Clock, url: str,
    schedules: Schedules = NO_SCHEDULES, listener: TellingListener | None = None,
) -> Paging:  # fmt: skip
    """Return paging over what is connected; `url` is where people reach this server."""
    wakes = JobWakes(outbox)
    routings = PostgresRoutingStore(database, trail, wakes)
    silences = PostgresSilenceStore(database, trail)
    pages, care = PostgresPageStore(database, ids), PostgresCareStore(database)
    husher, writer = Husher(silences=silences, pages=pages), Writer(url)
    placer = AlertPlacer(routings=routings, pages=pages, wakes=wakes, clock=clock)
    notifier = Notifier(
        routings=routings, pages=pages, husher=husher, schedules=schedules, wakes=wakes, courier=courier,
        placer=placer, writer=writer, clock=clock, listener=listener,
    )  # fmt: skip
    watchdog = WatchdogService(
        rows=PostgresWatchdogRows(), routings=routings, courier=courier, wakes=wakes, clock=clock, url=url
    )
    routing = RoutingService(
        routings=routings, husher=husher, schedules=schedules, courier=courier, database=database, clock=clock
    )
    return Paging(
        listener=placer,
        handlers=handlers_of(notifier, watchdog),
        routing=routing,
        silences=SilenceService(
            silences=silences, pages=pages, wakes=wakes, database=database, ids=ids, clock=clock
        ),
        care=CareService(
            care=care, pages=pages, routings=routings, schedules=schedules, courier=courier, writer=writer,
            members=MemberRows(database), trail=trail, transactions=database, clock=clock,
        ),
        paging=PagingService(pages=pages, care=care, routing=routing, clock=clock),
        notifier=notifier,
        now=StoredPaging(routings=routings, silences=silences),
        announcer=StaleAnnouncer(routings=routings, courier=courier, url=url),
    )  # fmt: skip
