"""Gates over HTTP: the routes of the source documents, and those of the API."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, YAML, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace
from tidegate.edge.providers import provide
from tidegate.gates.contracts import contract_names, read_contract
from tidegate.gates.diff_schemas import DecisionDiffOut
from tidegate.gates.gate_files import MAX_FILE_BYTES
from tidegate.gates.schemas import (
    DecisionOut,
    DecisionPageOut,
    Limit,
    ReleaseGate,
    ReleaseGateBoardOut,
    ReleaseGateDashboard,
    ReleaseGateListOut,
    SchemaListOut,
)
from tidegate.gates.service import GateService
from tidegate.kernel import DEFAULT_LIMIT, DecisionId, GateId

router = APIRouter(tags=["gates"])
Gates = Annotated[GateService, provide(GateService)]
_GATE_FILE: dict[str, Any] = {"requestBody": {"content": {"application/yaml": {}, "application/json": {}}}}


@router.get("/release/dashboard")
async def show_dashboard(
    gate: Annotated[GateId, Query(min_length=1)],
    workspace: CurrentWorkspace,
    gates: Gates,
    release: Annotated[str | None, Query(min_length=1)] = None,
) -> ReleaseGateDashboard:
    """Measure a gate now, for the candidate unless a release is named."""
    return ReleaseGateDashboard.of(await gates.dashboard(workspace, gate, release=release))


@router.get("/api/v1/board")
async def show_board(
    workspace: CurrentWorkspace, gates: Gates, release: Annotated[str | None, Query(min_length=1)] = None
) -> ReleaseGateBoardOut:
    """Measure every gate now, for the candidate unless a release is named."""
    dashboards = await gates.board(workspace, release=release)
    return ReleaseGateBoardOut(items=tuple(map(ReleaseGateDashboard.of, dashboards)))


@router.get("/api/v1/gates")
async def list_gates(workspace: CurrentWorkspace, gates: Gates) -> ReleaseGateListOut:
    """Return the gates of the workspace: those applied, else those of the package."""
    return ReleaseGateListOut(items=tuple(map(ReleaseGate.of, await gates.list_gates(workspace))))


@router.post("/api/v1/gates", status_code=201, openapi_extra=_GATE_FILE)
async def apply_gate(request: Request, workspace: WritableWorkspace, gates: Gates, by: Writing) -> ReleaseGate:
    """Apply a gate file, YAML or JSON; the file that is in force already adds no version."""
    return ReleaseGate.of(await gates.apply(workspace, await _gate_file(request), by=by))


@router.post("/api/v1/gates/validate", openapi_extra=_GATE_FILE)
async def validate_gate(request: Request, workspace: CurrentWorkspace, gates: Gates) -> ReleaseGate:
    """Return the gate in a file, storing nothing."""
    return ReleaseGate.of(await gates.validate(workspace, await _gate_file(request)))


@router.get("/api/v1/gates/{gate_id}")
async def show_gate(gate_id: GateId, workspace: CurrentWorkspace, gates: Gates) -> ReleaseGate:
    """Return one gate."""
    return ReleaseGate.of(await gates.get_gate(workspace, gate_id))


@router.get("/api/v1/gates/{gate_id}/decisions")
async def list_decisions(
    gate_id: GateId,
    *,
    workspace: CurrentWorkspace,
    gates: Gates,
    release: Annotated[str | None, Query(min_length=1)] = None,
    limit: Annotated[Limit, Query()] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> DecisionPageOut:
    """Return the decisions of a gate, newest first."""
    page = await gates.history(workspace, gate_id, release, limit=limit, cursor=cursor)
    return DecisionPageOut(items=tuple(map(DecisionOut.of, page.items)), next_cursor=page.next_cursor)


@router.post("/api/v1/gates/{gate_id}/decisions", status_code=201)
async def evaluate_gate(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId,
    workspace: WritableWorkspace,
    gates: Gates,
    by: Writing,
    release: Annotated[str | None, Query(min_length=1)] = None,
) -> DecisionOut:
    """Evaluate one gate now and return the decision with its reasons."""
    return DecisionOut.of(await gates.evaluate(workspace, gate_id, release=release, by=by))


@router.get("/api/v1/gates/{gate_id}/decisions/{decision_id}/diff")
async def show_diff(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId,
    decision_id: DecisionId,
    workspace: CurrentWorkspace,
    gates: Gates,
    against: Annotated[DecisionId | None, Query(min_length=1)] = None,
) -> DecisionDiffOut:
    """Return what changed since another decision of the gate; unless named, the one before of the same release."""
    return DecisionDiffOut.of(await gates.diff(workspace, gate_id, decision_id, against=against))


@router.get("/api/v1/schemas")
async def list_schemas(workspace: CurrentWorkspace) -> SchemaListOut:  # noqa: ARG001 - asked for its effect: a token
    """Return the names of the published JSON Schemas."""
    return SchemaListOut(names=contract_names())


@router.get("/api/v1/schemas/{name}")
async def show_schema(name: str, workspace: CurrentWorkspace) -> dict[str, Any]:  # noqa: ARG001 - the same
    """Return one published JSON Schema."""
    return read_contract(name)


async def _gate_file(request: Request) -> bytes:
    return await read_body(request, (*YAML, *JSON), limit_bytes=MAX_FILE_BYTES)
