"""Variables against a schema, environments against one another, and no value in anything that comes out."""

import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tidegate.app.cli import cli
from tidegate.evidence.environments.checking import check_environment, compare_environments
from tidegate.evidence.environments.dotenv import values_of
from tidegate.evidence.environments.model import EnvFileError
from tidegate.evidence.environments.schema_file import read_schema
from tidegate.evidence.formats import summarise

SCHEMA = """\
# @defaultSensitive=false
# ---

# Where the shop listens.
# @type=port
PORT=8080

# @optional @type=enum(debug, info, "warn ing")
LOG_LEVEL=info

# Key of the payment provider.
# @sensitive @type=string(startsWith=sk_, minLength=8, matches="^sk_[a-z0-9_]+$")
PAYMENT_KEY=sk_example

# @parity=same @type=url
ISSUER=https://id.example.test
"""
GOOD = "PORT=80\nPAYMENT_KEY=sk_hunter2_a\nISSUER=https://id.example.test\n"


def problems(env: str, schema: str = SCHEMA) -> list[tuple[str, str]]:
    read = read_schema(schema.encode(), file="schema")
    return [(one.name, one.problem) for one in check_environment(read, values_of(env.encode(), file="env"))]


def test_an_environment_as_the_schema_asks_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param("PORT=80\n", "", ("PORT", "missing"), id="missing"),
        pytest.param("PORT=80", "PORT=", ("PORT", "empty"), id="empty"),
        pytest.param("PORT=80", "PORT=''", ("PORT", "empty"), id="empty in quotes"),
        pytest.param("PORT=80", "PORT=70000", ("PORT", "type"), id="beyond its type"),
        pytest.param("PORT=80", "PORT=٣٣", ("PORT", "type"), id="digits of another script"),
        pytest.param("PORT=80", "PORT=80\nLOG_LEVEL=loud", ("LOG_LEVEL", "choice"), id="none of the choices"),
        pytest.param("sk_hunter2_a", "pk_hunter2_a", ("PAYMENT_KEY", "type"), id="another beginning"),
        pytest.param("sk_hunter2_a", "sk_HUNTER2", ("PAYMENT_KEY", "pattern"), id="another pattern"),
        pytest.param("sk_hunter2_a", "sk_example", ("PAYMENT_KEY", "placeholder"), id="the example itself"),
        pytest.param("sk_hunter2_a", "changeme", ("PAYMENT_KEY", "placeholder"), id="changeme"),
        pytest.param("https://id", "id", ("ISSUER", "type"), id="no address"),
    ],
)
def test_what_is_not_as_the_schema_asks_is_named(old: str, new: str, found: tuple[str, str]) -> None:
    assert problems(GOOD.replace(old, new)) == [found]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("number(min=1, max=9)", "4.5", "10"), ("number(isInt=true)", "4", "4.5"), ("integer", "-3", "three"),
        ("boolean", "on", "si"), ("email", "a@b.example", "a@b"), ("ip", "::1", "1.2.3"),
        ("uuid", "6f1c2b9e-8a55-4c3e-9d3c-0a6f0e1d2c3b", "6f1c"), ("url", "redis://h:1/0", "http://h:99999"),
        ("string(isLength=3)", "abc", "abcd"), ("number", "1e3", "nan"), ("number", "1", "inf"),
        ("string(matches=/^a\\/b$/)", "a/b", "ab"), ("url(prependHttps=true)", "example.test", "a b"),
    ],
)  # fmt: skip
def test_each_type_says_what_is_of_it(kind: str, good: str, bad: str) -> None:
    schema = f"# @public @type={kind}\nX=\n"
    assert problems(f"X={good}", schema) == []
    assert problems(f"X='{bad}'", schema) in ([("X", "type")], [("X", "pattern")])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param("# @requierd\nX=", "@requierd is not understood", id="a typo"),
        pytest.param("# @required @optional\nX=", "@required and @optional", id="both"),
        pytest.param("# @required\n# @required=false\nX=", "@required twice", id="twice"),
        pytest.param("# @required=maybe\nX=", "neither true nor false", id="no flag"),
        pytest.param("# @type=integr\nX=", "none of string", id="an unknown type"),
        pytest.param("# @type=string(minLen=3)\nX=", "no option 'minLen'", id="an unknown option"),
        pytest.param("# @type=string(minLength=many)\nX=", "whole number", id="no number"),
        pytest.param("# @type=string(matches='(')\nX=", "no regular expression", id="no pattern"),
        pytest.param("# @type=enum()\nX=", "enum lists", id="an enum of nothing"),
        pytest.param("# @import(./other)\n# ---\nX=", "@import is not understood", id="a schema elsewhere"),
        pytest.param("# @parity=often\nX=", "@parity is one of", id="no parity"),
        pytest.param("# nothing\n", "names no variable", id="nothing"),
        pytest.param("X=1\nX=2", "X stands in it twice", id="a name twice"),
        pytest.param("X='a", "never ends", id="an open quote"),
        pytest.param("X='a' b", "after the quote", id="after the quote"),
        pytest.param("just words", "neither NAME=value", id="no assignment"),
    ],
)
def test_a_schema_that_may_mean_two_things_is_refused(schema: str, words: str) -> None:
    with pytest.raises(EnvFileError, match=words):
        read_schema(schema.encode(), file=".env.example")


