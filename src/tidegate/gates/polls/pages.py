"""The launch poll: roles in a row, what each says, and the clock."""

import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tidegate.audit.doing import Writing
from tidegate.edge.authority import Target
from tidegate.edge.bodies import parse_json
from tidegate.edge.caller import CurrentWorkspace, Writer, permit
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, Pages, page_router
from tidegate.edge.marks import MARKS, Mark
from tidegate.edge.providers import provide
from tidegate.gates.approvals.pages import Wrong, wrong_of
from tidegate.gates.model import Poll, PollAnswer, Voice
from tidegate.gates.polls.schemas import PollAnswerIn, PollIn
from tidegate.gates.polls.service import PollService
from tidegate.kernel import WorkspaceId

__all__ = ["router"]

router = page_router()
_MAX = 2_000
_Said = Annotated[str, Form(max_length=_MAX)]


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """The form as it was filled in."""

    poll: _Said = ""
    role: _Said = ""
    answer: _Said = ""
    note: _Said = ""


@dataclass(frozen=True, slots=True)
class OpenForm:
    gate: _Said = "ga-launch"
    lasting: _Said = "30m"


@dataclass(frozen=True, slots=True)
class Seat:
    """One role of a poll, and what its people said last."""

    role: str
    mark: Mark
    voices: tuple[tuple[Voice, Mark], ...]
    missing_count: int


@dataclass(frozen=True, slots=True)
class Room:
    request: Request
    polls: PollService
    pages: PageRenderer


async def _room(request: Request, polls: Annotated[PollService, provide(PollService)], pages: Pages) -> Room:
    return Room(request, polls, pages)


InRoom = Annotated[Room, Depends(_room)]


@router.get("/launch/poll")
async def show_poll(
    workspace: CurrentWorkspace,
    room: InRoom,
    role: Annotated[str, Query(max_length=_MAX)] = "",
    answer: Annotated[str, Query(max_length=_MAX)] = "",
) -> Response:
    """Show the newest launch poll."""
    return await _page(room, workspace, given=AnswerForm(role=role, answer=answer))


@router.post("/launch/poll/open", dependencies=[FormProven])
async def open_poll(caller: Writer, by: Writing, room: InRoom, form: Annotated[OpenForm, Depends()]) -> Response:
    """Open a poll as the person who is signed in."""

    async def begin() -> None:
        wish = parse_json(PollIn, json.dumps({"gate": form.gate, "lasting": form.lasting}).encode()).wish()
        await room.polls.open(caller.workspace, wish, by=by)

    wrong = await wrong_of(begin())
    return await _page(room, caller.workspace, opening=form, wrong=wrong) if wrong else _back()


@router.post("/launch/poll/answer", dependencies=[FormProven])
async def answer_poll(caller: Writer, by: Writing, room: InRoom, form: Annotated[AnswerForm, Depends()]) -> Response:
    """Answer as the person who is signed in."""

    async def say() -> None:
        said = {"role": form.role, "answer": form.answer, "note": form.note}
        wish = parse_json(PollAnswerIn, json.dumps(said).encode()).wish()
        poll, makers = await room.polls.weigh(caller.workspace, form.poll, wish, by=by)
        await permit(room.request, caller, Target(authors=makers))
        await room.polls.answer(caller.workspace, poll, wish, by=by)

    wrong = await wrong_of(say())
    return await _page(room, caller.workspace, given=form, wrong=wrong) if wrong else _back()


@router.post("/launch/poll/{poll_id}/close", dependencies=[FormProven])
async def close_poll(poll_id: str, caller: Writer, by: Writing, room: InRoom) -> Response:
    """Close a poll now."""
    await room.polls.close(caller.workspace, poll_id, by=by)
    return _back()


def _back() -> Response:
    return RedirectResponse("/launch/poll", 303)


async def _page(
    room: Room,
    workspace: WorkspaceId,
    *,
    given: AnswerForm | None = None,
    opening: OpenForm | None = None,
    wrong: Wrong | None = None,
) -> Response:
    page = await room.polls.list(workspace, limit=1)
    poll = page.items[0] if page.items else None
    return room.pages.render(
        room.request,
        "gates/poll.html",
        section="launch",
        status=wrong.status if wrong else 200,
        is_live=wrong is None,
        poll=poll,
        is_open=poll is not None and room.polls.is_open(poll),
        seats=_seats(poll) if poll else (),
        given=given or AnswerForm(),
        opening=opening or OpenForm(),
        problem=wrong,
        base_url=str(room.request.base_url).rstrip("/"),
    )


def _seats(poll: Poll) -> tuple[Seat, ...]:
    return tuple(_seat(poll, role) for role in poll.roles)


def _seat(poll: Poll, role: str) -> Seat:
    voices = [voice for voice in poll.last_words if voice.role == role]
    voices = [voice for voice in voices if voice.is_entitled or voice.answer is not PollAnswer.GO]
    answers = {voice.answer for voice in voices}
    missing = max(0, poll.quorum - len(voices))
    worst = next((word for word in ("no_go", "hold") if word in answers), "pending" if missing else "go")
    return Seat(role, MARKS[worst], tuple((voice, MARKS[voice.answer]) for voice in voices), missing)
