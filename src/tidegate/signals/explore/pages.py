"""Signals for people: is every family well, and one family in charts and tables."""

import asyncio
import shlex
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field

from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.html import Pages, page_router
from tidegate.edge.marks import MARKS
from tidegate.edge.providers import provide
from tidegate.kernel import UnavailableError, WorkspaceId, format_utc
from tidegate.signals import SignalScope
from tidegate.signals.explore.asked import entry_of, span_asked, split_asked
from tidegate.signals.explore.catalogue import FamilyEntry, Split
from tidegate.signals.explore.ports import OpenAlert, ReleaseMark
from tidegate.signals.explore.ranges import PRESETS, Span
from tidegate.signals.explore.schemas import FamilyIn, ScopeIn
from tidegate.signals.explore.service import ExploreService, is_timed
from tidegate.signals.explore.views import (
    ChartView,
    Drawing,
    FigureView,
    SplitTable,
    address,
    chart_views,
    family_sentence,
    figure_views,
    notices_of,
    overview_row,
    split_table,
    subject_sentence,
    untimed_words,
)

__all__ = ["AlertLine", "FamilyPage", "address", "alert_lines", "router"]

router = page_router()
Explore = Annotated[ExploreService, provide(ExploreService)]
_SPLIT_ROWS = 50
_FILTERS = ("service", "environment", "release", "tenant")


class OverviewQuery(ScopeIn):
    model_config = ConfigDict(extra="ignore")


class FamilyQuery(FamilyIn):
    """What the address of a family's page says; what it does not know it leaves alone."""

    model_config = ConfigDict(extra="ignore")
    by: Annotated[str | None, Field(max_length=40)] = None


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An open alert in a list."""

    alert: OpenAlert

    @property
    def mark(self) -> object:
        return MARKS["missing" if self.alert.is_held else self.alert.state]


def alert_lines(alerts: tuple[OpenAlert, ...]) -> tuple[AlertLine, ...]:
    return tuple(AlertLine(alert) for alert in sorted(alerts, key=lambda each: (each.severity, each.since)))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a family's page means."""

    entry: FamilyEntry
    span: Span
    split: Split | None
    """By what the charts are split."""
    table: Split | None
    """By what the table is split; of meters and metrics there is one before one is picked."""
    scope: SignalScope
    query: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class FamilyPage:
    """Everything that one window shows."""

    sentence: str
    figures: tuple[FigureView, ...]
    notices: tuple[str, ...]
    charts: tuple[ChartView, ...]
    split: SplitTable | None
    split_problem: str
    marks: tuple[ReleaseMark, ...]
    is_empty: bool
    untimed: str
    """Why there is no chart of durations; empty when there is, or when events of the family take no time."""


@router.get("/signals")
async def show_signals(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    workspace: CurrentWorkspace,
    explore: Explore,
    pages: Pages,
    asked: Annotated[OverviewQuery, Query()],
) -> Response:
    """Show whether every family is well, each with its figures, bound, state and line of seven days."""
    scope = asked.scope()
    rows = await explore.overview(workspace, scope)
    return pages.render(
        request,
        "signals/overview.html",
        section="signals",
        is_live=True,
        topics="signals,alerts",
        rows=[overview_row(row) for row in rows],
        counts=_counts([row.health.state for row in rows]),
        query=_query(asked),
        scope=scope,
        filters=_FILTERS,
        address=address,
        base_url=_base_url(request),
    )


@router.get("/signals/{family}")
async def show_family(  # noqa: PLR0917 - FastAPI passes them by name
    family: str,
    request: Request,
    workspace: CurrentWorkspace,
    explore: Explore,
    pages: Pages,
    asked: Annotated[FamilyQuery, Query()],
) -> Response:
    """Show one family in a window: a sentence, figures with bounds, charts with their tables, a split."""
    entry = entry_of(family)
    split = split_asked(entry, asked.by)
    span = span_asked(asked, now=pages.now())
    scope = asked.scope_of(entry)
    query = _query(asked)
    table = split or (entry.subject if scope.object is None else None)
    page, problem = None, None
    health = await explore.health(workspace, entry, scope)
    try:
        page = await _page_of(explore, workspace, Asked(entry, span, split, table, scope, query))
    except UnavailableError as error:
        problem = error
    return pages.render(
        request,
        "signals/family.html",
        section="signals",
        is_live=asked.to is None,
        topics="signals,alerts",
        entry=entry,
        page=page,
        problem=problem,
        health=health.health,
        mark=MARKS[health.health.state],
        bounds=health.bounds,
        alerts=alert_lines(health.burning.alerts) if health.burning else None,
        span=span,
        split=split,
        table=table,
        presets=tuple(PRESETS),
        query=query,
        scope=scope,
        filters=_filters(entry),
        address=address,
        call=_call(entry, span, query),
        command=_command(entry, span, query),
        base_url=_base_url(request),
    )


