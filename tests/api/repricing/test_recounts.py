"""The doors of recounts; the work behind them is counting's, here a fake that keeps the promises of the port."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.shells import Shell, shell_at
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.audit import Doer
from tidegate.edge.http import build_http_app
from tidegate.kernel import ConflictError, Cursor, NotFoundError, Page, WorkspaceId
from tidegate.signals.repricing import ModelDiff, ModelFigures, Recount, Recounts, RecountState
from tidegate.signals.repricing.routes import router

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DIFFS = (
    ModelDiff("gpt-4o", ModelFigures(10, 0, 75_000_000), ModelFigures(10, 0, 60_000_000)),
    ModelDiff("acme-1", ModelFigures(4, 4, 0), ModelFigures(4, 0, 2_000_000_000)),
)


class FakeRecounts:
    """Each look takes a step: waiting, running, done."""

    def __init__(self) -> None:
        self.stored: dict[WorkspaceId, Recount] = {}
        self.ends = RecountState.DONE

    async def begin(
        self, workspace: WorkspaceId, *, reason: str, start: datetime | None, end: datetime | None, by: Doer
    ) -> Recount:
        if workspace in self.stored:
            raise ConflictError("A recount is running already.")
        begun = Recount("rec_1", reason, RecountState.WAITING, start, end, AT, None, None, 0, None, ())
        self.stored[workspace] = begun
        return begun

    async def get_recount(self, workspace: WorkspaceId, recount_id: str) -> Recount:
        found = self.stored.get(workspace)
        if found is None or found.id != recount_id:
            raise NotFoundError("There is no such recount.")
        if found.state is RecountState.WAITING:
            found = replace(found, state=RecountState.RUNNING, started_at=AT, seconds_done=30, seconds_total=120)
        elif self.ends is RecountState.FAILED:
            found = replace(found, state=self.ends, problem="the engine does not answer")
        else:
            found = replace(found, state=self.ends, finished_at=AT, seconds_done=120, models=DIFFS)
        self.stored[workspace] = found
        return found

    async def list_recounts(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Recount]:
        return Page(tuple(own for name, own in self.stored.items() if name == workspace)[:limit], None)


@pytest.fixture
def recounts() -> FakeRecounts:
    return FakeRecounts()


@pytest.fixture
def application(recounts: FakeRecounts) -> FastAPI:
    built = build_http_app(
        version="test",
        authenticator=FakeAuthenticator(),
        authorizer=shipped_authorizer(),
        services={Recounts: recounts},
    )
    include(built, router)
    return built


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def call(
    client: httpx.AsyncClient, method: str, path: str = "", *, who: str = "write:w-1", body: object = None
) -> httpx.Response:
    headers = {"authorization": f"Bearer {who}"} if who else {}
    return await client.request(method, f"/api/v1/recounts{path}", headers=headers, json=body)


@pytest.mark.parametrize(
    ("who", "post", "get"), [("", 401, 401), ("ingest:w-1", 403, 403), ("read:w-1", 403, 200), ("write:w-1", 202, 200)]
)
async def test_who_may_ask_for_a_recount_and_look(client: httpx.AsyncClient, who: str, post: int, get: int) -> None:
    assert (await call(client, "POST", who=who, body={"reason": "reprice"})).status_code == post
    assert (await call(client, "GET", who=who)).status_code == get


async def test_a_recount_tells_its_progress_and_then_what_changed(client: httpx.AsyncClient) -> None:
    begun = await call(client, "POST", body={"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00+01:00"})
    assert begun.status_code == 202
    assert (begun.json()["from"], begun.json()["to"]) == ("2026-11-01T00:00:00Z", "2026-11-01T23:00:00Z")
    assert (begun.json()["state"], begun.json()["progress"]) == ("waiting", None)
    running = (await call(client, "GET", "/rec_1")).json()
    assert (running["state"], running["progress"], running["models"]) == ("running", 0.25, [])
    done = (await call(client, "GET", "/rec_1")).json()
    assert (done["state"], done["progress"]) == ("done", 1.0)
    assert done["models"][0] == {
        "model": "acme-1", "runsBefore": 4, "runsAfter": 4, "costUsdBefore": "0", "costUsdAfter": "2",
        "unpricedBefore": 4, "unpricedAfter": 0,
    }  # fmt: skip
    assert (done["models"][1]["costUsdBefore"], done["models"][1]["costUsdAfter"]) == ("0.075", "0.06")


async def test_another_workspace_sees_none_of_it(client: httpx.AsyncClient) -> None:
    await call(client, "POST", body={})
    assert (await call(client, "GET", "/rec_1", who="read:w-2")).status_code == 404
    assert (await call(client, "GET", who="read:w-2")).json()["items"] == []


async def test_one_at_a_time(client: httpx.AsyncClient) -> None:
    await call(client, "POST", body={})
    assert (await call(client, "POST", body={})).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "spite"}, "reason"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-01T00:00:00"}, "from"),
        ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "from"),
        ({"colour": "red"}, "colour"),
        ([], "body"),
    ],
)
async def test_a_bad_wish_is_refused_with_its_field(client: httpx.AsyncClient, body: object, field: str) -> None:
    refused = await call(client, "POST", body=body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


@pytest.fixture
async def shell(application: FastAPI) -> AsyncIterator[Shell]:
    async with shell_at(application, "write:w-1") as opened:
        yield opened


async def test_the_verb_waits_shows_progress_and_prints_the_diff(shell: Shell) -> None:
    ended = await shell.run("price", "reprice", "--from", "2026-11-01T00:00:00Z", "--wait")
    assert ended.code == 0, ended.err
    assert "rec_1: running, 25% (30 of 120 seconds)" in ended.err
    assert ended.out.splitlines() == [
        "rec_1: done, 100% (120 of 120 seconds)",
        "acme-1\t4 → 4\t$0 → $2\t4 → 0",
        "gpt-4o\t10 → 10\t$0.075 → $0.06\t0 → 0",
    ]


async def test_the_verb_without_waiting_prints_what_was_begun(shell: Shell) -> None:
    ended = await shell.run("price", "reprice", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["state"] == "waiting"


async def test_a_recount_that_fails_ends_with_1_and_says_why(shell: Shell, recounts: FakeRecounts) -> None:
    recounts.ends = RecountState.FAILED
    ended = await shell.run("price", "reprice", "--wait")
    assert (ended.code, "the engine does not answer" in ended.err) == (1, True)
