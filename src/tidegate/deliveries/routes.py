"""Channels and deliveries over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from tidegate.audit import doer_of
from tidegate.audit.doing import Writing
from tidegate.deliveries.channels import ChannelService
from tidegate.deliveries.model import DeliveryState
from tidegate.deliveries.schemas import (
    AttemptOut,
    ChannelChangeIn,
    ChannelCheckOut,
    ChannelIn,
    ChannelListOut,
    ChannelOut,
    ChannelRotationIn,
    DeliveryOut,
    DeliveryPageOut,
)
from tidegate.deliveries.service import DeliveryService
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, Scope, Writer
from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, body_of, read_wish
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["deliveries"])
Channels = Annotated[ChannelService, provide(ChannelService)]
Deliveries = Annotated[DeliveryService, provide(DeliveryService)]


@router.get("/channels")
async def list_channels(workspace: CurrentWorkspace, channels: Channels, deliveries: Deliveries) -> ChannelListOut:
    """Return the channels by name, without their secrets, each with its newest delivery."""
    last = await deliveries.last_of_channels(workspace)
    found = await channels.list_channels(workspace)
    return ChannelListOut(items=tuple(ChannelOut.of(channel, last=last.get(channel.id)) for channel in found))


@router.post("/channels", status_code=201, openapi_extra=body_of(ChannelIn))
async def add_channel(request: Request, by: ActingAdmin, channels: Channels) -> ChannelOut:
    """Add a channel. A secret that is made for a webhook is in this answer and never shown again."""
    wanted = await read_wish(request, ChannelIn)
    doer = doer_of(by.caller, request_id=by.request_id)
    return ChannelOut.of_added(await channels.add(by.caller.workspace, wanted.name, wanted.wanted(), by=doer))


@router.post("/channels/validate", openapi_extra=body_of(ChannelIn))
async def validate_channel(request: Request, _: ActingAdmin, channels: Channels) -> ChannelCheckOut:
    """Say what would be refused of a channel; nothing is kept and nobody is called."""
    wanted = await read_wish(request, ChannelIn)
    wish = wanted.wanted()
    channels.check(wanted.name, wish)
    return ChannelCheckOut(name=wanted.name, kind=wish.kind)


@router.get("/channels/{channel_id}")
async def show_channel(
    channel_id: str, workspace: CurrentWorkspace, channels: Channels, deliveries: Deliveries
) -> ChannelOut:
    """Return one channel by its id or name."""
    found = await channels.get_channel(workspace, channel_id)
    page = await deliveries.list_deliveries(workspace, channel=found.id, limit=1, cursor=None)
    return ChannelOut.of(found, last=page.items[0] if page.items else None)


@router.patch("/channels/{channel_id}", openapi_extra=body_of(ChannelChangeIn))
async def change_channel(channel_id: str, request: Request, by: ActingAdmin, channels: Channels) -> ChannelOut:
    """Change what is given. A password or key has to be given again when the place changes that it goes to."""
    wanted = await read_wish(request, ChannelChangeIn)
    changed = await channels.change(
        by.caller.workspace,
        channel_id,
        name=wanted.name,
        wish=wanted.wish(),
        is_enabled=wanted.is_enabled,
        by=doer_of(by.caller, request_id=by.request_id),
    )
    return ChannelOut.of(changed)


@router.post("/channels/{channel_id}/rotate", openapi_extra=body_of(ChannelRotationIn))
async def rotate_channel(channel_id: str, request: Request, by: ActingAdmin, channels: Channels) -> ChannelOut:
    """Put another secret in the place of a webhook's. Until the overlap ends, requests bear two signatures."""
    wanted = await read_wish(request, ChannelRotationIn)
    doer = doer_of(by.caller, request_id=by.request_id)
    return ChannelOut.of_added(
        await channels.rotate(by.caller.workspace, channel_id, secret=wanted.secret, overlap=wanted.overlap, by=doer)
    )


@router.delete("/channels/{channel_id}", status_code=204)
async def remove_channel(channel_id: str, by: ActingAdmin, channels: Channels) -> None:
    """Remove a channel with its secrets. What still waits for it is dead when its turn comes."""
    await channels.remove(by.caller.workspace, channel_id, by=doer_of(by.caller, request_id=by.request_id))


@router.post("/channels/{channel_id}/test", status_code=202)
async def test_channel(channel_id: str, caller: Writer, by: Writing, deliveries: Deliveries) -> DeliveryOut:
    """Tell a channel that this is a test, by the way that pages go; the delivery says what came of it."""
    return DeliveryOut.of(await deliveries.test(caller.workspace, channel_id, by=by))


@router.get("/deliveries")
async def list_deliveries(  # noqa: PLR0917 - FastAPI passes them by name
    workspace: CurrentWorkspace,
    deliveries: Deliveries,
    state: DeliveryState | None = None,
    channel: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> DeliveryPageOut:
    """Return deliveries, the newest first; `state=dead` are those that nobody was told by."""
    page = await deliveries.list_deliveries(workspace, state=state, channel=channel, limit=limit, cursor=cursor)
    return DeliveryPageOut(items=tuple(map(DeliveryOut.of, page.items)), next_cursor=page.next_cursor)


@router.get("/deliveries/{delivery_id}")
async def show_delivery(delivery_id: str, caller: CurrentCaller, deliveries: Deliveries) -> DeliveryOut:
    """Return one delivery with its attempts."""
    found = await deliveries.get_delivery(caller.workspace, delivery_id)
    attempts = await deliveries.list_attempts(caller.workspace, delivery_id)
    is_admin = caller.may(Scope.ADMIN)
    return DeliveryOut.of(found, tuple(AttemptOut.of(each, is_admin=is_admin) for each in attempts))


@router.post("/deliveries/{delivery_id}/replay", status_code=202)
async def replay_delivery(delivery_id: str, caller: Writer, by: Writing, deliveries: Deliveries) -> DeliveryOut:
    """Tell it again, under the same id. 409 while it is still under way."""
    return DeliveryOut.of(await deliveries.replay(caller.workspace, delivery_id, by=by))
