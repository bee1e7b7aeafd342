"""Evidence is judged by another person than those who made it, whatever credential they use."""

import random

import pytest
from tests.api.evidence.conftest import Doors
from tests.api.identity.people import Person, client_of

from tidegate.edge.caller import Role, Scope
from tidegate.evidence.records.model import MAX_EVENTS, Event, EventKind
from tidegate.evidence.records.store import PostgresEvidenceStore
from tidegate.identity.members import MemberService
from tidegate.jobs import PostgresOutbox


async def test_another_person_accepts_it_and_the_last_word_of_each_counts(doors: Doors) -> None:
    made = await doors.add()
    approver, owner = await doors.person(Role.APPROVER), await doors.person(Role.OWNER)
    accepted = await doors.review(approver, made["id"])
    assert (accepted.status_code, accepted.json()["isAccepted"]) == (200, True)
    assert not (await doors.review(owner, made["id"], "refused")).json()["isAccepted"]
    assert (await doors.review(owner, made["id"])).json()["isAccepted"]
    shown = await doors.show(made["id"])
    assert [(each["verdict"], each["isValid"]) for each in shown["reviews"]] == [
        ("accepted", True), ("refused", False), ("accepted", True),
    ]  # fmt: skip


async def test_a_review_needs_a_fresh_proof_and_a_browser(doors: Doors) -> None:
    made = await doors.add()
    approver = await doors.person(Role.APPROVER)
    by_token = await doors.by_token(approver)
    answer = await by_token.post(f"/api/v1/evidence/{made['id']}/reviews", json={"verdict": "accepted"})
    assert answer.status_code == 403
    doors.installation.later(minutes=11)
    stale = await doors.review(approver, made["id"])
    assert (stale.status_code, stale.json()["code"]) == (401, "step_up_required")
    operator = await doors.api.post(f"/api/v1/evidence/{made['id']}/reviews", json={"verdict": "accepted"})
    assert operator.status_code == 403
    assert (await doors.show(made["id"]))["reviews"] == []


async def test_what_cannot_be_looked_at_is_not_reviewed(doors: Doors) -> None:
    approver = await doors.person(Role.APPROVER)
    pending = await doors.add(body=None, uri=f"{doors.receiver.url}/notes")
    assert (await doors.review(approver, pending["id"])).json()["code"] == "evidence_content_missing"
    gone = await doors.add()
    await doors.api.request("DELETE", f"/api/v1/evidence/{gone['id']}", json={"reason": "wrong one"})
    assert (await doors.review(approver, gone["id"])).json()["code"] == "evidence_withdrawn"
    assert (await doors.review(approver, "evd_00000")).status_code == 404


@pytest.mark.parametrize("verdict", ["passed", "", None])
async def test_a_verdict_is_one_of_two_words(doors: Doors, verdict: str | None) -> None:
    made = await doors.add()
    approver = await doors.person(Role.APPROVER)
    answer = await doors.browser(approver).post(f"/api/v1/evidence/{made['id']}/reviews", json={"verdict": verdict})
    assert answer.status_code == 422


async def own_ways(doors: Doors, person: Person) -> list[str]:
    """Return ids of evidence that `person` adds in every way there is."""
    installation, workspace = doors.installation, doors.workspace
    members = installation.get(MemberService)
    robot = await members.add_service_account(workspace, "robot", Role.ADMIN, by=person.acting)
    second = await installation.sign_in(workspace, person.id, person.email)
    foreign_robot = await installation.service_account(workspace, Role.ENGINEER)
    of_robot = await doors.by_token(person, Scope.ADMIN, member=robot.id)
    made_by_robot = await of_robot.post("/api/v1/service-accounts", json={"name": "robot of robot", "role": "engineer"})
    grandchild = made_by_robot.json()["id"]
    token = await of_robot.post("/api/v1/tokens", json={"name": "t", "scope": "write", "member": grandchild})
    rotated = await of_robot.post("/api/v1/tokens", json={"name": "r", "scope": "write", "member": grandchild})
    renewed = await doors.api.post(f"/api/v1/tokens/{rotated.json()['id']}/rotate", json={})
    clients = {
        "a session": doors.browser(person),
        "a second session": doors.browser(second),
        "a token": await doors.by_token(person),
        "a service account": of_robot,
        "a service account of somebody else, by a token of theirs": await doors.by_token(person, member=foreign_robot),
        "a service account that a service account made": client_of(
            doors.application, authorization=f"Bearer {token.json()['token']}"
        ),
        "a token that somebody else rotated": client_of(
            doors.application, authorization=f"Bearer {renewed.json()['token']}"
        ),
    }
    return [(await doors.add(client=client, title=way))["id"] for way, client in clients.items()]


