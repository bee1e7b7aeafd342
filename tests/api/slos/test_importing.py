"""`tidegate rule import`: what other tools say is planned, stored whole, or not at all."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.api.slos.conftest import Api, Shell
from tests.contract.slos.worlds import World
from tests.signals_rows import NANO, request_row

ALERT = """
groups:
- name: chat
  rules:
  - alert: ChatFails
    expr: >-
      sum by (service) (rate(tidegate_request_failure_total[5m]))
      / sum by (service) (rate(tidegate_request_request_total[5m])) > 0.1
    for: 2m
    labels: {severity: page}
    annotations: {runbook_url: https://runbooks.example/chat}
"""
RECORD = ALERT + "  - {record: a:b, expr: up}\n"
SLO = """
version: prometheus/v1
service: chat
slos:
- name: answers
  objective: 99.9
  sli:
    events:
      error_query: sum(increase(tidegate_request_failure_total{service="chat"}[{{.window}}]))
      total_query: sum(increase(tidegate_request_request_total{service="chat"}[{{.window}}]))
  alerting: {name: ChatBudget}
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "chat.rules.yml"
        file.write_text(text)
        return file

    return write


async def test_alerting_rules_are_planned_first_and_count_when_they_are_applied(
    api: Api, shell: Shell, written: Callable[[str], Path]
) -> None:
    file = written(ALERT)
    planned = await shell.run("rule", "import", file)
    assert (planned.code, planned.out.splitlines()[-1]) == (0, "added     chat_fails")
    assert "Nothing is stored" in planned.err
    assert (await api.call("GET", "/api/v1/rules/chat_fails")).status_code == 404
    assert (await shell.run("rule", "import", file, "--apply")).code == 0
    rule = (await api.call("GET", "/api/v1/rules/chat_fails")).json()["rule"]
    assert (rule["signal"], rule["ruleSet"], rule["flapDamping"]) == ("request.failureRate", "chat", False)
    assert (rule["window"], rule["for"], rule["threshold"]) == ("5m", "2m", 0.10000000000000002)


async def test_nothing_is_stored_of_a_file_of_which_something_is_refused(
    api: Api, shell: Shell, written: Callable[[str], Path]
) -> None:
    file = written(RECORD)
    ended = await shell.run("rule", "import", file, "--apply")
    assert ended.code == 1
    assert "REFUSED  alert      chat/a:b: record cannot be kept" in ended.out
    assert "1 taken, 1 refused. Nothing of it is stored." in ended.err
    assert (await api.call("GET", "/api/v1/rules/chat_fails")).status_code == 404


async def test_objectives_are_stored_as_objectives(
    api: Api, shell: Shell, world: World, written: Callable[[str], Path]
) -> None:
    await world.count([request_row(world.workspace, 200, end_ns=int(world.clock.now().timestamp() - 100) * NANO)])
    file = written(SLO)
    said = json.loads((await shell.run("rule", "import", file, "--json")).out)
    assert [change["change"] for change in said["changes"]["changes"]] == ["create"]
    assert (await shell.run("rule", "import", file, "--apply")).code == 0
    found = (await api.get("/chat-answers")).json()
    assert (found["service"], found["target"], found["window"]) == ("chat", 0.999, "rolling 30d")
    assert [pair["factor"] for pair in found["pairs"]] == [14.4, 6, 3, 1]


async def test_a_name_that_ships_is_not_taken_over(shell: Shell, written: Callable[[str], Path]) -> None:
    file = written(ALERT.replace("ChatFails", "AuthFailureRateHigh"))
    ended = await shell.run("rule", "import", file, "--apply")
    assert ended.code == 1
    assert "the name auth_failure_rate_high cannot be kept" in ended.out


async def test_what_it_becomes_is_printed_without_a_server(shell: Shell, written: Callable[[str], Path]) -> None:
    file = written(ALERT)
    printed = await shell.run("rule", "import", file, "--print", "--name", "mine")
    file = written(printed.out)
    assert yaml.safe_load(printed.out)["metadata"] == {"name": "mine"}
    assert (await shell.run("rule", "check", file)).code == 0
