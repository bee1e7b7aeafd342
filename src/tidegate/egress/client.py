"""Calls to other machines over HTTP."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from tidegate.egress.addresses import parse_address
from tidegate.egress.allowances import NOTHING, Allowances
from tidegate.egress.destinations import Destination, judge, judge_address, read_destination
from tidegate.egress.errors import EgressFailedError, EgressRefusedError, Failure, Rule
from tidegate.egress.names import NameThreads

__all__ = ["Answer", "EgressClient", "EgressLimits"]

_log = structlog.get_logger("tidegate.egress")
_PART_BYTES: Final = 16 * 1024
_PLAIN_HEADERS: Final = {"accept-encoding": "identity", "user-agent": "tidegate"}


@dataclass(frozen=True, slots=True)
class EgressLimits:
    """How much of an answer is waited for and read."""

    total_s: float = 10.0
    """From looking up the name to the last byte; somebody waits at a browser."""
    head_s: float = 5.0
    """Until the headers of the answer are there."""
    body_bytes: int = 256 * 1024
    """A set of 100 keys has 80 KB."""
    header_count: int = 64
    header_bytes: int = 8 * 1024
    """Of one line."""
    at_once: int = 16
    """Calls to one destination under way: one that stalls keeps no more of this process waiting."""
    is_status_enough: bool = False
    """Whether a body that is too long, too slow or compressed is left away rather than the whole answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, within the limits."""

    status: int
    content_type: str
    """Without parameters, in lower case."""
    body: bytes
    retry_after: str = ""
    """The header, as it was sent."""


class EgressClient:
    """Calls one destination at a time, each over a connection of its own."""

    def __init__(
        self,
        allowed: Allowances = NOTHING,
        *,
        limits: EgressLimits = EgressLimits(),
        names: AbstractResolver | None = None,
    ) -> None:
        self._allowed = allowed
        self._limits = limits
        self._names = names or NameThreads()
        self._under_way: Counter[tuple[str, int]] = Counter()

    def check(self, url: str, *, field: str | None = None) -> None:
        """Say what can be said of `url` without calling it; where its name leads is seen only then.

        Raises:
            EgressRefusedError: it breaks a rule.
        """
        try:
            self._read(url)
        except EgressRefusedError as error:
            raise EgressRefusedError(error.rule, field=field) from error

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send one request and return the answer, whatever its status but a redirect.

        Raises:
            EgressRefusedError: the destination breaks a rule; nothing was sent.
            EgressFailedError: no answer came, or one beyond the limits.
        """
        destination = self._read(url)
        host, port = destination.host, destination.port
        _refuse_unfit_headers(headers or {})
        try:
            with self._counted(host, port):
                async with asyncio.timeout(self._limits.total_s):
                    return await self._exchange(method, destination, {**_PLAIN_HEADERS, **(headers or {})}, body)
        except EgressRefusedError as error:
            _log.warning("refused", host=host, port=port, rule=error.rule)
            raise
        except EgressFailedError as error:
            _log.warning("failed", host=host, port=port, failure=error.failure)
            raise
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            failure = _failure_of(error)
            _log.warning("failed", host=host, port=port, failure=failure, cause=type(error).__name__)
            raise EgressFailedError(failure, host) from None  # the cause holds what the other side said

    def _read(self, url: str) -> Destination:
        destination = read_destination(url)
        judge(destination, self._allowed)
        return destination

    async def _exchange(
        self, method: str, destination: Destination, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        limits = self._limits
        connector = aiohttp.TCPConnector(
            resolver=self._names,
            use_dns_cache=False,
            force_close=True,
            limit=1,
            happy_eyeballs_delay=None,  # one address after the other: what is refused ends the call
            socket_factory=self._judge_of(destination),
        )
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    auto_decompress=False,
                    max_line_size=limits.header_bytes,
                    max_field_size=limits.header_bytes,
                    max_headers=limits.header_count,
                    timeout=aiohttp.ClientTimeout(total=limits.total_s),
                )
            )
            async with asyncio.timeout(limits.head_s):
                response = await session.request(
                    method, destination.url, headers=headers, data=body, allow_redirects=False
                )
            stack.callback(response.close)
            return await self._read_answer(response)

    async def _read_answer(self, response: aiohttp.ClientResponse) -> Answer:
        host = response.url.host or ""
        if 300 <= response.status < 400:
            raise EgressFailedError(Failure.REDIRECT, host)
        is_compressed = response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}
        if is_compressed and not self._limits.is_status_enough:
            raise EgressFailedError(Failure.ENCODING, host)
        body = bytearray()
        if not is_compressed:
            await self._read_body(response, body)
        retry_after = response.headers.get("retry-after", "")
        return Answer(response.status, response.content_type.lower(), bytes(body), retry_after)

    async def _read_body(self, response: aiohttp.ClientResponse, into: bytearray) -> None:
        limits = self._limits
        try:
            async with asyncio.timeout(limits.head_s if limits.is_status_enough else limits.total_s):
                async for part in response.content.iter_chunked(_PART_BYTES):
                    into += part
                    if len(into) > limits.body_bytes:
                        raise EgressFailedError(Failure.SIZE, response.url.host or "")
        except (EgressFailedError, TimeoutError, aiohttp.ClientError, OSError):
            if not limits.is_status_enough:
                raise
            del into[limits.body_bytes :]

    def _judge_of(self, destination: Destination) -> Callable[[tuple[Any, ...]], socket.socket]:
        """Return what makes the sockets of one call: it sees the very address that is connected to next."""

        def open_socket(found: tuple[Any, ...]) -> socket.socket:
            family, kind, protocol, _, place = found
            judge_address(destination, parse_address(str(place[0])), self._allowed)
            return socket.socket(family, kind, protocol)

        return open_socket

    @contextlib.contextmanager
    def _counted(self, host: str, port: int) -> Iterator[None]:
        if self._under_way[host, port] >= self._limits.at_once:
            raise EgressFailedError(Failure.BUSY, host)
        self._under_way[host, port] += 1
        try:
            yield
        finally:
            self._under_way[host, port] -= 1
            if not self._under_way[host, port]:
                del self._under_way[host, port]


def _refuse_unfit_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise EgressRefusedError(Rule.CHARACTERS)


def _failure_of(error: Exception) -> Failure:
    if isinstance(error, TimeoutError):
        return Failure.TIME
    if isinstance(error, aiohttp.ClientSSLError):
        return Failure.TLS
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ServerDisconnectedError):
        return Failure.HEADERS if isinstance(error, aiohttp.ClientResponseError) else Failure.CONNECTION
    return Failure.CONNECTION
