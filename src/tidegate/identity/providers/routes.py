"""The identity provider of a workspace over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request

from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, body_of, read_wish
from tidegate.identity.forms import base_url_of
from tidegate.identity.providers.schemas import IdentityProviderIn, IdentityProviderOut, IdentityProviderTrialOut
from tidegate.identity.providers.service import ProviderService

router = APIRouter(prefix="/api/v1/identity-provider", tags=["identity-provider"])
Providers = Annotated[ProviderService, provide(ProviderService)]


@router.get("")
async def show_provider(by: ActingAdmin, providers: Providers) -> IdentityProviderOut:
    """Return the identity provider by which people of this workspace sign in, without its client secret."""
    return IdentityProviderOut.of(await providers.get_provider(by.caller.workspace))


@router.put("", openapi_extra=body_of(IdentityProviderIn))
async def set_provider(request: Request, by: ActingAdmin, providers: Providers) -> IdentityProviderOut:
    """Set the identity provider. With another issuer everybody has to be found anew."""
    wish = (await read_wish(request, IdentityProviderIn)).wish(base_url=base_url_of(request))
    return IdentityProviderOut.of(await providers.set_provider(by.caller.workspace, wish, by=by))


@router.delete("", status_code=204)
async def remove_provider(by: ActingAdmin, providers: Providers) -> None:
    """Remove the identity provider; sessions that began by it go on until they end."""
    await providers.remove_provider(by.caller.workspace, by=by)


@router.post("/test")
async def test_provider(by: ActingAdmin, providers: Providers) -> IdentityProviderTrialOut:
    """Ask the identity provider now what it publishes; nobody is signed in."""
    trial = await providers.try_provider(by.caller.workspace)
    return IdentityProviderTrialOut(
        issuer=trial.metadata.issuer,
        authorization_endpoint=trial.metadata.authorization_endpoint,
        token_endpoint=trial.metadata.token_endpoint,
        key_count=trial.key_count,
        names_itself=trial.metadata.names_itself,
    )