async def _page_of(explore: ExploreService, workspace: WorkspaceId, asked: Asked) -> FamilyPage:
    entry, span = asked.entry, asked.span
    bounds = await explore.bounds(workspace, entry.family, tenant=asked.scope.tenant)
    figures, lines, marks, (table, split_problem) = await asyncio.gather(
        explore.figures(workspace, entry, span.window, scope=asked.scope),
        explore.lines(workspace, entry, span, scope=asked.scope, by=asked.split),
        explore.marks(workspace, span.window),
        _split_of(explore, workspace, asked),
    )
    csv = f"{_call(entry, span, asked.query)}&format=csv"
    has_durations = is_timed(entry, scope=asked.scope, by=asked.split)
    drawing = Drawing(
        entry,
        bounds,
        replace(span, step_s=lines.step_s),
        now=explore.now(),
        csv=csv,
        is_split=asked.split is not None,
        has_durations=has_durations,
        is_of_one=asked.scope.object is not None,
    )
    return FamilyPage(
        sentence=subject_sentence(entry, asked.scope.object, figures, span, unit=lines.unit)
        if asked.scope.object is not None
        else family_sentence(entry, figures, bounds, span),
        figures=figure_views(entry, figures, bounds, window=span.window.length),
        notices=notices_of(entry, figures),
        charts=chart_views(drawing, lines),
        split=table,
        split_problem=split_problem,
        marks=tuple(marks),
        is_empty=not any(figures.values()),
        untimed=untimed_words(entry, scope=asked.scope, by=asked.split) if not has_durations else "",
    )


async def _split_of(explore: ExploreService, workspace: WorkspaceId, asked: Asked) -> tuple[SplitTable | None, str]:
    """The split is a part of the page: without it the rest still answers."""
    entry, split = asked.entry, asked.table
    if split is None:
        return None, ""
    try:
        rows = await explore.split(workspace, entry, asked.span.window, by=split, scope=asked.scope, limit=_SPLIT_ROWS)
    except UnavailableError as error:
        return None, error.message
    narrow: dict[str, str] = {}
    if split.name in _filters(entry):
        path = f"/signals/{entry.family}"
        narrow = {row.key: address(path, asked.query, **{split.name: row.key}, by=None) for row in rows if row.key}
    return split_table(entry, split.label, rows, narrow=narrow), ""


def _filters(entry: FamilyEntry) -> tuple[str, ...]:
    return _FILTERS if entry.subject is None else (entry.subject.name, *_FILTERS)


def _query(asked: ScopeIn) -> dict[str, str | None]:
    """Return the query of a page as it is written in links; nothing that is not asked for."""
    given = asked.model_dump(by_alias=True, mode="json")
    return {name: value for name, value in given.items() if value}


def _call(entry: FamilyEntry, span: Span, query: dict[str, str | None]) -> str:
    """Return the API call that answers with what the charts draw."""
    asked = {name: value for name, value in query.items() if value and name not in {"range", "from", "to"}}
    if span.preset is None:
        asked |= {"from": format_utc(span.window.start), "to": format_utc(span.window.end)}
    else:
        asked["range"] = span.preset
    return f"/api/v1/signals/{entry.family}/series?{urlencode(asked)}"


def _command(entry: FamilyEntry, span: Span, query: dict[str, str | None]) -> str:
    """Return the verb that says the same; what comes from outside is quoted for a shell."""
    words = ["tidegate", "signal", "query", str(entry.family)]
    asked = {name: query.get(name) for name in ("by", *_filters(entry))}
    if span.preset is None:
        asked |= {"from": format_utc(span.window.start), "to": format_utc(span.window.end)}
    else:
        asked["range"] = span.preset
    for name, value in asked.items():
        if value:
            words += [f"--{name}", shlex.quote(value)]
    return " ".join(words)


def _counts(states: list[str]) -> dict[str, int]:
    return {
        "burning": sum(state in {"firing", "pending"} for state in states),
        "within": sum(state == "within" for state in states),
        "unknown": sum(state not in {"firing", "pending", "within"} for state in states),
    }


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
