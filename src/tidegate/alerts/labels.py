"""The labels of an alert: what matchers, routes, grouping and inhibition speak of. Pure."""

from tidegate.alerts.model import Alert

__all__ = ["has_no_tolerance", "labels_of"]


def labels_of(alert: Alert) -> dict[str, str]:
    """Return the label set of `alert`, as Alertmanager would see it; an alert of a whole service has no `tenant`.

    What a rule adds never stands in for what an alert is. One from outside has the labels that it was sent with.
    """
    if alert.outside is not None:
        return dict(alert.outside.labels)
    labels = {
        **dict(alert.labels),
        **dict(alert.key.labels),
        "alertname": alert.code,
        "severity": str(alert.severity),
        "family": str(alert.family),
        "service": alert.service,
    }
    labels.pop("tenant", None)
    if alert.tenant is not None:
        labels["tenant"] = alert.tenant
    return labels


def has_no_tolerance(alert: Alert) -> bool:
    """Return whether one event is enough and nothing may keep it back: told at once, silenced by two people only."""
    return alert.is_zero_tolerance
