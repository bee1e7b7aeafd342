"""How much budget is left, and what follows."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, permit
from tidegate.edge.html import Pages, page_router
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, UnavailableError
from tidegate.slos.freezing import FreezeService
from tidegate.slos.schemas import about_objective
from tidegate.slos.service import ObjectiveService
from tidegate.slos.views import objective_view, tenant_view

__all__ = ["router"]

router = page_router()
Objectives = Annotated[ObjectiveService, provide(ObjectiveService)]
Freezes = Annotated[FreezeService, provide(FreezeService)]
_Cursor = Annotated[str | None, Query(max_length=1_000)]


@router.get("/slos")
async def show_objectives(  # noqa: PLR0917 - the query of the page
    request: Request,
    workspace: CurrentWorkspace,
    objectives: Objectives,
    pages: Pages,
    service: Annotated[str | None, Query(max_length=512)] = None,
    cursor: _Cursor = None,
) -> Response:
    """Show objectives by name; when nothing can be told, that, and why."""
    page, problem = None, None
    try:
        page = await objectives.list(workspace, service=service or None, limit=DEFAULT_LIMIT, cursor=cursor or None)
    except UnavailableError as error:
        problem = error
    return pages.render(
        request,
        "slos/list.html",
        section="slos",
        status=200 if problem is None else 503,
        is_live=cursor is None,
        topics="signals",
        objectives=[objective_view(looked) for looked in page.items] if page else [],
        next_cursor=page.next_cursor if page else None,
        service=service,
        problem=problem,
    )


@router.get("/slos/{objective}")
async def show_objective(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    objective: str,
    request: Request,
    caller: CurrentCaller,
    objectives: Objectives,
    pages: Pages,
    freezes: Freezes,
    cursor: _Cursor = None,
) -> Response:
    """Show one objective: budget, burn, policy, and its tenants, the worst first."""
    looked = await objectives.get(caller.workspace, objective)
    await permit(request, caller, about_objective(looked))
    page = await objectives.tenants(caller.workspace, objective, limit=DEFAULT_LIMIT, cursor=cursor or None)
    return pages.render(
        request,
        "slos/objective.html",
        section="slos",
        is_live=cursor is None,
        topics="signals",
        objective=objective_view(looked),
        tenants=[tenant_view(subject) for subject in page.items],
        next_cursor=page.next_cursor,
        exceptions=looked.exceptions,
        events=tuple(reversed(await freezes.list_events(caller.workspace, objective))),
        base_url=str(request.base_url).rstrip("/"),
    )
