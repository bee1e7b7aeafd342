"""Bad input is refused with the field named, and nothing of it is stored."""

import json
from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.test_tenant_isolation import RELEASE, make_case, make_run

GATE = """
apiVersion: tidegate/v1
kind: Gate
id: mine
title: Mine
owner: sre
checks:
  - {id: rate, title: Rate, kind: signal, owner: sre, family: auth, expression: failureRate < 0.2}
  - {id: quiet, title: Quiet, kind: alerts_quiet, owner: sre, codes: [auth_failure_rate_high], for: 60m}
  - {id: authz, title: Authz, kind: regression, owner: sre, source: authz}
"""


async def refusal(answer: Any) -> tuple[int, str, str | None]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["requestId"] is not None
    return answer.status_code, body["code"], body.get("field")


@pytest.mark.parametrize(
    ("wrong", "right", "field"),
    [
        pytest.param("failureRate < 0.2", "failureRat < 0.2", "checks.0.expression", id="unknown figure"),
        pytest.param("failureRate < 0.2", "'failureRate <'", "checks.0.expression", id="half an expression"),
        pytest.param("failureRate < 0.2", "requestCount", "checks.0.expression", id="no question"),
        pytest.param("failureRate < 0.2", "failureCount / requestCount < 1", "checks.0.expression", id="division"),
        pytest.param("failureRate < 0.2", "failureRate * 2 < 1", "checks.0.expression", id="mixed numbers"),
        pytest.param("failureRate < 0.2", f"failureRate < 0.{'2' * 500}", "checks.0.expression", id="long"),
        pytest.param("expression:", "expresion:", "checks.0.expression", id="typo in a field"),
        pytest.param("family: auth", "family: oauth", "checks.0.family", id="unknown family"),
        pytest.param("kind: signal", "kind: signals", "checks.0.kind", id="unknown kind"),
        pytest.param("auth_failure_rate_high", "auth_failure_high", "checks.1.codes.0", id="unknown alert code"),
        pytest.param("for: 60m", "for: 60 minutes", "checks.1.for", id="no duration"),
        pytest.param("for: 60m", "for: 999999999d999999999d", "checks.1.for", id="longer than time is counted"),
        pytest.param("for: 60m", "for: 31d", "checks.1.for", id="too long"),
        pytest.param("for: 60m", "for: 60m, runbook: auth-guide", "checks.1.runbook", id="unknown runbook"),
        pytest.param("codes: [auth_failure_rate_high], ", "", "checks.1.codes", id="no code"),
        pytest.param("source: authz", "source: jenkins", "checks.2.source", id="unknown source"),
        pytest.param("id: authz", "id: rate", "checks.2.id", id="one id twice"),
        pytest.param("id: mine", "id: My Gate", "id", id="bad id"),
        pytest.param("kind: Gate", "kind: Gate\nkind: Gate", "body", id="one key twice"),
        pytest.param("title: Mine", "title: &t Mine\nowner2: *t", "body", id="alias"),
        pytest.param("title: Mine", "title: !!python/object:os.system Mine", "body", id="tag"),
        pytest.param("title: Mine", "title: [", "body", id="no YAML"),
        pytest.param("owner: sre\nchecks", "owner: sre\napproval: 2\nchecks", "approval", id="unknown field"),
    ],
)
async def test_a_wrong_gate_file_is_refused_whole(api: Api, wrong: str, right: str, field: str) -> None:
    text = GATE.replace(wrong, right, 1)
    assert text != GATE
    for path in ("/api/v1/gates", "/api/v1/gates/validate"):
        status, code, named = await refusal(await api.post_yaml(path, text))
        assert (status, code) == (422, "gate_file_invalid")
        assert named is not None
        assert named.startswith(field)
    assert "mine" not in {item["id"] for item in (await api.get("/api/v1/gates")).json()["items"]}


async def test_the_gate_file_that_the_others_are_spoiled_from_is_right(api: Api) -> None:
    assert (await api.post_yaml("/api/v1/gates/validate", GATE)).status_code == 200
    assert (await api.post_yaml("/api/v1/gates", GATE)).status_code == 201


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"", id="empty"),
        pytest.param(b"[" * 5_000, id="deep"),
        pytest.param(b"- " * 20_000, id="deep list"),
        pytest.param(b"{? {? {? a}}}", id="mapping as key"),
        pytest.param(b"id: " + b"9" * 20_000, id="a long number"),
    ],
)
async def test_a_gate_file_that_is_no_gate_is_refused(api: Api, text: bytes) -> None:
    status, code, field = await refusal(await api.post_yaml("/api/v1/gates", text))
    assert (status, code) == (422, "gate_file_invalid")
    assert field is not None


