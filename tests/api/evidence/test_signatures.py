"""Attestations: signed by keys that the workspace knows, about the very commit, or by nobody."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from tests.api.evidence.conftest import COMMIT, Doors, wish
from tests.api.identity.people import client_of

from tidegate.attestations import (
    PAYLOAD_TYPE,
    TEST_RESULT,
    PrivateKey,
    Statement,
    Subject,
    TestResult,
    new_private_key,
    sign,
    write_envelope,
    write_statement,
)
from tidegate.edge.caller import Role
from tidegate.evidence.records.ports import EvidenceFilter
from tidegate.kernel import digest_of

KEYS = "/api/v1/evidence-keys"


def attested(*keys: PrivateKey, commit: str = COMMIT, result: str = "PASSED", image: bytes | None = None) -> str:
    digest = {"gitCommit": commit} if image is None else {"sha256": digest_of(image).partition(":")[2]}
    predicate = TestResult(result, ({"name": "ci"},), ("a", "b")).predicate()
    statement = Statement((Subject("shop", digest),), TEST_RESULT, predicate)
    return write_envelope(sign(write_statement(statement), PAYLOAD_TYPE, keys)).decode()


async def know(doors: Doors, name: str, key: PrivateKey, **changes: Any) -> Any:
    answer = await doors.api.post(KEYS, json={"name": name, "publicKey": key.public.pem, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def attach(doors: Doors, body: str, **changes: Any) -> Any:
    return await doors.add(kind="attestation", title="CI", body=body, **changes)


async def test_known_keys_that_signed_are_named_and_each_counts_once(doors: Doors) -> None:
    ci, lead, stranger = new_private_key(), new_private_key(), new_private_key()
    await know(doors, "ci", ci)
    await know(doors, "lead", lead)
    made = await attach(doors, attested(ci, ci, stranger, lead))
    assert [each["name"] for each in made["signatures"]] == ["ci", "lead"]
    assert made["summary"] == {
        "predicateType": TEST_RESULT, "subjectCount": 1, "result": "PASSED", "passedCount": 2, "warnedCount": 0,
        "failedCount": 0,
    }  # fmt: skip


async def test_what_nobody_known_signed_has_no_signature_until_the_key_is_known(doors: Doors) -> None:
    key = new_private_key()
    made = await attach(doors, attested(key))
    assert made["signatures"] == []
    await know(doors, "ci", key)
    assert (await doors.show(made["id"]))["signatures"] == []
    verified = await doors.api.post(f"/api/v1/evidence/{made['id']}/verify")
    assert [each["name"] for each in verified.json()["signatures"]] == ["ci"]
    again = await doors.api.post(f"/api/v1/evidence/{made['id']}/verify")
    assert len(again.json()["signatures"]) == 1


async def test_a_key_that_was_removed_or_is_expired_signed_nothing(doors: Doors) -> None:
    key, other = new_private_key(), new_private_key()
    await know(doors, "ci", key)
    expires_at = doors.installation.clock.now() + timedelta(days=1)
    await know(doors, "lead", other, expiresAt=expires_at.isoformat())
    made = await attach(doors, attested(key, other))
    assert len(made["signatures"]) == 2
    assert (await doors.api.delete(f"{KEYS}/ci")).status_code == 204
    assert [each["name"] for each in (await doors.show(made["id"]))["signatures"]] == ["lead"]
    doors.installation.later(days=1)
    record = await doors.book.get(doors.workspace, made["id"])
    assert record.signatures == ()
    assert (await doors.book.list_records(doors.workspace, asked=EvidenceFilter(), limit=1, cursor=None)).items[
        0
    ].signatures == ()


async def test_an_attestation_of_something_else_is_refused(doors: Doors) -> None:
    key = new_private_key()
    services = [{"service": "pay", "version": "1", "commit": COMMIT}]
    await doors.api.post("/api/v1/releases", json={"name": "r-1", "services": services})
    for changes, body in (
        ({}, attested(key, commit="b" * 40)),
        ({}, attested(key, image=b"image")),
        ({"release": "r-1", "commit": None}, attested(key, commit="b" * 40)),
        ({"subjectDigest": digest_of(b"other")}, attested(key, image=b"image")),
    ):
        answer = await doors.api.post("/api/v1/evidence", json=wish(kind="attestation", body=body, **changes))
        assert (answer.status_code, answer.json()["code"]) == (422, "attestation_subject_differs")
    for number, (changes, body) in enumerate(
        (
            ({}, attested(key)),
            ({"release": "r-1", "commit": None}, attested(key)),
            ({"subjectDigest": digest_of(b"image")}, attested(key, image=b"image")),
        )
    ):
        await attach(doors, body, **changes, repository=f"acme/{number}")


async def test_an_attestation_behind_a_link_is_verified_when_it_is_fetched(doors: Doors) -> None:
    key = new_private_key()
    await know(doors, "ci", key)
    doors.receiver.answers[:] = [web.Response(text=attested(key)), web.Response(text=attested(key, commit="b" * 40))]
    found = []
    for number in range(2):
        uri = f"{doors.receiver.url}/{number}"
        made = await doors.add(kind="attestation", title=f"CI {number}", body=None, uri=uri)
        await doors.worker.run_once()
        found.append(await doors.show(made["id"]))
    assert [each["name"] for each in found[0]["signatures"]] == ["ci"]
    assert (found[1]["state"], found[1]["signatures"]) == ("failed", [])
    assert "other digests" in found[1]["reason"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"publicKey": "x"}, "key_unreadable", id="no key"),
        pytest.param({"publicKey": new_private_key().pem().decode()}, "key_unreadable", id="a private key"),
        pytest.param({"name": "a b"}, "invalid_input", id="a name with a space"),
        pytest.param({"expiresAt": "2026-02-07T14:00:00Z"}, "evidence_key_expiry_passed", id="expired"),
        pytest.param({"scope": "all"}, "invalid_input", id="an unknown field"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(doors: Doors, changes: dict[str, str], code: str) -> None:
    made = {"name": "ci", "publicKey": new_private_key().public.pem} | changes
    answer = await doors.api.post(KEYS, json=made)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "PRIVATE" not in answer.text


async def test_a_key_is_known_once_by_one_name(doors: Doors) -> None:
    key = new_private_key()
    await know(doors, "ci", key)
    for name, other in (("ci", new_private_key()), ("other", key)):
        answer = await doors.api.post(KEYS, json={"name": name, "publicKey": other.public.pem})
        assert (answer.status_code, answer.json()["code"]) == (409, "evidence_key_exists")
    [listed] = (await doors.api.get(KEYS)).json()["items"]
    assert (listed["name"], listed["fingerprint"], listed["algorithm"]) == ("ci", key.public.fingerprint, "ed25519")
    assert (await doors.api.delete(f"{KEYS}/none")).json()["code"] == "evidence_key_not_found"


async def test_who_may_say_whose_signatures_count(doors: Doors) -> None:
    wanted = {"name": "ci", "publicKey": new_private_key().public.pem}
    assert (await client_of(doors.application).get(KEYS)).status_code == 401
    for role, status in ((Role.VIEWER, 403), (Role.ENGINEER, 403), (Role.ADMIN, 201)):
        browser = doors.browser(await doors.person(role))
        assert (await browser.get(KEYS)).status_code == 200
        assert (await browser.post(KEYS, json=wanted)).status_code == status
