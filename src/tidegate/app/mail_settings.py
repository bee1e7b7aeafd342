"""The mail server of the installation: `TIDEGATE_SMTP_URL`."""

import os
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tidegate.deliveries.formats.email import is_address
from tidegate.deliveries.model import MailServer, Security
from tidegate.deliveries.senders.smtp import InstallationMail
from tidegate.egress import Allowances, EgressRefusedError, EgressStreams
from tidegate.kernel import InvalidInputError

__all__ = ["SmtpUrlInvalidError", "installation_mail"]

_SECURITY = {"smtp": Security.STARTTLS, "smtps": Security.TLS, "smtp+plain": Security.NONE}
_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class SmtpUrlInvalidError(InvalidInputError):
    code: ClassVar[str] = "smtp_url_invalid"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"TIDEGATE_SMTP_URL is no mail server ({why}): write smtps://user:password@mail.example.com?from=tidegate@"
            "example.com, with smtp:// for STARTTLS, or smtp+plain:// without TLS and without a password.",
            field="TIDEGATE_SMTP_URL",
        )


def installation_mail(allowed: Allowances) -> InstallationMail | None:
    """Return what `TIDEGATE_SMTP_URL` says, `None` when it is not set.

    The operator names the server, so it may be called wherever it is; channels that name a server of their own gain
    nothing by it.

    Raises:
        SmtpUrlInvalidError: it is no such address.
    """
    url = os.environ.get("TIDEGATE_SMTP_URL")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SmtpUrlInvalidError("host or port cannot be read") from None
    security = _SECURITY.get(parts.scheme)
    if security is None:
        raise SmtpUrlInvalidError("its scheme is none of smtps, smtp, smtp+plain")
    sender = parse_qs(parts.query).get("from", [""])[-1]
    if not is_address(sender):
        raise SmtpUrlInvalidError("?from= names no bare address")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if security is Security.NONE and (user or password):
        raise SmtpUrlInvalidError("a password goes over TLS only")
    server = MailServer(host, port or _PORTS[security], security, user)
    named = Allowances(allowed.destinations | {(host.rstrip("."), server.port)}, allowed.networks)
    connecting = EgressStreams(named)
    try:
        connecting.check(server.host, server.port, is_plain=security is Security.NONE)
    except EgressRefusedError:
        raise SmtpUrlInvalidError("its host cannot be read") from None
    return InstallationMail(server, sender, connecting, password)
