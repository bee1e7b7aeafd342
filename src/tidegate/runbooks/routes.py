"""Runbooks over HTTP."""

from fastapi import APIRouter, Depends

from tidegate.edge.caller import Scope, requires
from tidegate.runbooks.schemas import RunbookOut, RunbooksOut, RunbookSummaryOut
from tidegate.runbooks.service import get_runbook, list_runbooks

__all__ = ["router"]

# The pages are the same for all workspaces: a caller has to be known, its workspace does not matter.
router = APIRouter(prefix="/api/v1/runbooks", dependencies=[Depends(requires(Scope.READ))])


@router.get("")
async def show_runbooks() -> RunbooksOut:
    """List the runbooks that ship, by slug."""
    return RunbooksOut(items=tuple(RunbookSummaryOut.of(runbook) for runbook in list_runbooks()))


@router.get("/{slug}")
async def show_runbook(slug: str) -> RunbookOut:
    """Show one runbook as Markdown."""
    return RunbookOut.of(get_runbook(slug))
