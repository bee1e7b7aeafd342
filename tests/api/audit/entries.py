"""How a write is tried: a call that does something, one that is refused, and what the first leaves in the audit."""

from dataclasses import dataclass
from typing import Any

from tests.api.audit.writing import Call, Left, World


@dataclass(frozen=True)
class Entry:
    """A call that does something, one like it that is refused, and what the first leaves."""

    call: Call
    refused: Call
    actions: tuple[str, ...]
    target: str
    """How the target begins."""
    has_request: bool = True
    """Whether the record says in which request it was done; what begins or ends a session says only the session."""


def api(method: str, path: str, **request: Any) -> Call:
    async def call(world: World) -> Left:
        return await world.api(method, path, **request)

    return call


def form(path: str, **fields: str) -> Call:
    async def call(world: World) -> Left:
        return await world.form(path, **fields)

    return call


def nobody(path: str, **fields: str) -> Call:
    async def call(world: World) -> Left:
        return await world.form_of_nobody(path, **fields)

    return call
