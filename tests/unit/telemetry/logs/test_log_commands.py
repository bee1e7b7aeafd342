"""`tidegate log` against a server on loopback that answers what the route answers."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import click
import pytest
from click.testing import CliRunner, Result

from tidegate.telemetry.logs.commands import log, new_records


def item(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"i{number}",
        "at": "2026-02-07T14:00:00Z",
        "severity": "error",
        "service": "api",
        "tenant": "bl\x1b[31mue",
        "event": "",
        "body": f"line {number}",
    } | changes


class Handler(BaseHTTPRequestHandler):
    page: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[dict[str, list[str]]]] = []

    def do_GET(self) -> None:
        self.asked.append(parse_qs(urlsplit(self.path).query))
        body = json.dumps(self.page).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    Handler.page = {"items": [item(1)], "nextCursor": "c1", "from": "", "to": "2026-02-07T14:00:01Z"}
    Handler.asked = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def run(url: str, *arguments: str) -> Result:
    @click.group()
    @click.option("--url")
    @click.option("--token-file", type=click.File())
    def root(url: str, token_file: object) -> None: ...

    root.add_command(log)
    return CliRunner().invoke(root, ["--url", url, "log", "search", *arguments])


def test_records_are_lines_without_control_characters(url: str) -> None:
    result = run(url, "refused", "connection", "--severity", "warn", "--trace", "ab")
    assert result.exit_code == 0, result.output
    assert result.stdout == "2026-02-07T14:00:00Z\terror\tapi\tbl[31mue\t\tline 1\n"
    assert "--cursor c1" in result.stderr
    (asked,) = Handler.asked
    assert (asked["q"], asked["severity"], asked["traceId"]) == (["refused connection"], ["warn"], ["ab"])
    assert asked["from"][0].endswith("Z")


def test_json_is_the_answer_of_the_route(url: str) -> None:
    assert json.loads(run(url, "--json").stdout) == Handler.page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "--since: 'yesterday' is no duration"),
        (["--since", "999999999d"], "--since: '999999999d' lies before all time"),
        (["--until", "2026-02-07"], "--until: '2026-02-07' is no moment"),
        (["--follow", "--cursor", "c"], "--follow goes on for ever"),
        (["--limit", "201"], "201 is not in the range"),
    ],
)
def test_what_cannot_be_read_is_named(url: str, arguments: list[str], words: str) -> None:
    result = run(url, *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert Handler.asked == []


def test_a_moment_is_passed_on_as_it_is(url: str) -> None:
    run(url, "--since", "2026-02-07T14:00:00+01:00")
    assert Handler.asked[0]["from"] == ["2026-02-07T13:00:00Z"]


def test_what_comes_in_is_yielded_once_and_the_oldest_first() -> None:
    answers = [[2, 1], [3, 2, 1], [3], [9, 8, 7], [6, 5, 4, 3]]
    asked: list[dict[str, Any]] = []

    def get(query: Any) -> dict[str, Any]:
        asked.append(dict(query))
        numbers = answers[len(asked) - 1]
        # The fourth answer is a page of more than one.
        cursor = "more" if numbers == [9, 8, 7] else None
        return {"items": [item(n) for n in numbers], "nextCursor": cursor, "to": "2026-02-07T14:00:30Z"}

    found = list(islice(new_records(get, {"q": "x", "from": "2026-02-07T13:00:00Z"}, pause=lambda _: None), 9))
    assert [each["id"] for each in found] == [f"i{n}" for n in range(1, 10)]
    assert [each["from"] for each in asked[:2]] == ["2026-02-07T13:00:00Z", "2026-02-07T14:00:00Z"]
    assert asked[4]["cursor"] == "more"
