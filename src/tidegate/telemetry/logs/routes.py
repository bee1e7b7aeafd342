"""`GET /api/v1/logs`: stored log records by time, words and who sent them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from tidegate.audit.doing import Reading
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT
from tidegate.telemetry.logs.query import LogQuery, Position, severity_of, words_of
from tidegate.telemetry.logs.schemas import LogPageOut, csv_of
from tidegate.telemetry.logs.service import LogSearchService

__all__ = ["Asked", "LogSearch", "router"]

router = APIRouter(tags=["logs"])
LogSearch = Annotated[LogSearchService, provide(LogSearchService)]
_Text = Annotated[str, Query(max_length=512)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the route and of the page says."""

    from_: str
    to: str
    q: str
    severity: str
    service: str
    tenant: str
    trace_id: str
    event: str
    cursor: str

    def query(self, logs: LogSearchService) -> LogQuery:
        """Return the search that is asked for.

        Raises:
            InvalidInputError: a filter cannot be read; the field is named.
        """
        return LogQuery(
            window=logs.window_of(self.from_ or None, self.to or None),
            words=words_of(self.q),
            severity=severity_of(self.severity),
            service=self.service,
            tenant=self.tenant,
            trace_id=self.trace_id.lower(),
            event=self.event,
            after=Position.read(self.cursor) if self.cursor else None,
        )


def _asked(  # noqa: PLR0913, PLR0917 - the query of the route
    from_: Annotated[str, Query(alias="from", max_length=64, description="With offset; an hour before `to`")] = "",
    to: Annotated[str, Query(max_length=64, description="With offset; now")] = "",
    q: Annotated[str, Query(max_length=512, description="Words, each somewhere in the record, in any case")] = "",
    severity: Annotated[str, Query(max_length=64, description="At least this one: warn")] = "",
    service: _Text = "",
    tenant: _Text = "",
    trace_id: Annotated[str, Query(alias="traceId", max_length=64)] = "",
    event: Annotated[str, Query(max_length=512, description="Name of an event, or its beginning: job.*")] = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
) -> Asked:
    return Asked(from_, to, q, severity, service, tenant, trace_id, event, cursor)


AskedByQuery = Annotated[Asked, Depends(_asked)]


@router.get("/api/v1/logs", response_model=LogPageOut)
async def search_logs(  # noqa: PLR0917 - FastAPI passes them by name
    workspace: CurrentWorkspace,
    logs: LogSearch,
    asked: AskedByQuery,
    reading: Reading,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    *,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> LogPageOut | Response:
    """Search log records, the newest first; the last hour unless said."""
    query = asked.query(logs)
    page = await logs.search(workspace, query, limit=limit)
    shown = LogPageOut.of(page, query.window.start, query.window.end)
    if form == "csv":
        await reading.export("logs:read", "logs")
        headers = {"content-disposition": 'attachment; filename="logs.csv"', "cache-control": "no-store"}
        return Response(csv_of(shown.items), media_type="text/csv; charset=utf-8", headers=headers)
    return shown
