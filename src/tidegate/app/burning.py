"""Objectives that page: what looks at them, and what makes alerts of what it finds."""

from collections.abc import Callable

from tidegate.alerts import BurnAlerts, Origin, PostgresAlertStore, PostgresWatchStore
from tidegate.alerts.ports import AlertListener
from tidegate.kernel import Clock, IdFactory
from tidegate.slos.service import ObjectiveService
from tidegate.slos.tasks import BurnWatch
from tidegate.storage import Database

__all__ = ["build_burn_watch"]


def build_burn_watch(
    database: Database,
    objectives: ObjectiveService,
    *,
    listener: AlertListener,
    clock: Clock,
    ids: IdFactory,
    on_changed: Callable[[], None] = lambda: None,
) -> BurnWatch:
    """Return the watch; `listener` writes what follows from alerts that move."""
    alerts = BurnAlerts(
        alerts=PostgresAlertStore(database, listener=listener, origin=Origin.OBJECTIVES),
        watch=PostgresWatchStore(database, origin=Origin.OBJECTIVES),
        clock=clock,
        ids=ids,
        on_changed=on_changed,
    )
    return BurnWatch(objectives, alerts)
