"""`GET /events`: tells open pages that something changed, and nothing of what.

Contract. One stream a tab carries `{topic, id, version}`; the page asks for its fragment again, so that who may see
what, and in which words, is decided in one place. Versions are numbers in the state store, raised by whoever changes
something, in the same transaction; a process reads those of the workspaces that it has listeners of, every 0.8 s and
as soon as something happens in itself. The id of an event is all versions that the stream has told: a stream that
begins with it (`Last-Event-ID`) is told what is different, whichever process answers. Nothing is kept, so nothing is
lost: a version that was skipped is one that was overtaken. A stream ends when its credential does, or may not listen
any more: before it is told anything further, and within 2 s when nothing happens, because the same reading says of
every credential that listens whether it stands as it did.
"""

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from tidegate.edge.caller import Caller, CurrentCaller, caller_of, permit
from tidegate.edge.providers import provide
from tidegate.kernel import InvalidInputError, TidegateError, TooManyRequestsError, UnavailableError, WorkspaceId

__all__ = ["TOPICS", "LiveHub", "Versions", "router"]

TOPICS: Final = ("signals", "alerts", "gates")
HEARTBEAT_S: Final = 10.0  # proxies cut what is silent for a minute
_FIRST_PROOF_S: Final = 1.2  # a stream may begin with a proof that was remembered for a second
_POLL_S: Final = 0.8  # a change is to be seen within 2 s: this, the answer, and the second between two fragments
_RETRY_MS: Final = 2_000
_STREAMS_A_CREDENTIAL: Final = 16  # tabs of one person; a browser opens six to one host without HTTP/2
_STREAMS_A_PROCESS: Final = 1_000
_TOLD: Final = re.compile(r"([a-z]{1,20})=(\d{1,18})", re.ASCII)
_log = structlog.get_logger("tidegate.live")


class Versions(Protocol):
    """Knows how often each topic of a workspace changed."""

    async def versions(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, Mapping[str, int]]:
        """Return a number for each topic that ever changed; it only rises.

        Raises:
            UnavailableError: the store does not answer for the moment.
        """
        ...


class Standings(Protocol):
    """Knows whether credentials are what they were."""

    async def standings(
        self, listeners: Mapping[WorkspaceId, Collection[str]]
    ) -> Mapping[WorkspaceId, Mapping[str, str]]:
        """Return for each of these credentials (ids of tokens and sessions) that works still, how it stands.

        Another text than before says that it has to be proven anew: its role changed, its workspace was suspended.

        Raises:
            UnavailableError: the store does not answer for the moment.
        """
        ...


class TooManyStreamsError(TooManyRequestsError):
    code = "too_many_streams"

    def __init__(self) -> None:
        super().__init__("Too many pages are listening with this credential. Pages go on, and ask every 15 s.")


@dataclass(eq=False)
class _Stream:
    workspace: WorkspaceId
    actor: str
    topics: tuple[str, ...]
    told: dict[str, int]
    standing: str | None = None
    """How its credential stood when it was last looked at; `None` before the first time."""
    news: asyncio.Event = field(default_factory=asyncio.Event)


