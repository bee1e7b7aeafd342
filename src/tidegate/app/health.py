"""`/healthz` says that the process lives, `/readyz` that both engines answer. Neither names a secret or a tenant."""

from typing import Annotated, Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tidegate.edge.providers import provide

router = APIRouter(tags=["health"])


class Pingable(Protocol):
    async def ping(self) -> bool: ...


class Engines:
    """The two engines, asked whether they answer."""

    def __init__(self, *, state: Pingable, telemetry: Pingable) -> None:
        self._state = state
        self._telemetry = telemetry

    async def answers(self) -> dict[str, bool]:
        return {"state": await self._state.ping(), "telemetry": await self._telemetry.ping()}


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Answer as long as the process can answer anything."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(engines: Annotated[Engines, provide(Engines)]) -> JSONResponse:
    """Answer 200 when both engines do, else 503 with which one does not."""
    answers = await engines.answers()
    if all(answers.values()):
        return JSONResponse({"status": "ready", "engines": answers})
    return JSONResponse({"status": "not_ready", "engines": answers}, 503, {"retry-after": "1"})
