"""Deliveries over HTTP, on the page and on the command line, the whole way to a receiver and back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.api.deliveries.conftest import Doors
from tests.api.identity.people import client_of
from tests.pages.documents import Document, assert_is_sound
from tests.shells import Shell, shell_at

from tidegate.edge.caller import SESSION_COOKIE, Role
from tidegate.edge.csrf import new_form_token

CHANNELS, DELIVERIES, PAGE = "/api/v1/channels", "/api/v1/deliveries", "/settings/channels"


async def test_a_test_reports_what_the_receiver_answered(doors: Doors) -> None:
    await doors.add()
    doors.receiver.answers = [web.Response(status=418, text="I am a teapot")]
    begun = await doors.api.post(f"{CHANNELS}/ops/test")
    assert (begun.status_code, begun.json()["state"]) == (202, "pending")
    await doors.worker.run_once()
    found = (await doors.api.get(f"{DELIVERIES}/{begun.json()['id']}")).json()
    assert (found["state"], found["lastStatus"]) == ("dead", 418)
    assert found["attempts"][0]["excerpt"] == "I am a teapot"
    last = (await doors.api.get(f"{CHANNELS}/ops")).json()["lastDelivery"]
    assert (last["id"], last["state"]) == (found["id"], "dead")


async def test_what_a_receiver_said_is_shown_to_admins_only(doors: Doors) -> None:
    await doors.add()
    doors.receiver.answers = [web.Response(status=500, text="inner words")]
    delivery = (await doors.api.post(f"{CHANNELS}/ops/test")).json()["id"]
    await doors.worker.run_once()
    seen = await (await doors.client("write")).get(f"{DELIVERIES}/{delivery}")
    assert seen.json()["attempts"][0]["excerpt"] is None
    assert "inner words" not in seen.text
    assert "inner words" in (await doors.api.get(f"{DELIVERIES}/{delivery}")).text


async def test_deliveries_are_listed_page_by_page_and_by_state(doors: Doors) -> None:
    await doors.add()
    ids = [(await doors.api.post(f"{CHANNELS}/ops/test")).json()["id"] for _ in range(3)]
    first = (await doors.api.get(DELIVERIES, params={"limit": 2})).json()
    second = (await doors.api.get(DELIVERIES, params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert [each["id"] for each in (*first["items"], *second["items"])] == list(reversed(ids))
    assert second["nextCursor"] is None
    assert (await doors.api.get(DELIVERIES, params={"state": "dead"})).json()["items"] == []
    assert (await doors.api.get(DELIVERIES, params={"state": "lost"})).status_code == 422
    assert (await doors.api.get(DELIVERIES, params={"channel": "nobody"})).status_code == 404
    assert len((await doors.api.get(DELIVERIES, params={"channel": "ops"})).json()["items"]) == 3


async def test_one_under_way_is_not_replayed(doors: Doors) -> None:
    await doors.add()
    delivery = (await doors.api.post(f"{CHANNELS}/ops/test")).json()["id"]
    answer = await doors.api.post(f"{DELIVERIES}/{delivery}/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery_pending")


@pytest.fixture
async def shell(doors: Doors) -> AsyncIterator[Shell]:
    """The command line, while a worker runs."""
    working = asyncio.create_task(doors.worker.run())
    async with shell_at(doors.application, await doors.installation.operator_token(doors.workspace)) as opened:
        yield opened
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def test_a_channel_is_added_tried_and_replayed_by_commands(doors: Doors, shell: Shell) -> None:
    url = f"{doors.receiver.url}/in"
    tried = await shell.run("channel", "add", "ops", "--webhook", url, "--dry-run")
    assert (tried.code, tried.out) == (0, "")
    added = await shell.run("channel", "add", "ops", "--webhook", url)
    assert added.code == 0, added.err
    assert added.out.startswith("whsec_")
    good = await shell.run("channel", "test", "ops", "--wait")
    assert (good.code, good.out.splitlines()[-1]) == (0, "delivered: It answered 204."), good.err
    doors.receiver.answers = [web.Response(status=503)]
    bad = await shell.run("channel", "test", "ops", "--wait")
    assert (bad.code, bad.out.splitlines()[-1]) == (1, "dead: It answered 503."), bad.err
    dead = await shell.run("delivery", "dead")
    [line] = dead.out.splitlines()
    again = await shell.run("delivery", "replay", line.split("\t")[0], "--wait")
    assert again.code == 0, again.err
    unknown = await shell.run("delivery", "show", "msg_x")
    assert unknown.code == 5
    wrong = await shell.run(
        "channel", "add", "ops", "--slack-url-file", "-", "--webhook", url, stdin="https://x.example"
    )
    assert wrong.code == 2
    slack = await shell.run(
        "channel", "add", "s", "--slack-url-file", "-", stdin="https://hooks.slack.example/x/WXYZ\n"
    )
    assert slack.code == 0, slack.err
    listed = await shell.run("channel", "list")
    assert [row.split("\t")[:3] for row in listed.out.splitlines()] == [
        ["ops", "webhook", url],
        ["s", "slack", "hooks.slack.example"],
    ]
    removed = await shell.run("channel", "remove", "s")
    assert removed.code == 0


async def test_the_page_shows_channels_adds_a_webhook_and_tries_it(doors: Doors) -> None:
    person = await doors.installation.join(doors.workspace, Role.ADMIN)
    browser = client_of(doors.application, origin="http://tidegate.test")
    browser.cookies.set(SESSION_COOKIE, person.session)
    proof = {"form_token": new_form_token(person.session)}
    empty = Document((await browser.get(PAGE)).text)
    assert_is_sound(empty)
    assert "No channel yet: nobody is paged." in empty.main.text
    answer = await browser.post(PAGE, data={**proof, "name": "ops", "url": f"{doors.receiver.url}/in"})
    assert answer.status_code == 200
    made = Document(answer.text)
    assert_is_sound(made)
    assert "whsec_" in made.main.text
    assert "whsec_" not in (await browser.get(PAGE)).text
    channel = (await doors.api.get(f"{CHANNELS}/ops")).json()["id"]
    doors.receiver.answers = [web.Response(status=500, text="<script>alert(1)</script>")]
    tested = await browser.post(f"{PAGE}/{channel}/test", data=proof)
    assert tested.status_code == 303
    assert "is under way" in (await browser.get(tested.headers["location"])).text
    await doors.worker.run_once()
    page = await browser.get(PAGE)
    assert_is_sound(Document(page.text))
    assert "It answered 500." in Document(page.text).main.text
    assert "<script>alert" not in page.text
    gone = await browser.post(f"{PAGE}/{channel}/remove", data=proof)
    assert gone.status_code == 303


async def test_a_wrong_form_says_so_beside_its_field_and_who_only_reads_gets_none(doors: Doors) -> None:
    person = await doors.installation.join(doors.workspace, Role.ADMIN)
    browser = client_of(doors.application, origin="http://tidegate.test")
    browser.cookies.set(SESSION_COOKIE, person.session)
    form = {"form_token": new_form_token(person.session), "name": "ops", "url": 'http://10.0.0.1/"><b>'}
    answer = await browser.post(PAGE, data=form)
    assert answer.status_code == 422
    page = Document(answer.text)
    assert_is_sound(page)
    assert page.one("input", id="url").attributes["aria-invalid"] == "true"
    viewer = await doors.installation.join(doors.workspace, Role.VIEWER)
    reading = client_of(doors.application, origin="http://tidegate.test")
    reading.cookies.set(SESSION_COOKIE, viewer.session)
    seen = Document((await reading.get(PAGE)).text)
    assert not seen.all("form", action=PAGE)
