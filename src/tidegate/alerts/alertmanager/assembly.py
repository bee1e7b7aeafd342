"""The API of an Alertmanager put together over paging."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.alerts.alertmanager.model import MAX_OPEN
from tidegate.alerts.alertmanager.service import Receiver, Shower
from tidegate.alerts.alertmanager.store import PostgresOutsideStore
from tidegate.alerts.alertmanager.tasks import handlers_of
from tidegate.alerts.paging.ports import Courier
from tidegate.alerts.paging.service import AlertPlacer, Husher
from tidegate.alerts.paging.sources import JobWakes
from tidegate.alerts.paging.store import PostgresPageStore, PostgresRoutingStore, PostgresSilenceStore
from tidegate.audit import AuditTrail
from tidegate.jobs import Handler, Outbox
from tidegate.kernel import Clock, IdFactory
from tidegate.storage import Database

__all__ = ["Alertmanager", "build_alertmanager"]


@dataclass(frozen=True, slots=True)
class Alertmanager:
    receiver: Receiver
    shower: Shower

    @property
    def services(self) -> dict[type[object], object]:
        return {Receiver: self.receiver, Shower: self.shower}

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """For the worker of jobs."""
        return handlers_of(self.receiver)


def build_alertmanager(  # noqa: PLR0913 - one argument a collaborator
    database: Database,
    *,
    listener: AlertPlacer,
    outbox: Outbox,
    courier: Courier,
    trail: AuditTrail,
    ids: IdFactory,
    clock: Clock,
    url: str,
    max_open: int = MAX_OPEN,
) -> Alertmanager:
    """Return the API; `listener` is paging's, `url` is where people reach this server."""
    wakes = JobWakes(outbox)
    pages, silences = PostgresPageStore(database, ids), PostgresSilenceStore(database, trail)
    return Alertmanager(
        receiver=Receiver(
            store=PostgresOutsideStore(listener), wakes=wakes, database=database, ids=ids, clock=clock,
            max_open=max_open,
        ),
        shower=Shower(
            pages=pages, routings=PostgresRoutingStore(database, trail, wakes), silences=silences,
            husher=Husher(silences=silences, pages=pages), courier=courier, database=database, clock=clock, url=url,
        ),
    )  # fmt: skip
