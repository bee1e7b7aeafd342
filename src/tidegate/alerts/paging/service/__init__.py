"""Placing alerts in groups, telling of them, and what people ask and do about it."""

from tidegate.alerts.paging.service.care import CareService
from tidegate.alerts.paging.service.notifying import Notifier
from tidegate.alerts.paging.service.placing import NOTIFY, REROUTE, AlertPlacer, wake_of
from tidegate.alerts.paging.service.routing import RoutingService
from tidegate.alerts.paging.service.silences import SilenceService
from tidegate.alerts.paging.service.why import PagingService

__all__ = [
    "NOTIFY",
    "REROUTE",
    "AlertPlacer",
    "CareService",
    "Notifier",
    "PagingService",
    "RoutingService",
    "SilenceService",
    "wake_of",
]
