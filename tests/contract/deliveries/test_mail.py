"""Mail is handed in to a server on loopback, over TLS that begins in the middle."""

import asyncio
import contextlib
import datetime as dt
import email
import ssl
from collections.abc import AsyncIterator
from email.policy import SMTP
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.contract.deliveries.receivers import MailReceiver
from tests.contract.deliveries.worlds import LOOPBACK
from tests.unit.deliveries.notices import NOW, make_channel, make_notice

from tidegate.deliveries.model import EmailSettings, MailServer, Outcome, Receipt, Secrets, Security
from tidegate.deliveries.senders.smtp import InstallationMail, SmtpSender
from tidegate.egress import EgressStreams
from tidegate.egress.allowances import NOTHING

STARTTLS, TLS, PLAIN = Security.STARTTLS, Security.TLS, Security.NONE


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
async def server(certificate: Path) -> AsyncIterator[MailReceiver]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with MailReceiver(tls=tls).serving() as serving:
        yield serving


@pytest.fixture
def streams(certificate: Path) -> EgressStreams:
    return EgressStreams(LOOPBACK, tls=ssl.create_default_context(cafile=str(certificate)), total_s=20)


async def sent(
    streams: EgressStreams, port: int, *, security: Security = STARTTLS, user: str = "", password: str = ""
) -> Receipt:
    settings = EmailSettings(
        ("ann@example.com", "bo@example.com"), "tg@example.com", MailServer("127.0.0.1", port, security, user)
    )
    secrets = Secrets((password,) if password else ())
    return await SmtpSender(streams).send(make_channel(settings), secrets, make_notice(), now=NOW)


async def test_mail_goes_out_over_tls_with_a_sign_in(streams: EgressStreams, server: MailReceiver) -> None:
    receipt = await sent(streams, server.port, user="tg", password="pass word")
    assert (receipt.outcome, receipt.status) == (Outcome.DELIVERED, 250)
    assert server.signed_in == [b"\0tg\0pass word"]
    assert server.was_over_tls == [True]
    assert "RCPT TO:<bo@example.com>" in server.said
    read = email.message_from_bytes(server.mails[0], policy=SMTP)
    assert read["Subject"] == "[P1] Auth failures of checkout"
    assert "12 % of 340 requests failed." in read.get_content()


async def test_a_server_that_offers_no_tls_gets_neither_password_nor_mail(
    streams: EgressStreams, server: MailReceiver
) -> None:
    server.refuses = {"STARTTLS": "502 what?"}
    receipt = await sent(streams, server.port, user="tg", password="pass word")
    assert receipt.outcome is Outcome.DEAD
    assert (server.signed_in, server.mails) == ([], [])


async def test_a_certificate_of_nobody_ends_it(server: MailReceiver) -> None:
    receipt = await sent(EgressStreams(LOOPBACK, total_s=20), server.port, user="tg", password="x")
    assert (receipt.outcome, server.mails) == (Outcome.RETRY, [])
    assert "certificate" in receipt.reason


async def test_what_was_said_before_tls_is_not_taken_for_an_answer_after_it(
    streams: EgressStreams, server: MailReceiver
) -> None:
    server.injects = b"250 injected\r\n235 injected\r\n"
    receipt = await sent(streams, server.port, user="tg", password="x")
    # Either the plain words break the handshake or they are forgotten; they never count.
    assert receipt.outcome is Outcome.RETRY or server.signed_in == [b"\0tg\0x"]


@pytest.mark.parametrize(
    ("verb", "reply", "outcome"),
    [
        ("RCPT", "550 no such user", Outcome.DEAD),
        ("MAIL", "451 later", Outcome.RETRY),
        ("AUTH", "535 wrong", Outcome.DEAD),
        ("DATA", "452 full", Outcome.RETRY),
        ("EHLO", "nonsense", Outcome.RETRY),
        ("MAIL", "abc", Outcome.RETRY),
    ],
)
async def test_what_the_server_refuses_is_dead_or_tried_again(
    streams: EgressStreams, server: MailReceiver, verb: str, reply: str, outcome: Outcome
) -> None:
    server.refuses = {verb: reply}
    receipt = await sent(streams, server.port, user="tg", password="secret words")
    assert receipt.outcome is outcome
    assert "secret words" not in receipt.excerpt


async def test_a_server_that_talks_without_end_is_cut(streams: EgressStreams, server: MailReceiver) -> None:
    server.is_endless = True
    receipt = await sent(streams, server.port)
    assert receipt.outcome is Outcome.RETRY


async def test_a_server_that_says_nothing_is_left() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with contextlib.AsyncExitStack() as stack:
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        stack.callback(listening.close)
        port = listening.sockets[0].getsockname()[1]
        receipt = await sent(EgressStreams(LOOPBACK, total_s=0.2), port, security=PLAIN)
    assert receipt.outcome is Outcome.RETRY
    assert "takes too long" in receipt.reason


async def test_without_allowance_no_inner_server_is_reached(server: MailReceiver) -> None:
    for security in (STARTTLS, PLAIN):
        receipt = await sent(EgressStreams(NOTHING), server.port, security=security)
        assert "not called" in receipt.reason
    assert server.said == []


async def test_lines_that_begin_with_a_dot_arrive(streams: EgressStreams, server: MailReceiver) -> None:
    settings = EmailSettings(("ann@example.com",), "tg@example.com", MailServer("127.0.0.1", server.port, PLAIN))
    notice = make_notice(title=".", lines=(".", "..", ".a"))
    await SmtpSender(streams).send(make_channel(settings), Secrets(), notice, now=NOW)
    read = email.message_from_bytes(server.mails[0], policy=SMTP)
    assert ".\n\n..\n\n.a\n" in read.get_content().replace("\r\n", "\n")


async def test_the_server_of_the_installation_is_used_where_a_channel_names_none(
    streams: EgressStreams, server: MailReceiver
) -> None:
    own = InstallationMail(MailServer("127.0.0.1", server.port, STARTTLS, "op"), "op@example.com", streams, "words")
    channel = make_channel(EmailSettings(("ann@example.com",)))
    receipt = await SmtpSender(EgressStreams(NOTHING), installation=own).send(
        channel, Secrets(), make_notice(), now=NOW
    )
    assert receipt.outcome is Outcome.DELIVERED
    assert server.signed_in == [b"\0op\0words"]
    assert "MAIL FROM:<op@example.com>" in server.said


async def test_without_any_server_a_mail_is_dead_with_the_reason() -> None:
    channel = make_channel(EmailSettings(("ann@example.com",)))
    receipt = await SmtpSender(EgressStreams(NOTHING)).send(channel, Secrets(), make_notice(), now=NOW)
    assert receipt.outcome is Outcome.DEAD
    assert "No mail server" in receipt.reason


async def test_tls_from_the_first_byte_is_spoken_as_well(streams: EgressStreams, server: MailReceiver) -> None:
    inner = MailReceiver()
    assert server.tls is not None
    listening = await asyncio.start_server(inner._serve, "127.0.0.1", 0, ssl=server.tls)
    try:
        receipt = await sent(streams, listening.sockets[0].getsockname()[1], security=TLS)
    finally:
        listening.close()
    assert receipt.outcome is Outcome.DELIVERED
    assert len(inner.mails) == 1
