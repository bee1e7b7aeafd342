"""`/healthz` says that the process lives, `/readyz` what answers, and in words what does not. No secret, no tenant.

Intake that stopped is no reason to take the pages away: they can be read, and are what a person needs then. So
`/readyz` stays 200 with the status `intake_stopped`; senders hear 503 at their own door. A process that only takes
telemetry in has nothing else to offer, and answers 503.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tidegate.edge.providers import provide
from tidegate.storage.disk import DiskWatch

router = APIRouter(tags=["health"])

_FIX = "Run `tidegate doctor`; docs/how-to/disk-full.md says what to do."


class Pingable(Protocol):
    async def ping(self) -> bool: ...


class Troubled(Pingable, Protocol):
    @property
    def trouble(self) -> str | None:
        """What went wrong lately, in a sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """What answers, and whether telemetry is taken in."""

    engines: dict[str, bool]
    words: dict[str, str]
    is_intake_open: bool

    @property
    def status(self) -> str:
        if not all(self.engines.values()):
            return "not_ready"
        return "ready" if self.is_intake_open else "intake_stopped"

    def as_json(self) -> dict[str, object]:
        intake = "open" if self.is_intake_open and all(self.engines.values()) else "stopped"
        return {"status": self.status, "engines": self.engines, "intake": intake, "checks": self.words}


class Engines:
    """The two engines and the disk below them, asked how they are."""

    def __init__(self, *, state: Pingable, telemetry: Troubled, disk: DiskWatch) -> None:
        self._state = state
        self._telemetry = telemetry
        self._disk = disk

    async def readiness(self) -> Readiness:
        state, telemetry = await self._state.ping(), await self._telemetry.ping()
        room = self._disk.look()
        words = {
            "state": "PostgreSQL answers." if state else "PostgreSQL does not answer: nothing can be read or stored.",
            "telemetry": self._telemetry_words(answers=telemetry),
            "disk": "The disk cannot be measured." if room is None else room.sentence,
        }
        return Readiness(
            {"state": state, "telemetry": telemetry}, words, is_intake_open=room is None or not room.is_stopped
        )

    def notices(self) -> Sequence[str]:
        """Return what every page has to say first."""
        room = self._disk.look()
        if room is None or not room.is_stopped:
            return ()
        return (f"{room.sentence} What is stored can be read; senders are told to try again. {_FIX}",)

    def _telemetry_words(self, *, answers: bool) -> str:
        if not answers:
            return "The telemetry engine does not answer: figures are unknown, telemetry is refused until it does."
        trouble = self._telemetry.trouble
        return (
            "The telemetry engine answers." if trouble is None else f"The telemetry engine answers. Lately: {trouble}"
        )


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Answer as long as the process can answer anything."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(engines: Annotated[Engines, provide(Engines)]) -> JSONResponse:
    """Answer 200 while both engines do, also when intake has stopped (the status says so); else 503 with the reason."""
    readiness = await engines.readiness()
    if readiness.status == "not_ready":
        return JSONResponse(readiness.as_json(), 503, {"retry-after": "1"})
    return JSONResponse(readiness.as_json())
