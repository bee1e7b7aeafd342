"""Calls out: what is refused before and at the connection, and what of an answer is read."""

import asyncio
import gzip
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.egress.servers import Names, Server, hello, saying, serving

from tidegate.egress import EgressClient, EgressFailedError, EgressLimits, EgressRefusedError, Failure, Rule
from tidegate.egress import parse_allowances as allowing
from tidegate.egress.names import NameThreads

SHORT = EgressLimits(total_s=0.4, head_s=0.2, body_bytes=1_000)


def client_for(server: Server, *, limits: EgressLimits = SHORT) -> EgressClient:
    return EgressClient(allowing(f"127.0.0.1:{server.port}"), limits=limits)


async def refusal_of(client: EgressClient, url: str) -> Rule:
    with pytest.raises(EgressRefusedError) as refused:
        await client.call("GET", url)
    return refused.value.rule


async def failure_of(client: EgressClient, url: str) -> Failure:
    with pytest.raises(EgressFailedError) as failed:
        await client.call("GET", url)
    assert failed.value.__cause__ is None
    return failed.value.failure


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "[::ffff:7f00:1]", "[::1]", "[::]", "0", "localhost",
     "169.254.169.254", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::ffff:127.0.0.1]", "[fe80::1%25lo]"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_no_way_of_writing_an_inner_address_is_called(scheme: str, host: str) -> None:
    async with serving(saying(hello())) as server:
        rule = await refusal_of(EgressClient(limits=SHORT), f"{scheme}://{host}:{server.port}/")
        assert rule in ({Rule.ADDRESS} if scheme == "https" else {Rule.ADDRESS, Rule.SCHEME, Rule.CHARACTERS})
        assert server.heads == []


@pytest.mark.parametrize("inner", ["127.0.0.1", "::1", "10.0.0.7", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_a_name_that_leads_inside_is_refused_when_connecting(inner: str) -> None:
    client = EgressClient(limits=SHORT, names=Names([inner]))
    client.check("https://127.0.0.1.nip.example/")  # nobody can know before
    assert await refusal_of(client, "https://127.0.0.1.nip.example/") is Rule.ADDRESS


async def test_a_name_that_changes_its_mind_between_check_and_connection_is_refused() -> None:
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    async with serving(saying(hello())) as server:
        client = EgressClient(limits=SHORT, names=names)
        await names.resolve("rebinding.example")  # whoever checked the name before saw the internet
        assert await refusal_of(client, f"https://rebinding.example:{server.port}/") is Rule.ADDRESS
        assert names.asked == ["rebinding.example"] * 2
        assert server.heads == []


async def test_each_call_looks_again_where_a_name_leads() -> None:
    async with serving(saying(hello())) as server:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        client = EgressClient(allowing(f"127.0.0.1:{server.port}"), limits=SHORT, names=names)
        # http by an allowed address: the name is allowed by no list of names, only by where it leads
        client_by_network = EgressClient(allowing("127.0.0.1/32"), limits=SHORT, names=names)
        assert await refusal_of(client, f"http://idp.example:{server.port}/") is Rule.SCHEME
        assert (await client_by_network.call("GET", f"http://idp.example:{server.port}/")).body == b"hello"
        assert await refusal_of(client_by_network, f"http://idp.example:{server.port}/") is Rule.ADDRESS
        assert len(server.heads) == 1


async def test_plain_http_into_the_internet_is_refused_when_connecting() -> None:
    client = EgressClient(allowing("127.0.0.0/8"), limits=SHORT, names=Names(["93.184.215.14"]))
    assert await refusal_of(client, "http://outside.example/") is Rule.SCHEME


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("file:///etc/passwd", Rule.SCHEME),
        ("ftp://example.com/", Rule.SCHEME),
        ("gopher://example.com:443/", Rule.SCHEME),
        ("data:text/plain,hello", Rule.SCHEME),
        ("//example.com/", Rule.SCHEME),
        ("http://example.com/", Rule.SCHEME),
        ("https://example.com:25/", Rule.PORT),
        ("https://example.com:22/", Rule.PORT),
        ("https://example.com:0/", Rule.CHARACTERS),
        ("https://example.com:99999/", Rule.CHARACTERS),
        ("https://user:pass@example.com/", Rule.CREDENTIALS),
        ("https://user@example.com/", Rule.CREDENTIALS),
        ("https://@example.com/", Rule.CREDENTIALS),
        ("https://example.com#@127.0.0.1/", None),
        ("https://example.com\\@127.0.0.1/", Rule.CHARACTERS),
        ("https://example.com/\r\nHost: inside", Rule.CHARACTERS),
        ("https://exa mple.com/", Rule.CHARACTERS),
        ("https://exämple.com/", Rule.CHARACTERS),
        ("https:///path", Rule.CHARACTERS),
        ("https://", Rule.CHARACTERS),
        ("", Rule.CHARACTERS),
        (f"https://example.com/{'x' * 5_000}", Rule.CHARACTERS),
        ("https://example.com/", None),
        ("https://example.com:8443/a?b=c@d", None),
    ],
)
async def test_what_an_address_says_is_checked_before_anything_is_looked_up(url: str, rule: Rule | None) -> None:
    names = Names(["93.184.215.14"])
    client = EgressClient(limits=SHORT, names=names)
    if rule is None:
        client.check(url)
        return
    with pytest.raises(EgressRefusedError) as refused:
        client.check(url, field="issuer")
    assert (refused.value.rule, refused.value.field) == (rule, "issuer")
    assert await refusal_of(client, url) is rule
    assert names.asked == []


