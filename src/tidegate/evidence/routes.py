"""Test reports over HTTP."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Writing
from tidegate.edge.authority import UNNAMED, Target
from tidegate.edge.bodies import JSON, XML, read_body
from tidegate.edge.caller import CurrentCaller, Writer, permit
from tidegate.edge.providers import provide
from tidegate.edge.wire import WireModel
from tidegate.evidence.formats.bundles import BUNDLE_TYPE
from tidegate.evidence.model import CiSubject, SentReport
from tidegate.evidence.schemas import CiReportOut, Word
from tidegate.evidence.service import EvidenceService

router = APIRouter(prefix="/api/v1/ci/reports", tags=["evidence"])
# What it is stands in the bytes: the content type only keeps pages of other sites from sending one (CORS).
_MEDIA: Final = (*XML, *JSON, "application/x-ndjson", "application/octet-stream", BUNDLE_TYPE)
Evidence = Annotated[EvidenceService, provide(EvidenceService)]


class ReportQuery(WireModel):
    """What a report is about."""

    suite: Word
    commit: Word
    service: Word | None = None
    run_id: Word | None = None
    """Chosen by the sender; else a report is known by its digest."""
    repository: Word | None = None
    """Whose commit it is, for example acme/shop: a run of another repository proves nothing."""
    format: Literal["junit", "nunit", "trx", "mocha", "rspec", "dart", "go"] | None = None
    """Found out unless it is said."""


@router.post("", status_code=201, openapi_extra={"requestBody": {"content": {media: {} for media in _MEDIA}}})
async def receive_report(
    request: Request,
    response: Response,
    *,
    caller: Writer,
    evidence: Evidence,
    by: Writing,
    about: Annotated[ReportQuery, Query()],
) -> CiReportOut:
    """Receive a report of tests: 201; 200 when it was received before; 409 when its run id came with another.

    JUnit, NUnit 3, TRX, Mocha, RSpec, Dart or Flutter and `go test -json` are read. SARIF, CycloneDX, load results and
    the like are refused with the kind of evidence that they are.
    """
    if about.service is None:  # then it is about all of them; one that is named is asked for with the query
        await permit(request, caller, Target(services=frozenset({UNNAMED})))
    sent = SentReport(
        await read_body(request, _MEDIA),
        run_id=about.run_id,
        repository=about.repository,
        format=about.format,
        is_bundle=request.headers.get("content-type", "").partition(";")[0].strip().lower() == BUNDLE_TYPE,
    )
    received = await evidence.receive(
        caller.workspace, CiSubject(about.suite, about.commit, about.service), sent, by=by
    )
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
