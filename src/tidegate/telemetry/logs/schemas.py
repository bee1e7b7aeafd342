"""Wire shapes of log search."""

import csv
import io
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page
from tidegate.telemetry.logs.query import LogLine, Severity

CSV_COLUMNS = ("at", "severity", "service", "tenant", "event", "body", "traceId", "spanId", "requestId", "id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class LogOut(WireModel):
    """One log record."""

    id: str
    at: Utc
    """Its own time; of a distrusted record when it came."""
    received_at: Utc
    severity: str | None
    """`trace`, `debug`, `info`, `warn`, `error`, `fatal`; `null` when the sender does not say."""
    severity_text: str
    """The sender's own word."""
    event: str
    """Name of the event, empty for a line."""
    body: str
    service: str
    environment: str
    release: str
    tenant: str
    trace_id: str
    span_id: str
    request_id: str
    correlation_id: str
    scope: str
    attributes: dict[str, str]
    resource: dict[str, str]
    families: tuple[str, ...]
    """The families in which it counts; none for a line that only people read."""
    is_distrusted: bool
    """Its time lies more than a day off: it is in no figure."""
    is_replayed: bool

    @classmethod
    def of(cls, line: LogLine) -> "LogOut":
        return cls(
            id=line.log_id,
            at=line.at,
            received_at=line.received_at,
            severity=severity_word(line.severity),
            severity_text=line.severity_text,
            event=line.event_name,
            body=line.body,
            service=line.service,
            environment=line.environment,
            release=line.release,
            tenant=line.tenant,
            trace_id=line.trace_id,
            span_id=line.span_id,
            request_id=line.request_id,
            correlation_id=line.correlation_id,
            scope=line.scope,
            attributes=dict(line.attributes),
            resource=dict(line.resource),
            families=line.families,
            is_distrusted=line.is_distrusted,
            is_replayed=line.is_replayed,
        )


class LogPageOut(WireModel):
    """Some log records, the newest first."""

    items: tuple[LogOut, ...]
    next_cursor: str | None
    """Asks for the records before these; `null` on the last page."""
    from_: Annotated[Utc, Field(alias="from")]
    """Start of the range that was looked through."""
    to: Utc

    @classmethod
    def of(cls, page: Page[LogLine], start: Utc, end: Utc) -> "LogPageOut":
        items = tuple(LogOut.of(line) for line in page.items)
        return cls(items=items, next_cursor=page.next_cursor, from_=start, to=end)


def severity_word(number: int) -> str | None:
    level = Severity.of(number)
    return level.name.lower() if level is not None else None


def csv_of(lines: Iterable[LogOut]) -> str:
    """Return a table for a spreadsheet, in which no cell is taken for a formula."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(CSV_COLUMNS)
    for line in lines:
        cells = line.model_dump(mode="json", by_alias=True)
        table.writerow([_cell(cells[column]) for column in CSV_COLUMNS])
    return text.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
