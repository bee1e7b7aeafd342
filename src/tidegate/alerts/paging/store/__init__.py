"""Paging in PostgreSQL."""

from tidegate.alerts.paging.store.care import PostgresCareStore
from tidegate.alerts.paging.store.pages import PostgresPageStore
from tidegate.alerts.paging.store.routings import PostgresRoutingStore
from tidegate.alerts.paging.store.silences import PostgresSilenceStore
from tidegate.alerts.paging.store.watchdogs import PostgresWatchdogRows

__all__ = [
    "PostgresCareStore",
    "PostgresPageStore",
    "PostgresRoutingStore",
    "PostgresSilenceStore",
    "PostgresWatchdogRows",
]
