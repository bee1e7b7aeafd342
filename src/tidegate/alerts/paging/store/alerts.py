"""Rows of alerts, as the store of alerts reads them: the one place where paging knows of it."""

from tidegate.alerts.rows import ALERT_COLUMNS, alert_of

__all__ = ["ALERT_COLUMNS", "alert_of"]
