"""The verbs against a served application: what they print and how they end."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.test_tenant_isolation import make_case, make_run
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.shells import Shell, shell_at
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.edge.http import build_http_app
from tidegate.evidence.routes import router as evidence_routes
from tidegate.gates.routes import router as gate_routes
from tidegate.gates.waivers.routes import router as waiver_routes
from tidegate.isolation.routes import router as isolation_routes
from tidegate.releases.routes import router as release_routes


@pytest.fixture
async def shell(services: dict[type[Any], object], api: Api) -> AsyncIterator[Shell]:
    application = build_http_app(
        version="test", authenticator=FakeAuthenticator(), authorizer=shipped_authorizer(), services=services
    )
    include(application, release_routes, isolation_routes, evidence_routes, gate_routes, waiver_routes)
    async with shell_at(application, f"write:{api.workspace}") as opened:
        yield opened


CREATE = ("release", "create", "7", "--service", "harbor", "--version", "7", "--commit", "4f1c2ab")


async def test_from_nothing_to_no_go_to_go(shell: Shell, tmp_path: Path) -> None:
    run, report = tmp_path / "run.json", ("ci", "report", "--suite", "authz", "--commit", "4f1c2ab")
    held = await shell.run("gate", "why", "tenant-isolation")
    assert held.code == 8
    assert "tidegate release create" in held.out

    created = await shell.run(*CREATE)
    assert (created.code, created.err) == (0, "")
    assert created.out == "Release 7 is the candidate of production: harbor 7 (4f1c2ab)\n"

    bad = make_case(id="documents.delete.foreign_owner", actual="204", outcome="failed")
    run.write_text(json.dumps(make_run(runId="red", cases=[make_case(id="a"), bad])))
    reported = await shell.run(*report, run)
    assert reported.code == 0
    assert "2 cases, 1 passed, 1 failed, 0 skipped" in reported.out
    assert "✗ documents.delete.foreign_owner" in reported.out

    why = await shell.run("gate", "why", "tenant-isolation")
    assert why.code == 3
    assert why.out.startswith("NO-GO  Tenant isolation gate · release 7 · decided ")
    assert "✗ Authz regression  failed: 1 of 2 cases failed (allowed 0)" in why.out
    assert "To reach GO:\n  1. backend: fix 1 case (documents.delete.foreign_owner)" in why.out
    assert (await shell.run("gate", "evaluate", "tenant-isolation")).code == 3

    run.write_text(json.dumps(make_run(runId="green")))
    assert (await shell.run(*report, run)).code == 0
    went = await shell.run("gate", "evaluate", "tenant-isolation", "--json")
    assert (went.code, json.loads(went.out)["verdict"]) == (0, "go")
    listed = await shell.run("gate", "list")
    assert "GO\ttenant-isolation\t7\t✓\tGO: 7 passed 1 required check." in listed.out.splitlines()


async def test_exit_codes_say_what_went_wrong(shell: Shell, tmp_path: Path) -> None:
    await shell.run(*CREATE)
    typo = tmp_path / "gate.yaml"
    typo.write_text("{apiVersion: tidegate/v1, kind: Gate, id: g, title: T, owner: o, cheks: []}")
    entities = tmp_path / "report.xml"
    entities.write_text('<!DOCTYPE t [<!ENTITY a "b">]><testsuite/>')
    other = tmp_path / "run.json"
    other.write_text(json.dumps(make_run(commit="other")))
    ended = {
        "unknown gate": await shell.run("gate", "why", "nope"),
        "unknown release": await shell.run("gate", "why", "auth-shell", "--release", "nope"),
        "typo": await shell.run("gate", "validate", typo),
        "entities": await shell.run("ci", "report", "--suite", "s", "--commit", "c", entities),
        "another commit": await shell.run("ci", "report", "--suite", "authz", "--commit", "4f1c2ab", other),
        "taken name": await shell.run(*CREATE[:-1], "beef"),
        "half a service": await shell.run("release", "create", "8", "--service", "harbor"),
        "bad token": await Shell(shell.url, "nobody").run("gate", "list"),
        "reader": await Shell(shell.url, shell.token.replace("write", "read")).run(*CREATE),
        "nobody there": await Shell("http://127.0.0.1:9", shell.token).run("gate", "list"),
    }
    assert {name: one.code for name, one in ended.items()} == {
        "unknown gate": 5,
        "unknown release": 5,
        "typo": 2,
        "entities": 2,
        "another commit": 2,
        "taken name": 6,
        "half a service": 2,
        "bad token": 4,
        "reader": 4,
        "nobody there": 7,
    }
    assert "checks" in ended["typo"].err
    assert "The file says commit 'other', the command line '4f1c2ab'" in ended["another commit"].err
    assert [name for name, one in ended.items() if one.out] == []
    assert [name for name, one in ended.items() if "Traceback" in one.err] == []


async def test_reports_and_gate_files_go_in_and_are_summed_up(shell: Shell, tmp_path: Path) -> None:
    report = "<testsuite tests='9'><testcase name='a' time='NaN'/><testcase name='b'><failure/></testcase></testsuite>"
    received = await shell.run("ci", "report", "--suite", "unit", "--commit", "c1", "-", stdin=report)
    assert received.code == 0
    assert received.out == "Received suite unit at c1: 2 cases, 1 passed, 1 failed, 0 skipped.\n  ✗ b\n"
    assert "Note: 1 of 2 cases have a time that is no number" in received.err
    empty = await shell.run("ci", "report", "--suite", "unit", "--commit", "c2", "-", stdin="<testsuites/>")
    assert "zero tests prove nothing" in empty.out

    good, wrong = tmp_path / "good.yaml", tmp_path / "wrong.yaml"
    text = "{apiVersion: tidegate/v1, kind: Gate, id: g, title: T, owner: o, checks: []}"
    good.write_text(text)
    wrong.write_text(text.replace("checks", "cheks"))
    assert (await shell.run("gate", "apply", good, wrong)).code == 2
    assert (await shell.run("gate", "show", "g")).code == 5
    applied = await shell.run("gate", "apply", good)
    assert applied.out.startswith("g: version 1 is in force (0 checks, policy sha256:")
    shown = await shell.run("gate", "show", "g")
    assert shown.out.startswith("T · g · version 1 · owner o\n")


async def test_a_release_of_several_services_says_each_with_its_commit(shell: Shell) -> None:
    created = await shell.run("release", "create", "both", "--service", "harbor@7@4f1c2ab", "--service", "web@3@beef")
    assert created.code == 0
    shown = await shell.run("release", "show", "both", "--json")
    assert [own["commit"] for own in json.loads(shown.out)["services"]] == ["4f1c2ab", "beef"]
    listed = await shell.run("release", "list")
    assert listed.out.split("\t")[:3] == ["both", "production", "candidate"]


async def test_applying_the_first_gate_of_ones_own_says_which_shipped_ones_no_longer_count(
    shell: Shell, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "apiVersion: tidegate/v1\nkind: Gate\nid: auth-shell\ntitle: Own\nowner: sre\nchecks:\n"
        "  - {id: quiet, title: Quiet, kind: alerts_quiet, owner: sre, severities: [P1], for: 1m}\n"
    )
    first = await shell.run("gate", "apply", own)
    assert first.code == 0, first.err
    assert "no longer count: ai-action, tenant-isolation" in first.err
    again = await shell.run("gate", "apply", own)
    assert "no longer count" not in again.err


async def test_decisions_waivers_and_files_of_other_tools_have_verbs(shell: Shell, api: Api, tmp_path: Path) -> None:
    await api.post(
        "/api/v1/releases", {"name": "7", "services": [{"service": "harbor", "version": "7", "commit": "c0"}]}
    )
    await api.get("/release/dashboard", gate="tenant-isolation")
    await api.post("/release/authz-regression", make_run(commit="c0", cases=[make_case(outcome="failed")]))
    await api.get("/release/dashboard", gate="tenant-isolation")
    changed = await shell.run("gate", "diff", "tenant-isolation")
    assert (changed.code, changed.out.splitlines()[0]) == (0, "HOLD became NO-GO: 1 check changed.")
    assert "decided" not in changed.err
    wish = ("gate", "waive", "tenant-isolation", "authz-regression", "--owner", "Ann", "--reason", "known")
    printed = await shell.run(*wish, "--until", "3d")
    assert printed.out.startswith(f"{shell.url}/gates/tenant-isolation/waive?check=authz-regression&")
    unclear = await shell.run(*wish, "--until", "2099-01-01T00:00:00")
    assert (unclear.code, "offset" in unclear.err) == (2, True)
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    given = {"check": "authz-regression", "owner": "Ann", "reason": "known", "expiresAt": expires_at}
    await api.as_person("POST", "/api/v1/gates/tenant-isolation/waivers", "usr_ann", json=given)
    assert "authz-regression" in (await shell.run("gate", "waivers", "--state", "in_force")).out
    slo = tmp_path / "slo.yaml"
    slo.write_text('objectives: [{sli: rate, pass: [{criteria: ["<=+10%"]}]}]')
    refused = await shell.run(
        "gate", "import", "keptn", slo, "--id", "g", "--owner", "sre", "--figure", "rate=auth.failureRate"
    )
    assert (refused.code, "objectives.0.pass.0.criteria.0" in refused.err) == (2, True)
