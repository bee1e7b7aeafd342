"""The page on which a person gives a waiver: no token can."""

import json
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tidegate.audit.doing import Writing
from tidegate.edge.authority import StepUpRequiredError, Target
from tidegate.edge.bodies import parse_json
from tidegate.edge.caller import CurrentWorkspace, Writer, permit
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, Pages, page_router
from tidegate.edge.problems import answer_for
from tidegate.edge.providers import provide
from tidegate.gates.service import GateService
from tidegate.gates.waivers.model import WaiverFilter
from tidegate.gates.waivers.schemas import WaiverIn
from tidegate.gates.waivers.service import WaiverService
from tidegate.kernel import GateId, NotFoundError, TidegateError, UnavailableError, WorkspaceId, format_duration

__all__ = ["router"]

router = page_router()
_MAX = 2_000


@dataclass(frozen=True, slots=True)
class WaiverForm:
    """The form as it was filled in."""

    check: Annotated[str, Form(max_length=_MAX)] = ""
    owner: Annotated[str, Form(max_length=_MAX)] = ""
    reason: Annotated[str, Form(max_length=_MAX)] = ""
    expires_at: Annotated[str, Form(alias="expiresAt", max_length=_MAX)] = ""
    release: Annotated[str, Form(max_length=_MAX)] = ""
    tenant: Annotated[str, Form(max_length=_MAX)] = ""

    def wanted(self) -> WaiverIn:
        """Return what is wished.

        Raises:
            InvalidInputError: a field is wrong; it is named.
        """
        said = {"check": self.check, "owner": self.owner, "reason": self.reason, "expiresAt": self.expires_at}
        said |= {name: text for name, text in (("release", self.release), ("tenant", self.tenant)) if text.strip()}
        return parse_json(WaiverIn, json.dumps(said).encode())


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with the form."""

    message: str
    code: str
    field: str | None
    status: int


@dataclass(frozen=True, slots=True)
class Desk:
    request: Request
    gates: GateService
    waivers: WaiverService
    pages: PageRenderer


async def _desk(
    request: Request,
    gates: Annotated[GateService, provide(GateService)],
    waivers: Annotated[WaiverService, provide(WaiverService)],
    pages: Pages,
) -> Desk:
    return Desk(request, gates, waivers, pages)


AtDesk = Annotated[Desk, Depends(_desk)]
_Said = Annotated[str, Query(max_length=_MAX)]


@router.get("/gates/{gate_id}/waive")
async def show_form(  # noqa: PLR0913 - the fields of the form
    gate_id: GateId,
    workspace: CurrentWorkspace,
    desk: AtDesk,
    *,
    check: _Said = "",
    owner: _Said = "",
    reason: _Said = "",
    expires_at: Annotated[str, Query(alias="expiresAt", max_length=_MAX)] = "",
    release: _Said = "",
    tenant: _Said = "",
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """Show a form for a waiver, filled in as the query says, and the waivers of the gate."""
    given = WaiverForm(check, owner, reason, expires_at, release, tenant)
    return await _page(desk, workspace, gate_id, given=given, cursor=cursor)


@router.post("/gates/{gate_id}/waive", dependencies=[FormProven])
async def give_waiver(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId, caller: Writer, by: Writing, desk: AtDesk, form: Annotated[WaiverForm, Depends()]
) -> Response:
    """Waive a check as the person who is signed in."""
    try:
        wish = form.wanted().wish()
        weighed = await desk.waivers.weigh(caller.workspace, gate_id, wish)
        await permit(desk.request, caller, Target(authors=weighed.makers))
        await desk.waivers.give(caller.workspace, gate_id, wish, weighed, by=by)
    except (UnavailableError, StepUpRequiredError, NotFoundError):
        raise
    except TidegateError as error:
        wrong = Wrong(error.message, error.code, error.field, answer_for(error).status)
        return await _page(desk, caller.workspace, gate_id, given=form, wrong=wrong)
    return RedirectResponse(f"/gates/{quote(gate_id, safe='')}", 303)


@router.post("/gates/{gate_id}/waivers/{waiver_id}/end", dependencies=[FormProven])
async def end_waiver(gate_id: GateId, waiver_id: str, caller: Writer, by: Writing, desk: AtDesk) -> Response:  # noqa: PLR0917 - the same
    """End a waiver now."""
    await desk.waivers.end(caller.workspace, gate_id, waiver_id, by=by)
    return RedirectResponse(f"/gates/{quote(gate_id, safe='')}", 303)


async def _page(
    desk: Desk,
    workspace: WorkspaceId,
    gate_id: GateId,
    *,
    given: WaiverForm,
    wrong: Wrong | None = None,
    cursor: str | None = None,
) -> Response:
    gate = await desk.gates.get_gate(workspace, gate_id)
    page = await desk.waivers.list(workspace, WaiverFilter(gate_id), cursor=cursor or None)
    return desk.pages.render(
        desk.request,
        "gates/waive.html",
        section="launch",
        status=wrong.status if wrong else 200,
        gate=gate,
        given=given,
        problem=wrong,
        longest=format_duration(gate.max_waiver),
        waivers=[(waiver, desk.waivers.is_in_force(waiver)) for waiver in page.items],
        next_cursor=page.next_cursor,
        base_url=str(desk.request.base_url).rstrip("/"),
    )
