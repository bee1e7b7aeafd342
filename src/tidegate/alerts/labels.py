"""The labels of an alert: what matchers, routes, grouping and inhibition speak of. Pure."""

from tidegate.alerts.model import Alert

__all__ = ["labels_of"]


def labels_of(alert: Alert) -> dict[str, str]:
    """Return the label set of `alert`, as Alertmanager would see it; an alert of a whole service has no `tenant`."""
    labels = {
        "alertname": alert.code,
        "severity": str(alert.severity),
        "family": str(alert.family),
        "service": alert.service,
    }
    if alert.tenant is not None:
        labels["tenant"] = alert.tenant
    return labels
