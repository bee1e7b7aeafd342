"""Use cases of incidents."""

from tidegate.alerts.incidents.service.leading import IncidentService
from tidegate.alerts.incidents.service.looking import IncidentBook
from tidegate.alerts.incidents.service.opening import IncidentOpener

__all__ = ["IncidentBook", "IncidentOpener", "IncidentService"]