async def test_a_header_that_would_begin_another_one_is_refused() -> None:
    async with serving(saying(hello())) as server:
        with pytest.raises(EgressRefusedError) as refused:
            await client_for(server).call("GET", server.url, headers={"authorization": "x\r\nhost: y"})
        assert refused.value.rule is Rule.CHARACTERS
        assert server.heads == []


async def test_an_allowed_destination_is_called_with_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(saying(hello(b"hello", b"set-cookie: a=b"))) as server:
        client = client_for(server)
        for _ in range(2):
            answer = await client.call("POST", f"{server.url}/x?y=z", headers={"x-one": "1"}, body=b"body")
        assert (answer.status, answer.body, answer.content_type) == (200, b"hello", "text/plain")
        assert all(b"cookie" not in head.lower() for head in server.heads)
        assert server.heads[1].startswith(b"POST /x?y=z HTTP/1.1\r\n")
        assert len(server.heads) == 2  # a connection each


async def test_a_redirect_is_not_followed_and_not_repeated() -> None:
    to_metadata = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n"
    async with serving(saying(to_metadata)) as server:
        with pytest.raises(EgressFailedError) as failed:
            await client_for(server).call("GET", server.url)
        assert failed.value.failure is Failure.REDIRECT
        assert "169.254" not in str(failed.value)
        assert len(server.heads) == 1


async def test_an_answer_without_end_is_cut_at_the_limit() -> None:
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")
        while True:
            writer.write(b"secret of the other side " * 400)
            sent += 10_000
            await writer.drain()

    async with serving(endless) as server:
        with pytest.raises(EgressFailedError) as failed:
            await client_for(server, limits=EgressLimits(body_bytes=1_000)).call("GET", server.url)
        assert failed.value.failure is Failure.SIZE
        assert "secret" not in repr(failed.value)
    assert sent < 20_000_000  # what the buffers of two sockets hold


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        pytest.param(b"x-n: 1\r\n", Failure.HEADERS, id="many headers"),
        pytest.param(b"x" * 1_000, Failure.HEADERS, id="one header without end"),
    ],
)
async def test_headers_without_end_are_cut(line: bytes, failure: Failure) -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(line * 10)
            await writer.drain()

    async with serving(endless) as server:
        assert await failure_of(client_for(server, limits=EgressLimits()), server.url) is failure


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nslow"], ids=["head", "body"])
async def test_who_is_slow_is_left(said: bytes) -> None:
    over = asyncio.Event()

    async def stalling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await over.wait()

    async with serving(stalling) as server:
        began = time.monotonic()
        assert await failure_of(client_for(server), server.url) is Failure.TIME
        assert time.monotonic() - began < 5  # the limit is 0.4 s; a busy machine is given its time
        over.set()


async def test_a_trickle_ends_with_the_total_time() -> None:
    over = asyncio.Event()

    async def trickling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while not over.is_set():
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)

    async with serving(trickling) as server:
        assert await failure_of(client_for(server), server.url) is Failure.TIME
        over.set()


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"", Failure.CONNECTION),
        (b"220 mail.example ESMTP\r\n\r\n", Failure.HEADERS),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", Failure.CONNECTION),
        (hello(gzip.compress(b"x" * 900_000), b"content-encoding: gzip"), Failure.ENCODING),
    ],
    ids=["nothing", "mail", "half", "compressed"],
)
async def test_what_is_no_whole_answer_is_a_failure_in_our_words(said: bytes, failure: Failure) -> None:
    async with serving(saying(said)) as server:
        assert await failure_of(client_for(server), server.url) is failure


async def test_nobody_at_the_port_is_a_failure_of_the_connection() -> None:
    async with serving(saying(b"")) as server:
        client, url = client_for(server), server.url
    assert await failure_of(client, url) is Failure.CONNECTION


async def test_a_name_whose_servers_stall_keeps_two_threads_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    over, asked = threading.Event(), []

    def stalling(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        if host == "stalling.example":
            over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", stalling)
    names = NameThreads()
    client = EgressClient(limits=SHORT, names=names)
    waiting = [asyncio.ensure_future(names.resolve("stalling.example")) for _ in range(2)]
    await asyncio.sleep(0)
    for _ in range(3):
        assert await failure_of(client, "https://stalling.example/") is Failure.CONNECTION
    assert await names.resolve("other.example") == []
    over.set()
    await asyncio.gather(*waiting)
    await asyncio.sleep(0)
    assert await names.resolve("stalling.example") == []
    assert asked.count("stalling.example") == 3


async def test_a_certificate_of_its_own_making_proves_nothing(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "pem").write_bytes(pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "pem")
    async with serving(saying(hello()), tls=context) as server:
        client = client_for(server, limits=EgressLimits())
        assert await failure_of(client, server.url.replace("http:", "https:")) is Failure.TLS
        assert server.heads == []


async def test_one_destination_that_stalls_takes_no_more_than_its_share_and_no_other_waits() -> None:
    over = asyncio.Event()

    async def stalling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with serving(stalling) as slow, serving(saying(hello())) as quick:
        allowed = allowing(f"127.0.0.1:{slow.port}, 127.0.0.1:{quick.port}")
        client = EgressClient(allowed, limits=EgressLimits(total_s=0.5, head_s=0.4, at_once=2))
        answers = asyncio.gather(*(client.call("GET", slow.url) for _ in range(3)), return_exceptions=True)
        await asyncio.sleep(0)
        assert (await client.call("GET", quick.url)).body == b"hello"
        failures = [answer.failure for answer in await answers if isinstance(answer, EgressFailedError)]
        over.set()
    assert sorted(failures) == [Failure.BUSY, Failure.TIME, Failure.TIME]
