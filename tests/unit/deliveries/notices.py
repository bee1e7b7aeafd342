"""Notices and channels for tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tidegate.deliveries.model import Channel, ChannelId, Notice, Settings, WebhookSettings

NOW = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)
URL = "https://hooks.example.com/in"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def make_notice(**changes: Any) -> Notice:
    notice = Notice(
        id="msg_00001",
        channel=ChannelId("chn_1"),
        event="alert.firing",
        severity="P1",
        title="Auth failures of checkout",
        lines=("12 % of 340 requests failed.",),
        links={"alert": "https://tidegate.example.com/alerts/alr_1"},
        dedup_key='{}:{alertname="auth_failure_rate_high"}',
        data={"version": "4", "status": "firing", "alerts": [{"labels": {"service": "checkout"}}]},
    )
    return replace(notice, **changes)


def make_channel(settings: Settings | None = None, **changes: Any) -> Channel:
    channel = Channel(
        id=ChannelId("chn_1"),
        name="ops",
        settings=settings or WebhookSettings(URL),
        created_at=NOW,
        created_by="tok_1",
        changed_at=NOW,
    )
    return replace(channel, **changes)
