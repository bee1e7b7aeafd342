"""Launch polls over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from tidegate.audit.doing import Writing
from tidegate.edge.authority import Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace, Writer, permit
from tidegate.edge.providers import provide
from tidegate.gates.model import Poll
from tidegate.gates.polls.schemas import PollAnswerIn, PollIn, PollOut, PollPageOut
from tidegate.gates.polls.service import PollService
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT

router = APIRouter(tags=["gates"])
Polls = Annotated[PollService, provide(PollService)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
_JSON_BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {}}}}


@router.get("/api/v1/polls")
async def list_polls(
    workspace: CurrentWorkspace, polls: Polls, limit: Limit = DEFAULT_LIMIT, cursor: str | None = None
) -> PollPageOut:
    """Return launch polls, newest first."""
    page = await polls.list(workspace, limit=limit, cursor=cursor)
    return PollPageOut(items=tuple(_out(polls, one) for one in page.items), next_cursor=page.next_cursor)


@router.post("/api/v1/polls", status_code=201, openapi_extra=_JSON_BODY)
async def open_poll(request: Request, workspace: WritableWorkspace, polls: Polls, by: Writing) -> PollOut:
    """Open a launch poll over what its gate says now; of two that are opened at once one is."""
    wish = parse_json(PollIn, await read_body(request, JSON)).wish()
    return _out(polls, await polls.open(workspace, wish, by=by))


@router.get("/api/v1/polls/{poll_id}")
async def show_poll(poll_id: str, workspace: CurrentWorkspace, polls: Polls) -> PollOut:
    """Return one launch poll with all that was said."""
    return _out(polls, await polls.get(workspace, poll_id))


@router.post("/api/v1/polls/{poll_id}/answers", status_code=201, openapi_extra=_JSON_BODY)
async def answer_poll(  # noqa: PLR0917 - FastAPI passes them by name
    poll_id: str, request: Request, caller: Writer, polls: Polls, by: Writing
) -> PollOut:
    """Say go, hold or no-go for a role that one speaks for. Who made the release or its evidence says no go."""
    wish = parse_json(PollAnswerIn, await read_body(request, JSON)).wish()
    poll, makers = await polls.weigh(caller.workspace, poll_id, wish, by=by)
    await permit(request, caller, Target(authors=makers))
    return _out(polls, await polls.answer(caller.workspace, poll, wish, by=by))


@router.post("/api/v1/polls/{poll_id}/close")
async def close_poll(poll_id: str, workspace: WritableWorkspace, polls: Polls, by: Writing) -> PollOut:
    """Close a launch poll before its time: no answer is taken any more."""
    return _out(polls, await polls.close(workspace, poll_id, by=by))


def _out(polls: PollService, poll: Poll) -> PollOut:
    return PollOut.of(poll, is_open=polls.is_open(poll))
