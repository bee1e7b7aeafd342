"""Channels, for people: which there are, what came of the last delivery, a webhook more, a test."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import Response

from tidegate.audit import doer_of
from tidegate.audit.doing import Writing
from tidegate.deliveries.channels import Added, ChannelService
from tidegate.deliveries.model import ChannelKind
from tidegate.deliveries.schemas import ChannelOut
from tidegate.deliveries.service import DeliveryService
from tidegate.deliveries.wishes import ChannelWish
from tidegate.edge.caller import CurrentCaller, Scope, Writer
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, page_router
from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin
from tidegate.identity.forms import Problem, base_url_of, leading
from tidegate.kernel import TidegateError, UnavailableError, WorkspaceId

__all__ = ["router"]

_PATH = "/settings/channels"
_FIELDS = {"webhook.url": "url"}
router = page_router()


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page is made with."""

    request: Request
    channels: ChannelService
    deliveries: DeliveryService
    pages: PageRenderer


async def _desk(
    request: Request,
    channels: Annotated[ChannelService, provide(ChannelService)],
    deliveries: Annotated[DeliveryService, provide(DeliveryService)],
    pages: Annotated[PageRenderer, provide(PageRenderer)],
) -> Desk:
    return Desk(request, channels, deliveries, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get(_PATH)
async def show_channels(caller: CurrentCaller, desk: AtDesk, tested: str = "") -> Response:
    """Show the channels without their secrets."""
    return await _page(desk, caller.workspace, is_admin=caller.may(Scope.ADMIN), tested=tested[:64])


@router.post(_PATH, dependencies=[FormProven])
async def add_webhook(
    by: ActingAdmin,
    desk: AtDesk,
    *,
    name: Annotated[str, Form(max_length=200)] = "",
    url: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Add a webhook; the answer shows the secret that was made for it, this once."""
    workspace, wish = by.caller.workspace, ChannelWish(ChannelKind.WEBHOOK, url=url.strip())
    doer = doer_of(by.caller, request_id=by.request_id)
    try:
        added = await desk.channels.add(workspace, name.strip(), wish, by=doer)
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error)
        problem = replace(problem, field=_FIELDS.get(problem.field or "", problem.field))
        given = {"name": name, "url": url}
        return problem.on(await _page(desk, workspace, is_admin=True, problem=problem, given=given))
    return await _page(desk, workspace, is_admin=True, added=added)


@router.post(f"{_PATH}/{{channel_id}}/test", dependencies=[FormProven])
async def test_channel(channel_id: str, caller: Writer, by: Writing, desk: AtDesk) -> Response:
    """Send a test; the page says what came of it."""
    delivery = await desk.deliveries.test(caller.workspace, channel_id, by=by)
    return leading(f"{_PATH}?tested={delivery.notice.id}")


@router.post(f"{_PATH}/{{channel_id}}/remove", dependencies=[FormProven])
async def remove_channel(channel_id: str, by: ActingAdmin, desk: AtDesk) -> Response:
    """Remove a channel with its secrets."""
    await desk.channels.remove(by.caller.workspace, channel_id, by=doer_of(by.caller, request_id=by.request_id))
    return leading(_PATH)


async def _page(  # noqa: PLR0913 - what the page is made of
    desk: Desk,
    workspace: WorkspaceId,
    *,
    is_admin: bool,
    problem: Problem | None = None,
    given: dict[str, str] | None = None,
    added: Added | None = None,
    tested: str = "",
) -> Response:
    last = await desk.deliveries.last_of_channels(workspace)
    found = await desk.channels.list_channels(workspace)
    return desk.pages.render(
        desk.request,
        "deliveries/channels.html",
        section="channels",
        status=problem.status if problem else 200,
        channels=[ChannelOut.of(channel, last=last.get(channel.id)) for channel in found],
        is_admin=is_admin,
        problem=problem,
        given=given or {"name": "", "url": ""},
        added=added,
        tested=tested,
        base_url=base_url_of(desk.request),
    )
