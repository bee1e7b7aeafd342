"""Passkeys over HTTP: seen and removed. They are made and used by browsers, on pages."""

from typing import Annotated

from fastapi import APIRouter

from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingReader
from tidegate.identity.passkeys.schemas import PasskeyListOut, PasskeyOut
from tidegate.identity.passkeys.service import PasskeyService

router = APIRouter(prefix="/api/v1/passkeys", tags=["sessions"])
Passkeys = Annotated[PasskeyService, provide(PasskeyService)]


@router.get("")
async def list_passkeys(by: ActingReader, passkeys: Passkeys) -> PasskeyListOut:
    """List your passkeys of this workspace, the oldest first."""
    found = await passkeys.list_passkeys(by.caller.workspace, by=by)
    return PasskeyListOut(items=tuple(map(PasskeyOut.of, found)))


@router.delete("/{passkey_id}", status_code=204)
async def remove_passkey(passkey_id: str, by: ActingReader, passkeys: Passkeys) -> None:
    """Remove a passkey of yours; needs a session, and a proof of who you are of the last ten minutes."""
    await passkeys.remove(by.caller.workspace, passkey_id, by=by)
