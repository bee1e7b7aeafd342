"""What happens inside a workspace: documents, members, assistant runs. Every route decides before it looks."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from examples.harbor.service.access import Action
from examples.harbor.service.assistant import OutputSchemaError
from examples.harbor.service.documents import Document, WorkspaceFullError
from examples.harbor.service.harbor import (
    Allowed,
    Caller,
    DocumentIdPath,
    Harbor,
    Parts,
    WorkspaceIdPath,
    name_target,
)
from examples.harbor.service.jobs import Queue, Task
from examples.harbor.service.local_model import LocalModel
from examples.harbor.service.problems import ApiError
from examples.harbor.service.schemas import (
    DocumentChangeIn,
    DocumentIn,
    DocumentOut,
    DocumentsOut,
    ErrorOut,
    MemberOut,
    MembersOut,
    RunIn,
    RunOut,
    UsageOut,
)

REFUSALS: dict[int | str, dict[str, Any]] = {status: {"model": ErrorOut} for status in (401, 403, 422)}
# What each tenant has bought: far above what the traffic of a demo needs.
RUNS_A_MONTH = 1_000_000
TOKENS_A_MONTH = 1_000_000_000
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": ErrorOut}}

router = APIRouter(
    prefix="/workspaces/{workspaceId}",
    tags=["workspaces"],
    dependencies=[Depends(name_target)],
    responses=REFUSALS,
)


def document_out(document: Document) -> DocumentOut:
    return DocumentOut(
        id=document.id,
        workspace_id=document.workspace_id,
        title=document.title,
        body=document.body,
        updated_by=document.updated_by,
        updated_at=document.updated_at,
    )


def get_document(harbor: Harbor, workspace_id: str, document_id: str) -> Document:
    document = harbor.documents.find_document(workspace_id, document_id)
    if document is None:
        raise ApiError(404, "document_not_found", "This workspace has no such document.")
    return document


def _indexing_of(document: Document, caller: Caller) -> Task:
    return Task(subject=document.id, workspace_id=document.workspace_id, attributes=caller.named)


@router.get("/documents", operation_id="listDocuments", dependencies=[Depends(Allowed(Action.READ_DOCUMENTS))])
async def list_documents(workspace_id: WorkspaceIdPath, harbor: Parts) -> DocumentsOut:
    await harbor.look_up()
    return DocumentsOut(documents=[document_out(one) for one in harbor.documents.list_documents(workspace_id)])


@router.post("/documents", operation_id="createDocument", status_code=201, responses={409: {"model": ErrorOut}})
async def create_document(
    workspace_id: WorkspaceIdPath,
    body: DocumentIn,
    harbor: Parts,
    caller: Annotated[Caller, Depends(Allowed(Action.WRITE_DOCUMENTS))],
) -> DocumentOut:
    try:
        document = harbor.documents.add_document(
            workspace_id, title=body.title, body=body.body, author=caller.person.email
        )
    except WorkspaceFullError as error:
        raise ApiError(409, "workspace_full", "Delete a document first: the workspace is full.") from error
    caller.facts.target_resource = f"document:{document.id}"
    harbor.jobs.enqueue(Queue.INDEXING, _indexing_of(document, caller))
    return document_out(document)


@router.get(
    "/documents/{documentId}",
    operation_id="readDocument",
    responses=NOT_FOUND,
)
async def read_document(
    workspace_id: WorkspaceIdPath,
    document_id: DocumentIdPath,
    harbor: Parts,
    # The one route whose check has the planted hole; the fault switches between the two decisions.
    caller: Annotated[Caller, Depends(Allowed(Action.READ_DOCUMENTS, has_hole=True))],
) -> DocumentOut:
    await harbor.look_up()
    document = get_document(harbor, workspace_id, document_id)
    leaked = harbor.find_leaked(caller.person)
    if leaked is None:
        return document_out(document)
    # What goes out is what is put on record.
    workspace = harbor.directory.find_workspace(leaked.workspace_id)
    caller.facts.target_tenant = workspace.tenant if workspace else None
    caller.facts.target_resource = f"document:{leaked.id}"
    return document_out(leaked)


@router.patch("/documents/{documentId}", operation_id="updateDocument", responses=NOT_FOUND)
async def update_document(
    workspace_id: WorkspaceIdPath,
    document_id: DocumentIdPath,
    *,
    body: DocumentChangeIn,
    harbor: Parts,
    caller: Annotated[Caller, Depends(Allowed(Action.WRITE_DOCUMENTS))],
) -> DocumentOut:
    document = get_document(harbor, workspace_id, document_id)
    changed = harbor.documents.change_document(document, title=body.title, body=body.body, author=caller.person.email)
    harbor.jobs.enqueue(Queue.INDEXING, _indexing_of(changed, caller))
    return document_out(changed)


@router.delete(
    "/documents/{documentId}",  # noqa: FAST003  DocumentIdPath carries the alias
    operation_id="deleteDocument",
    status_code=204,
    responses=NOT_FOUND,
    dependencies=[Depends(Allowed(Action.DELETE_DOCUMENTS))],
)
async def delete_document(workspace_id: WorkspaceIdPath, document_id: DocumentIdPath, harbor: Parts) -> None:
    harbor.documents.delete_document(get_document(harbor, workspace_id, document_id))


@router.get("/members", operation_id="listMembers", dependencies=[Depends(Allowed(Action.LIST_MEMBERS))])
async def list_members(workspace_id: WorkspaceIdPath, harbor: Parts) -> MembersOut:
    return MembersOut(
        members=[
            MemberOut(email=person.email, name=person.name, role=role)
            for person, role in harbor.directory.list_members(workspace_id)
        ]
    )


@router.post("/runs", operation_id="createRun", status_code=201, responses={502: {"model": ErrorOut}})
async def create_run(
    workspace_id: WorkspaceIdPath,
    body: RunIn,
    harbor: Parts,
    caller: Annotated[Caller, Depends(Allowed(Action.RUN_ASSISTANT))],
) -> RunOut:
    """Ask the assistant one question about the documents of this workspace."""
    facts = caller.facts
    attributes = caller.named
    run = partial(harbor.assistant.run, model=LocalModel(body.model), attributes=attributes)
    try:
        # The model computes: beside the event loop, like any call that takes its time.
        result = await asyncio.to_thread(run, workspace_id, body.question)
    except OutputSchemaError as error:
        raise ApiError(502, "output_schema_mismatch", "The model answered outside its output schema.") from error
    facts.target_resource = f"run:{result.id}"
    harbor.events.record_usage("assistant.runs", 1, limit=RUNS_A_MONTH, attributes=attributes)
    tokens = result.input_tokens + result.output_tokens
    harbor.events.record_usage("assistant.tokens", tokens, limit=TOKENS_A_MONTH, attributes=attributes)
    return RunOut(
        id=result.id,
        outcome=result.outcome.value,
        answer=result.answer,
        citations=list(result.citations),
        confidence=result.confidence,
        tool_calls=result.tool_calls,
        usage=UsageOut(input_tokens=result.input_tokens, output_tokens=result.output_tokens, cost_usd=result.cost_usd),
    )
