"""Channels and deliveries on the wire. Secrets come in and never go out, but for the one that was just made."""

from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field

from tidegate.deliveries.channels import Added
from tidegate.deliveries.errors import ChannelInvalidError
from tidegate.deliveries.model import (
    Attempt,
    Channel,
    ChannelKind,
    Delivery,
    DeliveryState,
    EmailSettings,
    MailServer,
    Outcome,
    PagerDutySettings,
    Security,
    SlackSettings,
    WebhookSettings,
)
from tidegate.deliveries.wishes import ChannelWish
from tidegate.edge.wire import Utc, WireModel

_Url = Annotated[str, Field(max_length=2_000)]
_Secret = Annotated[str, Field(max_length=1_000)]
_Text = Annotated[str, Field(max_length=254)]


class WebhookIn(WireModel):
    url: _Url | None = None
    """Where notices are posted to. No secret belongs into it: it is shown again."""
    secret: _Secret | None = None
    """`whsec_…`; left out, one is made and shown this once."""


class SlackIn(WireModel):
    url: _Url | None = None
    """Of the incoming webhook. It is a secret: whoever has it can post."""


class PagerDutyIn(WireModel):
    routing_key: _Secret | None = None
    """Of an integration of the kind Events API v2."""
    url: _Url | None = None
    """Left out: `https://events.pagerduty.com/v2/enqueue`; in the EU `https://events.eu.pagerduty.com/v2/enqueue`."""


class MailServerIn(WireModel):
    host: _Text
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Security = Security.STARTTLS
    """`starttls`, `tls`, or `none` to where the operator allows it."""
    user: _Text = ""
    password: _Secret | None = None


class EmailIn(WireModel):
    to: Annotated[tuple[_Text, ...], Field(max_length=50)] | None = None
    from_: Annotated[_Text | None, Field(alias="from")] = None
    server: MailServerIn | None = None
    """Left out: that of the installation (`TIDEGATE_SMTP_URL`); in a change `null` goes back to it."""


class _Kinds(WireModel):
    webhook: WebhookIn | None = None
    slack: SlackIn | None = None
    email: EmailIn | None = None
    pagerduty: PagerDutyIn | None = None

    def wish(self) -> ChannelWish | None:
        """Return the settings of the kind that is named.

        Raises:
            ChannelInvalidError: there is more than one.
        """
        wishes = [wish for wish in (_webhook(self), _slack(self), _email(self), _pagerduty(self)) if wish is not None]
        if len(wishes) > 1:
            raise ChannelInvalidError(
                "A channel has one kind: webhook, slack, email or pagerduty.", field=wishes[1].kind
            )
        return wishes[0] if wishes else None


class ChannelIn(_Kinds):
    name: Annotated[str, Field(max_length=63)]
    """Lower-case letters, digits and hyphens; routes name channels by it."""

    def wanted(self) -> ChannelWish:
        """Return the settings.

        Raises:
            ChannelInvalidError: there are none, or of more than one kind.
        """
        wish = self.wish()
        if wish is None:
            raise ChannelInvalidError("Name what it is: webhook, slack, email or pagerduty.", field="webhook")
        return wish


class ChannelChangeIn(_Kinds):
    name: Annotated[str, Field(max_length=63)] | None = None
    is_enabled: bool | None = None
    """`false`: nothing is sent, what waits is dead when its turn comes."""


class ChannelRotationIn(WireModel):
    secret: _Secret | None = None
    """`whsec_…`; left out, one is made and shown this once."""
    overlap_hours: Annotated[int, Field(ge=0, le=168)] = 24
    """For how long requests are signed with both."""

    @property
    def overlap(self) -> timedelta:
        return timedelta(hours=self.overlap_hours)


class WebhookOut(WireModel):
    url: str
    """Without what follows `?`."""
    secret_hint: str
    previous_until: Utc | None
    """Until then requests are signed with the secret before as well."""


class SlackOut(WireModel):
    host: str
    url_hint: str


class PagerDutyOut(WireModel):
    url: str
    routing_key_hint: str


class MailServerOut(WireModel):
    host: str
    port: int
    security: Security
    user: str
    has_password: bool


class EmailOut(WireModel):
    to: tuple[str, ...]
    from_: Annotated[str, Field(alias="from")]
    server: MailServerOut | None
    """`null`: that of the installation."""


class AttemptOut(WireModel):
    number: int
    started_at: Utc
    duration_ms: int
    outcome: Outcome
    status: int | None
    """That the receiver answered with."""
    reason: str
    excerpt: str | None
    """The beginning of the answer, masked; to admins only."""

    @classmethod
    def of(cls, attempt: Attempt, *, is_admin: bool) -> Self:
        receipt = attempt.receipt
        return cls(
            number=attempt.number,
            started_at=attempt.started_at,
            duration_ms=attempt.duration_ms,
            outcome=receipt.outcome,
            status=receipt.status,
            reason=receipt.reason,
            excerpt=receipt.excerpt if is_admin else None,
        )


