"""Fills workspaces through the doors of the real application, and waits until all of it is counted."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from tests.api.walls.world import ORIGIN, Doors, Installation, Workspace
from tests.conftest import EngineProcess, migrated_engine, migrated_state
from tests.factories import NANO, auth_span, make_request, make_span

from tidegate.app.keys import load_signing_key
from tidegate.attestations import new_private_key
from tidegate.edge.caller import SESSION_COOKIE, Role
from tidegate.identity.assembly import build_identity
from tidegate.identity.members import InvitationService, Joining
from tidegate.identity.sessions import Credentials, SessionService
from tidegate.kernel import RandomIds, SystemClock, WorkspaceId
from tidegate.storage import Database

PASSWORD = "four unlikely words here"
_COUNTED_WITHIN_S = 60.0
_MAIN_BROWSER = "the browser that stays"


@asynccontextmanager
async def open_installation(folder: Path, *, count: int = 2) -> AsyncIterator[Installation]:
    """Start both engines and fill `count` workspaces."""
    (folder / "state").mkdir()
    (folder / "engine").mkdir()
    (folder / "data").mkdir()
    process = EngineProcess(folder / "engine")
    await process.start()
    try:
        async with migrated_state(folder / "state") as dsns, migrated_engine(process, dsns) as telemetry:
            owner = await asyncpg.connect(dsns.owner)
            database = await Database.connect(dsns.serving)
            try:
                found = Installation(folder / "data", dsns, owner, database, telemetry, process)
                await fill(found, count)
                yield found
            finally:
                await database.close()
                await owner.close()
    finally:
        process.stop()


async def fill(installation: Installation, count: int) -> None:
    """Make the workspaces, each by its own owner through the doors, and wait until all is counted."""
    made = []
    async with installation.doors(everything=True) as doors:
        for number in range(count):
            made.append(await _make_workspace(installation, f"w{number}-{secrets.token_hex(4)}"))
            await _fill_state(doors, made[-1])
            await _fill_telemetry(doors, made[-1])
        for workspace in made:
            await _until_counted(doors, workspace)
            await _finish(installation, doors, workspace)
            await _fill_waivers(installation, workspace)
        await _until_done(installation)
        for workspace in made:
            again = await doors.make(workspace, "POST", "/api/v1/recounts", json={})
            workspace.slots["recount_id"].append(again["id"])
        await _until_done(installation)
    for workspace in made:
        workspace.ids = await installation.ids_of(workspace)
    shared = frozenset.intersection(*(workspace.ids for workspace in made)) if count > 1 else frozenset()
    for workspace in made:
        workspace.ids -= shared
    installation.workspaces = tuple(made)


async def _make_workspace(installation: Installation, name: str) -> Workspace:
    made = Workspace(WorkspaceId(name), secrets.token_hex(6))
    await installation.owner.execute(
        "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $2, now())", name, made.hidden("workspace")
    )
    people = build_identity(
        installation.database, _Silent(), key=load_signing_key(installation.data_dir), ids=RandomIds(),
        clock=SystemClock(),
    )  # fmt: skip
    invitations, sessions = people[InvitationService], people[SessionService]
    assert isinstance(invitations, InvitationService)
    assert isinstance(sessions, SessionService)
    email = f"{made.name('owner')}@example.com"
    _, secret = await invitations.invite(made.id, email, Role.OWNER, by=made.acting())
    joined = await invitations.accept(secret, Joining(made.hidden("owner"), PASSWORD))
    made.member = joined.member
    for browser in (made.hidden("browser"), _MAIN_BROWSER):
        made.session = await sessions.sign_in(
            Credentials(email=email, password=PASSWORD, workspace=made.id, user_agent=browser)
        )
    made.slots["email"].append(email)
    made.slots["workspace"].append(made.id)
    return made


class _Silent:
    """A trail for what happens before there is anything to prove."""

    async def append(self, workspace: WorkspaceId, deed: object, *, within: object) -> None: ...

    async def record(self, workspace: WorkspaceId, deed: object) -> None: ...


def gate_file(workspace: Workspace, gate_id: str) -> str:
    return json.dumps({
        "apiVersion": "tidegate/v1", "kind": "Gate", "id": gate_id, "title": workspace.hidden("gate"),
        "owner": workspace.hidden("owner"),
        "checks": [
            {"id": "rate", "title": workspace.hidden("check"), "kind": "signal", "owner": "sre", "family": "auth",
             "expression": "failureRate < 0.2"},
            {"id": "quiet", "title": "Quiet", "kind": "alerts_quiet", "owner": "sre",
             "codes": ["auth_failure_rate_high"], "for": "60m"},
            {"id": "authz", "title": "Authz", "kind": "regression", "owner": "sre", "source": "authz"},
        ],
    })  # fmt: skip


def authz_run(workspace: Workspace, run_id: str, *, service: str, commit: str) -> dict[str, Any]:
    at = "2026-11-20T12:00:00Z"
    case = {"id": workspace.hidden("case"), "operation": workspace.hidden("operation"), "actor": "foreign_owner",
            "expected": "403", "actual": "403", "outcome": "passed"}  # fmt: skip
    return {"suite": "authz", "service": service, "commit": commit, "runId": run_id, "startedAt": at,
            "finishedAt": at, "cases": [case]}  # fmt: skip


def evidence(workspace: Workspace, **changes: str) -> dict[str, str]:
    made = {"kind": "adr", "title": workspace.hidden("evidence"), "owner": workspace.hidden("owner"),
            "body": workspace.hidden("body")}  # fmt: skip
    return made | changes


def evidence_key() -> dict[str, str]:
    key = new_private_key().public
    return {"name": f"key-{key.fingerprint[-12:]}", "publicKey": key.pem}


def junit(workspace: Workspace) -> str:
    name = workspace.hidden("test")
    return f'<testsuite name="{name}"><testcase name="{name}"><failure message="{name}"/></testcase></testsuite>'


def price_file(workspace: Workspace) -> str:
    return json.dumps({
        "apiVersion": "tidegate/v1", "kind": "Prices",
        "prices": [{"provider": "openai", "model": workspace.name("model"), "input": 1,
                    "output": 2}],
    })  # fmt: skip


def rule_file(workspace: Workspace) -> str:
    return json.dumps({
        "apiVersion": "tidegate/v1", "kind": "Rules", "metadata": {"name": "walls"},
        "rules": [{"code": "errors_of_mine", "severity": "P2", "signal": "request.errorRate", "threshold": 0.5,
                   "runbook": "auth_failure_rate_high", "owner": workspace.hidden("owner")}],
    })  # fmt: skip


def objective_file(workspace: Workspace, objective: str) -> str:
    return json.dumps({
        "apiVersion": "tidegate/v1", "kind": "Objective",
        "metadata": {"name": objective, "title": workspace.hidden("objective"), "owner": workspace.hidden("owner")},
        "spec": {"service": workspace.name("svc"), "family": "auth", "target": 0.99, "window": {"rolling": "1d"},
                 "policy": {"freezeAt": 0.99, "freezeWithoutData": True},
                 "indicator": {"events": {"bad": "failureCount", "total": "requestCount"}}},
    })  # fmt: skip


def backtest(workspace: Workspace) -> str:
    end = datetime.now(UTC)
    return json.dumps({"rules": rule_file(workspace), "from": f"{end - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
                       "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"})  # fmt: skip


async def _fill_state(doors: Doors, workspace: Workspace) -> None:
    slots, make, name = workspace.slots, doors.make, workspace.name
    cookie = {"cookie": f"{SESSION_COOKIE}={workspace.session}", "origin": ORIGIN}
    answer = await doors.client.post("/api/v1/tokens", json={"name": "main", "scope": "admin"}, headers=cookie)
    assert answer.status_code == 201, answer.text
    workspace.token = answer.json()["token"]
    for number in range(3):
        robot = await make(
            workspace, "POST", "/api/v1/service-accounts", json={"name": name(f"robot{number}"), "role": "engineer"}
        )
        slots["member_id"].append(robot["id"])
        wish = {"name": workspace.hidden("token"), "scope": "write", "member": robot["id"], "services": [name("svc")]}
        slots["token_id"].append((await make(workspace, "POST", "/api/v1/tokens", json=wish))["id"])
        wish = {"email": f"{name(f'guest{number}')}@example.com", "role": "viewer"}
        slots["invitation_id"].append((await make(workspace, "POST", "/api/v1/invitations", json=wish))["id"])
    wish = {"defaultRole": "viewer", "groups": {name("group"): "engineer"}}
    await make(workspace, "PUT", "/api/v1/provisioning", json=wish, headers={**cookie, "authorization": ""})
    [group] = (await make(workspace, "GET", "/scim/v2/Groups"))["Resources"]
    slots["group_id"].append(group["id"])
    [owner] = (await make(workspace, "GET", "/scim/v2/Users"))["Resources"]
    joining = {"Operations": [{"op": "add", "path": "members", "value": [{"value": owner["id"]}]}]}
    await make(workspace, "PATCH", f"/scim/v2/Groups/{group['id']}", json=joining)
    for number in range(3):
        service, commit = name("svc"), f"c{number}{workspace.mark}"
        release = {"name": name(f"release{number}"), "environment": name("env"),
                   "services": [{"service": service, "version": workspace.hidden("version").replace(" ", "-"),
                                 "commit": commit}]}  # fmt: skip
        made = await make(workspace, "POST", "/api/v1/releases", json=release)
        slots["release"] += [made["name"], made["id"]]
        slots["commit"].append(commit)
        run = authz_run(workspace, name(f"run{number}"), service=service, commit=commit)
        await make(workspace, "POST", "/release/authz-regression", json=run)
        slots["run_id"].append(name(f"run{number}"))
        about = {"suite": name("suite"), "commit": commit, "service": service}
        xml = {"content-type": "application/xml"}
        made = await make(workspace, "POST", "/api/v1/ci/reports", content=junit(workspace), params=about, headers=xml)
        slots["report_id"].append(made["id"])
    slots["service"].append(name("svc"))
    slots["environment"].append(name("env"))
    slots["suite"].append(name("suite"))
    for number in range(2):
        await make(workspace, "POST", "/api/v1/gates", content=gate_file(workspace, name(f"gate{number}")),
                   headers={"content-type": "application/yaml"})  # fmt: skip
        slots["gate_id"].append(name(f"gate{number}"))
        for release in slots["release"][::2]:
            path = f"/api/v1/gates/{name(f'gate{number}')}/decisions"
            decided = await make(workspace, "POST", path, params={"release": release})
            slots["decision_id"] += [value for key, value in decided.items() if key in {"id", "decisionId"}]
    await make(workspace, "PUT", "/api/v1/prices/overrides", content=price_file(workspace),
               headers={"content-type": "application/yaml"})  # fmt: skip
    slots["model"].append(name("model"))
    await _fill_alerting(doors, workspace)
    await _fill_objectives(doors, workspace)
    for commit in slots["commit"]:
        offered = evidence(workspace, commit=commit, service=name("svc"))
        slots["evidence_id"].append((await make(workspace, "POST", "/api/v1/evidence", json=offered))["id"])
        made = await make(workspace, "POST", "/api/v1/evidence-keys", json=evidence_key())
        slots["key_id"].append(made["id"])
    await make(workspace, "PUT", "/api/v1/retention", json={"rawDays": 30})
    await make(workspace, "POST", "/api/v1/workspace", json={"name": workspace.hidden("workspace")})


async def _fill_objectives(doors: Doors, workspace: Workspace) -> None:
    slots, make, name = workspace.slots, doors.make, workspace.name
    for number in range(2):
        await make(workspace, "POST", "/api/v1/objectives/apply", headers={"content-type": "application/yaml"},
                   content=objective_file(workspace, name(f"objective{number}")))  # fmt: skip
        slots["objective"].append(name(f"objective{number}"))
        path = f"/api/v1/objectives/{name(f'objective{number}')}"
        await make(workspace, "GET", f"{path}/freezes")  # looks, and freezes without data
        wish = {"reason": workspace.hidden("exception"), "until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
        headers = {"cookie": f"{SESSION_COOKIE}={workspace.session}", "origin": ORIGIN, "authorization": ""}
        made = await make(workspace, "POST", f"{path}/exceptions", json=wish, headers=headers)
        slots["exception_id"].append(made["id"])


async def _fill_alerting(doors: Doors, workspace: Workspace) -> None:
    slots, make, name = workspace.slots, doors.make, workspace.name
    await make(workspace, "POST", "/api/v1/rules/apply", content=rule_file(workspace),
               headers={"content-type": "application/yaml"})  # fmt: skip
    ends_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for number in range(2):
        silence = {"matchers": [f"tenant=t{number}"], "reason": workspace.name("silence"), "endsAt": ends_at}
        slots["silence_id"].append((await make(workspace, "POST", "/api/v1/silences", json=silence))["id"])
    pushed = {"labels": {"alertname": workspace.hidden("pushed"), "service": name("svc")}, "endsAt": ends_at,
              "annotations": {"summary": workspace.hidden("summary")}}  # fmt: skip
    await make(workspace, "POST", "/api/v2/alerts", json=[pushed])
    day = f"{datetime.now(UTC):%Y%m%d}"
    for number in range(2):
        event = [f"DTSTART;VALUE=DATE:{day}", "RRULE:FREQ=DAILY", f"SUMMARY:{workspace.hidden('shift')}", "END:VEVENT"]
        calendar = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *event, "END:VCALENDAR", ""]
        await make(workspace, "PUT", f"/api/v1/schedules/{name(f'schedule{number}')}",
                   json={"ical": {"file": "\r\n".join(calendar)}})  # fmt: skip
        slots["schedule"].append(name(f"schedule{number}"))
        target = {"url": f"https://{workspace.mark}.invalid/"}
        await make(workspace, "PUT", f"/api/v1/alertmanagers/{name(f'central{number}')}", json=target)
        slots["alertmanager"].append(name(f"central{number}"))
        await make(workspace, "PUT", f"/api/v1/prometheus-sources/{name(f'metrics{number}')}",
                   json={**target, "secret": workspace.hidden("token")})  # fmt: skip
        slots["source"].append(name(f"metrics{number}"))
    for number in range(2):
        # Disabled: what is told by them is dead without anybody being called.
        wish = {"name": name(f"channel{number}"), "webhook": {"url": f"https://{workspace.mark}.invalid/"}}
        slots["channel_id"].append((await make(workspace, "POST", "/api/v1/channels", json=wish))["id"])
        path = f"/api/v1/channels/{slots['channel_id'][-1]}"
        await make(workspace, "PATCH", path, json={"isEnabled": False})
        slots["delivery_id"].append((await make(workspace, "POST", f"{path}/test"))["id"])


async def _fill_telemetry(doors: Doors, workspace: Workspace) -> None:
    now, name = time.time_ns() - 20 * NANO, workspace.name
    spans = []
    for number in range(4):
        trace = hashlib.md5(f"{workspace.mark}{number}".encode(), usedforsecurity=False).digest()
        workspace.slots["trace_id"].append(trace.hex())
        root, child = trace[:8], trace[8:]
        workspace.slots["span_id"] += [root.hex(), child.hex()]
        begins, ends = now - (number + 2) * NANO, now - number * NANO
        attributes = {
            "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": workspace.hidden("agent"),
            "gen_ai.provider.name": "openai", "gen_ai.request.model": name("model"),
            "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 100, "tenant.id": name("tenant"),
            "note": workspace.hidden("attribute"),
        }  # fmt: skip
        times = {"start_time_unix_nano": begins, "end_time_unix_nano": ends}
        run = make_span(name=workspace.hidden("run"), trace_id=trace, span_id=root, attributes=attributes, **times)
        chat = {**attributes, "gen_ai.operation.name": "chat"}
        step = make_span(name="chat", trace_id=trace, span_id=child, parent_span_id=root, attributes=chat, **times)
        spans += [run, step]
        spans += [
            auth_span(
                401, at_ns=ends, tenant=name(f"tenant{number % 2 or ''}"), attributes={"note": workspace.hidden("auth")}
            )
        ]
    workspace.slots["tenant"] += [name("tenant"), name("tenant1")]
    body = make_request(
        *spans, service=name("svc"),
        **{"deployment.environment.name": name("env"), "service.version": workspace.slots["release"][0]},
    ).SerializeToString()  # fmt: skip
    await doors.make(workspace, "POST", "/v1/traces", content=body, headers={"content-type": "application/x-protobuf"})
    record = {
        "timeUnixNano": str(now), "severityNumber": 17, "traceId": workspace.slots["trace_id"][0],
        "body": {"stringValue": workspace.hidden("log")},
        "attributes": [{"key": "tenant.id", "value": {"stringValue": name("tenant")}}],
    }  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": name("svc")}}]}
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record] * 2}]}]}
    await doors.make(workspace, "POST", "/v1/logs", json=logs)
    point = {"timeUnixNano": str(now), "asDouble": 1.5, "attributes": record["attributes"]}
    metric = {"name": name("metric"), "gauge": {"dataPoints": [point]}}
    points = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
    await doors.make(workspace, "POST", "/v1/metrics", json=points)
    workspace.slots["metric"].append(name("metric"))
    judged = {"name": "groundedness", "service": name("svc"), "score": 0.5, "tenant": name("tenant"),
              "explanation": workspace.hidden("explanation"), "traceId": workspace.slots["trace_id"][0]}  # fmt: skip
    await doors.make(workspace, "POST", "/api/v1/evaluations", json={"evaluations": [judged]})


async def _fill_waivers(installation: Installation, workspace: Workspace) -> None:
    """Add waivers: whoever fills a workspace made its releases and may not give any."""
    for gate in workspace.slots["gate_id"] * 2:
        waiver_id = RandomIds().new_id("wvr")
        await installation.owner.execute(
            """
            INSERT INTO gate_waivers (workspace, id, gate_id, check_id, question, owner, reason, outcome, given_by,
                given_at, expires_at, digest)
            VALUES ($1, $2, $3, 'authz', '', $4, $5, 'failed', $6, now(), now() + interval '1 day', '')
            """,
            workspace.id, waiver_id, gate, workspace.hidden("owner"), workspace.hidden("waiver"), workspace.member,
        )  # fmt: skip
        workspace.slots["waiver_id"].append(waiver_id)


async def _until_counted(doors: Doors, workspace: Workspace) -> None:
    async with asyncio.timeout(_COUNTED_WITHIN_S):
        while True:
            runs = await doors.make(workspace, "GET", "/api/v1/runs")
            tenants = await doors.make(workspace, "GET", "/api/v1/tenants")
            if len(runs["items"]) >= 4 and workspace.name("tenant") in json.dumps(tenants):
                return
            await asyncio.sleep(0.2)


async def _until_done(installation: Installation) -> None:
    """Wait until nothing is left to do in the background: from then on nobody changes what the others have."""
    waiting = """
        SELECT (SELECT count(*) FROM telemetry_touches) + (SELECT count(*) FROM erasures WHERE state = 'running')
            + (SELECT count(*) FROM recounts WHERE state IN ('waiting', 'running'))
    """
    async with asyncio.timeout(_COUNTED_WITHIN_S):
        while await installation.owner.fetchval(waiting):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)  # what follows the last of them: the versions that open pages listen to


async def _finish(installation: Installation, doors: Doors, workspace: Workspace) -> None:
    """Add what nobody makes through a door: alerts; and what needs the telemetry: recounts, erasures."""
    slots, owner = workspace.slots, installation.owner
    for number in range(2):
        alert_id = RandomIds().new_id("alr")
        subject = hashlib.sha256(f"{workspace.mark}{number}".encode()).digest()
        state, resolved = ("resolved", "now()") if number else ("firing", "NULL")
        await owner.execute(
            f"""
            INSERT INTO alerts (workspace, id, code, family, severity, service, tenant, subject, state, value,
                threshold, count, sentence, runbook, since, fired_at, resolved_at, transition_count)
            VALUES ($1, $2, 'auth_failure_rate_high', 'auth', 'P1', $3, $4, $5, '{state}', 0.9, 0.2, 9, $6,
                'auth-failures', now(), now(), {resolved}, 1)
            """,
            workspace.id, alert_id, workspace.name("svc"), workspace.name("tenant"), subject,
            workspace.hidden("alert"),
        )  # fmt: skip
        await owner.execute(
            """
            INSERT INTO alert_transitions (workspace, alert_id, sequence, from_state, to_state, at, cause)
            VALUES ($1, $2, 1, 'inactive', 'firing', now(), $3::jsonb)
            """,
            workspace.id, alert_id, json.dumps({
                "kind": "crossed", "value": 0.9, "threshold": 0.2, "count": 9, "minCount": 1, "windowSeconds": 60,
                "words": workspace.hidden("cause"),
            }),
        )  # fmt: skip
        await owner.execute(
            """
            INSERT INTO paging_pages (workspace, id, group_id, group_key, route_id, event, reason, at, channels, title,
                alert_count, firing_count)
            VALUES ($1, $2, 'grp_1', $3, 'root', 'alert.firing', 'first notification', now(), $4, $5, 1, 1)
            """,
            workspace.id, RandomIds().new_id("msg"), workspace.hidden("group"), [workspace.name("channel0")],
            workspace.hidden("title"),
        )  # fmt: skip
        slots["alert_id"].append(alert_id)
        told = {"alertIds": [alert_id], "title": workspace.hidden("incident"), "note": workspace.hidden("step")}
        slots["incident_id"].append((await doors.make(workspace, "POST", "/api/v1/incidents", json=told))["id"])
    recount = await doors.make(workspace, "POST", "/api/v1/recounts", json={})
    slots["recount_id"].append(recount["id"])
    trace = slots["trace_id"][-1]
    erased = await doors.make(
        workspace, "DELETE", f"/api/v1/traces/{trace}", json={"reason": workspace.hidden("reason")}
    )
    slots["erasure_id"] += [value for key, value in erased.items() if key in {"id", "erasureId"}]
    rows = await owner.fetch(
        "SELECT id, user_agent = $2 AS is_main FROM sessions WHERE workspace = $1", workspace.id, _MAIN_BROWSER
    )
    for row in rows:
        slots["vital:session_id" if row["is_main"] else "session_id"].append(row["id"])
    # The member behind the token is the target of no request of its own workspace: it works to the end.
    with suppress(ValueError):
        slots["member_id"].remove(workspace.member)
    slots["vital:member_id"].append(workspace.member)
