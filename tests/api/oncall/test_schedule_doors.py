"""Schedules over HTTP and on the command line."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.api.paging.conftest import Api, Authenticator, Shell, shell
from tests.authority import shipped_authorizer
from tests.contract.oncall.conftest import Watch, shift, watch
from tests.contract.oncall.test_schedules import DAY, ROUTE, H
from tests.contract.paging.conftest import Sea
from tests.unit.alerts.oncall.calendars import calendar

from tidegate.alerts.oncall.routes import router
from tidegate.alerts.oncall.service import ScheduleService
from tidegate.edge.http import build_http_app

__all__ = ["shell", "watch"]
PATH = "/api/v1/schedules/primary"


@pytest.fixture
def sea(watch: Watch) -> Sea:
    return watch.sea


@pytest.fixture
def application(watch: Watch) -> FastAPI:
    built = build_http_app(
        version="test", authenticator=Authenticator(), authorizer=shipped_authorizer(),
        services={ScheduleService: watch.schedules},
    )  # fmt: skip
    built.include_router(router)
    return built


@pytest.fixture
async def api(application: FastAPI, watch: Watch) -> AsyncIterator[Api]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Api(client, f"admin:{watch.sea.workspace}:usr_one:admin")


async def test_who_may_look_and_who_may_set(api: Api, watch: Watch) -> None:
    body = {"ical": {"file": DAY.decode()}}
    space = watch.sea.workspace
    answers = [await api.by(token).call("PUT", PATH, json=body) for token in ("", f"write:{space}:usr_two:engineer")]
    assert [answer.status_code for answer in answers] == [401, 403]
    assert (await api.call("PUT", PATH, json=body)).status_code == 201
    assert (await api.call("PUT", PATH, json=body)).status_code == 200
    viewer, other = api.by(f"read:{space}:usr_two:viewer"), api.by("read:other:usr_two:viewer")
    assert (await viewer.call("GET", PATH)).status_code == 200
    assert (await viewer.call("DELETE", PATH)).status_code == 403
    assert (await other.call("GET", f"{PATH}/on-call")).json()["code"] == "schedule_not_found"


async def test_on_call_is_answered_for_a_moment_in_any_offset(api: Api, watch: Watch) -> None:
    await api.call("PUT", PATH, json={"ical": {"file": DAY.decode()}})
    assert (await api.call("GET", f"{PATH}/on-call")).json()["standing"] == "unread"
    await watch.sea.work()
    found = (await api.call("GET", f"{PATH}/on-call", params={"at": "2026-03-02T14:30:00+01:00"})).json()
    assert [person["address"] for person in found["people"]] == ["bob@example.com"]
    assert found["at"] == "2026-03-02T13:30:00Z"
    assert (await api.call("GET", f"{PATH}/on-call", params={"at": "2026-03-02T14:30:00"})).status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ical"),
        ({"ical": {}, "pagerduty": {"scheduleId": "PI7DH85"}}, "ical"),
        ({"ical": {"url": "https://a.example/", "file": "x"}}, "ical.file"),
        ({"ical": {}}, "ical.url"),
        ({"ical": {"url": "http://169.254.169.254/"}}, "ical.url"),
        ({"ical": {"url": "file:///etc/passwd"}}, "ical.url"),
        ({"ical": {"file": "hello"}}, "ical.file"),
        ({"ical": {"file": DAY.decode()}, "timeZone": "Mars/Base"}, "timeZone"),
        ({"ical": {"file": DAY.decode()}, "timeZone": "../../etc/passwd"}, "timeZone"),
        ({"ical": {"file": DAY.decode()}, "refreshMinutes": 60, "staleAfterMinutes": 60}, "staleAfterMinutes"),
        ({"ical": {"file": DAY.decode()}, "people": {"ann": []}}, "people.ann"),
        ({"pagerduty": {"scheduleId": "../users"}}, "pagerduty.scheduleId"),
        ({"pagerduty": {"scheduleId": "PI7DH85"}}, "pagerduty.token"),
        ({"pagerduty": {"scheduleId": "PI7DH85", "token": "a\r\nb: c"}}, "pagerduty.token"),
        ({"ical": {"file": DAY.decode()}, "status": "read"}, "status"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field(api: Api, body: dict[str, object], field: str) -> None:
    answer = await api.call("PUT", PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


async def test_the_command_line_sets_asks_and_removes(shell: Shell, watch: Watch, tmp_path: Path) -> None:
    shell = Shell(shell.url, f"admin:{watch.sea.workspace}:usr_one:admin")
    (tmp_path / "rota.ics").write_bytes(calendar(shift("ann", -H, H)))
    (tmp_path / "people.txt").write_text("# us\nann@example.com: boss, bob\n")
    files = ["--ical-file", str(tmp_path / "rota.ics"), "--people", str(tmp_path / "people.txt")]
    made = await shell.run("schedule", "set", "primary", *files)
    assert made.code == 0, made.output
    asked = await shell.run("schedule", "on-call", "primary")
    assert asked.code == 1
    await watch.sea.work()
    asked = await shell.run("schedule", "on-call", "primary")
    assert (asked.code, asked.output[:34]) == (0, "ann@example.com is on call by prim")
    again = await shell.run("schedule", "set", "primary")
    assert "ann@example.com: boss, bob" in again.output
    assert "ann@example.com" in (await shell.run("schedule", "list")).output
    await watch.sea.route(ROUTE)
    assert (await shell.run("schedule", "remove", "primary")).code == 6
    assert (await shell.run("schedule", "show", "none")).code == 5
    assert (await shell.run("schedule", "remove", "primary")).code == 6
    assert (await shell.run("schedule", "show", "none")).code == 5


async def test_the_address_of_a_calendar_comes_from_a_file_or_standard_input(
    shell: Shell, watch: Watch, tmp_path: Path
) -> None:
    shell = Shell(shell.url, f"admin:{watch.sea.workspace}:usr_one:admin")
    address = f"{watch.remote.url}/secret-path.ics"
    (tmp_path / "calendar.txt").write_text(f"{address}\n")
    for words, stdin in ((str(tmp_path / "calendar.txt"), None), ("-", f"\n  {address}  \n")):
        made = await shell.run("schedule", "set", "primary", "--ical-url-file", words, stdin=stdin)
        assert made.code == 0, made.output
        assert "secret-path" not in made.output
    assert (await watch.schedules.get_schedule(watch.sea.workspace, "primary")).secret is not None
    for text in ("", f"{address}\n{address}\n"):
        refused = await shell.run("schedule", "set", "primary", "--ical-url-file", "-", stdin=text)
        assert (refused.code, "secret-path" in refused.output) == (2, False)
    both = await shell.run("schedule", "set", "primary", "--ical-url-file", "-", "--ical-url", address, stdin=address)
    assert both.code == 2
