"""Receivers on loopback that do whatever a test wants: over HTTP, and by SMTP."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpReceiver:
    """Keeps what it got; answers with what stands next, or with 204."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answers: list[web.Response | str] = field(default_factory=list)
    """`stall`: never answers. `endless`: 200 and a body without end."""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["HttpReceiver"]:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Got(request.path, headers, await request.read()))
        answer = self.answers.pop(0) if self.answers else web.Response(status=204)
        if answer == "stall":
            await asyncio.Event().wait()
        if answer == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                while True:
                    await response.write(b"x" * 65_536)
            return response
        assert isinstance(answer, web.Response)
        return answer


@dataclass
class MailReceiver:
    """A mail server that takes everything, unless told otherwise."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    offers_starttls: bool = True
    refuses: dict[str, str] = field(default_factory=dict)
    """Command -> the whole reply."""
    injects: bytes = b""
    """Sent in plain text after the reply to STARTTLS."""
    is_endless: bool = False
    said: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    signed_in: list[bytes] = field(default_factory=list)
    was_over_tls: list[bool] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["MailReceiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            await self._talk(reader, writer)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        if self.is_endless:
            while True:
                await say("220-" + "x" * 500)
        await say("220 mail.test ESMTP")
        is_tls = False
        while line := await reader.readline():
            words = line.decode().strip()
            self.said.append(words)
            verb = words.split(" ")[0].upper().partition(":")[0]
            if verb in self.refuses:
                await say(self.refuses[verb])
                continue
            if verb == "EHLO":
                offers = ["mail.test", "AUTH PLAIN LOGIN" if is_tls else "8BITMIME"]
                offers += ["STARTTLS"] if self.offers_starttls and not is_tls else []
                await say("\r\n".join(f"250-{each}" for each in offers) + "\r\n250 SIZE 1000000")
            elif verb == "STARTTLS":
                writer.write(b"220 go\r\n" + self.injects)
                await writer.drain()
                assert self.tls is not None
                await writer.start_tls(self.tls)
                is_tls = True
            elif verb == "AUTH":
                self.signed_in.append(base64.b64decode(words.split(" ")[2]))
                await say("235 welcome")
            elif verb == "DATA":
                await say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(raw[:-3].replace(b"\r\n..", b"\r\n."))
                self.was_over_tls.append(is_tls)
                await say("250 taken as 1")
            else:
                await say("250 ok")
