"""Waivers: one valid call and one that is refused for each."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.api.audit.entries import Entry
from tests.api.audit.writing import Left, World

COMMIT: Final = "b" * 40
YAML: Final = {"headers": {"content-type": "application/yaml"}}
GATE: Final = b"""
apiVersion: tidegate/v1
kind: Gate
id: waived
title: Waived
owner: pay
checks:
  - {id: walls, title: Walls, kind: regression, source: authz, owner: pay}
"""


def wish(reason: str = "known") -> dict[str, Any]:
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    return {"check": "walls", "owner": "Ann", "reason": reason, "expiresAt": expires_at.isoformat()}


async def as_approver(world: World, method: str, path: str, **request: Any) -> Left:
    kept = world.session
    await world.signed_in((await world.joined("approver"))[2])
    left = await world.of_session(method, path, **request)
    await world.signed_in(kept)
    return left


async def give(world: World) -> Left:
    services = [{"service": "pay", "version": "1", "commit": COMMIT}]
    await world.api("POST", "/api/v1/gates", content=GATE, **YAML)
    await world.api("POST", "/api/v1/releases", json={"name": "r-waived", "services": services})
    await world.api("GET", "/release/dashboard?gate=waived")
    return await as_approver(world, "POST", "/api/v1/gates/waived/waivers", json=wish())


async def give_without_a_reason(world: World) -> Left:
    return await as_approver(world, "POST", "/api/v1/gates/waived/waivers", json=wish(""))


async def end(world: World) -> Left:
    waiver = (await give(world)).answer.json()["id"]
    return await as_approver(world, "DELETE", f"/api/v1/gates/waived/waivers/{waiver}")


async def end_none(world: World) -> Left:
    return await as_approver(world, "DELETE", "/api/v1/gates/waived/waivers/wvr_x")


async def form_as_approver(world: World, path: str, **fields: str) -> Left:
    kept = world.session
    await world.signed_in((await world.joined("approver"))[2])
    left = await world.form(path, **fields)
    await world.signed_in(kept)
    return left


async def give_on_page(world: World) -> Left:
    await give(world)
    return await form_as_approver(world, "/gates/waived/waive", **wish())


async def give_without_a_reason_on_page(world: World) -> Left:
    return await form_as_approver(world, "/gates/waived/waive", **wish(""))


async def end_on_page(world: World) -> Left:
    waiver = (await give(world)).answer.json()["id"]
    return await form_as_approver(world, f"/gates/waived/waivers/{waiver}/end")


async def end_none_on_page(world: World) -> Left:
    return await form_as_approver(world, "/gates/waived/waivers/wvr_x/end")


WAIVERS: Final[dict[str, Entry]] = {
    "POST /api/v1/gates/{gate_id}/waivers": Entry(give, give_without_a_reason, ("gates:waive",), "waiver/wvr_"),
    "POST /gates/{gate_id}/waive": Entry(give_on_page, give_without_a_reason_on_page, ("gates:waive",), "waiver/wvr_"),
    "POST /gates/{gate_id}/waivers/{waiver_id}/end": Entry(
        end_on_page, end_none_on_page, ("gates:waive",), "waiver/wvr_"
    ),
    "DELETE /api/v1/gates/{gate_id}/waivers/{waiver_id}": Entry(end, end_none, ("gates:waive",), "waiver/wvr_"),
}
