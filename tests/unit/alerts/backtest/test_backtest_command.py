"""`tidegate rule backtest` against a server on loopback that answers what the route answers."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from tidegate.app.cli import cli

SCORE = {"incidentCount": 2, "foundCount": 1, "firedCount": 4, "rightCount": 3, "precision": 0.75, "recall": 0.5,
         "medianDelayS": 120.0}  # fmt: skip
RULE = {"code": "broken", "severity": "P1", "isOfFile": True, "episodeCount": 5, "firedCount": 4,
        "flappingCount": 1, "firingS": 60.0, "pageCount": 7, "score": SCORE}  # fmt: skip
ANSWER = {"from": "2026-02-07T14:00:00Z", "to": "2026-02-07T15:00:00Z", "stepS": 60, "lookCount": 60,
          "widened": ["odd"], "transitionCount": 15,
          "episodeCount": 5, "pageCount": 7, "newPageCount": 3, "hushedCount": 1,
          "unroutedCount": 0, "rules": [RULE], "score": SCORE}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        self.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    Handler.asked = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "rules.yaml"
    found.write_text("kind: Rules\n")
    return found


def run(url: str, *arguments: object) -> Result:
    return CliRunner().invoke(cli, ["--url", url, "rule", "backtest", *map(str, arguments)])


def test_it_asks_for_the_time_and_the_labels_and_says_what_came_out(url: str, file: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("from,to,tenant\n2026-02-07T14:10:00Z,2026-02-07T14:20:00Z,blue\n")

    found = run(url, file, "--from", "2026-02-07T14:00:00Z", "--to", "2026-02-07T15:00:00Z", "--step", "1m",
                "--labels", labels, "--only-file")  # fmt: skip

    assert found.exit_code == 0, found.output
    ((path, body),) = Handler.asked
    assert (path, body["from"], body["to"], body["stepS"], body["withOthers"]) == (
        "/api/v1/rules/backtest", "2026-02-07T14:00:00Z", "2026-02-07T15:00:00Z", 60, False,
    )  # fmt: skip
    assert body["incidents"] == [{"from": "2026-02-07T14:10:00Z", "to": "2026-02-07T14:20:00Z", "tenant": "blue"}]
    assert "judged every 1m, 60 times" in found.output
    assert "15 transitions of 5 alerts. 7 notices, 3 of something new; 1 alerts kept back" in found.output
    assert "Precision 0.75 (3 of 4), recall 0.50 (1 of 2), median delay 2m." in found.output


def test_json_is_the_answer_as_it_came(url: str, file: Path) -> None:
    assert json.loads(run(url, file, "--since", "6h", "--json").output) == ANSWER


@pytest.mark.parametrize(
    "arguments", [pytest.param(["--since", "soon"], id="no duration"), pytest.param(["--to", "later"], id="no moment")]
)
def test_what_cannot_be_read_ends_with_2(url: str, file: Path, arguments: list[str]) -> None:
    assert (run(url, file, *arguments).exit_code, Handler.asked) == (2, [])
