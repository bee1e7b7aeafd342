"""How somebody wants a channel to be, and what of it cannot be. Pure but for the rules of egress."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tidegate.deliveries.errors import ChannelInvalidError
from tidegate.deliveries.formats.email import is_address
from tidegate.deliveries.formats.pagerduty import DEFAULT_URL
from tidegate.deliveries.formats.signing import is_secret, new_secret
from tidegate.deliveries.model import (
    Channel,
    ChannelKind,
    EmailSettings,
    MailServer,
    PagerDutySettings,
    Security,
    Settings,
    SlackSettings,
    WebhookSettings,
    is_name,
)
from tidegate.deliveries.ports import Calling, Connecting
from tidegate.egress import EgressRefusedError

__all__ = ["ChannelWish", "Rules", "hint_of"]

_MAX_URL: Final = 2_000
_MAX_TO: Final = 50
_MAX_SECRET: Final = 1_000
_ROUTING_KEY: Final = 32


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """The settings of one kind; `None` keeps what is there, or takes the default of a new channel."""

    kind: ChannelKind
    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    """Of a webhook, PagerDuty's routing key, the password of a mail server."""
    to: tuple[str, ...] | None = None
    sender: str | None = None
    server: MailServer | None = None
    uses_installation: bool = False
    """Mail by the installation's server, whatever was there."""


class Rules:
    """What settings have to keep to; each refusal names its field."""

    def __init__(self, calling: Calling, connecting: Connecting, *, has_mail: bool) -> None:
        self._calling = calling
        self._connecting = connecting
        self._has_mail = has_mail

    def refuse_name(self, name: str) -> None:
        if not is_name(name):
            raise ChannelInvalidError("A name has 1 to 63 lower-case letters, digits and hyphens.", field="name")

    def settled(self, wish: ChannelWish, before: Channel | None) -> tuple[Settings, str | None]:
        """Return the settings, and the secret if there is to be another one than before (empty: none).

        Raises:
            ChannelInvalidError: a setting cannot be.
        """
        if wish.kind is ChannelKind.WEBHOOK:
            return self._webhook(wish, before)
        if wish.kind is ChannelKind.SLACK:
            return self._slack(wish, before)
        if wish.kind is ChannelKind.PAGERDUTY:
            return self._pagerduty(wish, before)
        return self._email(wish, before)

    def webhook_secret(self, given: str | None) -> str:
        """Return the secret that was given, else a new one."""
        if given is None:
            return new_secret()
        if not is_secret(given):
            raise ChannelInvalidError(
                "A secret is whsec_ and 24 to 64 random bytes in base64. Leave it out and one is made.",
                field="webhook.secret",
            )
        return given

    def _webhook(self, wish: ChannelWish, before: Channel | None) -> tuple[Settings, str | None]:
        old = before.settings if before is not None else None
        url = wish.url if wish.url is not None else old.url if isinstance(old, WebhookSettings) else ""
        self._refuse_url(url, "webhook.url")
        if before is not None and wish.secret is not None:
            raise ChannelInvalidError(
                "The secret of a channel is rotated, so that receivers have time: POST …/rotate.",
                field="webhook.secret",
            )
        return WebhookSettings(url), self.webhook_secret(wish.secret) if before is None else None

    def _slack(self, wish: ChannelWish, before: Channel | None) -> tuple[Settings, str | None]:
        if wish.url is None and before is not None:
            return before.settings, None
        url = wish.url or ""
        self._refuse_url(url, "slack.url")
        return SlackSettings(urlsplit(url).hostname or ""), url

    def _pagerduty(self, wish: ChannelWish, before: Channel | None) -> tuple[Settings, str | None]:
        old = before.settings if before is not None else None
        kept = old.url if isinstance(old, PagerDutySettings) else DEFAULT_URL
        url = kept if wish.url is None else wish.url
        self._refuse_url(url, "pagerduty.url")
        # A key goes to the place that it was given for, and to no other.
        if wish.secret is None and (before is None or url != kept):
            raise ChannelInvalidError("Write the routing key of the integration.", field="pagerduty.routingKey")
        key = wish.secret
        if key is not None and not (len(key) == _ROUTING_KEY and key.isascii() and key.isalnum()):
            raise ChannelInvalidError("A routing key has 32 letters and digits.", field="pagerduty.routingKey")
        return PagerDutySettings(url), key

    def _email(self, wish: ChannelWish, before: Channel | None) -> tuple[Settings, str | None]:
        old = before.settings if before is not None else None
        old = old if isinstance(old, EmailSettings) else EmailSettings(())
        settings = EmailSettings(
            to=old.to if wish.to is None else wish.to,
            sender=old.sender if wish.sender is None else wish.sender,
            server=None if wish.uses_installation else wish.server or old.server,
        )
        self._refuse_recipients(settings)
        if settings.server is None:
            if not self._has_mail:
                raise ChannelInvalidError(
                    "This installation has no mail server (TIDEGATE_SMTP_URL): name one.", field="email.server"
                )
            if settings.sender:
                raise ChannelInvalidError(
                    "By the installation's server, mail goes out in the installation's name.", field="email.from"
                )
            return settings, "" if before is not None and before.secret else None
        if not is_address(settings.sender):
            raise ChannelInvalidError("Write the address that mail comes from, bare and in ASCII.", field="email.from")
        return settings, self._password(wish, settings.server, old, has_old=before is not None and bool(before.secret))

    def _refuse_recipients(self, settings: EmailSettings) -> None:
        if not 1 <= len(settings.to) <= _MAX_TO:
            raise ChannelInvalidError(f"Name 1 to {_MAX_TO} addresses.", field="email.to")
        for number, each in enumerate(settings.to):
            if not is_address(each):
                raise ChannelInvalidError(
                    "This is no bare address in ASCII: ann@example.com", field=f"email.to.{number}"
                )

    def _password(self, wish: ChannelWish, server: MailServer, old: EmailSettings, *, has_old: bool) -> str | None:
        try:
            self._connecting.check(server.host, server.port, is_plain=server.security is Security.NONE)
        except EgressRefusedError as error:
            raise ChannelInvalidError(error.message, field="email.server") from error
        if not server.user:
            if wish.secret:
                raise ChannelInvalidError("A password without a user name is of no use.", field="email.server.user")
            return "" if has_old else None
        if server.security is Security.NONE:
            raise ChannelInvalidError("A password goes over TLS only.", field="email.server.security")
        if wish.secret is None and has_old and old.server == server:
            return None
        password = wish.secret or ""
        if not 0 < len(password) <= _MAX_SECRET or not password.isprintable():
            raise ChannelInvalidError(
                "Write the password of this user at this server (again, if one of them changed).",
                field="email.server.password",
            )
        return password

    def _refuse_url(self, url: str, where: str) -> None:
        if len(url) > _MAX_URL:
            raise ChannelInvalidError(f"An address has at most {_MAX_URL} characters.", field=where)
        try:
            self._calling.check(url, field=where)
        except EgressRefusedError as error:
            raise ChannelInvalidError(error.message, field=where) from error


def hint_of(kind: ChannelKind, secret: str) -> str:
    """Return what may be shown of a secret: its last four characters, of passwords nothing."""
    return "" if kind is ChannelKind.EMAIL else f"…{secret.rstrip('=')[-4:]}"
