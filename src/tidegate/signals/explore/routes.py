"""`/api/v1/signals`: the catalogue, how every family is, series, quantiles, splits; tables as CSV as well."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.csv import csv_response
from tidegate.edge.providers import provide
from tidegate.kernel import format_utc
from tidegate.signals.explore.asked import entry_of, figures_asked, span_asked, split_asked
from tidegate.signals.explore.catalogue import CATALOGUE, QUANTILES, FamilyEntry
from tidegate.signals.explore.model import Lines
from tidegate.signals.explore.schemas import (
    CatalogueOut,
    DurationsOut,
    FamilyOut,
    HealthOut,
    HealthsOut,
    LineOut,
    QuantilesOut,
    ScopeIn,
    SeriesIn,
    SeriesOut,
    SplitOut,
    SplitRowOut,
    TableIn,
    WindowOut,
)
from tidegate.signals.explore.service import ExploreService

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/signals", tags=["signals"])
Explore = Annotated[ExploreService, provide(ExploreService)]


@router.get("")
async def show_catalogue(workspace: CurrentWorkspace, explore: Explore) -> CatalogueOut:
    """List the families with their figures, dimensions and the rules that watch them."""
    return CatalogueOut(
        families=tuple(
            [FamilyOut.of(entry, await explore.bounds(workspace, entry.family)) for entry in CATALOGUE.values()]
        )
    )


@router.get("/health")
async def show_health(workspace: CurrentWorkspace, explore: Explore, asked: Annotated[ScopeIn, Query()]) -> HealthsOut:
    """Say how every family is: state, why, figures of 15 minutes, the line of seven days."""
    rows = await explore.overview(workspace, asked.scope())
    return HealthsOut(items=tuple(HealthOut.of(row) for row in rows))


@router.get("/{family}/series", response_model=SeriesOut)
async def show_series(
    family: str, workspace: CurrentWorkspace, explore: Explore, asked: Annotated[SeriesIn, Query()]
) -> SeriesOut | Response:
    """Figures of one family over time; at most 1,000 buckets, split at most 20 lines.

    Quantiles of a bucket come from the same counts as those of the window. Durations are kept without tenant, and by
    some dimensions only: elsewhere they are null.
    """
    entry = entry_of(family)
    split = split_asked(entry, asked.by)
    names = figures_asked(series_figures(entry), asked.figures)
    span = span_asked(asked, now=explore.now(), step=asked.step)
    lines = await explore.lines(
        workspace,
        entry,
        span,
        scope=asked.scope_of(entry),
        by=split,
        limit=asked.limit,
        with_durations=not QUANTILES.keys().isdisjoint(names),
    )
    if asked.format == "csv":
        return _series_csv(entry, lines, names)
    return SeriesOut(
        family=entry.family,
        window=WindowOut.of(span.window),
        step_s=lines.step_s,
        by=split.name if split else None,
        starts=lines.starts,
        lines=tuple(
            LineOut(key=line.key, figures={name: tuple(each[name] for each in line.figures) for name in names})
            for line in lines.lines
        ),
    )


@router.get("/{family}/quantiles", response_model=QuantilesOut)
async def show_quantiles(
    family: str, workspace: CurrentWorkspace, explore: Explore, asked: Annotated[TableIn, Query()]
) -> QuantilesOut | Response:
    """How long events of one family took; durations are kept without tenant."""
    entry = entry_of(family)
    split = split_asked(entry, asked.by)
    span = span_asked(asked, now=explore.now())
    found = await explore.quantiles(workspace, entry, span.window, scope=asked.scope_of(entry), by=split)
    items = tuple(DurationsOut.of(key, each) for key, each in list(found.items())[: asked.limit])
    if asked.format == "csv":
        columns = ("key", "count", "meanMs", "p50Ms", "p95Ms", "p99Ms")
        rows = [(each.key, each.count, each.mean_ms, each.p50_ms, each.p95_ms, each.p99_ms) for each in items]
        return csv_response(f"{entry.family}-quantiles", columns, rows)
    return QuantilesOut(
        family=entry.family, window=WindowOut.of(span.window), by=split.name if split else None, items=items
    )


@router.get("/{family}/by", response_model=SplitOut)
async def show_split(
    family: str, workspace: CurrentWorkspace, explore: Explore, asked: Annotated[TableIn, Query()]
) -> SplitOut | Response:
    """Figures of one family in a window: of all, and by the values of a dimension, the largest first."""
    entry = entry_of(family)
    split = split_asked(entry, asked.by)
    span = span_asked(asked, now=explore.now())
    scope = asked.scope_of(entry)
    totals = await explore.figures(workspace, entry, span.window, scope=scope)
    rows = await explore.split(workspace, entry, span.window, by=split, scope=scope, limit=asked.limit) if split else []
    if asked.format == "csv":
        table = [(row.key, *(row.figures.get(name) for name in totals)) for row in rows]
        return csv_response(f"{entry.family}-by", ("key", *totals), table or [("", *totals.values())])
    return SplitOut(
        family=entry.family,
        window=WindowOut.of(span.window),
        by=split.name if split else None,
        totals=dict(totals),
        items=tuple(SplitRowOut.of(row) for row in rows),
    )


def series_figures(entry: FamilyEntry) -> tuple[str, ...]:
    """Return the figures that a bucket has: when distrusted rows happened is not to be believed."""
    return tuple(figure.name for figure in entry.figures if figure.name != "distrustedCount")


def _series_csv(entry: FamilyEntry, lines: Lines, names: tuple[str, ...]) -> Response:
    rows = [
        (format_utc(start), lines.step_s, line.key, *(figures[name] for name in names))
        for line in lines.lines
        for start, figures in zip(lines.starts, line.figures, strict=True)
    ]
    return csv_response(f"{entry.family}-series", ("start", "stepS", "key", *names), rows)
