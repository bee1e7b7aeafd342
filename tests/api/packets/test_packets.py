"""Packets through the doors: who may take one, that it verifies, and what is never signed."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
from click.testing import CliRunner
from tests.api.gates.conftest import Api
from tests.api.gates.test_tenant_isolation import RELEASE, make_case, make_run
from tests.api.packets.conftest import Keys
from tests.pages.documents import Document, assert_is_sound

from tidegate.app.cli import cli
from tidegate.attestations import new_private_key
from tidegate.packets.replaying import replay, verdict_bytes
from tidegate.packets.verifier import Proven, read_key, verify_packet

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def proven(api: Api, content: bytes) -> Proven:
    keys = (await api.get("/api/v1/packets/keys")).json()["items"]
    return verify_packet(content, [read_key(each["pem"].encode()) for each in keys], threshold=len(keys))


async def test_a_packet_verifies_replays_and_is_the_same_each_time(
    api: Api, decided: str, owner_connection: Owner
) -> None:
    answer = await api.get(f"{decided}/packet/file")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].endswith('.intoto.jsonl"')
    found = await proven(api, answer.content)
    assert found.predicate["decision"]["verdict"] == "go"
    assert replay(found.predicate) == verdict_bytes(found.predicate["decision"])
    assert {each["predicateType"].rpartition("/")[0] for each in found.attestations} == {
        "https://slsa.dev/verification_summary",
        "https://in-toto.io/attestation/test-result",
    }
    assert (await api.get(f"{decided}/packet/file")).content == answer.content
    summary = (await api.get(f"{decided}/packet")).json()
    assert (summary["digest"], summary["sizeBytes"]) == (found.digest, len(answer.content))
    assert (summary["checkCount"], summary["evidenceCount"], len(summary["attestations"])) == (2, 2, 3)
    taken = await owner_connection.fetchval(
        "SELECT count(*) FROM audit_records WHERE workspace = $1 AND target LIKE 'decision/%'", api.workspace
    )
    assert taken >= 1


async def test_bodies_come_along_where_they_are_asked_for(api: Api, decided: str) -> None:
    plain = await proven(api, (await api.get(f"{decided}/packet/file")).content)
    whole = await proven(api, (await api.get(f"{decided}/packet/complete")).content)
    assert {each["body"] for each in plain.predicate["evidence"]} == {None}
    report = next(each for each in whole.predicate["evidence"] if each["uri"].startswith("/api/v1/ci/"))
    assert json.loads(base64.b64decode(report["body"]))["suite"] == "unit"
    run = next(each for each in whole.predicate["evidence"] if each["uri"].startswith("/release/"))
    assert (run["body"], run["missing"][:9]) == (None, "take it f")


async def test_a_waiver_comes_along_whole_and_stays_after_it_was_ended(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run(cases=[make_case(outcome="failed")]))
    wish = {
        "check": "authz-regression", "owner": "Ann", "reason": "known",
        "expiresAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    waivers = "/api/v1/gates/tenant-isolation/waivers"
    given = (await api.as_person("POST", waivers, "usr_ann", json=wish)).json()
    decision = (await api.post("/api/v1/gates/tenant-isolation/decisions")).json()
    path = f"/api/v1/gates/tenant-isolation/decisions/{decision['id']}/packet/file"
    content = (await api.get(path)).content
    found = await proven(api, content)
    assert [each["id"] for each in found.predicate["waivers"]] == [given["id"]]
    assert found.predicate["decision"]["checks"][0]["outcome"] == "waived"
    assert replay(found.predicate)
    await api.as_person("DELETE", f"{waivers}/{given['id']}", "usr_ann")
    assert (await api.get(path)).content == content


async def test_after_a_rotation_both_keys_sign_and_each_alone_verifies(api: Api, decided: str, keys: Keys) -> None:
    keys.made.append(new_private_key())
    content = (await api.get(f"{decided}/packet/file")).content
    assert len((await proven(api, content)).signers) == 2
    for key in keys.made:
        assert verify_packet(content, [read_key(key.public.pem.encode())])
    listed = (await api.get("/api/v1/packets/keys")).json()["items"]
    assert [each["isCurrent"] for each in listed] == [False, True]


@pytest.mark.parametrize("path", ["/packet", "/packet/file", "/packet/complete"])
async def test_who_may_take_a_packet(
    api: Api, stranger: Api, client: httpx.AsyncClient, decided: str, path: str
) -> None:
    assert (await client.get(decided + path)).status_code == 401
    assert (await stranger.get(decided + path)).json()["code"] == "decision_not_found"
    api.scope = "ingest"
    assert (await api.get(decided + path)).status_code == 403
    api.scope = "read"
    assert (await api.get(decided + path)).status_code == 200
    assert (await api.get(decided.replace("/both/", "/other/") + path)).status_code == 404


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE decisions SET sentence = 'GO: all well.'", "decision_altered"),
        ("UPDATE decisions SET verdict = 'hold'", "decision_altered"),
        ("UPDATE decisions SET checks = jsonb_set(checks, '{0,inputs}', '\"{}\"')", "decision_altered"),
        ("UPDATE decisions SET checks = jsonb_set(checks, '{0,is_required}', 'false')", "decision_altered"),
        ("UPDATE decisions SET checks = checks #- '{0,inputs}'", "packet_incomplete"),
        ("UPDATE decisions SET checks = checks - 0", "decision_altered"),
        ("UPDATE gates SET body = body || ' '", "packet_incomplete"),
        ("UPDATE decisions SET release_id = ''", "decision_without_release"),
        ("UPDATE decisions SET release_id = 'rel_none'", "packet_incomplete"),
    ],
)
async def test_what_is_not_as_it_was_recorded_is_never_signed(
    api: Api, decided: str, owner_connection: Owner, statement: str, code: str
) -> None:
    await owner_connection.execute("BEGIN")
    await owner_connection.execute("SELECT set_config('tidegate.workspace', $1, true)", api.workspace)
    await owner_connection.execute(f"{statement} WHERE workspace = '{api.workspace}'")
    await owner_connection.execute("COMMIT")
    answer = await api.get(f"{decided}/packet/file")
    assert (answer.status_code, answer.json()["code"]) == (409, code)


async def test_the_page_shows_what_it_rests_on_and_how_it_is_verified(api: Api, decided: str) -> None:
    path = decided.removeprefix("/api/v1") + "/packet"
    answer = await api.as_person("GET", path, "usr_ann", role="viewer")
    assert answer.status_code == 200, answer.text
    page = Document(answer.text)
    assert_is_sound(page)
    assert page.one("div", id="packet").attributes["data-verdict"] == "GO"
    summary = (await api.get(f"{decided}/packet")).json()
    assert summary["digest"] in page.main.text
    assert summary["keys"][0] in page.main.text
    assert f"{decided}/packet/file" in page.links


async def test_the_verbs_verify_show_and_sign_without_a_server(api: Api, decided: str, tmp_path: Path) -> None:
    packet, key = tmp_path / "p.intoto.jsonl", tmp_path / "key.pem"
    packet.write_bytes((await api.get(f"{decided}/packet/file")).content)
    key.write_text((await api.get("/api/v1/packets/keys")).json()["items"][0]["pem"])

    def run(*words: object) -> Any:
        return CliRunner().invoke(cli, ["packet", *map(str, words)])

    good = run("verify", packet, "--key", key)
    assert good.exit_code == 0, good.output
    assert good.output.startswith("HOLDS  GO: 2026.02.1 passed 2 required checks.")
    assert json.loads(run("verify", packet, "--key", key, "--json").output)["holds"] is True
    assert "authz" in run("show", packet).output
    assert run("verify", packet, "--key", key, "--threshold", 2).exit_code == 2
    assert run("verify", packet, "--key", packet).exit_code == 2
    packet.write_bytes(packet.read_bytes()[:-2] + b"\n")
    broken = run("verify", packet, "--key", key, "--json")
    assert (broken.exit_code, json.loads(broken.output)["flaw"]) == (1, "file_unreadable")
    assert run("show", key).exit_code == 2
