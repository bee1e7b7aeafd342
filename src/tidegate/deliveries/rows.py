"""Channels and deliveries as rows hold them. Pure."""

from typing import Any, assert_never

from asyncpg import Record

from tidegate.deliveries.model import (
    Attempt,
    Channel,
    ChannelId,
    ChannelKind,
    Delivery,
    DeliveryState,
    EmailSettings,
    MailServer,
    Outcome,
    PagerDutySettings,
    Receipt,
    Security,
    Settings,
    SlackSettings,
    WebhookSettings,
    notice_of,
)

__all__ = ["attempt_of", "channel_of", "delivery_of", "settings_json"]


def settings_json(settings: Settings) -> dict[str, Any]:
    """Return what is kept, and audited, of settings: nothing of it is secret."""
    match settings:
        case WebhookSettings(url) | PagerDutySettings(url):
            return {"url": url}
        case SlackSettings(host):
            return {"host": host}
        case EmailSettings(to, sender, server):
            kept = None
            if server is not None:
                security = str(server.security)
                kept = {"host": server.host, "port": server.port, "security": security, "user": server.user}
            return {"to": list(to), "sender": sender, "server": kept}
        case _ as never:
            assert_never(never)


def channel_of(row: Record) -> Channel:
    return Channel(
        id=ChannelId(row["id"]),
        name=row["name"],
        settings=_settings_of(ChannelKind(row["kind"]), row["settings"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        changed_at=row["changed_at"],
        secret=row["secret"],
        secret_hint=row["secret_hint"],
        previous_secret=row["previous_secret"],
        previous_until=row["previous_until"],
        disabled_at=row["disabled_at"],
        disabled_why=row["disabled_why"],
    )


def delivery_of(row: Record) -> Delivery:
    return Delivery(
        notice=notice_of(row["notice"]),
        channel_name=row["channel_name"],
        kind=row["kind"],
        state=DeliveryState(row["state"]),
        job=row["job"],
        created_at=row["created_at"],
        attempt_count=row["attempt_count"],
        last_status=row["last_status"],
        last_reason=row["last_reason"],
        next_attempt_at=row["next_attempt_at"],
        finished_at=row["finished_at"],
        seq=row["seq"],
    )


def attempt_of(row: Record) -> Attempt:
    receipt = Receipt(Outcome(row["outcome"]), row["reason"], row["status"], excerpt=row["excerpt"])
    return Attempt(row["number"], row["started_at"], row["duration_ms"], receipt)


def _settings_of(kind: ChannelKind, kept: dict[str, Any]) -> Settings:
    if kind is ChannelKind.WEBHOOK:
        return WebhookSettings(kept["url"])
    if kind is ChannelKind.SLACK:
        return SlackSettings(kept["host"])
    if kind is ChannelKind.PAGERDUTY:
        return PagerDutySettings(kept["url"])
    server = kept["server"]
    return EmailSettings(
        tuple(kept["to"]),
        kept["sender"],
        None
        if server is None
        else MailServer(server["host"], server["port"], Security(server["security"]), server["user"]),
    )