def test_all_is_required_and_sensitive_unless_it_is_said() -> None:
    (variable,) = read_schema(b"# A comment for people, with an @ in it.\nX=", file="s").variables
    assert (variable.is_required, variable.is_sensitive, variable.parity) == (True, True, "different")


def test_files_are_read_as_dotenv_libraries_read_them() -> None:
    text = (
        '\ufeffexport A=1 # one\r\nB=\'# no comment\'\nC="two\\nlines \\"x\\"" # and\nD="a\nb"\nE=a#b\n'
        "F = spaced \nG=#none\n"
        "H=${A}\n"
    )
    assert values_of(text.encode(), file="env") == {
        "A": "1", "B": "# no comment", "C": 'two\nlines "x"', "D": "a\nb", "E": "a#b", "F": "spaced", "G": "",
        "H": "${A}",
    }  # fmt: skip


def differences(staging: str, production: str) -> list[tuple[str, str, str | None]]:
    environments = {name: values_of(text.encode(), file=name)
                    for name, text in (("staging", staging), ("production", production))}  # fmt: skip
    found = compare_environments(read_schema(SCHEMA.encode(), file="s"), environments)
    return [(one.name, one.problem, one.environment) for one in found]


def test_environments_that_share_a_secret_or_differ_where_they_must_not_are_named() -> None:
    other = GOOD.replace("hunter2_a", "hunter2_b")
    assert differences(GOOD, other) == []
    assert differences(GOOD, GOOD) == [("PAYMENT_KEY", "shared", "production")]
    assert differences(GOOD, other.replace("//id.", "//login.")) == [("ISSUER", "differs", "production")]
    assert differences(GOOD + "NEW=1\n", other.replace("PORT=80\n", "")) == [
        ("PORT", "missing", "production"), ("NEW", "missing", "production"),
    ]  # fmt: skip


def check(tmp_path: Path, *arguments: str, staging: str = GOOD, production: str = GOOD) -> Result:
    for name, text in ((".env.example", SCHEMA), (".env", staging), (".env.production", production)):
        (tmp_path / name).write_text(text)
    return CliRunner().invoke(cli, ["env", "check", "--schema", str(tmp_path / ".env.example"), *arguments])


