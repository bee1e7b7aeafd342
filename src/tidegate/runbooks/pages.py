"""Runbooks for people who have to act."""

from fastapi import Request
from fastapi.responses import Response

from tidegate.edge.html import Pages, SignedIn, page_router
from tidegate.edge.markdown import html_of_markdown
from tidegate.runbooks.service import get_runbook, list_runbooks

__all__ = ["router"]

router = page_router()


@router.get("/runbooks", dependencies=[SignedIn])
async def show_runbooks(request: Request, pages: Pages) -> Response:
    return pages.render(request, "runbooks/list.html", section="runbooks", runbooks=list_runbooks())


@router.get("/runbooks/{slug}", dependencies=[SignedIn])
async def show_runbook(slug: str, request: Request, pages: Pages) -> Response:
    runbook = get_runbook(slug)
    text = html_of_markdown(runbook.markdown)
    return pages.render(request, "runbooks/runbook.html", section="runbooks", runbook=runbook, text=text)
