"""Known keys over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from tidegate.audit import doer_of
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide
from tidegate.evidence.keys.schemas import EvidenceKeyIn, EvidenceKeyListOut, EvidenceKeyOut
from tidegate.evidence.keys.service import EvidenceKeyService
from tidegate.identity.doors import ActingAdmin, body_of, read_wish

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/evidence-keys", tags=["evidence"])
Keys = Annotated[EvidenceKeyService, provide(EvidenceKeyService)]


@router.get("")
async def list_keys(workspace: CurrentWorkspace, keys: Keys) -> EvidenceKeyListOut:
    """Return the public keys whose signatures count, by name."""
    return EvidenceKeyListOut(items=tuple(map(EvidenceKeyOut.of, await keys.list_keys(workspace))))


@router.post("", status_code=201, openapi_extra=body_of(EvidenceKeyIn))
async def add_key(request: Request, by: ActingAdmin, keys: Keys) -> EvidenceKeyOut:
    """Make a public key known. What it signed before counts when it is verified again."""
    wish = await read_wish(request, EvidenceKeyIn)
    doer = doer_of(by.caller, request_id=by.request_id)
    return EvidenceKeyOut.of(
        await keys.add(by.caller.workspace, wish.name, wish.public_key, expires_at=wish.expires_at, by=doer)
    )


@router.delete("/{key_id}", status_code=204)
async def remove_key(key_id: str, by: ActingAdmin, keys: Keys) -> Response:
    """Forget a key, by id or name: what it signed is signed by nobody known from now on."""
    await keys.remove(by.caller.workspace, key_id, by=doer_of(by.caller, request_id=by.request_id))
    return Response(status_code=204)
