"""Exceptions from freezes: one valid call and one that is refused for each."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.api.audit.entries import Entry
from tests.api.audit.writing import Left, World

_PATH: Final = "/api/v1/objectives/sign-ups"
_FILE: Final = b"""
apiVersion: tidegate/v1
kind: Objective
metadata: {name: sign-ups, title: Sign-ups, owner: pay}
spec:
  service: pay
  family: auth
  indicator: {events: {bad: failureCount, total: requestCount}}
  target: 0.99
  window: {rolling: 30d}
"""


def exception(*, reason: str = "a fix") -> dict[str, Any]:
    return {"json": {"reason": reason, "until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}}


async def frozen(world: World) -> None:
    await world.api("POST", "/api/v1/objectives/apply", content=_FILE, headers={"content-type": "application/yaml"})
    await world.owner.execute(
        "INSERT INTO objective_freezes (workspace, name, frozen_at) VALUES ($1, 'sign-ups', now()) "
        "ON CONFLICT DO NOTHING",
        world.workspace,
    )


async def make_exception(world: World) -> Left:
    await frozen(world)
    return await world.of_session("POST", f"{_PATH}/exceptions", **exception())


async def make_wrong_exception(world: World) -> Left:
    return await world.of_session("POST", f"{_PATH}/exceptions", **exception(reason=" "))


async def end_exception(world: World) -> Left:
    made = (await make_exception(world)).answer.json()
    return await world.of_session("DELETE", f"{_PATH}/exceptions/{made['id']}")


async def end_no_exception(world: World) -> Left:
    return await world.of_session("DELETE", f"{_PATH}/exceptions/exc_nothing")


ENTRIES: Final = {
    "POST /api/v1/objectives/{objective}/exceptions": Entry(
        make_exception, make_wrong_exception, ("objectives:except",), "objective/sign-ups"
    ),
    "DELETE /api/v1/objectives/{objective}/exceptions/{exception_id}": Entry(
        end_exception, end_no_exception, ("objectives:except",), "objective/sign-ups"
    ),
}
