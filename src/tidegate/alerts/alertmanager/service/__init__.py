"""Use cases: receiving alerts of others, and showing what is known as an Alertmanager would."""

from tidegate.alerts.alertmanager.service.receiving import TIMEOUT, Receiver
from tidegate.alerts.alertmanager.service.showing import Shower

__all__ = ["TIMEOUT", "Receiver", "Shower"]
