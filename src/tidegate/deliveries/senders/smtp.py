"""Handing mail in by SMTP (RFC 5321), over STARTTLS or TLS.

Written here because what is read has to be bounded, in bytes and in time, whatever the other side sends.
"""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tidegate.deliveries.formats.answers import excerpt_of
from tidegate.deliveries.formats.email import mail_of
from tidegate.deliveries.model import Channel, EmailSettings, MailServer, Notice, Outcome, Receipt, Secrets, Security
from tidegate.deliveries.ports import Connecting
from tidegate.deliveries.senders.failures import receipt_of_failure
from tidegate.egress import EgressFailedError, EgressRefusedError, EgressStream

__all__ = ["InstallationMail", "SmtpSender"]

_HELLO: Final = b"EHLO tidegate.invalid"  # RFC 2606: our own name is nobody's business
_LINES: Final = 100


@dataclass(frozen=True, slots=True)
class InstallationMail:
    """The mail server of the operator, for channels that name none, and how it may be reached."""

    server: MailServer
    sender: str
    connecting: Connecting
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Way:
    """By which server, in whose name, and with which password a message goes."""

    server: MailServer
    sender: str
    connecting: Connecting
    password: str = field(repr=False)


class _ReplyError(Exception):
    """The server said no."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


class SmtpSender:
    """Keeps the promises of `Sender` for mail."""

    def __init__(self, connecting: Connecting, *, installation: InstallationMail | None = None) -> None:
        self._connecting = connecting
        self._installation = installation

    async def send(self, channel: Channel, secrets: Secrets, notice: Notice, *, now: datetime) -> Receipt:
        assert isinstance(channel.settings, EmailSettings)  # noqa: S101 - chosen by its kind
        way = self._way_of(channel.settings, secrets)
        if way is None:
            return Receipt(Outcome.DEAD, "No mail server: this installation has none, and the channel names none.")
        message = mail_of(notice, sender=way.sender, to=channel.settings.to, now=now)
        hidden = tuple(filter(None, (way.password,)))
        server = way.server
        try:
            async with way.connecting.opened(
                server.host,
                server.port,
                begins_with_tls=server.security is Security.TLS,
                is_plain=server.security is Security.NONE,
            ) as stream:
                text = await _hand_in(stream, way, channel.settings.to, message)
        except (EgressFailedError, EgressRefusedError) as error:
            return receipt_of_failure(error)
        except _ReplyError as error:
            excerpt = excerpt_of(error.text, secrets=hidden)
            outcome = Outcome.DEAD if error.code >= 500 else Outcome.RETRY
            return Receipt(outcome, f"The mail server answered {error.code}.", error.code, excerpt=excerpt)
        return Receipt(
            Outcome.DELIVERED, "The mail server took it: 250.", 250, excerpt=excerpt_of(text, secrets=hidden)
        )

    def _way_of(self, settings: EmailSettings, secrets: Secrets) -> _Way | None:
        if settings.server is not None:
            return _Way(settings.server, settings.sender, self._connecting, secrets.current)
        own = self._installation
        return None if own is None else _Way(own.server, own.sender, own.connecting, own.password)


async def _hand_in(stream: EgressStream, way: _Way, to: tuple[str, ...], message: bytes) -> bytes:
    """Hand the message in and return what the server said last.

    Raises:
        _ReplyError: it said no.
    """
    await _expect(stream, 220)
    offered = await _ask(stream, _HELLO, 250)
    if way.server.security is Security.STARTTLS:
        await _ask(stream, b"STARTTLS", 220)
        await stream.start_tls(way.connecting.tls())
        offered = await _ask(stream, _HELLO, 250)
    if way.server.user:
        await _sign_in(stream, way, offered)
    await _ask(stream, f"MAIL FROM:<{way.sender}>".encode(), 250)
    for each in to:
        await _ask(stream, f"RCPT TO:<{each}>".encode(), 250, 251)
    await _ask(stream, b"DATA", 354)
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return await _ask(stream, (b"." if message.startswith(b".") else b"") + stuffed + b".", 250)


async def _sign_in(stream: EgressStream, way: _Way, offered: bytes) -> None:
    user, password = way.server.user.encode(), way.password.encode()
    methods = b" ".join(line for line in offered.upper().splitlines() if line.startswith(b"AUTH")).split()
    if b"PLAIN" in methods or b"LOGIN" not in methods:
        await _ask(stream, b"AUTH PLAIN " + base64.b64encode(b"\0" + user + b"\0" + password), 235)
        return
    await _ask(stream, b"AUTH LOGIN", 334)
    await _ask(stream, base64.b64encode(user), 334)
    await _ask(stream, base64.b64encode(password), 235)


async def _ask(stream: EgressStream, line: bytes, *wanted: int) -> bytes:
    stream.write(line + b"\r\n")
    return await _expect(stream, *wanted)


async def _expect(stream: EgressStream, *wanted: int) -> bytes:
    """Return the text of the next reply, a line each.

    Raises:
        _ReplyError: it has another code, or none that can be read.
    """
    lines: list[bytes] = []
    while len(lines) < _LINES:
        line = await stream.read_line()
        lines.append(line[4:])
        if line[3:4] != b"-":
            code = int(line[:3]) if line[:3].isdigit() else 0
            if code in wanted:
                return b"\n".join(lines)
            break
    else:
        code = 0
    raise _ReplyError(code, b"\n".join(lines))
