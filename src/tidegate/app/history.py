"""How long alerts, pages and deliveries are kept, and what removes them afterwards, put together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from tidegate.alerts.old import OldAlerts, OldPages
from tidegate.app.settings import kept_days
from tidegate.deliveries.old import OldDeliveries
from tidegate.gates.tasks import workspace_lister
from tidegate.jobs import Handler, PostgresOutbox
from tidegate.jobs.history import HISTORY, HistoryKeeper, HistoryPurge
from tidegate.kernel import Clock, IdFactory
from tidegate.storage import Database

__all__ = ["History", "build_history"]


@dataclass(frozen=True, slots=True)
class History:
    handlers: Mapping[str, Handler]
    keeper: HistoryKeeper


def build_history(database: Database, *, ids: IdFactory, clock: Clock) -> History:
    """Return what removes history that is kept no longer."""
    days = kept_days()
    alerts, deliveries = timedelta(days=days.alerts), timedelta(days=days.deliveries)
    purge = HistoryPurge(
        {
            "alerts": (OldAlerts(database), alerts),
            "pages": (OldPages(database), alerts),
            "deliveries": (OldDeliveries(database), deliveries),
        },
        clock,
    )
    keeper = HistoryKeeper(
        database=database, outbox=PostgresOutbox(ids=ids), clock=clock, list_workspaces=workspace_lister(database)
    )
    return History({HISTORY: purge}, keeper)
