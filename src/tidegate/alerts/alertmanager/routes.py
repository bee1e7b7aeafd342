"""The API of an Alertmanager, version 2, over HTTP.

Its statuses and shapes are Alertmanager's: what a request says wrongly is 400 with a JSON text, what it leaves out 422.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from tidegate import __version__
from tidegate.alerts.alertmanager.answers import Wanted
from tidegate.alerts.alertmanager.model import sender_of
from tidegate.alerts.alertmanager.schemas import (
    AlertGroupOut,
    ClusterOut,
    ConfigOut,
    GettableAlertOut,
    GettableSilenceOut,
    PostableAlertsIn,
    PostableSilenceIn,
    ReceiverOut,
    SilenceMadeOut,
    StatusOut,
    VersionOut,
)
from tidegate.alerts.alertmanager.service import Receiver, Shower
from tidegate.alerts.paging.errors import SilenceOverError
from tidegate.alerts.paging.model import MAX_MATCHERS, Matcher, Operator, make_matcher, parse_matcher
from tidegate.alerts.paging.service import SilenceService
from tidegate.audit.doing import Writing
from tidegate.edge.authority import UNNAMED, Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace, Writer, permit
from tidegate.edge.masking import without_tokens
from tidegate.edge.providers import provide
from tidegate.kernel import InvalidInputError, MalformedError

__all__ = ["router"]

_MAX_BODY: Final = 4 * 1024 * 1024  # 256 alerts of Prometheus take 200 kB
_MAX_PROBLEMS: Final = 20

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _AlertmanagerRoute(APIRoute):
    """Answers what is wrong with a request as Alertmanager does: 400 and a text."""

    def get_route_handler(self) -> _Handler:
        inner = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await inner(request)
            except (InvalidInputError, MalformedError) as error:
                return JSONResponse(without_tokens(error.message), 400)

        return answer


router = APIRouter(prefix="/api/v2", route_class=_AlertmanagerRoute)
Receivers = Annotated[Receiver, provide(Receiver)]
Showers = Annotated[Shower, provide(Shower)]
Silences = Annotated[SilenceService, provide(SilenceService)]
_Filter = Annotated[
    list[str] | None,
    Query(alias="filter", max_length=MAX_MATCHERS, description='Matchers that all have to fit: `severity="P1"`.'),
]
_ReceiverName = Annotated[
    str | None, Query(alias="receiver", max_length=200, description="An expression that a receiver's name fits wholly.")
]
_WRONG: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "Says what is wrong.", "content": {"application/json": {"schema": {"type": "string"}}}}
}
_ALERTS: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["labels"],
                "properties": {
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
                    "startsAt": {"type": "string", "format": "date-time"},
                    "endsAt": {"type": "string", "format": "date-time"},
                    "generatorURL": {"type": "string", "format": "uri"},
                },
            },
        }}},
    }
}  # fmt: skip


@router.post("/alerts", openapi_extra=_ALERTS, responses=_WRONG, response_class=Response)
async def receive_alerts(request: Request, caller: Writer, receivers: Receivers) -> Response:
    """Receive alerts of Prometheus, vmalert and the like: all that are valid are stored when this answers."""
    body = await read_body(request, JSON, limit_bytes=_MAX_BODY)
    posted = parse_json(PostableAlertsIn, body).root
    now = receivers.now()
    sent = [each.sent_at(now) for each in posted]
    services = frozenset(each.get("service") or UNNAMED for each in sent)
    await permit(request, caller, Target(services=services, environments=frozenset({UNNAMED})))
    refused = await receivers.receive(caller.workspace, sent, sender=sender_of(request.headers.get("user-agent", "")))
    if refused:
        more = f"; and {len(refused) - _MAX_PROBLEMS} more" if len(refused) > _MAX_PROBLEMS else ""
        return JSONResponse(without_tokens("; ".join(refused[:_MAX_PROBLEMS]) + more), 400)
    return Response(status_code=200)


@router.get("/alerts", responses=_WRONG)
async def list_received_alerts(  # noqa: PLR0913 - what Alertmanager takes
    workspace: CurrentWorkspace,
    showers: Showers,
    *,
    active: bool = True,
    silenced: bool = True,
    inhibited: bool = True,
    unprocessed: bool = True,
    filters: _Filter = None,
    receiver: _ReceiverName = None,
) -> list[GettableAlertOut]:
    """List what fires, those of rules and those from outside, as an Alertmanager lists it."""
    wanted = Wanted(
        _matchers(filters), _receiver(receiver), active=active, silenced=silenced, inhibited=inhibited,
        unprocessed=unprocessed,
    )  # fmt: skip
    return [GettableAlertOut.of(shown) for shown in await showers.alerts(workspace, wanted)]


@router.get("/alerts/groups", responses=_WRONG)
async def list_alert_groups(  # noqa: PLR0913 - what Alertmanager takes
    workspace: CurrentWorkspace,
    showers: Showers,
    *,
    active: bool = True,
    silenced: bool = True,
    inhibited: bool = True,
    muted: bool = True,
    filters: _Filter = None,
    receiver: _ReceiverName = None,
) -> list[AlertGroupOut]:
    """List what fires as receivers are told of it: by receiver and group."""
    wanted = Wanted(
        _matchers(filters), _receiver(receiver), active=active, silenced=silenced, inhibited=inhibited, muted=muted
    )
    return [AlertGroupOut.of(group) for group in await showers.groups(workspace, wanted)]


@router.get("/receivers")
async def list_receivers(workspace: CurrentWorkspace, showers: Showers) -> list[ReceiverOut]:
    """List who can be told: the names of the channels."""
    return [ReceiverOut(name=name) for name in await showers.receivers(workspace)]


@router.get("/status")
async def show_status(workspace: CurrentWorkspace, showers: Showers) -> StatusOut:
    """Show version, and as the configuration the routes in force."""
    stored = await showers.routing(workspace)
    return StatusOut(
        cluster=ClusterOut(),
        version_info=VersionOut(version=__version__),
        config=ConfigOut(original=stored.body.decode()),
        uptime=showers.started_at,
    )


@router.get("/silences", responses=_WRONG)
async def list_kept_silences(
    workspace: CurrentWorkspace, showers: Showers, *, filters: _Filter = None
) -> list[GettableSilenceOut]:
    """List silences: those that hold, those to come, and those that ended within five days."""
    return GettableSilenceOut.list_of(await showers.silences(workspace, _matchers(filters)), now=showers.now())


@router.post("/silences", responses=_WRONG)
async def set_silence(
    wanted: PostableSilenceIn, workspace: WritableWorkspace, silences: Silences, by: Writing
) -> SilenceMadeOut:
    """Make a silence, or change the one that is named; one that is over comes back as a new one."""
    wish = wanted.wish()
    if not wanted.id:
        return SilenceMadeOut(silence_id=(await silences.create(workspace, wish, by=by)).id)
    # This API has no words for when a maintenance window holds: who leaves that out changes nothing of it.
    wish = replace(wish, recurring=(await silences.get(workspace, wanted.id)).recurring)
    try:
        return SilenceMadeOut(silence_id=(await silences.change(workspace, wanted.id, wish, by=by)).id)
    except SilenceOverError:
        return SilenceMadeOut(silence_id=(await silences.create(workspace, wish, by=by)).id)


@router.get("/silence/{silence_id}")
async def show_kept_silence(silence_id: str, workspace: CurrentWorkspace, silences: Silences) -> GettableSilenceOut:
    """Show one silence."""
    return GettableSilenceOut.of(await silences.get(workspace, silence_id), now=silences.now())


@router.delete("/silence/{silence_id}", response_class=Response)
async def end_silence(silence_id: str, workspace: WritableWorkspace, silences: Silences, by: Writing) -> Response:
    """End a silence now; what it kept back is told at once."""
    await silences.expire(workspace, silence_id, by=by)
    return Response(status_code=200)


def _matchers(filters: list[str] | None) -> tuple[Matcher, ...]:
    return tuple(parse_matcher(text, field="filter") for text in filters or ())


def _receiver(expression: str | None) -> Matcher | None:
    return None if not expression else make_matcher("receiver", Operator.MATCHES, expression, field="receiver")
