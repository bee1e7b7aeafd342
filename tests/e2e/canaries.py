"""Secrets that are known to a test, brought in wherever one can enter, and all that a server lets out afterwards."""

import os
import re
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from tests.api.walls.requests import Operation, operations
from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, key_values, make_request, make_span
from tests.unit.telemetry.logs.records import make_logs, make_record
from tests.unit.telemetry.points.metrics import make_counter, make_metrics

from tidegate.edge.caller import SESSION_COOKIE
from tidegate.storage.processes import command_line, descendants_of

__all__ = ["Planted", "environments_of", "files_of", "open_browser", "plant", "walk"]

_PROOF = re.compile(r'name="form_token" value="([0-9a-f]+)"')
_SHOWN = re.compile(r'aria-label="Secret, shown once">([^<]+)<')
_LARGEST_FILE = 64 * 2**20
_STREAMS = {"GET /events"}
_PROTOBUF = {"content-type": "application/x-protobuf"}


def open_browser(url: str) -> httpx.Client:
    """Return a browser without script."""
    return httpx.Client(base_url=url, headers={"origin": url}, timeout=120)


def submit(browser: httpx.Client, path: str, *, on: str = "", **fields: str) -> httpx.Response:
    """Send a form of the page `on`."""
    proof = _PROOF.search(browser.get(on).text) if on else None
    return browser.post(path, data={**({"form_token": proof[1]} if proof else {}), **fields})


@dataclass
class Planted:
    """What is known, by what it is; and what each request was answered."""

    server: Server
    workspace: str
    browser: httpx.Client
    secrets: dict[str, str] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    """Head and body of every answer but of those that hand a new secret out."""

    def found_in(self, texts: Mapping[str, str | bytes]) -> list[str]:
        """Return where a secret stands that must not stand there, as it is or as the hexadecimal form of bytes."""
        return [
            f"{what} in {place}"
            for place, text in texts.items()
            for what, secret in self.secrets.items()
            for form in (secret, secret.encode().hex())
            if (form.encode() if isinstance(text, bytes) else form) in text
        ]

    def note(self, name: str, answer: httpx.Response) -> None:
        head = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
        self.answers[f"{name} -> {answer.status_code}"] = f"{head}\n{answer.text}"


def plant(server: Server, browser: httpx.Client) -> Planted:
    """Make a workspace with a secret of each kind, and send secrets in telemetry."""
    name = f"canary-{os.urandom(4).hex()}"
    assert server.cli("workspace", "create", name).returncode == 0
    planted = Planted(server, name, browser)
    _plant_people(planted)
    _plant_machines(planted)
    _plant_telemetry(planted)
    return planted


def _plant_people(planted: Planted) -> None:
    server, browser, secrets = planted.server, planted.browser, planted.secrets
    password = f"canary password {os.urandom(8).hex()}"
    secrets["password"] = password
    for kind in ("unused link", "sign-in link"):
        link = server.cli("sign-in-link", "--workspace", planted.workspace).stdout.strip()
        secrets[kind] = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["link"][0]
    assert submit(browser, "/sign-in", link=secrets["sign-in link"]).status_code == 303
    email = f"{planted.workspace}@example.com"
    made = submit(browser, "/account/owner", on="/account", email=email, name="Ada", password=password)
    assert made.status_code == 303, made.text
    secrets["session"] = browser.cookies[SESSION_COOKIE]
    for kind in ("token of a member", "token in a bad request", "token in telemetry"):
        page = submit(browser, "/tokens", on="/tokens", name=kind.replace(" ", "-"), scope="read", days="30")
        found = _SHOWN.search(page.text)
        assert found is not None, page.text
        secrets[kind] = found[1]
    asked = browser.post("/sign-in/passkey/options")
    secrets["challenge of a passkey"] = asked.json()["challenge"]
    secrets["browser's half of a challenge"] = asked.cookies["tidegate_passkey"]
    with open_browser(server.url) as refused:
        wrong = {"email": email, "password": password, "workspace": "elsewhere"}
        planted.note("a wrong workspace", submit(refused, "/sign-in/password", **wrong))
        wrong = {"email": "nobody@example.com", "password": password}
        planted.note("a wrong address", submit(refused, "/sign-in/password", **wrong))
        planted.note("a link for the second time", submit(refused, "/sign-in", link=secrets["sign-in link"]))


def _plant_machines(planted: Planted) -> None:
    server, name, secrets = planted.server, planted.workspace, planted.secrets
    secrets["token of the operator"] = server.token("admin", name)
    secrets["token of a sender"] = server.token("ingest", name)
    admin = secrets["token of the operator"]
    invited = server.cli("member", "invite", f"guest-{name}@example.com", "--role", "viewer", token=admin)
    link = invited.stdout.strip()
    secrets["invitation"] = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["invitation"][0]
    secrets["client secret"] = f"canary-client-{os.urandom(8).hex()}"
    provider = ("provider", "set", "https://localhost:9443", "--client-id", "tidegate", "--client-secret-file", "-")
    set_ = server.cli(*provider, token=admin, stdin=f"{secrets['client secret']}\n")
    assert set_.returncode == 0, set_.stderr
    # Refused when it calls: the answer says so, and not with what it would have sent.
    planted.answers["provider test"] = "".join(_said(server.cli("provider", "test", token=admin)))


def _said(ran: Any) -> tuple[str, str]:
    return ran.stdout, ran.stderr


