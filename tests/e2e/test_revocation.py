"""What is taken away is refused on every channel within two seconds, by both processes, on open connections too."""

import contextlib
import http.client
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import pytest
from tests.e2e.server import Server, free_port, wait_until
from tests.factories import auth_span, make_request

PASSWORD = "four unlikely words here"
WITHIN_S = 2.0
_GRPC_PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server of two processes: one with the pages, one that takes telemetry in."""
    started = Server(tmp_path_factory.mktemp("revocation"), "--ingest-edge", otlp_port=free_port())
    started.otlp_grpc_port = free_port()
    started.start()
    yield started
    started.stop()


class Stream:
    """One stream of server-sent events, read until it ends."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._client = httpx.Client(base_url=url, headers=headers, timeout=120)
        self.text = ""
        self.is_over = threading.Event()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        wait_until(lambda: "event: change" in self.text, what="the stream tells something")

    def _read(self) -> None:
        with contextlib.suppress(httpx.HTTPError), self._client.stream("GET", "/events?topics=alerts") as answer:
            for part in answer.iter_text():
                self.text += part
        self.is_over.set()

    def close(self) -> None:
        self._reading.join(10)
        self._client.close()


@dataclass
class Engineer:
    """Somebody who has a channel of each kind open."""

    server: Server
    id: str
    session: httpx.Client
    api_token: str
    token_ids: list[str]
    ingest_token: str
    streams: dict[str, Stream] = field(default_factory=dict)
    _kept: dict[str, http.client.HTTPConnection] = field(default_factory=dict)

    def listen(self, *whose: str) -> None:
        headers = {
            "session": {"cookie": f"tidegate_session={self.session.cookies['tidegate_session']}"},
            "token": {"authorization": f"Bearer {self.api_token}"},
        }
        for each in whose:
            self.streams[each] = Stream(self.server.url, headers[each])

    def page(self) -> int:
        return self.session.get("/api/v1/me").status_code

    def api(self) -> int:
        return self.server.get("/api/v1/me", self.api_token)[0]

    def otlp(self, url: str) -> int:
        """Send a span on a connection that is kept open."""
        if url not in self._kept:
            self._kept[url] = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {self.ingest_token}"}
        self._kept[url].request("POST", "/v1/traces", one_body(), headers)
        answer = self._kept[url].getresponse()
        answer.read()
        return answer.status

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()
        for stream in self.streams.values():
            stream.close()
        self.session.close()


def one_body() -> bytes:
    return make_request(auth_span(200, at_ns=time.time_ns())).SerializeToString()


@pytest.fixture(scope="module")
def channel(apart: Server) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{apart.otlp_grpc_port}") as opened:
        yield opened


@pytest.fixture
def workspace(apart: Server) -> str:
    name = f"gone-{os.urandom(4).hex()}"
    assert apart.cli("workspace", "create", name).returncode == 0
    return name


@pytest.fixture
def admin(apart: Server, workspace: str) -> Callable[..., int]:
    """Call the API with the operator's own token of this workspace."""
    token = apart.token("admin", workspace)

    def call(method: str, path: str, body: str | None = None) -> int:
        headers = {"content-type": "application/json"}
        status, _ = apart.call(method, path, token=token, body=body and body.encode(), headers=headers)
        return status

    return call


@pytest.fixture
def engineer(apart: Server, workspace: str) -> Iterator[Engineer]:
    body = f'{{"email": "{workspace}@example.com", "role": "engineer"}}'.encode()
    headers = {"content-type": "application/json"}
    token = apart.token("admin", workspace)
    status, made = apart.call("POST", "/api/v1/invitations", token=token, body=body, headers=headers)
    assert status == 201, made
    found = re.search(r"invitation=([\w-]+)", str(made))
    assert found is not None
    session = httpx.Client(base_url=apart.url, headers={"origin": apart.url}, timeout=120)
    joining = {"invitation": found[1], "name": "Grace", "password": PASSWORD}
    assert session.post("/accept-invitation", data=joining).status_code == 303
    tokens = [session.post("/api/v1/tokens", json={"name": scope, "scope": scope}) for scope in ("write", "ingest")]
    wide, narrow = (answer.json() for answer in tokens)
    member = session.get("/api/v1/me").json()["member"]
    somebody = Engineer(apart, member, session, wide["token"], [wide["id"], narrow["id"]], narrow["token"])
    yield somebody
    somebody.close()


