"""Events of PagerDuty's Events API, version 2. Pure."""

import hashlib
from typing import Any, Final

from tidegate.deliveries.formats.outgoing import Outgoing
from tidegate.deliveries.model import Channel, Notice, PagerDutySettings, Secrets
from tidegate.kernel import canonical_json

__all__ = ["DEFAULT_URL", "pagerduty_of"]

DEFAULT_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_ACTIONS: Final = {"alert.resolved": "resolve", "alert.acknowledged": "acknowledge"}
_SEVERITIES: Final = {"P1": "critical", "P2": "error"}
_KEY: Final = 255  # PagerDuty's bounds
_SUMMARY: Final = 1_024
_SOURCE: Final = 255


def pagerduty_of(channel: Channel, secrets: Secrets, notice: Notice) -> Outgoing:
    """Return the event; a test is an incident of the lowest severity."""
    assert isinstance(channel.settings, PagerDutySettings)  # noqa: S101 - chosen by its kind
    # All alerts of a group are one incident there: acknowledged, it calls nobody of the others either.
    action = "trigger" if _has_others(notice) else _ACTIONS.get(notice.event, "trigger")
    event: dict[str, Any] = {
        "routing_key": secrets.current,
        "event_action": action,
        "dedup_key": _key_of(notice),
    }
    if action == "trigger":
        event |= {
            "client": "tidegate",
            "payload": {
                "summary": f"{notice.severity} {notice.title}"[:_SUMMARY],
                "source": _source_of(notice),
                "severity": "info" if notice.event == "test" else _SEVERITIES.get(notice.severity, "warning"),
                "class": notice.event,
                "custom_details": {"notice": notice.id, "lines": list(notice.lines), **notice.data},
            },
            "links": [{"href": url, "text": name} for name, url in notice.links.items()],
        }
        if "alert" in notice.links:
            event["client_url"] = notice.links["alert"]
    return Outgoing(channel.settings.url, canonical_json(event), {"content-type": "application/json"})


def _key_of(notice: Notice) -> str:
    """Return what the events of one incident share; a key that is too long is replaced by its digest."""
    key = notice.dedup_key or notice.id
    return key if len(key) <= _KEY else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _has_others(notice: Notice) -> bool:
    """Return whether somebody acknowledged some of what burns, and nobody the rest."""
    own = notice.data.get("tidegate")
    return notice.event == "alert.acknowledged" and isinstance(own, dict) and bool(own.get("unacknowledged"))


def _source_of(notice: Notice) -> str:
    labels = notice.data.get("commonLabels")
    service = labels.get("service") if isinstance(labels, dict) else None
    return service[:_SOURCE] if isinstance(service, str) and service else "tidegate"
