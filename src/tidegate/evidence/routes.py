"""Test reports over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Writing
from tidegate.edge.authority import UNNAMED, Target
from tidegate.edge.bodies import XML, read_body
from tidegate.edge.caller import CurrentCaller, Writer, permit
from tidegate.edge.providers import provide
from tidegate.edge.wire import WireModel
from tidegate.evidence.model import CiSubject
from tidegate.evidence.schemas import CiReportOut, Word
from tidegate.evidence.service import EvidenceService

router = APIRouter(prefix="/api/v1/ci/reports", tags=["evidence"])
Evidence = Annotated[EvidenceService, provide(EvidenceService)]


class ReportQuery(WireModel):
    """What a report is about."""

    suite: Word
    commit: Word
    service: Word | None = None
    run_id: Word | None = None
    """Chosen by the sender; else a report is known by its digest."""


@router.post("", status_code=201, openapi_extra={"requestBody": {"content": {"application/xml": {}}}})
async def receive_report(
    request: Request,
    response: Response,
    *,
    caller: Writer,
    evidence: Evidence,
    by: Writing,
    about: Annotated[ReportQuery, Query()],
) -> CiReportOut:
    """Receive a JUnit XML report: 201; 200 when it was received before; 409 when its run id came with another."""
    if about.service is None:  # then it is about all of them; one that is named is asked for with the query
        await permit(request, caller, Target(services=frozenset({UNNAMED})))
    content = await read_body(request, XML)
    subject = CiSubject(about.suite, about.commit, about.service)
    received = await evidence.receive(caller.workspace, subject, content, run_id=about.run_id, by=by)
    response.status_code = 201 if received.is_new else 200
    return CiReportOut.of(received.report)


@router.get("/latest")
async def show_latest_report(
    request: Request,
    *,
    caller: CurrentCaller,
    evidence: Evidence,
    suite: Annotated[str, Query(min_length=1)],
    commit: Annotated[str, Query(min_length=1)],
    service: str | None = None,
) -> CiReportOut:
    """Return the report of a suite at a commit that was received last."""
    if not service:
        await permit(request, caller, Target(services=frozenset({UNNAMED})))
    return CiReportOut.of(await evidence.latest_report(caller.workspace, suite, service, commit))


@router.get("/{report_id}")
async def show_report(report_id: str, request: Request, caller: CurrentCaller, evidence: Evidence) -> CiReportOut:
    """Return one report by its id."""
    report = await evidence.get_report(caller.workspace, report_id)
    await permit(request, caller, Target(services=frozenset({report.subject.service or UNNAMED})))
    return CiReportOut.of(report)