def _plant_telemetry(planted: Planted) -> None:
    secrets, now = planted.secrets, time.time_ns()
    token = secrets["token in telemetry"]
    secrets["value of a header"] = f"canary{os.urandom(8).hex()}"
    attributes = {
        "http.request.header.authorization": secrets["value of a header"],
        "db.password": secrets["value of a header"],
        "url.full": f"https://example.com/a?token={token}",
        "url.query": f"token={token}",
        "baggage.session": token,
        "note": f"said {token}",
        "tenant.id": f"t-{token}",
    }
    event = {
        "name": f"event {token}",
        "attributes": key_values({"exception.message": f"Bearer {token}", "note": token}),
    }
    trace_id = os.urandom(16)
    span = make_span(
        name=f"GET /{token}", trace_id=trace_id, attributes=attributes, events=[event],
        start_time_unix_nano=now - 10**9, end_time_unix_nano=now, trace_state=f"a={token}",
    )  # fmt: skip
    span.status.message = token
    run = make_span(
        name="invoke", trace_id=os.urandom(16), start_time_unix_nano=now - 10**9, end_time_unix_nano=now,
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": f"agent {token}",
                    "gen_ai.input.messages": f"my token is {token}", "gen_ai.request.model": token},
    )  # fmt: skip
    resource = {"host.name": token, "service.version": token}
    spans = make_request(span, run, auth_span(401, at_ns=now, attributes={"user_agent.original": token}), **resource)
    record = make_record(f"sent {token}", attributes, time_unix_nano=now)
    said = AnyValue(
        kvlist_value=KeyValueList(values=key_values({"note": token, "password": secrets["value of a header"]}))
    )
    structured = make_record(time_unix_nano=now)
    structured.body.CopyFrom(said)
    point = make_counter(1, attributes={"label": token, "api_key": secrets["value of a header"]}, time_unix_nano=now)
    sent = {"/v1/traces": spans, "/v1/logs": make_logs(record, structured, **resource),
            "/v1/metrics": make_metrics(point, **resource)}  # fmt: skip
    headers = {**_PROTOBUF, "authorization": f"Bearer {secrets['token of a sender']}", "baggage": f"token={token}"}
    for path, body in sent.items():
        answer = planted.browser.post(path, content=body.SerializeToString(), headers=headers)
        assert answer.status_code == 200, answer.text
    read = secrets["token of a member"]
    wait_until(lambda: planted.server.get("/api/v1/telemetry/stats", read)[1]["spans"] >= 3, within_s=25, what="spans")
    planted.slots |= {"trace_id": trace_id.hex(), "span_id": span.span_id.hex(), "service": "harbor", "family": "auth",
                      "workspace": planted.workspace}  # fmt: skip


def walk(planted: Planted) -> None:
    """Ask every route, as it is meant; then every one with a secret in each place of the request."""
    document = planted.browser.get("/openapi.json").json()
    bad = planted.secrets["token in a bad request"]
    with httpx.Client(base_url=planted.server.url, timeout=120) as client:
        for operation in (each for each in operations(document) if each.name not in _STREAMS):
            if operation.method == "GET":
                planted.note(operation.name, _ask(client, planted, operation, planted.slots))
            planted.note(f"bad {operation.name}", _ask_badly(client, planted, operation, bad))


def _ask(client: httpx.Client, planted: Planted, operation: Operation, slots: Mapping[str, str]) -> httpx.Response:
    path = operation.template
    for slot in operation.path_slots:
        path = path.replace(f"{{{slot}}}", slots.get(slot, "none"))
    return client.get(path, headers=_as_somebody(planted, operation))


def _ask_badly(client: httpx.Client, planted: Planted, operation: Operation, secret: str) -> httpx.Response:
    """Send a secret where none belongs: in the path, the query, ids of the request, and fields of the body."""
    path = re.sub(r"\{\w+\}", secret, operation.template)
    headers = {**_as_somebody(planted, operation), "x-request-id": secret, "x-correlation-id": secret}
    if operation.method != "GET" and operation.body_shape is None:
        headers["authorization"] = f"Bearer {planted.secrets['token of a member']}"
        headers.pop("cookie", None)
    query = dict.fromkeys(operation.query_slots, secret) | {"access_token": secret}
    body = {"token": secret, "name": secret, "id": [secret]} if operation.method not in {"GET", "HEAD"} else None
    return client.request(operation.method, path, params=query, headers=headers, json=body)


def _as_somebody(planted: Planted, operation: Operation) -> dict[str, str]:
    if operation.is_page:
        return {"cookie": f"{SESSION_COOKIE}={planted.secrets['session']}"}
    return {"authorization": f"Bearer {planted.secrets['token of the operator']}"}


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each file outside of `secrets` by its path."""
    for file in folder.rglob("*"):
        is_secret = file.relative_to(folder).parts[0] == "secrets"
        if not is_secret and file.is_file() and file.stat().st_size < _LARGEST_FILE and os.access(file, os.R_OK):
            yield str(file.relative_to(folder)), file.read_bytes()


def environments_of(pid: int) -> dict[str, str]:
    """Return command line and environment of a process and of all below it."""
    found = {}
    for each in descendants_of(pid):
        line = " ".join(command_line(each))
        try:
            variables = Path(f"/proc/{each}/environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        found[f"{each} {line[:80]}"] = f"{line}\n{variables}"
    return found
