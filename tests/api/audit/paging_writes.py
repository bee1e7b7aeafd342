"""Routes, silences and care: one valid call and one that is refused for each."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.api.audit.entries import Entry, api, form
from tests.api.audit.writing import Left, World

YAML: Final = {"headers": {"content-type": "application/yaml"}}
WRONG: Final = {"json": {"matchers": ["="], "reason": "known", "endsAt": "2026-01-01T00:00:00Z"}}


def silence() -> dict[str, Any]:
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    return {"matchers": ["tenant=acme"], "reason": "known", "endsAt": ends_at.isoformat()}


async def alert_of(world: World) -> str:
    alert = f"alr_{secrets.token_hex(8)}"
    await world.owner.execute(
        """
        INSERT INTO alerts (workspace, id, code, family, severity, service, subject, state, threshold, count, sentence,
            runbook, since, fired_at, transition_count)
        VALUES ($1, $2, $2, 'auth', 'P1', 'api', '\\x00', 'firing', 1, 1, 'words', '/runbooks/x', now(), now(), 1)
        """,
        world.workspace,
        alert,
    )
    return alert


async def set_routing(world: World) -> Left:
    return await world.api(
        "PUT", "/api/v1/routing", content=f"route: {{group_wait: {1 + secrets.randbelow(999)}s}}", **YAML
    )


async def make_silence(world: World) -> Left:
    return await world.api("POST", "/api/v1/silences", json=silence())


def other_silence() -> dict[str, Any]:
    now = datetime.now(UTC)
    matcher = {"name": "tenant", "value": "acme", "isRegex": False}
    return {
        "matchers": [matcher], "comment": "known", "createdBy": "ann", "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }  # fmt: skip


async def make_silence_by_amtool(world: World) -> Left:
    return await world.api("POST", "/api/v2/silences", json=other_silence())


async def expire_silence_by_amtool(world: World) -> Left:
    return await world.api("DELETE", f"/api/v2/silence/{await silence_of(world)}")


async def silence_of(world: World) -> str:
    return str((await make_silence(world)).answer.json()["id"])


async def make_silence_on_page(world: World) -> Left:
    return await world.form("/silences", matchers="tenant=acme", reason="known", length="1h", step="make")


async def change_silence(world: World) -> Left:
    return await world.api("PUT", f"/api/v1/silences/{await silence_of(world)}", json=silence())


async def confirm_silence(world: World) -> Left:
    return await world.of_session("POST", f"/api/v1/silences/{await silence_of(world)}/confirm")


async def confirm_silence_on_page(world: World) -> Left:
    return await world.form(f"/silences/{await silence_of(world)}/confirm")


async def expire_silence(world: World) -> Left:
    return await world.api("DELETE", f"/api/v1/silences/{await silence_of(world)}")


async def expire_silence_on_page(world: World) -> Left:
    return await world.form(f"/silences/{await silence_of(world)}/expire")


async def acknowledge(world: World) -> Left:
    return await world.api("POST", f"/api/v1/alerts/{await alert_of(world)}/acknowledge", json={})


async def acknowledge_on_page(world: World) -> Left:
    return await world.form(f"/alerts/{await alert_of(world)}/acknowledge")


async def assign(world: World) -> Left:
    member, _, _ = await world.joined("engineer")
    return await world.api("POST", f"/api/v1/alerts/{await alert_of(world)}/assign", json={"assignee": member})


async def take(world: World) -> Left:
    return await world.form(f"/alerts/{await alert_of(world)}/assign", to="me")


async def note(world: World) -> Left:
    return await world.api("POST", f"/api/v1/alerts/{await alert_of(world)}/notes", json={"note": "seen"})


SCHEDULE: Final = {"ical": {"file": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"}}


async def set_schedule(world: World) -> Left:
    return await world.api("PUT", f"/api/v1/schedules/s-{secrets.token_hex(4)}", json=SCHEDULE)


async def remove_schedule(world: World) -> Left:
    name = str((await set_schedule(world)).answer.json()["name"])
    return await world.api("DELETE", f"/api/v1/schedules/{name}")


async def set_alertmanager(world: World) -> Left:
    target = {"url": "https://alertmanager.invalid"}
    return await world.api("PUT", f"/api/v1/alertmanagers/a-{secrets.token_hex(3)}", json=target)


async def remove_alertmanager(world: World) -> Left:
    name = str((await set_alertmanager(world)).answer.json()["name"])
    return await world.api("DELETE", f"/api/v1/alertmanagers/{name}")


async def set_source(world: World) -> Left:
    wish = {"url": "https://prometheus.invalid", "secret": "made up"}
    return await world.api("PUT", f"/api/v1/prometheus-sources/p-{secrets.token_hex(3)}", json=wish)


async def remove_source(world: World) -> Left:
    name = str((await set_source(world)).answer.json()["name"])
    return await world.api("DELETE", f"/api/v1/prometheus-sources/{name}")


_NO_ALERT, _NO_SILENCE = "/api/v1/alerts/alr_x", "/api/v1/silences/sil_x"
PAGING: Final[dict[str, Entry]] = {
    "PUT /api/v1/routing": Entry(
        set_routing, api("PUT", "/api/v1/routing", content="route: {receiver: none}", **YAML), ("routing:set",),
        "paging/routing",
    ),
    "PUT /api/v1/alertmanagers/{alertmanager}": Entry(
        set_alertmanager, api("PUT", "/api/v1/alertmanagers/central", json={"url": "x"}), ("alertmanagers:set",),
        "alertmanager/a-",
    ),
    "DELETE /api/v1/alertmanagers/{alertmanager}": Entry(
        remove_alertmanager, api("DELETE", "/api/v1/alertmanagers/none"), ("alertmanagers:remove",), "alertmanager/a-"
    ),
    "PUT /api/v1/prometheus-sources/{source}": Entry(
        set_source, api("PUT", "/api/v1/prometheus-sources/metrics", json={"url": "x"}), ("prometheus-sources:set",),
        "prometheus-source/p-",
    ),
    "DELETE /api/v1/prometheus-sources/{source}": Entry(
        remove_source, api("DELETE", "/api/v1/prometheus-sources/none"), ("prometheus-sources:remove",),
        "prometheus-source/p-",
    ),
    "PUT /api/v1/schedules/{schedule}": Entry(
        set_schedule, api("PUT", "/api/v1/schedules/primary", json={}), ("schedules:set",), "schedule/s-"
    ),
    "DELETE /api/v1/schedules/{schedule}": Entry(
        remove_schedule, api("DELETE", "/api/v1/schedules/none"), ("schedules:remove",), "schedule/s-"
    ),
    "POST /api/v1/silences": Entry(
        make_silence, api("POST", "/api/v1/silences", **WRONG), ("silences:create",), "silence/sil_"
    ),
    "POST /api/v2/silences": Entry(
        make_silence_by_amtool, api("POST", "/api/v2/silences", json=other_silence() | {"comment": ""}),
        ("silences:create",), "silence/sil_",
    ),
    "DELETE /api/v2/silence/{silence_id}": Entry(
        expire_silence_by_amtool, api("DELETE", "/api/v2/silence/sil_x"), ("silences:expire",), "silence/sil_"
    ),
    "POST /silences": Entry(
        make_silence_on_page, form("/silences", matchers="=", step="make"), ("silences:create",), "silence/sil_"
    ),
    "PUT /api/v1/silences/{silence_id}": Entry(
        change_silence, api("PUT", _NO_SILENCE, json=silence()), ("silences:change",), "silence/sil_"
    ),
    "POST /api/v1/silences/{silence_id}/confirm": Entry(
        confirm_silence, api("POST", f"{_NO_SILENCE}/confirm"), ("silences:confirm",), "silence/sil_"
    ),
    "POST /silences/{silence_id}/confirm": Entry(
        confirm_silence_on_page, form("/silences/sil_x/confirm"), ("silences:confirm",), "silence/sil_"
    ),
    "DELETE /api/v1/silences/{silence_id}": Entry(
        expire_silence, api("DELETE", _NO_SILENCE), ("silences:expire",), "silence/sil_"
    ),
    "POST /silences/{silence_id}/expire": Entry(
        expire_silence_on_page, form("/silences/sil_x/expire"), ("silences:expire",), "silence/sil_"
    ),
    "POST /api/v1/alerts/{alert_id}/acknowledge": Entry(
        acknowledge, api("POST", f"{_NO_ALERT}/acknowledge", json={}), ("alerts:acknowledge",), "alert/alr_"
    ),
    "POST /alerts/{alert_id}/acknowledge": Entry(
        acknowledge_on_page, form("/alerts/alr_x/acknowledge"), ("alerts:acknowledge",), "alert/alr_"
    ),
    "POST /api/v1/alerts/{alert_id}/assign": Entry(
        assign, api("POST", f"{_NO_ALERT}/assign", json={"assignee": None}), ("alerts:assign",), "alert/alr_"
    ),
    "POST /alerts/{alert_id}/assign": Entry(
        take, form("/alerts/alr_x/assign"), ("alerts:assign",), "alert/alr_"
    ),
    "POST /api/v1/alerts/{alert_id}/notes": Entry(
        note, api("POST", f"{_NO_ALERT}/notes", json={"note": "x"}), ("alerts:note",), "alert/alr_"
    ),
}  # fmt: skip
