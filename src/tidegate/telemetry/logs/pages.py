"""`/logs`: what the services said."""

import json
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.html import Pages, page_router
from tidegate.edge.marks import Mark
from tidegate.kernel import DEFAULT_LIMIT, UnavailableError, format_utc, parse_duration
from tidegate.telemetry.logs.query import LogLine, Severity
from tidegate.telemetry.logs.routes import Asked, AskedByQuery, LogSearch
from tidegate.telemetry.logs.schemas import severity_word

__all__ = ["router"]

router = page_router()
SPANS: Final = ("15m", "1h", "6h", "24h", "7d")
_DEFAULT_SPAN: Final = "1h"
_TITLE_CHARACTERS: Final = 320
_JSON_CHARACTERS: Final = 16_384  # fifty of them are read for a page
_MARKS: Final = {
    None: Mark("NO LEVEL", "unknown", "unknown"),
    "trace": Mark("TRACE", "unknown", "unknown"),
    "debug": Mark("DEBUG", "unknown", "unknown"),
    "info": Mark("INFO", "running", "hold"),
    "warn": Mark("WARN", "hold", "warned"),
    "error": Mark("ERROR", "no-go", "no-go"),
    "fatal": Mark("FATAL", "no-go", "no-go"),
}


@dataclass(frozen=True, slots=True)
class LineView:
    """One record on the page."""

    line: LogLine
    mark: Mark
    title: str
    is_cut: bool
    has_more: bool
    """Whether the title is not the whole text."""
    facts: tuple[tuple[str, str], ...]


@router.get("/logs")
async def show_logs(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    workspace: CurrentWorkspace,
    logs: LogSearch,
    pages: Pages,
    asked: AskedByQuery,
    span: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    """Show log records, the newest first; filters stand in the address."""
    chosen = _with_span(asked, span or _DEFAULT_SPAN, pages) if not (asked.from_ or asked.to) else asked
    query = chosen.query(logs)
    failure, next_cursor = "", None
    lines: tuple[LineView, ...] = ()
    try:
        page = await logs.search(workspace, query, limit=DEFAULT_LIMIT)
    except UnavailableError as error:
        # The filters stay: whoever looks changes them, and asks again.
        failure = f"{error.message} (`{error.code}`)"
    else:
        lines, next_cursor = tuple(_view_of(line) for line in page.items), page.next_cursor
    kept = _parameters(asked, span)
    return pages.render(
        request,
        "telemetry/logs.html",
        section="logs",
        asked=asked,
        span="" if asked.from_ or asked.to else span or _DEFAULT_SPAN,
        spans=SPANS,
        levels=tuple(level.name.lower() for level in Severity),
        window=query.window,
        lines=lines,
        failure=failure,
        filters=_named_filters(asked),
        older=urlencode(kept | {"cursor": next_cursor}) if next_cursor else "",
        newest=urlencode(kept) if asked.cursor else "",
        as_csv=urlencode(_parameters(chosen, "") | {"format": "csv", "limit": 200}),
        command=_command_of(asked, span),
        call=f"GET /api/v1/logs?{urlencode(_parameters(chosen, ''))}",
    )


def _with_span(asked: Asked, span: str, pages: Pages) -> Asked:
    length = parse_duration(span, field="span")
    try:
        since = format_utc(pages.now().replace(microsecond=0) - length)
    except OverflowError:
        since = "0001-01-01T00:00:00Z"  # refused as too long, with the field named
    return Asked(**{name: getattr(asked, name) for name in Asked.__slots__} | {"from_": since})


def _parameters(asked: Asked, span: str) -> dict[str, str | int]:
    named = {
        "q": asked.q,
        "severity": asked.severity,
        "service": asked.service,
        "tenant": asked.tenant,
        "traceId": asked.trace_id,
        "event": asked.event,
        "from": asked.from_,
        "to": asked.to,
        "span": span,
    }
    return {name: value for name, value in named.items() if value}


def _named_filters(asked: Asked) -> tuple[tuple[str, str], ...]:
    found = {
        "words": asked.q,
        "severity": asked.severity and f"{asked.severity} or worse",
        "service": asked.service,
        "tenant": asked.tenant,
        "trace": asked.trace_id,
        "event": asked.event,
    }
    return tuple((name, value) for name, value in found.items() if value)


def _view_of(line: LogLine) -> LineView:
    whole = line.body or line.event_name or "(empty)"
    title = _message_in(line.body) or whole
    facts = {
        "Event": line.event_name,
        "Counts as": ", ".join(line.families),
        "Environment": line.environment,
        "Release": line.release,
        "Request": line.request_id,
        "Correlation": line.correlation_id,
        "Scope": line.scope,
        "Received": format_utc(line.received_at),
        **dict(sorted(line.attributes.items())),
    }
    return LineView(
        line=line,
        mark=_MARKS[severity_word(line.severity)],
        title=title[:_TITLE_CHARACTERS],
        is_cut=len(title) > _TITLE_CHARACTERS or "\n" in title.strip(),
        has_more=title != whole or len(title) > _TITLE_CHARACTERS or "\n" in title.strip(),
        facts=tuple((name, value) for name, value in facts.items() if value),
    )


def _message_in(body: str) -> str:
    """Return the words of a record that is JSON, with its status; empty when it is no such record."""
    if not body.startswith("{") or len(body) > _JSON_CHARACTERS:
        return ""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    words = next((said[name] for name in ("message", "msg") if isinstance(said.get(name), str)), "")
    status = said.get("status")
    return f"{words} · {status}" if words and isinstance(status, int) else words


def _command_of(asked: Asked, span: str) -> str:
    parts = ["tidegate log search", *(_quoted(word) for word in asked.q.split())]
    options = {
        "--since": asked.from_ or span or _DEFAULT_SPAN,
        "--until": asked.to,
        "--severity": asked.severity,
        "--service": asked.service,
        "--tenant": asked.tenant,
        "--trace": asked.trace_id,
        "--event": asked.event,
    }
    parts += [f"{name} {_quoted(value)}" for name, value in options.items() if value]
    return " ".join(parts)


def _quoted(value: str) -> str:
    if value.replace("-", "").replace(":", "").replace(".", "").isalnum() and value.isascii():
        return value
    return "'" + value.replace("'", "'\\''") + "'"
