"""Adding evidence, reading it, taking it back, and what counts of it."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from tests.api.evidence.conftest import COMMIT, Doors, wish
from tests.api.identity.people import client_of

from tidegate.edge.caller import Role, Scope
from tidegate.evidence import EvidenceSubject
from tidegate.evidence.records.model import MAX_CONTENT_BYTES
from tidegate.kernel import WorkspaceId, digest_of

AT_COMMIT = EvidenceSubject(commit=COMMIT)


async def standings(doors: Doors, *, kind: str = "rollback-notes", **asked: Any) -> tuple[Any, ...]:
    subject = EvidenceSubject(**({"commit": COMMIT} | asked))
    return await doors.book.list_standings(doors.workspace, kinds=[kind], subjects=[subject])


async def test_evidence_comes_in_once_with_its_digest_and_can_be_taken_away_again(doors: Doors) -> None:
    made = await doors.add(digest=digest_of(b"Turn it back."), producedAt="2026-02-07T13:00:00Z")
    assert made["digest"] == digest_of(b"Turn it back.")
    assert (made["counts"], made["isAccepted"], made["state"], made["sizeBytes"]) == (True, False, "stored", 13)
    again = await doors.add(status=200, producedAt="2026-02-07T13:59:00Z")
    assert again == made  # another date makes no other evidence
    body = await doors.api.get(f"/api/v1/evidence/{made['id']}/body")
    assert (body.status_code, body.content) == (200, b"Turn it back.")
    assert body.headers["content-type"] == "application/octet-stream"
    assert body.headers["content-disposition"].startswith("attachment;")
    assert body.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        pytest.param({"status": "passed"}, "invalid_input", "status", id="an unknown field"),
        pytest.param({"kind": "horoscope"}, "evidence_kind_unknown", "kind", id="an unknown kind"),
        pytest.param({"digest": digest_of(b"other")}, "evidence_digest_differs", "digest", id="another digest"),
        pytest.param({"digest": "md5:1"}, "invalid_input", "digest", id="no digest"),
        pytest.param({"body": None}, "invalid_input", "body", id="neither body nor link"),
        pytest.param({"uri": "https://a.example/x"}, "invalid_input", "body", id="both"),
        pytest.param({"commit": None}, "invalid_input", "body", id="about nothing"),
        pytest.param({"body": " \n"}, "evidence_invalid", "body", id="an empty document"),
        pytest.param({"body": "?", "encoding": "base64"}, "evidence_invalid", "body", id="no base64"),
        pytest.param({"title": "a\u202eb"}, "invalid_input", "title", id="a title that turns around"),
        pytest.param({"owner": ""}, "invalid_input", "owner", id="no owner"),
        pytest.param({"producedAt": "2026-02-07T14:06:00Z"}, "evidence_invalid", "producedAt", id="from the future"),
        pytest.param({"producedAt": "2026-02-07T14:00:00"}, "invalid_input", "producedAt", id="without offset"),
        pytest.param({"provisionalUntil": "2026-02-07T14:00:00Z"}, "evidence_invalid", "provisionalUntil", id="past"),
        pytest.param({"provisionalUntil": "2027-02-07T14:00:00Z"}, "evidence_invalid", "provisionalUntil", id="long"),
        pytest.param({"body": None, "uri": "http://10.0.0.1/"}, "egress_refused", "uri", id="a private address"),
        pytest.param({"body": None, "uri": "https://a:b@x.example/"}, "egress_refused", "uri", id="with a password"),
        pytest.param({"kind": "test-report", "body": "<a/>"}, "report_unreadable", "body", id="no report"),
        pytest.param({"kind": "attestation", "body": "{}"}, "envelope_unreadable", "body", id="no attestation"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_kept(
    doors: Doors, changes: dict[str, Any], code: str, field: str
) -> None:
    answer = await doors.api.post("/api/v1/evidence", json=wish(**changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert (await doors.api.get("/api/v1/evidence")).json()["items"] == []


async def test_a_body_that_is_too_large_is_refused_with_what_to_do(doors: Doors) -> None:
    most = base64.b64encode(b"x" * MAX_CONTENT_BYTES).decode()
    assert (await doors.add(body=most, encoding="base64"))["sizeBytes"] == MAX_CONTENT_BYTES
    for body in ("x" * (MAX_CONTENT_BYTES + 1), "x" * 4 * MAX_CONTENT_BYTES):
        answer = await doors.api.post("/api/v1/evidence", json=wish(body=body, title="Large"))
        assert (answer.status_code, answer.json()["code"]) in {(413, "evidence_too_large"), (422, "invalid_input")}
    assert (
        "Send a link" in (await doors.api.post("/api/v1/evidence", json=wish(body="x" * (MAX_CONTENT_BYTES + 1)))).text
    )


async def test_the_same_run_with_other_content_is_a_conflict(doors: Doors) -> None:
    first = await doors.add(runId="run-1")
    answer = await doors.api.post("/api/v1/evidence", json=wish(runId="run-1", body="Other"))
    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_conflict")
    assert first["id"] in answer.json()["detail"]


async def test_a_release_is_named_by_name_or_id_and_its_parts_must_be_its_own(doors: Doors) -> None:
    services = [{"service": "pay", "version": "1", "commit": COMMIT}]
    release = (await doors.api.post("/api/v1/releases", json={"name": "r-1", "services": services})).json()
    made = await doors.add(release="r-1", commit=None)
    assert made["subject"]["release"] == release["id"]
    assert (await doors.add(release=release["id"], commit=None, status=200))["id"] == made["id"]
    for changes, status in (({"release": "r-2"}, 404), ({"release": "r-1", "commit": "b" * 40}, 422),
                            ({"release": "r-1", "service": "mail"}, 422)):  # fmt: skip
        assert (await doors.api.post("/api/v1/evidence", json=wish(**changes))).status_code == status
    listed = (await doors.api.get("/api/v1/evidence?release=r-1")).json()["items"]
    assert [each["id"] for each in listed] == [made["id"]]
    assert (await doors.api.get("/api/v1/evidence?release=r-9")).json()["items"] == []


async def test_lists_go_page_by_page_newest_receipt_first_and_are_filtered(doors: Doors) -> None:
    made = [(await doors.add(title=f"Notes {number}", service="pay" if number else None))["id"] for number in range(3)]
    first = (await doors.api.get("/api/v1/evidence?limit=2")).json()
    assert [each["id"] for each in first["items"]] == made[:0:-1]
    second = (await doors.api.get("/api/v1/evidence", params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert ([each["id"] for each in second["items"]], second["nextCursor"]) == ([made[0]], None)
    for query, count in (("kind=adr", 0), ("kind=rollback-notes", 3), ("service=pay", 2), ("commit=b", 0)):
        assert len((await doors.api.get(f"/api/v1/evidence?{query}")).json()["items"]) == count
    assert (await doors.api.get("/api/v1/evidence?cursor=eA")).status_code == 422


async def test_of_one_subject_the_newest_receipt_stands_whatever_its_date_says(doors: Doors) -> None:
    red = await doors.add(body="red", producedAt="2026-02-07T13:00:00Z")
    green = await doors.add(body="green", producedAt="2026-01-01T00:00:00Z")
    [standing] = await standings(doors)
    assert (standing.record.id, standing.why_not(doors.installation.clock.now())) == (green["id"], "")
    assert (await doors.add(body="red", status=200))["id"] == red["id"]  # yesterday's again: received once
    assert (await standings(doors))[0].record.id == green["id"]


async def test_evidence_of_something_else_never_counts(doors: Doors) -> None:
    await doors.add(repository="acme/shop", service="pay", subjectDigest=digest_of(b"image"))
    counted = {"repository": "acme/shop", "service": "pay", "digest": digest_of(b"image")}
    assert len(await standings(doors, **counted)) == 1
    for other in ({"commit": "b" * 40}, {"repository": "acme/other"}, {"service": "mail"}, {"service": None},
                  {"digest": digest_of(b"another image")}):  # fmt: skip
        assert await standings(doors, **(counted | other)) == ()
    await doors.add(title="Without repository")
    assert [each.title for each in await standings(doors)] == ["Without repository"]
    assert await standings(doors, repository="acme/shop") == ()


async def test_withdrawn_evidence_leaves_a_tombstone_that_holds(doors: Doors) -> None:
    older = await doors.add(body="green")
    newer = await doors.add(body="red")
    gone = await doors.api.request("DELETE", f"/api/v1/evidence/{newer['id']}", json={"reason": "it was red"})
    assert (gone.status_code, gone.json()["counts"]) == (200, False)
    assert "withdrawn" in gone.json()["reason"]
    [standing] = await standings(doors)
    assert (standing.is_tombstone, standing.record.id) == (True, newer["id"])
    twice = await doors.api.request("DELETE", f"/api/v1/evidence/{newer['id']}", json={"reason": "again"})
    assert (twice.status_code, twice.json()["code"]) == (409, "evidence_withdrawn")
    # Neither the older one nor the withdrawn one comes back by being sent again.
    assert (await doors.add(body="green", status=200))["id"] == older["id"]
    assert (await doors.api.post("/api/v1/evidence", json=wish(body="red"))).status_code == 409
    assert (await standings(doors))[0].is_tombstone
    await doors.add(body="green", runId="measured-again")
    assert not (await standings(doors))[0].is_tombstone


async def test_provisional_evidence_expires_by_itself(doors: Doors) -> None:
    now = doors.installation.clock.now()
    made = await doors.add(provisionalUntil=(now + timedelta(days=2)).isoformat())
    assert made["counts"]
    doors.installation.later(days=2)
    shown = await doors.book.get(doors.workspace, made["id"])
    assert "provisional until" in shown.why_not(doors.installation.clock.now())


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE evidence_contents SET content = 'Forward!' WHERE workspace = $1", id="the content"),
        pytest.param("DELETE FROM evidence_contents WHERE workspace = $1", id="the content, deleted"),
        pytest.param("UPDATE evidence_records SET facts = convert_to("
                     "replace(convert_from(facts, 'UTF8'), 'sre', 'qa'), 'UTF8') WHERE workspace = $1", id="the facts"),
        pytest.param("UPDATE evidence_records SET facts = 'x' WHERE workspace = $1", id="unreadable facts"),
        pytest.param("UPDATE evidence_records SET commit = 'b' WHERE workspace = $1", id="a column"),
        pytest.param("DELETE FROM evidence_events WHERE workspace = $1", id="an event, deleted"),
        pytest.param("UPDATE evidence_events SET event = convert_to(replace(convert_from(event, 'UTF8'), 'refused', "
                     "'accepted'), 'UTF8') WHERE workspace = $1", id="an event"),
        pytest.param("UPDATE evidence_tails SET event_count = 0 WHERE workspace = $1", id="the count of events"),
        pytest.param("UPDATE evidence_heads SET latest_seq = latest_seq - 1 WHERE workspace = $1", id="the head"),
    ],
)  # fmt: skip
async def test_what_was_altered_in_the_store_is_seen(doors: Doors, statement: str) -> None:
    made = await doors.add()
    await doors.review(await doors.person(Role.APPROVER), made["id"], "refused")
    assert (await doors.show(made["id"]))["isIntact"]
    await doors.owner.execute(statement, doors.workspace)
    shown = await doors.show(made["id"])
    assert (shown["isIntact"], shown["counts"]) == (False, False)
    now = doors.installation.clock.now()
    assert all(standing.why_not(now) for standing in await standings(doors))


async def test_a_record_that_was_deleted_leaves_a_gap_and_no_older_one_takes_its_place(doors: Doors) -> None:
    await doors.add(body="green")
    newer = await doors.add(body="red")
    for table, column in (("evidence_tails", "evidence"), ("evidence_records", "id")):
        await doors.owner.execute(
            f"DELETE FROM {table} WHERE workspace = $1 AND {column} = $2", doors.workspace, newer["id"]
        )
    [standing] = await standings(doors)
    assert (standing.record, standing.is_tombstone) == (None, True)


async def test_a_token_for_one_service_speaks_for_no_other(doors: Doors) -> None:
    engineer = await doors.person(Role.ENGINEER)
    narrow = await doors.by_token(engineer, services=frozenset({"pay"}))
    made = await doors.add(client=narrow, service="pay")
    for changes in ({}, {"service": "mail"}):
        assert (await narrow.post("/api/v1/evidence", json=wish(**changes))).status_code == 403
    whole = await doors.add(title="For all")
    assert (await narrow.get(f"/api/v1/evidence/{made['id']}")).status_code == 200
    assert (await narrow.get(f"/api/v1/evidence/{whole['id']}")).status_code == 403
    assert (await narrow.get("/api/v1/evidence?service=pay")).status_code == 200
    assert (await narrow.get("/api/v1/evidence")).status_code == 403


async def test_who_may_do_what(doors: Doors) -> None:
    made = await doors.add()
    path = f"/api/v1/evidence/{made['id']}"
    viewer, engineer = await doors.person(Role.VIEWER), await doors.person(Role.ENGINEER)
    assert (await client_of(doors.application).get(path)).status_code == 401
    assert (await doors.browser(viewer).get(path)).status_code == 200
    assert (await doors.browser(viewer).post("/api/v1/evidence", json=wish())).status_code == 403
    assert (await doors.browser(engineer).post("/api/v1/evidence", json=wish(title="Mine"))).status_code == 201
    assert (await doors.review(engineer, made["id"])).status_code == 403
    other = await doors.installation.new_workspace()
    stranger = await doors.installation.join(other, Role.OWNER)
    for method, ending in (("GET", ""), ("GET", "/body"), ("POST", "/verify"), ("POST", "/fetch")):
        answer = await doors.browser(stranger).request(method, f"{path}{ending}")
        unknown = await doors.browser(stranger).request(method, f"/api/v1/evidence/evd_00000{ending}")
        assert (answer.status_code, answer.json()["code"]) == (404, "evidence_not_found")
        assert unknown.status_code == 404
    assert await doors.book.list_standings(WorkspaceId(other), kinds=["rollback-notes"], subjects=[AT_COMMIT]) == ()


async def test_what_an_agent_brings_is_marked_and_it_takes_nothing_back(doors: Doors) -> None:
    agent = await doors.installation.service_account(doors.workspace, Role.AGENT)
    owner = await doors.person(Role.OWNER)
    token = await doors.by_token(owner, Scope.WRITE, member=agent)
    made = await doors.add(client=token)
    assert (made["isByAgent"], made["addedBy"]) == (True, agent)
    answer = await token.request("DELETE", f"/api/v1/evidence/{made['id']}", json={"reason": "no more"})
    assert answer.status_code == 403
