"""Every write of the real application leaves exactly its record, and a refused one leaves none."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner
from tests.api.audit.writes import DASHBOARD, ENTRIES, OTHER_PASSWORD, UNRECORDED, YAML, authz_run
from tests.api.audit.writing import World, opened_world
from tests.api.identity.people import PASSWORD
from tests.architecture.test_documentation import generator
from tests.conftest import EngineProcess
from tests.contract.providers.made_up import SECRET, MadeUpProvider
from tests.telemetry_rows import TRACE, make_span_row, span_id, store

from tidegate.app.keys import audit_public_texts
from tidegate.audit.commands import audit
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine


@pytest.fixture(scope="module")
async def world(
    tmp_path_factory: pytest.TempPathFactory,
    state_dsns: PostgresDsns,
    engine_process: EngineProcess,
    engine: TelemetryEngine,
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("world")
    async with MadeUpProvider().serving() as provider:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TIDEGATE_EGRESS_ALLOW", provider.url.removeprefix("http://"))
            async with opened_world(
                folder, state_dsns, engine_process, owner=owner_connection, provider=provider
            ) as opened:
                _, _, session = await opened.joined("admin")
                await store(engine, opened.workspace, "raw_spans", [
                    make_span_row(1, tenant="acme"),
                    make_span_row(9, role="inference", operation="chat", model="m", run_outcome="ok",
                                  attributes={"gen_ai.input.messages": "a prompt"}),
                ])  # fmt: skip
                yield await opened.signed_in(session)


def test_every_unsafe_operation_is_in_the_table() -> None:
    unsafe = {f"{method} {path}" for method, path, *_ in generator().routes() if method != "GET"}
    assert set(ENTRIES) | set(UNRECORDED) == unsafe
    assert not set(ENTRIES) & set(UNRECORDED)


@pytest.mark.parametrize("operation", ENTRIES)
async def test_a_write_leaves_its_record_and_a_refused_one_none(world: World, operation: str) -> None:
    entry = ENTRIES[operation]
    done = await entry.call(world)
    assert done.answer.status_code < 400, done.answer.text[-1500:]
    assert tuple(record["action"] for record in done.records) == entry.actions
    last = done.records[-1]
    assert last["target"].startswith(entry.target)
    assert (last["outcome"], last["count"]) == ("done", 1)
    if entry.has_request:
        assert (last["actor"], last["request_id"]) == (done.actor, done.answer.headers["x-request-id"])
    refused = await entry.refused(world)
    assert 400 <= refused.answer.status_code < 500, refused.answer.text
    assert refused.records == []


async def test_the_first_owner_is_recorded_with_the_session_that_begins_and_the_one_that_ends(
    world: World,
) -> None:
    kept = world.session
    link = await world.form_of_nobody("/sign-in", link=await world.link())
    await world.signed_in(link.answer.cookies[SESSION_COOKIE])
    left = await world.form("/account/owner", email="first@example.com", name="First", password=PASSWORD)
    again = await world.form("/account/owner", email="other@example.com", name="Other", password=PASSWORD)
    await world.signed_in(kept)
    assert [record["action"] for record in left.records] == ["members:make-owner", "sessions:create", "sessions:end"]
    assert left.records[0]["request_id"] == left.answer.headers["x-request-id"]
    assert again.records == []


async def test_no_record_holds_what_was_sent(
    world: World, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    rows = await owner_connection.fetch("SELECT * FROM audit_records WHERE workspace = $1", world.workspace)
    text = repr([dict(row) for row in rows])
    assert rows
    for secret in (SECRET, PASSWORD, OTHER_PASSWORD, world.token, world.session, "testsuite", "apiVersion"):
        assert secret not in text


async def test_content_that_is_read_is_recorded_before_it_is_shown_and_once_a_minute(world: World) -> None:
    span = await world.api("GET", f"/api/v1/traces/{TRACE}/spans/{span_id(9)}")
    assert "a prompt" in span.answer.text
    (record,) = span.records
    assert (record["action"], record["target"]) == ("traces:read", f"span/{TRACE}/{span_id(9)}")
    assert (record["actor"], record["details"]) == (world.token_id, '{"what": "content"}')
    again = await world.api("GET", f"/api/v1/traces/{TRACE}")
    assert "a prompt" in again.answer.text
    assert again.records == []  # counted: the record of the minute comes later
    plain = await world.api("GET", f"/api/v1/traces/{TRACE}/spans/{span_id(1)}")
    assert (plain.answer.status_code, plain.records) == (200, [])


async def test_a_list_that_is_taken_away_as_a_file_is_recorded(world: World) -> None:
    left = await world.api("GET", "/api/v1/logs?format=csv")
    assert left.answer.status_code == 200, left.answer.text
    assert [(record["action"], record["details"]) for record in left.records] == [("logs:read", '{"what": "export"}')]


async def test_what_tidegate_decides_by_itself_is_recorded_when_the_verdict_changes(world: World) -> None:
    file = resources.files("tidegate.gates") / "templates" / "tenant-isolation.yaml"
    await world.api("POST", "/api/v1/gates", content=file.read_bytes(), **YAML)
    commit = "b" * 40
    wanted = {"name": "r-2", "services": [{"service": "pay", "version": "2", "commit": commit}]}
    await world.api("POST", "/api/v1/releases", json=wanted)
    looks = [await world.api("GET", f"{DASHBOARD}&release=r-2") for _ in range(3)]
    assert {each.answer.json()["verdict"] for each in looks} == {"hold"}
    assert [[(one["actor_kind"], one["actor"], one["target"]) for one in each.records] for each in looks] == [
        [("system", "system", "gate/tenant-isolation")], [], [],
    ]  # fmt: skip
    now = datetime.now(UTC).isoformat()  # a run that is a day old says nothing
    fresh = authz_run(runId="run-2", commit=commit, startedAt=now, finishedAt=now)
    await world.api("POST", "/release/authz-regression", json=fresh)
    passed = await world.api("GET", f"{DASHBOARD}&release=r-2")
    assert passed.answer.json()["verdict"] == "go", passed.answer.text
    (changed,) = passed.records
    assert (changed["actor_kind"], changed["action"]) == ("system", "gates:evaluate")
    assert json.loads(changed["details"])["verdict"] == "go"


async def test_an_export_of_all_these_records_verifies(world: World, tmp_path: Path) -> None:
    export = await world.api("GET", "/api/v1/audit/export")
    file = tmp_path / "audit.ndjson"
    file.write_bytes(export.answer.content)
    actions = {json.loads(line).get("record", {}).get("action") for line in file.read_text().splitlines()}
    rows = await world.owner.fetch("SELECT DISTINCT action FROM audit_records WHERE workspace = $1", world.workspace)
    assert actions - {None} == {row["action"] for row in rows}
    (key,) = audit_public_texts(world.folder)
    found = await asyncio.to_thread(CliRunner().invoke, audit, ["verify", str(file), "--key", key])
    assert found.exit_code == 0, found.output
    file.write_bytes(file.read_bytes().replace(b'"members:invite"', b'"members:invent"', 1))
    found = await asyncio.to_thread(CliRunner().invoke, audit, ["verify", str(file), "--key", key])
    assert (found.exit_code, "record_changed" in found.output) == (1, True)