def test_the_command_names_problems_and_never_a_value(tmp_path: Path) -> None:
    broken = "PORT=s3cr3t_port\nPAYMENT_KEY=sk_hunter2_A\nISSUER=s3cr3t_issuer\nOLD=s3cr3t_old\n"
    files = ("--env", str(tmp_path / ".env"), "--compare", f"production={tmp_path / '.env.production'}")
    for more in ((), ("--json",)):
        ended = check(tmp_path, *files, *more, staging=broken)
        assert ended.exit_code == 1
        assert "s3cr3t" not in ended.output
        assert "hunter2" not in ended.output
    said = json.loads(ended.stdout)
    assert said["validation"]["problems"] == [
        {"name": "PORT", "problem": "type"}, {"name": "PAYMENT_KEY", "problem": "pattern"},
        {"name": "ISSUER", "problem": "type"},
    ]  # fmt: skip
    assert said["validation"]["unknown"] == ["OLD"]
    assert said["parity"]["environments"] == [".env", "production"]


def test_what_the_command_writes_is_what_evidence_reads(tmp_path: Path) -> None:
    files = ("--env", str(tmp_path / ".env"), "--compare", f"production={tmp_path / '.env.production'}")
    said = json.loads(check(tmp_path, *files, "--json").stdout)
    validation = summarise("env-validation", json.dumps(said["validation"]).encode())
    parity = summarise("env-parity", json.dumps(said["parity"]).encode())
    assert (validation["checkedCount"], validation["problemCount"]) == (4, 0)
    assert (parity["comparedCount"], parity["differenceCount"]) == (4, 1)


def test_exit_codes_say_whether_it_is_as_asked(tmp_path: Path) -> None:
    env = ("--env", str(tmp_path / ".env"))
    assert check(tmp_path, *env).exit_code == 0
    assert check(tmp_path, *env, staging=GOOD + "OLD=1\n").exit_code == 0
    assert check(tmp_path, *env, "--strict", staging=GOOD + "OLD=1\n").exit_code == 1
    assert check(tmp_path, *env, "--send").exit_code == 2
    assert check(tmp_path, *env, "--compare", "production").exit_code == 2
    ended = check(tmp_path, *env, staging="s3cr3t without a name")
    assert (ended.exit_code, "s3cr3t" in ended.output) == (2, False)


def test_the_process_environment_is_checked_without_what_it_has_besides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in values_of(GOOD.encode(), file="env").items():
        monkeypatch.setenv(name, value)
    ended = check(tmp_path, "--json")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["validation"]["unknown"] == []


@pytest.fixture
def door() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes whatever evidence comes, and what it took."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            taken.append({"path": self.path, **body})
            self.send_response(201)
            self.end_headers()
            self.wfile.write(b'{"id": "evd_1"}')

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_evidence_that_is_sent_holds_names_alone(tmp_path: Path, door: tuple[str, list[dict[str, Any]]]) -> None:
    url, taken = door
    (tmp_path / ".env.example").write_text(SCHEMA)
    (tmp_path / ".env").write_text(GOOD)
    files = ["--schema", str(tmp_path / ".env.example"), "--env", str(tmp_path / ".env"), "--name", "staging"]
    ended = CliRunner().invoke(cli, ["--url", url, "env", "check", *files, "--send", "--commit", "4f1c2ab"])
    assert (ended.exit_code, ended.stderr) == (0, "Sent as evd_1 (env-validation).\n")
    assert [(one["path"], one["kind"], one["title"], one["commit"], one["owner"]) for one in taken] == [
        ("/api/v1/evidence", "env-validation", "env-validation of staging", "4f1c2ab", "sre")
    ]
    assert "hunter2" not in json.dumps(taken)
    assert summarise("env-validation", taken[0]["body"].encode())["environment"] == "staging"


def test_no_bytes_make_a_reader_of_files_fall_or_say_a_value() -> None:
    rng = random.Random(6)
    for _ in range(600):
        content = bytearray((SCHEMA + GOOD).encode())
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(content))
            content[at : at + rng.randint(0, 5)] = bytes(rng.choice(b"@#='\"\\()/,\n\x00\xffa ") for _ in range(3))
        said = ""
        try:
            check_environment(read_schema(bytes(content), file="f"), values_of(bytes(content), file="f"))
        except EnvFileError as error:
            said = str(error)
        assert "hunter2" not in said
