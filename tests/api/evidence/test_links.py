"""Links are fetched once, as jobs, digested, and seen when they change."""

from typing import Any

import pytest
from aiohttp import web
from tests.api.evidence.conftest import COMMIT, Doors, wish

from tidegate.edge.caller import Role
from tidegate.evidence import EvidenceSubject
from tidegate.evidence.records.model import MAX_CONTENT_BYTES
from tidegate.kernel import digest_of

AT_COMMIT = EvidenceSubject(commit=COMMIT)


async def linked(doors: Doors, *answers: web.Response | str, **changes: Any) -> Any:
    """Add a link, let it answer, and return the record after the job has run."""
    doors.receiver.answers[:] = answers
    made = await doors.add(body=None, uri=f"{doors.receiver.url}/notes", **changes)
    assert (made["state"], made["counts"], made["digest"]) == ("pending", False, changes.get("digest"))
    await doors.worker.run_once()
    return await doors.show(made["id"])


def says(text: str | bytes, status: int = 200, **headers: str) -> web.Response:
    body = text if isinstance(text, bytes) else text.encode()
    return web.Response(body=body, status=status, headers=headers)


async def refetch(doors: Doors, evidence_id: str, *answers: web.Response | str) -> Any:
    doors.receiver.answers[:] = answers
    assert (await doors.api.post(f"/api/v1/evidence/{evidence_id}/fetch")).status_code == 202
    await doors.worker.run_once()
    return await doors.show(evidence_id)


async def test_a_link_is_fetched_once_digested_and_kept(doors: Doors) -> None:
    found = await linked(doors, says("Turn it back."), digest=digest_of(b"Turn it back."))
    assert (found["state"], found["counts"], found["sizeBytes"]) == ("fetched", True, 13)
    assert found["digest"] == digest_of(b"Turn it back.")
    assert (await doors.api.get(f"/api/v1/evidence/{found['id']}/body")).content == b"Turn it back."
    [got] = doors.receiver.got
    assert "authorization" not in got.headers
    again = await doors.add(body=None, uri=found["uri"], digest=found["digest"], status=200)
    assert again["id"] == found["id"]
    await doors.worker.run_once()
    assert len(doors.receiver.got) == 1


async def test_what_a_link_leads_to_is_read_as_its_kind_says(doors: Doors) -> None:
    report = '<testsuite tests="1"><testcase name="a"><failure message="no"/></testcase></testsuite>'
    found = await linked(doors, says(report), kind="test-report", title="unit")
    assert (found["summary"]["total"], found["summary"]["failed"]) == (1, 1)
    wrong = await linked(doors, says("no report"), kind="test-report", title="other")
    assert (wrong["state"], wrong["counts"]) == ("failed", False)
    assert "no report in a format that is known" in wrong["reason"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(says("gone", 404), "answered 404", id="not found"),
        pytest.param(says("", 302, Location="/elsewhere"), "redirects", id="a redirect"),
        pytest.param(says(b""), "empty", id="nothing"),
        pytest.param("endless", "too large", id="without end"),
        pytest.param(says("Other"), "not the one that was given", id="another digest"),
    ],
)
async def test_a_link_that_proves_nothing_is_failed_with_its_reason(
    doors: Doors, answer: web.Response | str, words: str
) -> None:
    found = await linked(doors, answer, digest=digest_of(b"Turn it back."))
    assert (found["state"], found["counts"]) == ("failed", False)
    assert words in found["reason"]
    assert len(doors.receiver.got) == 1


async def test_what_may_pass_is_tried_again_by_itself(doors: Doors) -> None:
    found = await linked(doors, says("busy", 503))
    assert (found["state"], found["stateReason"]) == ("pending", "the other side answered 503.")
    doors.receiver.answers[:] = [says("Turn it back.")]
    await doors.owner.execute("UPDATE jobs SET run_at = now() WHERE workspace = $1", doors.workspace)
    await doors.worker.run_once()
    assert (await doors.show(found["id"]))["state"] == "fetched"


async def test_a_link_that_changed_is_seen_for_good_and_its_reviews_lapse(doors: Doors) -> None:
    found = await linked(doors, says("Turn it back."))
    await doors.review(await doors.person(Role.APPROVER), found["id"])
    same = await refetch(doors, found["id"], says("Turn it back."))
    assert (same["counts"], same["isAccepted"]) == (True, True)
    away = await refetch(doors, found["id"], says("gone", 404))
    assert (away["counts"], away["state"]) == (True, "fetched")  # what was fetched is still what it was
    changed = await refetch(doors, found["id"], says("Turn it forward."))
    assert (changed["state"], changed["counts"], changed["isAccepted"]) == ("changed", False, False)
    assert changed["digest"] == digest_of(b"Turn it forward.")
    [standing] = await doors.book.list_standings(doors.workspace, kinds=["rollback-notes"], subjects=[AT_COMMIT])
    assert "changed" in standing.why_not(doors.installation.clock.now())
    back = await refetch(doors, found["id"], says("Turn it back."))
    assert (back["state"], back["isIntact"]) == ("changed", False)
    answer = await doors.api.post("/api/v1/evidence", json=wish(body=None, uri=found["uri"]))
    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_conflict")


async def test_what_is_too_large_to_be_kept_is_known_by_its_digest(doors: Doors) -> None:
    large = b"x" * (MAX_CONTENT_BYTES + 1)
    found = await linked(doors, says(large), digest=digest_of(large))
    assert (found["state"], found["counts"], found["sizeBytes"]) == ("fetched", True, len(large))
    answer = await doors.api.get(f"/api/v1/evidence/{found['id']}/body")
    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_content_missing")
    assert found["uri"] in answer.json()["detail"]


async def test_nothing_is_fetched_in_the_right_of_somebody_who_lost_it(doors: Doors) -> None:
    doors.askers.refused = "The token was revoked."
    found = await linked(doors, says("Turn it back."))
    assert (found["state"], doors.receiver.got) == ("failed", [])
    assert "revoked" in found["reason"]


async def test_withdrawn_evidence_is_not_fetched(doors: Doors) -> None:
    made = await doors.add(body=None, uri=f"{doors.receiver.url}/notes")
    await doors.api.request("DELETE", f"/api/v1/evidence/{made['id']}", json={"reason": "wrong link"})
    await doors.worker.run_once()
    assert doors.receiver.got == []
    assert (await doors.api.post(f"/api/v1/evidence/{made['id']}/fetch")).json()["code"] == "evidence_withdrawn"


async def test_what_came_with_its_content_has_no_link_to_fetch(doors: Doors) -> None:
    made = await doors.add()
    assert (await doors.api.post(f"/api/v1/evidence/{made['id']}/fetch")).json()["code"] == "evidence_has_no_link"
