"""Connections to other machines that speak something else than HTTP: mail is handed in by them.

The rules are those of calls: the address is judged that is connected to next, and a connection without TLS leads only
to where the operator allows it. Who reads gets lines of a bounded length and no more bytes than agreed.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiohttp.abc import AbstractResolver

from tidegate.egress.addresses import parse_address
from tidegate.egress.allowances import NOTHING, Allowances
from tidegate.egress.destinations import MAIL_PORTS, Destination, judge, judge_address, read_place
from tidegate.egress.errors import EgressFailedError, EgressRefusedError, Failure
from tidegate.egress.names import NameThreads

__all__ = ["EgressStream", "EgressStreams"]

_log = structlog.get_logger("tidegate.egress")
_LINE_BYTES: Final = 4 * 1024  # RFC 5321 has 512 for a line of a reply; some write more
_TOTAL_BYTES: Final = 64 * 1024


class EgressStream:
    """One connection: lines come in, bytes go out, TLS may begin in the middle."""

    def __init__(self, host: str, transport: asyncio.Transport, reader: asyncio.StreamReader) -> None:
        self.host = host
        self._transport = transport
        self._reader = reader
        self._read_bytes = 0

    async def read_line(self) -> bytes:
        """Return the next line without its end.

        Raises:
            EgressFailedError: a line, or all of them, are too long, or the other side hung up.
        """
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise EgressFailedError(Failure.SIZE, self.host) from None
        except asyncio.IncompleteReadError:
            raise EgressFailedError(Failure.CONNECTION, self.host) from None
        self._read_bytes += len(line)
        if self._read_bytes > _TOTAL_BYTES:
            raise EgressFailedError(Failure.SIZE, self.host)
        return line.rstrip(b"\r\n")

    def write(self, data: bytes) -> None:
        """Send `data`, which is a message at most: what the other side does not take is kept until the end."""
        self._transport.write(data)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS; what was said before and was not read yet is forgotten (RFC 3207, section 4.2)."""
        reader = _new_reader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await asyncio.get_running_loop().start_tls(
            self._transport, protocol, context, server_hostname=self.host
        )
        if transport is None:
            raise EgressFailedError(Failure.TLS, self.host)
        protocol.connection_made(transport)
        self._transport, self._reader = transport, reader

    def abort(self) -> None:
        self._transport.abort()


class EgressStreams:
    """Opens connections by the rules of `EgressClient`."""

    def __init__(
        self,
        allowed: Allowances = NOTHING,
        *,
        names: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        total_s: float = 20.0,
    ) -> None:
        self._allowed = allowed
        self._names = names or NameThreads()
        self._tls = tls
        self._total_s = total_s

    def check(self, host: str, port: int, *, is_plain: bool, field: str | None = None) -> None:
        """Say what can be said without connecting.

        Raises:
            EgressRefusedError: it breaks a rule.
        """
        try:
            self._judged(host, port, is_plain=is_plain)
        except EgressRefusedError as error:
            raise EgressRefusedError(error.rule, field=field) from error

    def tls(self) -> ssl.SSLContext:
        """Return what certificates are checked with."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    @contextlib.asynccontextmanager
    async def opened(
        self, host: str, port: int, *, begins_with_tls: bool, is_plain: bool = False
    ) -> AsyncIterator[EgressStream]:
        """Connect, and hang up at the end of the block; all of it within the time.

        `is_plain`: TLS neither begins it nor is begun in it.

        Raises:
            EgressRefusedError: the destination breaks a rule; nothing was sent.
            EgressFailedError: no connection came about, or it broke, or it took too long.
        """
        destination = self._judged(host, port, is_plain=is_plain)
        try:
            async with asyncio.timeout(self._total_s):
                stream = await self._connect(destination, begins_with_tls=begins_with_tls)
                try:
                    yield stream
                finally:
                    stream.abort()
        except EgressRefusedError as error:
            _log.warning("refused", host=host, port=port, rule=error.rule)
            raise
        except (TimeoutError, OSError) as error:
            failure = Failure.TIME if isinstance(error, TimeoutError) else Failure.CONNECTION
            failure = Failure.TLS if isinstance(error, ssl.SSLError) else failure
            _log.warning("failed", host=host, port=port, failure=failure, cause=type(error).__name__)
            raise EgressFailedError(failure, host) from None  # the cause may hold what the other side said

    def _judged(self, host: str, port: int, *, is_plain: bool) -> Destination:
        destination = read_place(host, port, is_plain=is_plain)
        judge(destination, self._allowed, ports=MAIL_PORTS)
        return destination

    async def _connect(self, destination: Destination, *, begins_with_tls: bool) -> EgressStream:
        host, port = destination.host, destination.port
        found = await self._names.resolve(host, port)
        last: OSError = OSError("the name leads nowhere")
        for place in found:
            judge_address(destination, parse_address(place["host"]), self._allowed)
            try:
                connected = await self._connected(place["family"], place["host"], port)
            except OSError as error:
                last = error
                continue
            reader = _new_reader()
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda made=protocol: made,
                sock=connected,
                ssl=self.tls() if begins_with_tls else None,
                server_hostname=host if begins_with_tls else None,
            )
            return EgressStream(host, transport, reader)
        raise last

    async def _connected(self, family: int, address: str, port: int) -> socket.socket:
        connecting = socket.socket(family, socket.SOCK_STREAM)
        connecting.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connecting, (address, port))
        except BaseException:
            connecting.close()
            raise
        return connecting


def _new_reader() -> asyncio.StreamReader:
    return asyncio.StreamReader(limit=_LINE_BYTES)
