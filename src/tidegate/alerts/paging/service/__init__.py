"""Placing alerts in groups, telling of them, and what people ask and do about it."""

from tidegate.alerts.paging.service.care import CareService
from tidegate.alerts.paging.service.hushing import Husher
from tidegate.alerts.paging.service.notifying import Notifier
from tidegate.alerts.paging.service.placing import NOTIFY, REROUTE, AlertPlacer, wake_of
from tidegate.alerts.paging.service.routing import RoutingService
from tidegate.alerts.paging.service.silences import SilenceService
from tidegate.alerts.paging.service.telling import Writer
from tidegate.alerts.paging.service.watchdog import WATCHDOG, WatchdogService
from tidegate.alerts.paging.service.why import PagingService

__all__ = [
    "NOTIFY",
    "REROUTE",
    "WATCHDOG",
    "AlertPlacer",
    "CareService",
    "Husher",
    "Notifier",
    "PagingService",
    "RoutingService",
    "SilenceService",
    "WatchdogService",
    "Writer",
    "wake_of",
]