class LiveHub:
    """Reads versions while somebody listens, and wakes the streams that they concern. `run` must be running."""

    def __init__(
        self,
        versions: Versions,
        *,
        standings: Standings | None = None,
        on_doubt: Callable[[], None] = lambda: None,
        poll_s: float = _POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """Ask `standings` about credentials; `on_doubt` is called before those are proven anew that have changed."""
        self._versions = versions
        self._standings = standings
        self._on_doubt = on_doubt
        self._poll_s = poll_s
        self.heartbeat_s = heartbeat_s
        self._streams: set[_Stream] = set()
        self._by_actor: Counter[str] = Counter()
        self._found: dict[WorkspaceId, Mapping[str, int]] = {}
        self._wake = asyncio.Event()
        self.is_closing = False

    @property
    def stream_count(self) -> int:
        return len(self._streams)

    def wake(self) -> None:
        """Say that something in this process may have changed a version."""
        if self._streams:
            self._wake.set()

    def close(self) -> None:
        """End all streams: the process stops, and browsers look for another one."""
        self.is_closing = True
        for stream in self._streams:
            stream.news.set()

    async def run(self) -> None:
        """Read versions until cancelled; without listeners nothing is read."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._poll_s if self._streams else None)
            self._wake.clear()
            try:
                await self._read()
            except TidegateError as error:
                _log.warning("live versions unknown", detail=error.message)

    async def _read(self) -> None:
        listening = {stream.workspace for stream in self._streams}
        if not listening:
            self._found.clear()
            return
        self._found = dict(await self._versions.versions(listening))
        for stream in self._streams:
            if self.changed(stream):
                stream.news.set()
        if self._standings is not None:
            await self._look_at_credentials(self._standings)

    async def _look_at_credentials(self, standings: Standings) -> None:
        listeners: dict[WorkspaceId, set[str]] = {}
        looked_at = list(self._streams)  # others may begin while the store is asked
        for stream in looked_at:
            listeners.setdefault(stream.workspace, set()).add(stream.actor)
        found = await standings.standings(listeners)
        doubted = []
        for stream in looked_at:
            standing = found.get(stream.workspace, {}).get(stream.actor, "")
            if not standing or stream.standing not in {None, standing}:
                doubted.append(stream)
            stream.standing = standing
        if doubted:
            self._on_doubt()
        for stream in doubted:
            stream.news.set()

    def changed(self, stream: _Stream) -> dict[str, int]:
        """Return the topics of which `stream` was told another version, with the present one."""
        found = self._found.get(stream.workspace)
        if found is None:
            return {}
        versions = {topic: found.get(topic, 0) for topic in stream.topics}
        return {topic: version for topic, version in versions.items() if stream.told.get(topic) != version}

    @contextlib.contextmanager
    def listening(self, caller: Caller, topics: tuple[str, ...], told: dict[str, int]) -> Iterator[_Stream]:
        """Listen until the block ends.

        Raises:
            TooManyStreamsError: this credential, or this process, has as many streams as it may.
        """
        actor = f"{caller.workspace}/{caller.actor}"
        if len(self._streams) >= _STREAMS_A_PROCESS or self._by_actor[actor] >= _STREAMS_A_CREDENTIAL:
            raise TooManyStreamsError
        stream = _Stream(caller.workspace, caller.actor, topics, told)
        self._streams.add(stream)
        self._by_actor[actor] += 1
        self._wake.set()
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            self._by_actor[actor] -= 1
            self._by_actor += Counter()  # forgets who has none


class EventStream(Response):
    """An answer that goes on for as long as its reader and its credential are there."""

    def __init__(self, request: Request, hub: LiveHub, listening: contextlib.ExitStack, stream: _Stream) -> None:
        super().__init__(headers={"content-type": "text/event-stream", "cache-control": "no-store"})
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._request = request
        self._hub = hub
        self._listening = listening
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        with self._listening:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            telling = asyncio.ensure_future(self._tell(send))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (telling, leaving):
                    task.cancel()
                await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        async for text in self._events():
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _events(self) -> AsyncIterator[str]:
        yield f"retry: {_RETRY_MS}\n\n"
        stream = self._stream
        wait_s = min(_FIRST_PROOF_S, self._hub.heartbeat_s)
        while not self._hub.is_closing:
            for topic, version in self._hub.changed(stream).items():
                stream.told[topic] = version
                data = json.dumps({"topic": topic, "id": "*", "version": version})
                yield f"id: {_id_of(stream.told)}\nevent: change\ndata: {data}\n\n"
            stream.news.clear()
            is_still = False
            try:
                await asyncio.wait_for(stream.news.wait(), wait_s)
            except TimeoutError:
                is_still = wait_s == self._hub.heartbeat_s
            wait_s = self._hub.heartbeat_s
            # Asked before each telling: a busy stream would otherwise outlive its credential for as long as it is busy.
            if not await _may_still(self._request, stream.workspace):
                yield "event: ended\ndata: {}\n\n"
                return
            if is_still:
                yield "event: still\ndata: {}\n\n"


router = APIRouter(tags=["live"])


@router.get("/events", response_class=Response)
async def stream_events(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    caller: CurrentCaller,
    hub: Annotated[LiveHub, provide(LiveHub)],
    topics: Annotated[str, Query(max_length=100, description="Topics with commas: signals, alerts, gates.")],
    last_event_id: Annotated[str, Query(max_length=200, description="As the header Last-Event-ID.")] = "",
) -> Response:
    """Server-sent events: `change` with topic, id and version; the reader asks again for what it shows."""
    asked = tuple(dict.fromkeys(topics.split(",")))
    for topic in asked:
        if topic not in TOPICS:
            raise InvalidInputError(f"topics: {topic!r} is none of {', '.join(TOPICS)}.", field="topics")
    listening = contextlib.ExitStack()
    told = _told_of(request.headers.get("last-event-id") or last_event_id)
    stream = listening.enter_context(hub.listening(caller, asked, told))
    return EventStream(request, hub, listening, stream)


def _id_of(told: Mapping[str, int]) -> str:
    return ";".join(f"{topic}={version}" for topic, version in told.items())


def _told_of(text: str) -> dict[str, int]:
    """Return what the reader was told before; what cannot be read is nothing, and it is told everything."""
    return {topic: int(version) for topic, version in _TOLD.findall(text[:200]) if topic in TOPICS}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _may_still(request: Request, workspace: WorkspaceId) -> bool:
    """Return whether the credential proves the same and may still listen; while nobody can say, it is asked again."""
    try:
        caller = await caller_of(request)
        await permit(request, caller)
    except TidegateError as error:
        return isinstance(error, UnavailableError)
    return caller.workspace == workspace
