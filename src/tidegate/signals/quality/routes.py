"""Evaluations over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from tidegate.edge.authority import UNNAMED, Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import Caller, Scope, permit, requires
from tidegate.edge.providers import provide
from tidegate.signals.quality.schemas import EvaluationBatchIn, EvaluationBatchOut
from tidegate.signals.quality.service import EvaluationService

router = APIRouter(prefix="/api/v1/evaluations", tags=["evaluations"])
Evaluations = Annotated[EvaluationService, provide(EvaluationService)]
Sender = Annotated[Caller, Depends(requires(Scope.INGEST, Scope.WRITE))]


@router.post("", status_code=202, openapi_extra={"requestBody": {"content": {"application/json": {}}}})
async def receive_evaluations(request: Request, caller: Sender, evaluations: Evaluations) -> EvaluationBatchOut:
    """Receive evaluations of answers, also with the scope `write`: all are stored when this answers, or none."""
    batch = parse_json(EvaluationBatchIn, await read_body(request, JSON))
    named = Target(
        services=frozenset(one.service or UNNAMED for one in batch.evaluations),
        environments=frozenset(one.environment or UNNAMED for one in batch.evaluations),
    )
    await permit(request, caller, named)
    ids = await evaluations.receive(caller.workspace, [one.received() for one in batch.evaluations])
    return EvaluationBatchOut(accepted=len(ids), ids=tuple(ids))
