"""The audit over HTTP: who may ask, what is answered, what is refused."""

import json
from datetime import timedelta

import pytest
from tests.api.audit.conftest import HARBOR, OTHER, World
from tests.unit.audit.fakes import KEY, make_deed

from tidegate.audit import ActorKind, Outcome
from tidegate.audit.verify import AuditTamperedError, Flaw, read_keys, verify_export
from tidegate.edge.caller import Caller
from tidegate.kernel import UnauthenticatedError, UnavailableError

PATHS = ("/api/v1/audit", "/api/v1/audit/head", "/api/v1/audit/export")
KEYS = read_keys([KEY.public_text])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param("", 401, id="anonymous"),
        pytest.param("nonsense", 401, id="unknown token"),
        pytest.param("ingest:harbor", 403, id="may only send"),
        pytest.param("read:harbor", 403, id="may only read"),
        pytest.param("write:harbor", 403, id="may write"),
        pytest.param("admin:harbor", 200, id="right one"),
    ],
)
async def test_only_administrators_get_an_answer(world: World, path: str, token: str, status: int) -> None:
    await world.trail.record(HARBOR, make_deed())
    assert (await world.get(path, token)).status_code == status


async def test_another_workspace_sees_nothing_of_this_one(world: World) -> None:
    await world.trail.record(HARBOR, make_deed(details={"canary": "of-harbor"}))
    listed = await world.get("/api/v1/audit", "admin:other")
    head = await world.get("/api/v1/audit/head", "admin:other")
    exported = await world.get("/api/v1/audit/export", "admin:other")
    assert listed.json() == {"items": [], "nextCursor": None}
    assert (head.status_code, head.json()["code"]) == (404, "audit_empty")
    assert "of-harbor" not in exported.text
    assert "harbor" not in exported.text


async def test_a_record_is_shown_whole(world: World) -> None:
    deed = make_deed(policy_ids=("p-1",), before="sha256:00", details={"reason": "leaver"})
    await world.trail.record(HARBOR, deed)
    (item,) = (await world.get("/api/v1/audit")).json()["items"]
    assert item.pop("hash") == world.chains.chains[HARBOR][0].hash.hex()
    assert item.pop("previousHash") == world.chains.chains[HARBOR][0].previous.hex()
    assert item == {
        "id": "aud_1", "seq": 1, "recordedAt": "2026-11-20T12:00:00Z", "actorKind": "person", "actor": "ses_1",
        "member": "usr_1", "action": "tokens:revoke", "target": "token/tok_1", "outcome": "done", "count": 1,
        "policyIds": ["p-1"], "requestId": "r-1", "before": "sha256:00", "after": None,
        "details": {"reason": "leaver"},
    }  # fmt: skip


async def test_filters_and_pages_go_together(world: World) -> None:
    for number in range(5):
        await world.trail.record(HARBOR, make_deed(number, actor_kind=ActorKind.AGENT, outcome=Outcome.DENIED))
        await world.trail.record(HARBOR, make_deed(number))
        world.clock.advance(timedelta(seconds=1))
    asked = {"actorKind": "agent", "outcome": "denied", "action": "tokens:", "from": "2026-11-20T12:00:01Z", "limit": 3}
    first = (await world.get("/api/v1/audit", **asked)).json()
    assert [each["seq"] for each in first["items"]] == [9, 7, 5]
    rest = (await world.get("/api/v1/audit", **asked, cursor=first["nextCursor"])).json()
    assert ([each["seq"] for each in rest["items"]], rest["nextCursor"]) == ([3], None)


async def test_a_cursor_of_another_workspace_or_question_is_refused(world: World) -> None:
    for workspace in (HARBOR, OTHER):
        for number in range(3):
            await world.trail.record(workspace, make_deed(number))
    cursor = (await world.get("/api/v1/audit", "admin:other", limit=1)).json()["nextCursor"]
    assert (await world.get("/api/v1/audit", "admin:other", limit=1, cursor=cursor)).status_code == 200
    for answer in (
        await world.get("/api/v1/audit", limit=1, cursor=cursor),
        await world.get("/api/v1/audit", "admin:other", limit=1, cursor=cursor, actor="ses_1"),
        await world.get("/api/v1/audit", cursor="Mg"),
    ):
        assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("actorKind=god", "actorKind"),
        ("outcome=well", "outcome"),
        ("from=yesterday", "from"),
        ("to=2026-11-20", "to"),
        ("from=2026-11-20T12:00:00Z&to=2026-11-20T12:00:00Z", "from"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("actor=a%00b", "actor"),
        ("target=a%00b", "target"),
        ("cursor=%21", "cursor"),
        ("cursor=4pyT", "cursor"),
    ],
)
async def test_a_question_that_cannot_be_read_names_its_field(world: World, query: str, field: str) -> None:
    answer = await world.get(f"/api/v1/audit?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_an_export_proves_itself_and_stands_in_itself(world: World) -> None:
    await world.trail.record(HARBOR, make_deed())
    answer = await world.get("/api/v1/audit/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    assert verify_export(answer.content.splitlines(keepends=True), keys=KEYS).count == 2
    record = json.loads(answer.content.splitlines()[2])["record"]
    assert (record["action"], record["actor"], record["target"]) == ("audit:export", "tok_admin", "workspace/harbor")
    assert record["requestId"] == answer.headers["x-request-id"]


async def test_a_head_that_was_kept_fits_what_is_exported_later(world: World) -> None:
    await world.trail.record(HARBOR, make_deed())
    kept = (await world.get("/api/v1/audit/head")).json()
    exported = (await world.get("/api/v1/audit/export")).content.splitlines(keepends=True)
    assert verify_export(exported, keys=KEYS, anchors=[kept]).anchors == 1


class Revoking:
    """Knows the caller for as long as it is told."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def caller_of_token(self, token: str) -> Caller:
        from tests.unit.gates.fakes import FakeAuthenticator

        self.left -= 1
        if self.left < 0:
            raise UnauthenticatedError("revoked")
        return await FakeAuthenticator().caller_of_token(token)

    async def caller_of_session(self, session: str) -> Caller:
        raise UnauthenticatedError("nobody known")


async def test_a_credential_that_is_revoked_meanwhile_gets_no_further_chunk(world: World) -> None:
    for number in range(1_500):
        await world.trail.record(HARBOR, make_deed(number))
    world.application.state.authenticator = Revoking(2)
    answer = await world.get("/api/v1/audit/export")
    lines = answer.content.splitlines(keepends=True)
    assert len(lines) == 1_001  # the header and one chunk of records
    with pytest.raises(AuditTamperedError) as caught:
        verify_export(lines, keys=KEYS)
    assert caught.value.flaw is Flaw.TAIL_CUT


@pytest.mark.parametrize("path", PATHS)
async def test_a_store_that_is_away_is_said(world: World, path: str) -> None:
    world.chains.trouble = UnavailableError("The state store does not answer.")
    answer = await world.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_broken_chain_is_a_conflict_and_no_file(world: World) -> None:
    for number in range(3):
        await world.trail.record(HARBOR, make_deed(number))
    del world.chains.chains[HARBOR][1]
    for path in PATHS[1:]:
        answer = await world.get(path)
        assert (answer.status_code, answer.json()["code"]) == (409, "audit_chain_broken")
