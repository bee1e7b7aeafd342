"""Incidents: one valid call and one that is refused for each."""

from typing import Any, Final

from tests.api.audit.entries import Entry, api, form
from tests.api.audit.paging_writes import alert_of
from tests.api.audit.writing import Left, World

_NO_INCIDENT: Final = "/api/v1/incidents/inc_x"
_PAGE: Final = "/incidents/inc_x"


async def open_incident(world: World) -> Left:
    return await world.api("POST", "/api/v1/incidents", json={"alertIds": [await alert_of(world)]})


async def incident_of(world: World) -> str:
    return str((await open_incident(world)).answer.json()["id"])


def step(move: str, **body: Any) -> Any:
    async def take(world: World) -> Left:
        return await world.api("POST", f"/api/v1/incidents/{await incident_of(world)}/{move}", json=body)

    return take


async def reopen(world: World) -> Left:
    incident = await incident_of(world)
    await world.api("POST", f"/api/v1/incidents/{incident}/mitigate", json={})
    return await world.api("POST", f"/api/v1/incidents/{incident}/reopen", json={})


async def add_alerts(world: World) -> Left:
    path = f"/api/v1/incidents/{await incident_of(world)}/alerts"
    return await world.api("POST", path, json={"alertIds": [await alert_of(world)]})


async def change(world: World) -> Left:
    path = f"/api/v1/incidents/{await incident_of(world)}?sequence=1"
    return await world.api("PATCH", path, json={"title": "Checkout is down"})


async def open_on_page(world: World) -> Left:
    return await world.form("/incidents", alert_id=await alert_of(world))


async def note_on_page(world: World) -> Left:
    return await world.form(f"/incidents/{await incident_of(world)}/notes", note="seen")


async def change_on_page(world: World) -> Left:
    return await world.form(f"/incidents/{await incident_of(world)}/facts", sequence="1", severity="P2")


async def step_on_page(world: World) -> Left:
    return await world.form(f"/incidents/{await incident_of(world)}/acknowledge", sequence="1")


def refused_step(move: str) -> Any:
    return api("POST", f"{_NO_INCIDENT}/{move}", json={})


_TARGET: Final = "incident/inc_"
INCIDENTS: Final[dict[str, Entry]] = {
    "POST /api/v1/incidents": Entry(
        open_incident, api("POST", "/api/v1/incidents", json={"alertIds": ["alr_x"]}), ("incidents:open",), _TARGET
    ),
    "PATCH /api/v1/incidents/{incident_id}": Entry(
        change, api("PATCH", f"{_NO_INCIDENT}?sequence=1", json={"title": "x"}), ("incidents:change",), _TARGET
    ),
    "POST /api/v1/incidents/{incident_id}/acknowledge": Entry(
        step("acknowledge"), refused_step("acknowledge"), ("incidents:acknowledge",), _TARGET
    ),
    "POST /api/v1/incidents/{incident_id}/mitigate": Entry(
        step("mitigate"), refused_step("mitigate"), ("incidents:mitigate",), _TARGET
    ),
    "POST /api/v1/incidents/{incident_id}/resolve": Entry(
        step("resolve", despiteOpenAlerts=True), refused_step("resolve"), ("incidents:resolve",), _TARGET
    ),
    "POST /api/v1/incidents/{incident_id}/reopen": Entry(
        reopen, refused_step("reopen"), ("incidents:reopen",), _TARGET
    ),
    "POST /api/v1/incidents/{incident_id}/notes": Entry(
        step("notes", note="seen"), api("POST", f"{_NO_INCIDENT}/notes", json={"note": "x"}), ("incidents:note",),
        _TARGET,
    ),
    "POST /api/v1/incidents/{incident_id}/alerts": Entry(
        add_alerts, api("POST", f"{_NO_INCIDENT}/alerts", json={"alertIds": ["alr_x"]}), ("incidents:add-alerts",),
        _TARGET,
    ),
    "POST /incidents": Entry(open_on_page, form("/incidents", alert_id="alr_x"), ("incidents:open",), _TARGET),
    "POST /incidents/{incident_id}/notes": Entry(
        note_on_page, form(f"{_PAGE}/notes", note="x"), ("incidents:note",), _TARGET
    ),
    "POST /incidents/{incident_id}/facts": Entry(
        change_on_page, form(f"{_PAGE}/facts", sequence="1", title="x"), ("incidents:change",), _TARGET
    ),
    "POST /incidents/{incident_id}/{move}": Entry(
        step_on_page, form(f"{_PAGE}/acknowledge"), ("incidents:acknowledge",), _TARGET
    ),
}  # fmt: skip