async def test_nobody_reviews_their_own_by_any_session_token_or_service_account(doors: Doors) -> None:
    one, two = await doors.person(Role.ADMIN), await doors.person(Role.OWNER)
    sessions = [one, await doors.installation.sign_in(doors.workspace, one.id, one.email)]
    for evidence_id in await own_ways(doors, one):
        record = await doors.book.get(doors.workspace, evidence_id)
        assert one.id in record.authors, record.title
        for session in sessions:
            answer = await doors.review(session, evidence_id)
            assert (answer.status_code, "policyIds" in answer.json()) == (403, True), record.title
        assert (await doors.review(two, evidence_id)).json()["isAccepted"], record.title


async def rounds(doors: Doors, count: int, *, seed: int) -> None:
    """Two people, two sessions each and one service account: nobody comes to accept what they made."""
    chosen = random.Random(seed)
    people = [await doors.person(Role.ADMIN), await doors.person(Role.OWNER)]
    robot = await doors.installation.service_account(doors.workspace, Role.ENGINEER)
    seconds = [await doors.installation.sign_in(doors.workspace, each.id, each.email) for each in people]
    for number in range(count):
        author = chosen.choice(people)
        way = chosen.choice(("session", "second", "token", "robot"))
        client = doors.browser(author if way == "session" else seconds[people.index(author)])
        if way in {"token", "robot"}:
            client = await doors.by_token(author, member=robot if way == "robot" else None)
        made = await doors.add(client=client, title=f"Round {number}")
        for reviewer in chosen.sample([*people, *seconds], k=4):
            answer = await doors.review(reviewer, made["id"])
            assert (answer.status_code == 200) is (reviewer.id != author.id), (way, answer.text)


async def test_two_people_two_sessions_and_one_service_account_find_no_way(doors: Doors) -> None:
    await rounds(doors, 12, seed=7)


@pytest.mark.long
async def test_two_people_two_sessions_and_one_service_account_find_no_way_in_many_rounds(doors: Doors) -> None:
    await rounds(doors, 400, seed=8)


async def test_the_same_content_again_by_another_does_not_free_its_first_author(doors: Doors) -> None:
    one, two = await doors.person(Role.ADMIN), await doors.person(Role.OWNER)
    made = await doors.add(client=doors.browser(one))
    again = await doors.add(client=doors.browser(two), status=200)
    assert (again["id"], again["addedBy"]) == (made["id"], one.id)
    assert (await doors.review(one, made["id"])).status_code == 403


async def test_whatever_happened_to_it_it_can_be_taken_back(doors: Doors) -> None:
    made = await doors.add()
    approver = await doors.person(Role.APPROVER)
    event = Event(EventKind.REVIEWED, doors.installation.clock.now(), approver.id, digest=made["digest"])
    await store_of(doors).add_events(doors.workspace, made["id"], [event] * (MAX_EVENTS - 2))
    answer = await doors.review(approver, made["id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_full")
    gone = await doors.api.request("DELETE", f"/api/v1/evidence/{made['id']}", json={"reason": "too much"})
    assert (gone.status_code, gone.json()["counts"], gone.json()["isIntact"]) == (200, False, True)


def store_of(doors: Doors) -> PostgresEvidenceStore:
    database, trail = doors.installation.database, doors.installation.trail
    return PostgresEvidenceStore(database, trail, outbox=PostgresOutbox(), clock=doors.installation.clock)
