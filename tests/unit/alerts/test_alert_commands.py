"""`tidegate alert` against a server on loopback that answers what the routes answer."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import click
import pytest
from click.testing import CliRunner, Result

from tidegate.alerts.commands import alert

ITEM = {
    "id": "alr_1",
    "code": "auth_failure_rate_high",
    "family": "auth",
    "severity": "P1",
    "service": "api",
    "tenant": "bl\x1b[31mue",
    "state": "firing",
    "value": 0.3,
    "threshold": 0.2,
    "count": 20,
    "sentence": "30% of 20 auth requests failed.",
    "runbook": "/runbooks/auth_failure_rate_high",
    "since": "2026-02-07T14:00:00Z",
}
MOVE = {
    "sequence": 1,
    "fromState": "inactive",
    "toState": "pending",
    "at": "2026-02-07T14:00:00Z",
    "cause": {"kind": "crossed", "words": "30% of 20 auth requests failed in 15m."},
}
PAGE = {"items": [ITEM], "nextCursor": None, "ruleCount": 6, "evaluatedAt": "2026-02-07T14:00:01Z"}


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        found = self.answers.get(self.path.partition("?")[0])
        body = json.dumps(found or {"detail": "There is no alert.", "code": "alert_not_found"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    Handler.answers, Handler.asked = {"/api/v1/alerts": PAGE}, []
    Handler.answers["/api/v1/alerts/alr_1"] = {"alert": ITEM, "transitions": [MOVE]}
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(url: str, *arguments: str) -> Result:
    @click.group()
    @click.option("--url")
    def root(url: str) -> None:
        """Stand in for the whole command."""

    root.add_command(alert)
    return CliRunner().invoke(root, ["--url", url, "alert", *arguments])


def test_a_list_is_tab_separated_for_a_pipe_and_its_coverage_goes_to_stderr(url: str) -> None:
    result = run(url, "list")

    assert result.stdout == (
        "alr_1\tP1\tfiring\tauth_failure_rate_high\tapi\tbl[31mue\t0.3\t0.2\t20\t2026-02-07T14:00:00Z\n"
    )
    assert result.stderr == "6 rules, last evaluated 2026-02-07T14:00:01Z.\n"
    assert Handler.asked == ["/api/v1/alerts?state=pending%2Cfiring&limit=50"]


def test_all_states_ask_for_none(url: str) -> None:
    run(url, "list", "--state", "all", "--service", "api")

    assert Handler.asked == ["/api/v1/alerts?service=api&limit=50"]


def test_an_empty_list_that_nobody_evaluated_says_so(url: str) -> None:
    Handler.answers["/api/v1/alerts"] = {**PAGE, "items": [], "evaluatedAt": None, "nextCursor": "x"}

    result = run(url, "list")

    assert result.stdout == ""
    assert "never evaluated yet: an empty list says nothing" in result.stderr
    assert "There are more" in result.stderr


def test_json_is_the_object_of_the_api_and_nothing_else(url: str) -> None:
    assert json.loads(run(url, "list", "--json").stdout) == PAGE
    assert json.loads(run(url, "show", "alr_1", "--json").stdout)["transitions"] == [MOVE]


def test_show_says_what_happened_how_it_moved_and_where_the_runbook_is(url: str) -> None:
    result = run(url, "show", "alr_1")

    assert result.stdout.splitlines() == [
        "FIRING  P1  auth_failure_rate_high",
        "30% of 20 auth requests failed.",
        "  2026-02-07T14:00:00Z  inactive → pending    30% of 20 auth requests failed in 15m.",
        f"Runbook: {url}/runbooks/auth_failure_rate_high",
    ]


def test_an_unknown_alert_is_exit_code_five_and_a_path_is_none(url: str) -> None:
    assert run(url, "show", "alr_2").exit_code == 5
    refused = run(url, "show", "../tokens")

    assert refused.exit_code == 2
    assert Handler.asked == ["/api/v1/alerts/alr_2"]