class DeliveryOut(WireModel):
    id: str
    """That receivers get as `webhook-id`; the same for all attempts and after a replay."""
    channel: str
    """Id of the channel, which may be removed since."""
    channel_name: str
    kind: str
    event: str
    severity: str
    title: str
    state: DeliveryState
    attempt_count: int
    last_status: int | None
    last_reason: str
    created_at: Utc
    next_attempt_at: Utc | None
    """Where the receiver said when; otherwise attempts follow 5 s, 5 min, 30 min, 2 h and so on."""
    finished_at: Utc | None
    job: str
    attempts: tuple[AttemptOut, ...] | None = None
    """The newest first; `null` in lists."""

    @classmethod
    def of(cls, delivery: Delivery, attempts: tuple[AttemptOut, ...] | None = None) -> Self:
        notice = delivery.notice
        return cls(
            id=notice.id,
            channel=notice.channel,
            channel_name=delivery.channel_name,
            kind=delivery.kind,
            event=notice.event,
            severity=notice.severity,
            title=notice.title,
            state=delivery.state,
            attempt_count=delivery.attempt_count,
            last_status=delivery.last_status,
            last_reason=delivery.last_reason,
            created_at=delivery.created_at,
            next_attempt_at=delivery.next_attempt_at,
            finished_at=delivery.finished_at,
            job=delivery.job,
            attempts=attempts,
        )


class DeliveryPageOut(WireModel):
    items: tuple[DeliveryOut, ...]
    next_cursor: str | None


class ChannelOut(WireModel):
    id: str
    name: str
    kind: ChannelKind
    is_enabled: bool
    disabled_at: Utc | None
    disabled_why: str
    webhook: WebhookOut | None = None
    slack: SlackOut | None = None
    email: EmailOut | None = None
    pagerduty: PagerDutyOut | None = None
    created_at: Utc
    created_by: str
    changed_at: Utc
    last_delivery: DeliveryOut | None = None
    """The newest one, whatever came of it."""
    secret: str | None = None
    """That which was just made; it is never shown again."""

    @classmethod
    def of(cls, channel: Channel, *, last: Delivery | None = None, made_secret: str | None = None) -> Self:
        settings = channel.settings
        return cls(
            id=channel.id,
            name=channel.name,
            kind=channel.kind,
            is_enabled=channel.is_enabled,
            disabled_at=channel.disabled_at,
            disabled_why=channel.disabled_why,
            webhook=_webhook_out(channel, settings) if isinstance(settings, WebhookSettings) else None,
            slack=SlackOut(host=settings.host, url_hint=channel.secret_hint)
            if isinstance(settings, SlackSettings)
            else None,
            email=_email_out(channel, settings) if isinstance(settings, EmailSettings) else None,
            pagerduty=PagerDutyOut(url=shown_url(settings.url), routing_key_hint=channel.secret_hint)
            if isinstance(settings, PagerDutySettings)
            else None,
            created_at=channel.created_at,
            created_by=channel.created_by,
            changed_at=channel.changed_at,
            last_delivery=None if last is None else DeliveryOut.of(last),
            secret=made_secret,
        )

    @classmethod
    def of_added(cls, added: Added) -> Self:
        return cls.of(added.channel, made_secret=added.made_secret)


class ChannelListOut(WireModel):
    items: tuple[ChannelOut, ...]


class ChannelCheckOut(WireModel):
    name: str
    kind: ChannelKind
    is_valid: bool = True


def shown_url(url: str) -> str:
    """Return an address without what follows `?`, where people put keys all the same."""
    parts = urlsplit(url)
    return parts._replace(query="…" if parts.query else "", fragment="").geturl()


def _webhook_out(channel: Channel, settings: WebhookSettings) -> WebhookOut:
    return WebhookOut(
        url=shown_url(settings.url), secret_hint=channel.secret_hint, previous_until=channel.previous_until
    )


def _email_out(channel: Channel, settings: EmailSettings) -> EmailOut:
    server = None
    if settings.server is not None:
        server = MailServerOut(
            host=settings.server.host,
            port=settings.server.port,
            security=settings.server.security,
            user=settings.server.user,
            has_password=channel.secret is not None,
        )
    return EmailOut(to=settings.to, from_=settings.sender, server=server)


def _webhook(kinds: _Kinds) -> ChannelWish | None:
    given = kinds.webhook
    return None if given is None else ChannelWish(ChannelKind.WEBHOOK, url=given.url, secret=given.secret)


def _slack(kinds: _Kinds) -> ChannelWish | None:
    return None if kinds.slack is None else ChannelWish(ChannelKind.SLACK, url=kinds.slack.url)


def _pagerduty(kinds: _Kinds) -> ChannelWish | None:
    given = kinds.pagerduty
    return None if given is None else ChannelWish(ChannelKind.PAGERDUTY, url=given.url, secret=given.routing_key)


def _email(kinds: _Kinds) -> ChannelWish | None:
    given = kinds.email
    if given is None:
        return None
    server = given.server
    return ChannelWish(
        ChannelKind.EMAIL,
        to=given.to,
        sender=given.from_,
        server=None if server is None else MailServer(server.host, server.port, server.security, server.user),
        secret=None if server is None else server.password,
        uses_installation=server is None and "server" in given.model_fields_set,
    )
