"""`tidegate authz`, without a server and with the answers of one."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.authority import KeptDenials, shipped_authorizer

from tidegate.app.cli import cli
from tidegate.edge.authority import NotPermittedError, Target
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity.policy.errors import QuestionInvalidError
from tidegate.identity.policy.loading import shipped_texts
from tidegate.identity.policy.questions import caller_as, questions_in, recorded_question
from tidegate.kernel import WorkspaceId


def run(*words: str, url: str = "http://127.0.0.1:9") -> Result:
    return CliRunner().invoke(cli, ["--url", url, "authz", *words], env={"TIDEGATE_TOKEN": "tg_any"})


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    """An address that answers with what is put under each path."""
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            body = json.dumps(found or {"code": "not_found", "detail": "There is none."}).encode()
            self.send_response(200 if found else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{opened.server_port}", answers
        opened.shutdown()
        thread.join()


def test_what_the_package_expects_of_its_policies_is_so() -> None:
    answer = run("test")
    assert (answer.exit_code, answer.stdout) == (0, "")


def test_every_policy_decides_something_that_is_expected() -> None:
    deciding: set[str] = set()
    from importlib import resources

    file = resources.files("tidegate.identity.policy") / "expected.yaml"
    for question in questions_in(file.read_bytes()):
        deciding |= set(shipped_authorizer().decide(question.caller, question.operation, question.on).policy_ids)
    assert deciding == set(shipped_authorizer()._policies.by_id)


def test_a_surprise_is_named_and_exits_with_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("- as: viewer\n  allow: [gates:approve]\n  deny: [{gates:define: floor-agent}, gates:evaluate]\n")
    answer = run("test", str(file))
    assert answer.exit_code == 1
    assert answer.stdout.splitlines() == [
        "row 1: viewer gates:approve: expected allow, got deny by viewer-no-more",
        "row 1: viewer gates:define: expected floor-agent to decide, got viewer-no-more",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no list"),
        ("a: [", "no YAML"),
        ("- as: viewer", "expects nothing"),
        ("- as: root\n  allow: [gates:read]", "is nobody"),
        ("- as: viewer\n  allow: [gates:raed]", "neither an action nor an operation"),
        ("- as: viewer\n  alow: [gates:read]", "alow"),
        ("- as: token:all\n  allow: [gates:read]", "is nobody"),
        ("- !!python/object/apply:os.system [true]", "no YAML"),
    ],
)
def test_a_file_that_cannot_be_what_was_meant_is_refused(text: str, words: str) -> None:
    with pytest.raises(QuestionInvalidError, match=words):
        questions_in(text.encode())


def test_explain_says_the_decision_its_policies_and_what_would_allow_it() -> None:
    answer = run("explain", "--as", "viewer", "--action", "gates:define")
    assert answer.exit_code == 4
    assert answer.output.startswith("DENY: viewer gates:define\n")
    assert "decided by viewer-no-more" in answer.output
    assert '@id("viewer-no-more")' in answer.output
    assert "would allow it: the role owner or the role admin or the role release-manager" in answer.output


def test_explain_of_an_operation_and_of_a_target() -> None:
    assert run("explain", "--as", "svc:agent", "--action", "GET /api/v1/gates").exit_code == 0
    own = run("explain", "--as", "approver", "--action", "gates:approve", "--on", "author/me", "--json")
    assert own.exit_code == 4
    found = json.loads(own.output)
    assert (found["policyIds"], found["wouldAllow"]) == (["floor-not-ones-own"], [])
    assert run("explain", "--as", "owner", "--action", "gates:read", "--on", "workspace/other").exit_code == 4
    assert run("explain", "--as", "owner", "--action", "gates:read", "--on", "gate").exit_code == 2
    assert run("explain", "--as", "nobody", "--action", "gates:read").exit_code == 2


def test_explain_asks_the_server_who_a_member_or_token_is(server: tuple[str, dict[str, Any]]) -> None:
    url, answers = server
    answers["/api/v1/members/usr_1"] = {"role": "viewer"}
    token = {"id": "tok_1", "scope": "write", "member": None, "role": None, "services": ["pay"], "environments": None}
    answers["/api/v1/tokens"] = {"items": [token], "nextCursor": None}
    assert run("explain", "--as", "usr_1", "--action", "gates:define", url=url).exit_code == 4
    narrowed = run("explain", "--as", "tok_1", "--action", "releases:create", "--on", "service/harbor", url=url)
    assert "a credential that is not narrowed" in narrowed.output
    assert run("explain", "--as", "tok_1", "--action", "releases:create", "--on", "service/pay", url=url).exit_code == 0
    assert run("explain", "--as", "tok_2", "--action", "gates:read", url=url).exit_code == 5


async def test_preview_says_which_recorded_refusals_would_flip(
    server: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    url, answers = server
    answers["/api/v1/audit"] = {"items": [await record_of("gates:define"), {"id": "aud_2"}], "nextCursor": None}
    file = tmp_path / "roles.cedar"
    viewer = '@id("viewer")\npermit (principal, action in [Action::"self", Action::"read"'
    text = shipped_texts()["roles.cedar"].replace(viewer, viewer + ', Action::"write"')
    bound = text.index('@id("viewer-no-more")')
    file.write_text(text[:bound] + text[bound:].replace('Action::"read"]', 'Action::"read", Action::"write"]', 1))
    answer = run("preview", "--policies", str(file), url=url)
    assert answer.exit_code == 0, answer.output
    assert "deny -> allow  aud_1: tok_1 gates:define  (viewer)" in answer.stdout
    assert "1 recorded refusals would flip; 1 records do not say all that was asked" in answer.stderr


def test_preview_says_when_there_is_no_audit_to_compare_with(
    server: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "roles.cedar"
    file.write_text(shipped_texts()["roles.cedar"])
    answer = run("preview", "--policies", str(file), url=server[0])
    assert answer.exit_code == 0
    assert "keeps no audit" in answer.stderr
    assert "0 of 137 expected answers and 0 recorded refusals would flip." in answer.stderr


def test_preview_of_policies_that_are_not_valid_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "roles.cedar"
    file.write_text(shipped_texts()["roles.cedar"].replace("principal.role", "principal.rol", 1))
    answer = run("preview", "--policies", str(file), "--offline")
    assert (answer.exit_code, "policies_invalid" in answer.output) == (2, True)


async def record_of(operation: str) -> dict[str, Any]:
    denials = KeptDenials()
    caller = Caller(WorkspaceId("acme"), Scope.WRITE, "tok_1", by_session=False, member="usr_1", role=Role.VIEWER)
    with pytest.raises(NotPermittedError):
        await shipped_authorizer(denials).authorize(caller, operation, Target(services=frozenset({"pay"})))
    ((_, deed),) = denials.deeds
    return {
        "id": "aud_1", "actor": deed.actor, "member": deed.member, "outcome": str(deed.outcome),
        "details": json.loads(json.dumps(dict(deed.details))),
    }  # fmt: skip


async def test_a_record_of_a_refusal_asks_the_same_again() -> None:
    question = recorded_question(await record_of("gates:define"))
    assert question is not None
    ruling = shipped_authorizer().decide(question.caller, question.operation, question.on)
    assert (ruling.policy_ids, question.is_allowed) == (("viewer-no-more",), False)
    assert question.on.services == {"pay"}


def test_names_of_examples() -> None:
    assert caller_as("svc:agent").member == "svc_example"
    assert caller_as("operator").by_session
    assert caller_as("token:ingest").scope is Scope.INGEST
