"""`/events`: who may listen, what is told, and when a stream ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.pages.conftest import Site
from tests.pages.test_in_a_browser import until
from tests.pages.worlds import HARBOR, INGEST_TOKEN, OTHER, SESSION

from tidegate.edge.caller import SESSION_COOKIE

PATIENCE_S = 60.0


class Listener:
    """One stream, read through ASGI as it comes."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.text = ""
        self.is_over = False
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, object]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])  # type: ignore[assignment,call-overload] # ASGI
        else:
            self.text += message.get("body", b"").decode()  # type: ignore[attr-defined] # ASGI
            self.is_over = not message.get("more_body", False)

    @property
    def told(self) -> list[dict[str, object]]:
        events = [block for block in self.text.split("\n\n") if "event: change" in block]
        return [json.loads(block.partition("data: ")[2]) for block in events]

    @property
    def last_id(self) -> str:
        return self.text.rpartition("id: ")[2].partition("\n")[0]


@asynccontextmanager
async def listening(site: Site, query: str = "topics=alerts", **headers: str) -> AsyncIterator[Listener]:
    listener = Listener()
    sent = {"cookie": f"{SESSION_COOKIE}={SESSION}", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/events",
        "raw_path": b"/events",
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("tidegate.test", 80),
    }
    task = asyncio.ensure_future(site.application(scope, listener.receive, listener.send))  # type: ignore[arg-type] # ASGI
    await until(lambda: listener.status != 0)
    try:
        yield listener
    finally:
        listener.left.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def test_a_stream_tells_topic_id_and_version_and_nothing_else(site: Site) -> None:
    site.versions.raise_topic("alerts")
    async with listening(site) as listener:
        await until(lambda: len(listener.told) == 1)
        site.versions.raise_topic("alerts")
        site.versions.raise_topic("gates")
        await until(lambda: len(listener.told) == 2)
        assert listener.headers[b"content-type"] == b"text/event-stream"
        assert listener.headers[b"cache-control"] == b"no-store"
        assert listener.told == [
            {"topic": "alerts", "id": "*", "version": 1},
            {"topic": "alerts", "id": "*", "version": 2},
        ]
    assert site.hub.stream_count == 0


@pytest.mark.parametrize("how", ["header", "query"])
async def test_a_stream_goes_on_where_the_last_one_ended(site: Site, how: str) -> None:
    for _ in range(3):
        site.versions.raise_topic("alerts")
    site.versions.raise_topic("signals")
    topics = "topics=alerts,signals"
    async with listening(site, topics) as listener:
        await until(lambda: len(listener.told) == 2)
        last = listener.last_id
    site.versions.raise_topic("signals")
    given = {"last_event_id": last} if how == "header" else {}
    query = topics if how == "header" else f"{topics}&last_event_id={last}"
    async with listening(site, query, **given) as listener:
        await until(lambda: len(listener.told) == 1)
        assert listener.told == [{"topic": "signals", "id": "*", "version": 2}]


async def test_what_happens_in_another_workspace_is_not_told(site: Site) -> None:
    site.versions.raise_topic("alerts", OTHER)
    async with listening(site) as listener:
        await until(lambda: len(site.versions.asked) >= 3)
        site.versions.raise_topic("alerts", OTHER)
        count = len(site.versions.asked)
        await until(lambda: len(site.versions.asked) >= count + 2)
        assert {each["version"] for each in listener.told} <= {0}
        assert all(asked <= {HARBOR} for asked in site.versions.asked)


async def test_without_listeners_nothing_is_read_and_nobody_is_woken(site: Site) -> None:
    site.hub.wake()
    assert not site.hub._wake.is_set()
    async with listening(site):
        await until(lambda: bool(site.versions.asked))
    assert site.hub.stream_count == 0
    site.hub.wake()
    assert not site.hub._wake.is_set()


async def test_a_heartbeat_says_that_the_stream_is_there(site: Site) -> None:
    site.hub.heartbeat_s = 0.05
    async with listening(site) as listener:
        await until(lambda: "event: still" in listener.text)


async def test_a_stream_ends_with_its_session(site: Site) -> None:
    site.hub.heartbeat_s = 0.05
    async with listening(site) as listener:
        await until(lambda: "event: still" in listener.text)
        site.identity.sessions.clear()
        await until(lambda: listener.is_over)
        assert listener.text.endswith("event: ended\ndata: {}\n\n")


async def test_a_session_that_ended_is_told_no_further_change(site: Site) -> None:
    site.versions.raise_topic("alerts")
    async with listening(site) as listener:
        await until(lambda: len(listener.told) == 1)
        site.identity.sessions.clear()
        site.versions.raise_topic("alerts")
        await until(lambda: listener.is_over)
        assert len(listener.told) == 1


async def test_streams_end_when_the_process_stops(site: Site) -> None:
    async with listening(site) as listener:
        site.hub.close()
        await until(lambda: listener.is_over)


async def test_a_store_that_is_away_is_asked_again(site: Site) -> None:
    site.versions.is_away = True
    async with listening(site) as listener:
        await until(lambda: len(site.versions.asked) >= 2)
        site.versions.is_away = False
        site.versions.raise_topic("alerts")
        await until(lambda: len(listener.told) == 1)


async def test_a_credential_has_so_many_streams_and_no_more(site: Site) -> None:
    async with listening(site) as first:
        assert first.status == 200
        for _ in range(15):
            site.hub._by_actor[f"{HARBOR}/ses_1"] += 1
        async with listening(site) as refused:
            assert refused.status == 429
            assert "too_many_streams" in refused.text


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        pytest.param("topics=alerts", {"cookie": ""}, 401, id="anonymous"),
        pytest.param("topics=alerts", {"cookie": f"{SESSION_COOKIE}=ended"}, 401, id="ended session"),
        pytest.param("topics=alerts", {"authorization": f"Bearer {INGEST_TOKEN}"}, 403, id="may only send"),
        pytest.param("topics=everything", {}, 422, id="no such topic"),
        pytest.param("", {}, 422, id="no topic"),
    ],
)
async def test_only_who_may_read_may_listen(site: Site, query: str, headers: dict[str, str], status: int) -> None:
    async with listening(site, query, **headers) as listener:
        assert listener.status == status
    assert site.hub.stream_count == 0
