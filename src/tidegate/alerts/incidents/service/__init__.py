"""Use cases of incidents."""

from tidegate.alerts.incidents.service.leading import IncidentService
from tidegate.alerts.incidents.service.looking import IncidentBook

__all__ = ["IncidentBook", "IncidentService"]
