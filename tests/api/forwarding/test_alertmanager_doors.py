"""Alertmanagers that alerts are sent to, over HTTP and on the command line."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.api.paging.conftest import Api, Authenticator, Shell, shell
from tests.authority import shipped_authorizer
from tests.contract.forwarding.conftest import Post, fence, post
from tests.contract.paging.conftest import Sea

from tidegate.alerts.forwarding.routes import router
from tidegate.alerts.forwarding.service import TargetService
from tidegate.edge.http import build_http_app

__all__ = ["fence", "post", "shell"]
PATH = "/api/v1/alertmanagers/central"
URL = "http://127.0.0.1:9"  # nobody listens there


@pytest.fixture
def sea(post: Post) -> Sea:
    return post.sea


@pytest.fixture
def application(post: Post) -> FastAPI:
    built = build_http_app(
        version="test", authenticator=Authenticator(), authorizer=shipped_authorizer(),
        services={TargetService: post.targets},
    )  # fmt: skip
    built.include_router(router)
    return built


@pytest.fixture
async def api(application: FastAPI, post: Post) -> AsyncIterator[Api]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Api(client, f"admin:{post.sea.workspace}:usr_one:admin")


async def test_who_may_look_and_who_may_set(api: Api, post: Post) -> None:
    space = post.sea.workspace
    answers = [
        await api.by(token).call("PUT", PATH, json={"url": URL})
        for token in ("", f"write:{space}:usr_two:engineer", f"read:{space}:usr_two:viewer")
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 403]
    assert (await api.call("GET", "/api/v1/alertmanagers")).json() == {"items": []}
    made = await api.call("PUT", PATH, json={"url": f"{URL}/", "matchers": ['severity="P1"']})
    assert (made.status_code, made.json()["isNew"], made.json()["url"]) == (201, True, URL)
    assert (await api.call("PUT", PATH, json={"url": URL})).status_code == 200
    viewer, other = api.by(f"read:{space}:usr_two:viewer"), api.by("admin:other:usr_two:admin")
    assert (await viewer.call("GET", PATH)).status_code == 200
    assert (await viewer.call("DELETE", PATH)).status_code == 403
    for method in ("GET", "DELETE"):
        assert (await other.call(method, PATH)).json()["code"] == "alertmanager_not_found"
    assert (await other.call("GET", "/api/v1/alertmanagers")).json() == {"items": []}
    assert (await api.call("DELETE", PATH)).status_code == 204
    assert (await api.call("DELETE", PATH)).status_code == 404


async def test_a_secret_goes_in_and_never_comes_out(api: Api) -> None:
    secret = "a-secret-of-theirs"
    made = await api.call("PUT", PATH, json={"url": URL, "user": "us", "secret": secret})
    shown = await api.call("GET", PATH)
    listed = await api.call("GET", "/api/v1/alertmanagers")
    assert [answer.json().get("hasSecret") for answer in (made, shown)] == [True, True]
    assert not any(secret in answer.text for answer in (made, shown, listed))
    kept = await api.call("PUT", PATH, json={"url": URL, "user": "us", "matchers": ['team="a"']})
    assert (kept.json()["hasSecret"], kept.json()["matchers"]) == (True, ['team="a"'])
    moved = await api.call("PUT", PATH, json={"url": "http://127.0.0.1:10", "user": "us"})
    assert (moved.status_code, moved.json()["field"]) == (422, "secret")  # it goes where it was given for
    gone = await api.call("PUT", PATH, json={"url": URL, "secret": ""})
    assert gone.json()["hasSecret"] is False


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "url"),
        ({"url": "ftp://127.0.0.1"}, 422, "url"),
        ({"url": "http://169.254.169.254"}, 422, "url"),
        ({"url": f"{URL}/?x=1"}, 422, "url"),
        ({"url": URL, "matchers": ["severity"]}, 422, "matchers.0"),
        ({"url": URL, "matchers": ['severity=~"("']}, 422, "matchers.0"),
        ({"url": URL, "more": 1}, 422, "more"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(
    api: Api, body: dict[str, object], status: int, field: str
) -> None:
    refused = await api.call("PUT", PATH, json=body)
    assert (refused.status_code, refused.json()["field"]) == (status, field)
    assert (await api.call("GET", PATH)).status_code == 404


async def test_a_name_that_is_none_is_refused(api: Api) -> None:
    assert (await api.call("PUT", "/api/v1/alertmanagers/Not%20One", json={"url": URL})).json()["field"] == "name"
    assert (await api.call("GET", "/api/v1/alertmanagers/%00")).json()["code"] == "alertmanager_not_found"


async def test_the_command_line_sets_shows_lists_and_removes(shell: Shell, post: Post, tmp_path: Path) -> None:
    secret = tmp_path / "token.txt"
    secret.write_text("a-secret-of-theirs\n")
    shell = replace(shell, token=f"admin:{post.sea.workspace}:usr_one:admin")
    empty = await shell.run("alertmanager", "list")
    assert (empty.code, empty.output.strip()) == (0, "Alerts are sent to no Alertmanager.")
    options = ["--matcher", 'severity="P1"', "--secret-file", str(secret)]
    made = await shell.run("alertmanager", "set", "central", URL, *options)
    assert (made.code, made.out.splitlines()[0]) == (0, f"central  {URL}")
    await post.sea.fire()
    await post.sea.work()
    shown = await shell.run("alertmanager", "show", "central", "--json")
    found = json.loads(shown.out)
    assert (found["hasSecret"], found["matchers"], found["firingCount"]) == (True, ['severity="P1"'], 1)
    assert found["problem"]
    told = await shell.run("alertmanager", "show", "central")
    assert "1 firing, all taken at no time yet" in told.out
    assert "central" in (await shell.run("alertmanager", "list")).out
    assert not any("a-secret-of-theirs" in ended.output for ended in (made, shown, told))
    removed = await shell.run("alertmanager", "remove", "central")
    assert (removed.code, removed.out) == (
        0, "Removed central. What fires there ends by itself within four minutes.\n",
    )  # fmt: skip
    gone = await shell.run("alertmanager", "show", "central")
    assert (gone.code, "alertmanager_not_found" in gone.err) == (5, True)
