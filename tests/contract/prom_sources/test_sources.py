"""Sources are kept with their secrets sealed, asked within bounds, and what is no answer says why."""

import base64
import time
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.prom_sources.conftest import START, Desk

from tidegate.egress import EgressFailedError, Failure
from tidegate.prom_sources.errors import (
    PromSourceChangedError,
    PromSourceInvalidError,
    PromSourceLimitError,
    PromSourceNotFoundError,
    PromUnansweredError,
    Why,
)


def vector(*values: str, **more: Any) -> web.Response:
    result = [{"metric": {"n": str(n)}, "value": [START.timestamp(), value]} for n, value in enumerate(values)]
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}, **more})


async def test_a_server_is_asked_an_instant_query_with_the_secret_that_it_was_given(
    desk: Desk, server: HttpReceiver
) -> None:
    await desk.set(f"{server.url}/prom/", secret="made-up-token")
    server.answers = [vector("1", "2.5")]
    found = await desk.ask('up{job="a&b"}')
    assert [one.value for one in found.series] == [1, 2.5]
    [got] = server.got
    assert got.path == "/prom/api/v1/query"
    assert got.headers["authorization"] == "Bearer made-up-token"
    assert got.body == b"query=up%7Bjob%3D%22a%26b%22%7D&timeout=9s&limit=1001"
    await desk.set(server.url, user="ann", secret="made-up-word")
    server.answers = [vector("1")]
    await desk.ask()
    pair = base64.b64encode(b"ann:made-up-word").decode()
    assert server.got[-1].headers["authorization"] == f"Basic {pair}"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(web.Response(status=503), Why.STATUS, id="503"),
        pytest.param(web.Response(status=401), Why.STATUS, id="401"),
        pytest.param(web.Response(status=400, text='{"error": "parse error"}'), Why.REFUSED, id="a query that is none"),
        pytest.param(web.Response(status=204), Why.STATUS, id="nothing"),
        pytest.param(vector("1", warnings=["partial response"]), Why.PARTIAL, id="a warning"),
    ],
)
async def test_what_is_no_answer_says_why(desk: Desk, server: HttpReceiver, sent: web.Response, why: Why) -> None:
    await desk.set(server.url)
    # A response is sent once; what says something is read anew.
    server.answers = [web.Response(status=sent.status, body=sent.body)]
    with pytest.raises(PromUnansweredError) as raised:
        await desk.ask()
    assert raised.value.why is why


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        pytest.param("stall", Failure.TIME, id="it stalls"),
        pytest.param("endless", Failure.SIZE, id="it never ends"),
        pytest.param(web.Response(status=302, headers={"location": "/"}), Failure.REDIRECT, id="it redirects"),
    ],
)
async def test_a_server_that_does_not_behave_takes_no_longer_than_a_question_may(
    desk: Desk, server: HttpReceiver, sent: web.Response | str, failure: Failure
) -> None:
    await desk.set(server.url, secret="made-up-token")
    server.answers = [sent]
    begun = time.monotonic()
    with pytest.raises(EgressFailedError) as raised:
        await desk.ask()
    assert raised.value.failure is failure
    assert time.monotonic() - begun < 5
    assert len(server.got) == 1


@pytest.mark.parametrize(
    "url", ["https://127.1/", "https://169.254.169.254/", "https://ann:word@metrics.example", "ftp://x", ""]
)
async def test_an_address_that_may_not_be_called_is_refused(desk: Desk, url: str) -> None:
    with pytest.raises(PromSourceInvalidError) as raised:
        await desk.set(url)
    assert raised.value.field == "url"


async def test_a_secret_is_sealed_and_goes_to_no_other_place_than_it_was_given_for(
    desk: Desk, server: HttpReceiver, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    source = await desk.set(server.url, secret="made-up-token")
    assert "made-up-token" not in repr(source)
    row = await owner_connection.fetchval("SELECT secret FROM prometheus_sources WHERE workspace = $1", desk.workspace)
    assert b"made-up" not in row
    for wish in ({"url": "https://elsewhere.example"}, {"url": server.url, "user": "ann"}):
        with pytest.raises(PromSourceInvalidError) as raised:
            await desk.set(**wish)
        assert raised.value.field == "secret"
    kept = await desk.set(f"{server.url}/")
    assert kept.secret is not None
    gone = await desk.set("https://elsewhere.example", secret="")
    assert gone.secret is None
    said = await owner_connection.fetch("SELECT * FROM audit_records WHERE workspace = $1", desk.workspace)
    assert len(said) == 3
    assert "made-up" not in repr([dict(row) for row in said])


async def test_a_secret_that_does_not_open_is_no_answer(
    desk: Desk, server: HttpReceiver, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await desk.set(server.url, secret="made-up-token")
    await owner_connection.execute(
        "UPDATE prometheus_sources SET name = 'ops', secret = secret || 'x'::bytea WHERE workspace = $1", desk.workspace
    )
    with pytest.raises(PromUnansweredError) as raised:
        await desk.ask()
    assert raised.value.why is Why.SECRET
    assert server.got == []


async def test_a_workspace_has_ten_sources_and_who_changes_an_old_one_is_refused(desk: Desk) -> None:
    for number in range(10):
        await desk.set("https://metrics.example", name=f"s{number}")
    with pytest.raises(PromSourceLimitError):
        await desk.set("https://metrics.example", name="more")
    first = await desk.service.get_source(desk.workspace, "s0")
    with pytest.raises(PromSourceChangedError):
        await desk.store.set_source(desk.workspace, first, before="rev_old", deed=desk.by.deed("tests:do", "test/1"))
    await desk.service.remove(desk.workspace, "s0", by=desk.by)
    with pytest.raises(PromSourceNotFoundError):
        await desk.service.get_source(desk.workspace, "s0")
    with pytest.raises(PromSourceNotFoundError):
        await desk.asker.ask(desk.workspace, "s0", "up")
