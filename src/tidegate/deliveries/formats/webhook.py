"""Webhooks: the body is what the notice carries. Pure."""

from datetime import datetime

from tidegate.deliveries.formats.outgoing import Outgoing
from tidegate.deliveries.formats.signing import headers_of
from tidegate.deliveries.model import Channel, Notice, Secrets, WebhookSettings
from tidegate.kernel import canonical_json

__all__ = ["webhook_of"]


def webhook_of(channel: Channel, secrets: Secrets, notice: Notice, *, now: datetime) -> Outgoing:
    """Return the request of one attempt: id and body are the same each time, moment and signature are of this one."""
    assert isinstance(channel.settings, WebhookSettings)  # noqa: S101 - chosen by its kind
    body = canonical_json(dict(notice.data))
    headers = headers_of(secrets.live, notice.id, int(now.timestamp()), body)
    return Outgoing(channel.settings.url, body, {"content-type": "application/json", **headers})