def grpc_code(channel: Any, token: str) -> Any:
    try:
        channel.unary_unary(_GRPC_PATH)(one_body(), metadata=[("authorization", f"Bearer {token}")], timeout=60)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def assert_all_work(engineer: Engineer, channel: Any) -> None:
    assert (engineer.page(), engineer.api()) == (200, 200)
    for url in (engineer.server.url, engineer.server.otlp_url):
        assert engineer.otlp(url) == 200
    assert grpc_code(channel, engineer.ingest_token) is grpc.StatusCode.OK


def assert_refused(since: float, refused: Callable[[], bool], what: str) -> None:
    """Wait until it is, in what is left of the two seconds since it was taken away."""
    wait_until(refused, within_s=max(0.0, since + WITHIN_S - time.monotonic()) or 0.001, what=f"{what} refused")


def assert_sending_is_refused(engineer: Engineer, channel: Any, since: float, status: int, code: Any) -> None:
    for url in (engineer.server.otlp_url, engineer.server.url):
        assert_refused(since, lambda url=url: engineer.otlp(url) == status, f"OTLP at {url}")
    assert_refused(since, lambda: grpc_code(channel, engineer.ingest_token) is code, "gRPC")


def test_an_ended_session_ends_its_page_and_its_stream_and_no_token(
    engineer: Engineer, admin: Callable[..., int], channel: Any
) -> None:
    engineer.listen("session", "token")
    assert_all_work(engineer, channel)
    assert engineer.session.delete(f"/api/v1/sessions/{engineer.session.get('/api/v1/me').json()['actor']}").is_success
    since = time.monotonic()
    assert_refused(since, engineer.streams["session"].is_over.is_set, "the stream")
    assert_refused(since, lambda: engineer.page() == 401, "the page")
    assert engineer.streams["session"].text.endswith("event: ended\ndata: {}\n\n")
    assert not engineer.streams["token"].is_over.is_set()
    assert admin("DELETE", f"/api/v1/tokens/{engineer.token_ids[0]}") == 204
    assert_refused(time.monotonic(), engineer.streams["token"].is_over.is_set, "the token's stream")


def test_a_revoked_token_is_refused_over_http_and_grpc_by_both_processes(
    engineer: Engineer, admin: Callable[..., int], channel: Any
) -> None:
    assert_all_work(engineer, channel)
    for token_id in engineer.token_ids:
        assert admin("DELETE", f"/api/v1/tokens/{token_id}") == 204
    since = time.monotonic()
    assert_sending_is_refused(engineer, channel, since, 401, grpc.StatusCode.UNAUTHENTICATED)
    assert_refused(since, lambda: engineer.api() == 401, "the API")
    assert engineer.page() == 200


def test_a_lowered_role_sends_no_more_and_goes_on_listening(
    engineer: Engineer, admin: Callable[..., int], channel: Any
) -> None:
    engineer.listen("session")
    assert_all_work(engineer, channel)
    assert admin("PATCH", f"/api/v1/members/{engineer.id}", '{"role": "viewer"}') == 200
    since = time.monotonic()
    assert_sending_is_refused(engineer, channel, since, 401, grpc.StatusCode.UNAUTHENTICATED)
    assert engineer.page() == 200
    assert not engineer.streams["session"].is_over.is_set()
    assert admin("DELETE", f"/api/v1/members/{engineer.id}") == 204
    assert_refused(time.monotonic(), engineer.streams["session"].is_over.is_set, "the stream")


def test_a_suspended_workspace_is_refused_everywhere(engineer: Engineer, workspace: str, channel: Any) -> None:
    engineer.listen("session", "token")
    assert_all_work(engineer, channel)
    # By the command line: another process, which tells none of those that serve.
    assert engineer.server.cli("workspace", "suspend", workspace).returncode == 0
    since = time.monotonic()
    for stream in engineer.streams.values():
        assert_refused(since, stream.is_over.is_set, "a stream")
    assert_sending_is_refused(engineer, channel, since, 403, grpc.StatusCode.PERMISSION_DENIED)
    assert_refused(since, lambda: engineer.api() == 403, "the API")