async def test_a_gate_file_of_a_megabyte_is_too_large(api: Api) -> None:
    assert (await refusal(await api.post_yaml("/api/v1/gates", b"#" * 1_000_000)))[:2] == (413, "too_large")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"commit": None}, "commit", id="no commit"),
        pytest.param({"verdict": "passed"}, "verdict", id="unknown field"),
        pytest.param({"runId": "a b"}, "runId", id="white space in an id"),
        pytest.param({"finishedAt": "2020-01-01T00:00:00Z"}, "finishedAt", id="ends before it starts"),
        pytest.param({"finishedAt": "2026-02-07T14:00:00"}, "finishedAt", id="no offset"),
        pytest.param({"totals": {"passed": -1}}, "totals.passed", id="negative total"),
        pytest.param({"totals": {"passed": float("nan")}}, "totals.passed", id="NaN"),
        pytest.param({"cases": [make_case(id="a"), make_case(id="a")]}, "cases.1.id", id="one case twice"),
        pytest.param({"cases": [make_case(actual="200")]}, "cases.0.outcome", id="passed with another answer"),
        pytest.param({"cases": [make_case(outcome="ok")]}, "cases.0.outcome", id="unknown outcome"),
        pytest.param({"cases": [make_case(owner="x")]}, "cases.0.owner", id="unknown field of a case"),
    ],
)
async def test_a_wrong_run_is_refused_whole(api: Api, changes: dict[str, Any], field: str) -> None:
    body = json.dumps(make_run() | changes)
    answer = await api.call(
        "POST", "/release/authz-regression", content=body, headers={"content-type": "application/json"}
    )
    status, _, named = await refusal(answer)
    assert (status, named) == (422, field)
    assert (await api.get("/release/authz-regression/latest", service="harbor")).status_code == 404


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param('<!DOCTYPE t [<!ENTITY a "b">]><testsuite/>', "report_entities_refused", id="entities"),
        pytest.param("<testsuite>", "report_unreadable", id="truncated"),
        pytest.param("<html/>", "report_unreadable", id="HTML"),
    ],
)
async def test_a_wrong_report_is_refused_whole(api: Api, content: str, code: str) -> None:
    answer = await api.post_report(content, suite="unit", commit="c1")
    assert await refusal(answer) == (422, code, "body")
    assert (await api.get("/api/v1/ci/reports/latest", suite="unit", commit="c1")).status_code == 404


async def test_a_report_says_what_it_is_about(api: Api) -> None:
    assert await refusal(await api.post_report("<testsuite/>", suite="unit")) == (422, "invalid_input", "commit")
    answer = await api.post_report("<testsuite/>", suite="unit", commit="c1", sevrice="harbor")
    assert await refusal(answer) == (422, "invalid_input", "sevrice")


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/api/v1/ci/reports?suite=unit&commit=c1", "text/plain"),
        ("/release/authz-regression", "application/xml"),
        ("/api/v1/releases", "text/plain"),
        ("/api/v1/gates", "application/xml"),
    ],
)
async def test_a_wrong_content_type_is_refused(api: Api, path: str, media: str) -> None:
    answer = await api.call("POST", path, content=b"{}", headers={"content-type": media})
    assert (await refusal(answer))[:2] == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "a/b"}, "name"),
        ({"services": []}, "services"),
        ({"services": RELEASE["services"] * 2}, "services.1.service"),
        ({"services": [{"service": "harbor", "version": "1"}]}, "services.0.commit"),
        ({"isCandidate": True}, "isCandidate"),
    ],
)
async def test_a_wrong_release_is_refused_whole(api: Api, changes: dict[str, Any], field: str) -> None:
    status, _, named = await refusal(await api.post("/api/v1/releases", RELEASE | changes))
    assert (status, named) == (422, field)
    assert (await api.get("/api/v1/releases")).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/release/dashboard?gate=nope", "gate_not_found"),
        ("/release/dashboard?gate=tenant-isolation&release=nope", "release_not_found"),
        ("/api/v1/gates/nope", "gate_not_found"),
        ("/api/v1/gates/nope/decisions", "gate_not_found"),
        ("/api/v1/releases/nope", "release_not_found"),
        ("/api/v1/schemas/nope", "schema_not_found"),
        ("/api/v1/ci/reports/nope", "report_not_found"),
    ],
)
async def test_unknown_names_are_not_found(api: Api, path: str, code: str) -> None:
    assert await refusal(await api.call("GET", path)) == (404, code, None)


@pytest.mark.parametrize("cursor", ["%%%", "YWJj", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
async def test_a_cursor_of_somebody_else_is_refused(api: Api, cursor: str) -> None:
    for path in ("/api/v1/releases", "/api/v1/gates/auth-shell/decisions"):
        assert (await refusal(await api.get(path, cursor=cursor)))[::2] == (422, "cursor")
