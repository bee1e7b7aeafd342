"""The page on which people approve a release, ask for an override and confirm one: no token can."""

import json
from collections.abc import Awaitable
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
from tidegate.gates.approvals.overriding import OverrideService
from tidegate.gates.approvals.schemas import ApprovalDeskOut, ApprovalIn, OverrideIn
from tidegate.gates.approvals.service import ApprovalService
from tidegate.gates.service import GateService
from tidegate.kernel import GateId, NotFoundError, TidegateError, UnavailableError, WorkspaceId

__all__ = ["Wrong", "router", "wrong_of"]

router = page_router()
_MAX = 2_000
_Said = Annotated[str, Form(max_length=_MAX)]
_Asked = Annotated[str, Query(max_length=_MAX)]


@dataclass(frozen=True, slots=True)
class ApprovalForm:
    """The form as it was filled in."""

    check: _Said = ""
    role: _Said = ""
    binding: _Said = ""
    release: _Said = ""
    note: _Said = ""


@dataclass(frozen=True, slots=True)
class OverrideForm:
    reason: _Said = ""
    expires_at: Annotated[str, Form(alias="expiresAt", max_length=_MAX)] = ""
    release: _Said = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a form."""

    message: str
    code: str
    field: str | None
    status: int


@dataclass(frozen=True, slots=True)
class Desk:
    request: Request
    gates: GateService
    approvals: ApprovalService
    overrides: OverrideService
    pages: PageRenderer


async def _desk(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    gates: Annotated[GateService, provide(GateService)],
    approvals: Annotated[ApprovalService, provide(ApprovalService)],
    overrides: Annotated[OverrideService, provide(OverrideService)],
    pages: Pages,
) -> Desk:
    return Desk(request, gates, approvals, overrides, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get("/gates/{gate_id}/approve")
async def show_desk(  # noqa: PLR0917 - the query of the page
    gate_id: GateId,
    workspace: CurrentWorkspace,
    desk: AtDesk,
    check: _Asked = "",
    role: _Asked = "",
    release: _Asked = "",
) -> Response:
    """Show what there is to approve at a gate, who did, and its overrides."""
    return await _page(desk, workspace, gate_id, release, given=ApprovalForm(check, role, release=release))


@router.post("/gates/{gate_id}/approve", dependencies=[FormProven])
async def approve(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId, caller: Writer, by: Writing, desk: AtDesk, form: Annotated[ApprovalForm, Depends()]
) -> Response:
    """Approve as the person who is signed in."""

    async def give() -> None:
        said = {"check": form.check, "role": form.role, "binding": form.binding, "note": form.note}
        said |= {"release": form.release} if form.release.strip() else {}
        wish = parse_json(ApprovalIn, json.dumps(said).encode()).wish()
        weighed = await desk.approvals.weigh(caller.workspace, gate_id, wish, by=by)
        await permit(desk.request, caller, Target(authors=weighed.makers))
        await desk.approvals.approve(caller.workspace, gate_id, wish, weighed, by=by)

    wrong = await wrong_of(give())
    if wrong:
        return await _page(desk, caller.workspace, gate_id, form.release, given=form, wrong=wrong)
    return _back(gate_id, form.release)


@router.post("/gates/{gate_id}/approvals/{approval_id}/withdraw", dependencies=[FormProven])
async def withdraw(gate_id: GateId, approval_id: str, caller: Writer, by: Writing, desk: AtDesk) -> Response:  # noqa: PLR0917 - the same
    """Withdraw an approval that the person who is signed in gave."""
    await desk.approvals.withdraw(caller.workspace, gate_id, approval_id, by=by)
    return _back(gate_id)


@router.post("/gates/{gate_id}/override", dependencies=[FormProven])
async def request_override(  # noqa: PLR0917 - the same
    gate_id: GateId, caller: Writer, by: Writing, desk: AtDesk, form: Annotated[OverrideForm, Depends()]
) -> Response:
    """Ask for an override as the person who is signed in."""

    async def ask() -> None:
        said = {"reason": form.reason, "expiresAt": form.expires_at}
        said |= {"release": form.release} if form.release.strip() else {}
        wish = parse_json(OverrideIn, json.dumps(said).encode()).wish()
        await desk.overrides.request(caller.workspace, gate_id, wish, by=by)

    wrong = await wrong_of(ask())
    if wrong:
        return await _page(desk, caller.workspace, gate_id, form.release, asked=form, wrong=wrong)
    return _back(gate_id, form.release)


@router.post("/gates/{gate_id}/overrides/{override_id}/confirm", dependencies=[FormProven])
async def confirm_override(gate_id: GateId, override_id: str, caller: Writer, by: Writing, desk: AtDesk) -> Response:  # noqa: PLR0917 - the same
    """Confirm an override that somebody else asked for."""
    override, makers = await desk.overrides.weigh(caller.workspace, gate_id, override_id)
    await permit(desk.request, caller, Target(authors=makers))
    await desk.overrides.confirm(caller.workspace, override, by=by)
    return _back(gate_id)


@router.post("/gates/{gate_id}/overrides/{override_id}/end", dependencies=[FormProven])
async def end_override(gate_id: GateId, override_id: str, caller: Writer, by: Writing, desk: AtDesk) -> Response:  # noqa: PLR0917 - the same
    """End an override now."""
    await desk.overrides.end(caller.workspace, gate_id, override_id, by=by)
    return _back(gate_id)


async def wrong_of(doing: Awaitable[None]) -> Wrong | None:
    """Return what of a form is wrong; what is no matter of the form is raised."""
    try:
        await doing
    except (UnavailableError, StepUpRequiredError, NotFoundError):
        raise
    except TidegateError as error:
        return Wrong(error.message, error.code, error.field, answer_for(error).status)
    return None


def _back(gate_id: GateId, release: str = "") -> Response:
    query = f"?release={quote(release, safe='')}" if release.strip() else ""
    return RedirectResponse(f"/gates/{quote(gate_id, safe='')}/approve{query}", 303)


async def _page(  # noqa: PLR0913 - what the page shows
    desk: Desk,
    workspace: WorkspaceId,
    gate_id: GateId,
    release: str,
    *,
    given: ApprovalForm | None = None,
    asked: OverrideForm | None = None,
    wrong: Wrong | None = None,
) -> Response:
    gate = await desk.gates.get_gate(workspace, gate_id)
    found = await desk.approvals.desk(workspace, gate_id, release=release.strip() or None)
    page = await desk.overrides.list(workspace, gate_id, limit=20)
    return desk.pages.render(
        desk.request,
        "gates/approve.html",
        section="launch",
        status=wrong.status if wrong else 200,
        gate=gate,
        judgement=found.judgement,
        shown=ApprovalDeskOut.of(found),
        given=given or ApprovalForm(release=release),
        asked=asked or OverrideForm(release=release),
        problem=wrong,
        overrides=[(one, desk.overrides.state_of(one)) for one in page.items],
        base_url=str(desk.request.base_url).rstrip("/"),
    )
