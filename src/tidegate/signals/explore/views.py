"""Signals as pages show them: texts, links, lines and tables instead of totals. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Final
from urllib.parse import urlencode

from tidegate.edge.marks import MARKS, Mark
from tidegate.kernel import format_duration
from tidegate.signals import Figures, SignalScope
from tidegate.signals.explore.catalogue import QUANTILES
from tidegate.signals.explore.entries import Chart, FamilyEntry, FigureUnit, Split
from tidegate.signals.explore.health import DISTRUST_LIMIT, distrusted_share
from tidegate.signals.explore.model import Lines, SplitRow
from tidegate.signals.explore.ports import Bound
from tidegate.signals.explore.ranges import Span
from tidegate.signals.explore.service import FamilyHealth
from tidegate.signals.explore.words import line_sentence, written

__all__ = [
    "ChartView",
    "Drawing",
    "FigureView",
    "OverviewRow",
    "Spark",
    "SplitTable",
    "address",
    "chart_views",
    "family_sentence",
    "figure_views",
    "notices_of",
    "overview_row",
    "spark_of",
    "split_table",
    "subject_sentence",
    "untimed_words",
]

_SPARK_WIDTH: Final = 140
_SPARK_HEIGHT: Final = 28
_SPARK_MARGIN: Final = 3  # half the width of a dot
_OVERVIEW_FIGURES: Final = 4
_LINES_A_CHART: Final = 5  # as many colours as there are
_DAY: Final = timedelta(days=1)
_FLOWS: Final = frozenset({FigureUnit.COUNT, FigureUnit.TOKENS, FigureUnit.USD, FigureUnit.VALUE})
"""Units of what adds up over time: the running bucket is not whole yet."""
_COMPARED: Final = frozenset({FigureUnit.RATE, FigureUnit.USD, FigureUnit.MS, FigureUnit.SECONDS})
"""Units whose bound holds for a bucket of any width; a count of 15 minutes says nothing about one of a minute."""


@dataclass(frozen=True, slots=True)
class FigureView:
    name: str
    label: str
    value: str
    bound: str
    """Empty without a rule."""
    runbook: str
    is_crossed: bool


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line without axes, as an SVG path."""

    path: str
    words: str


@dataclass(frozen=True, slots=True)
class OverviewRow:
    family: str
    title: str
    question: str
    mark: Mark
    sentence: str
    figures: tuple[FigureView, ...]
    spark: Spark | None
    is_sampled: bool


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    value: str
    """What the chart draws; empty where there is nothing."""


@dataclass(frozen=True, slots=True)
class ChartRow:
    start: datetime
    cells: tuple[Cell, ...]
    is_running: bool
    """Whether the bucket has not ended yet."""


@dataclass(frozen=True, slots=True)
class BoundView:
    value: str
    """Empty when it cannot be drawn over buckets of this width."""
    words: str


@dataclass(frozen=True, slots=True)
class ChartView:
    slug: str
    title: str
    unit: FigureUnit
    summary: str
    columns: tuple[str, ...]
    rows: tuple[ChartRow, ...]
    """The newest first."""
    bounds: tuple[BoundView, ...]
    csv: str


@dataclass(frozen=True, slots=True)
class SplitTable:
    label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Key as people see it, link that narrows to it or empty, and the figures."""


def address(path: str, query: Mapping[str, str | None], **changes: str | None) -> str:
    """Return a link with the query of this page and what is different."""
    merged = {name: value for name, value in {**query, **changes}.items() if value}
    return f"{path}?{urlencode(merged)}" if merged else path


def figure_views(
    entry: FamilyEntry, figures: Figures | None, bounds: Sequence[Bound], *, window: timedelta
) -> tuple[FigureView, ...]:
    of_one = tuple(name for name in entry.of_subject if figures and figures.get(name) is not None)
    # Of a tenant no durations are kept: that is not for want of data.
    is_kept = not (figures and figures.get(entry.count) and figures.get("meanMs") is None)
    names = (name for name in (*of_one, *entry.headline) if is_kept or name not in QUANTILES)
    return tuple(_figure_view(entry, name, figures, bounds, window) for name in names)


def _figure_view(  # noqa: PLR0917 - one of a list
    entry: FamilyEntry, name: str, figures: Figures | None, bounds: Sequence[Bound], window: timedelta
) -> FigureView:
    figure = entry.figure(name)
    value = figures.get(name) if figures else None
    bound = next((each for each in bounds if each.figure == name), None)
    words, is_crossed = "", False
    if bound is not None:
        words = f"bound {written(figure.unit, bound.threshold)}"
        is_comparable = figure.unit in _COMPARED or bound.window == window
        count = (figures.get(entry.count) or 0) if figures else 0
        if not is_comparable:
            words += f" in {format_duration(bound.window)}"
        elif value is not None and count >= bound.min_count:
            is_crossed = value <= bound.threshold if bound.is_below else value >= bound.threshold
    return FigureView(
        name, figure.label, written(figure.unit, value), words, bound.runbook if bound else "", is_crossed
    )


def overview_row(health: FamilyHealth) -> OverviewRow:
    entry = health.entry
    figures = figure_views(entry, health.figures, health.bounds, window=timedelta(minutes=15))
    return OverviewRow(
        family=entry.family,
        title=entry.title,
        question=entry.question,
        mark=MARKS[health.health.state],
        sentence=health.health.sentence,
        figures=figures[:_OVERVIEW_FIGURES],
        spark=spark_of(health.spark, entry) if health.spark is not None else None,
        is_sampled=bool((health.figures or {}).get("sampledCount")),
    )


def spark_of(values: Sequence[float | None], entry: FamilyEntry) -> Spark | None:
    """Return the line of a family's first headline figure, broken where there is no data."""
    figure = entry.figure(entry.headline[0])
    known = [value for value in values if value is not None]
    if not known:
        return None
    low, high = min(0.0, *known), max(known)
    height = (high - low) or 1.0
    step = (_SPARK_WIDTH - 2 * _SPARK_MARGIN) / max(len(values) - 1, 1)
    parts, pen = [], "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x = _SPARK_MARGIN + place * step
        y = _SPARK_HEIGHT - _SPARK_MARGIN - (value - low) / height * (_SPARK_HEIGHT - 2 * _SPARK_MARGIN)
        if pen == "M" and (place + 1 == len(values) or values[place + 1] is None):
            parts.append(f"M{x - 1:.1f} {y:.1f}h2v1h-2z")  # a single hour is a dot that one sees
        else:
            parts.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    words = (
        f"{figure.label}, 7 days by the hour: lowest {written(figure.unit, min(known))}, "
        f"highest {written(figure.unit, high)}"
    )
    return Spark("".join(parts), words)


def family_sentence(entry: FamilyEntry, figures: Figures, bounds: Sequence[Bound], span: Span) -> str:
    """Return what the window says in one sentence: the number, the bound, the time."""
    count = figures.get(entry.count) or 0
    length = format_duration(span.window.length) if span.preset is None else span.preset
    if not count:
        return f"No {entry.unit_name} in {length}."
    lead = entry.figure(entry.headline[0])
    value = written(lead.unit, figures.get(lead.name))
    bound = next((each for each in bounds if each.figure == lead.name), None)
    said = f"{lead.label} {value}"
    if lead.name != entry.count:
        said += f" of {count:,.0f} {entry.unit_name}"
    said += f" in {length}"
    if bound is None:
        return f"{said}."
    window = "" if lead.unit in _COMPARED else f" in {format_duration(bound.window)}"
    return f"{said}; the bound is {written(lead.unit, bound.threshold)}{window}."


def subject_sentence(entry: FamilyEntry, name: str, figures: Figures, span: Span, *, unit: str) -> str:
    """Return what a window says of one meter or metric."""
    length = format_duration(span.window.length) if span.preset is None else span.preset
    said = {each: written(FigureUnit.VALUE, figures.get(each)) for each in entry.of_subject}
    unit = f" {unit}" if unit else ""
    if not figures.get(entry.count):
        return f"No {entry.unit_name} of {name} in {length}."
    if "quantity" in said:
        limit = f"; {written(FigureUnit.RATE, figures['share'])} of the limit of {said['limit']}"
        return f"{name}: {said['quantity']} in {length}{limit if figures.get('limit') is not None else ''}."
    rise = f", risen by {said['increase']}{unit}" if figures.get("increase") is not None else ""
    return f"{name}: last {said['last']}{unit}, between {said['min']} and {said['max']}{unit} in {length}{rise}."


def notices_of(entry: FamilyEntry, figures: Figures) -> tuple[str, ...]:
    """Return why these figures need care."""
    found = []
    share = distrusted_share(entry, figures)
    if share is not None and share > DISTRUST_LIMIT:
        found.append(
            f"{share * 100:.3g}% of what came in has times that cannot be believed (limit 1%); it is in no figure, "
            "and gates hold."
        )
    if figures.get("sampledCount"):
        found.append(
            f"Sampled: {figures['sampledCount']:,} of these say that they are a sample and not of how many, so counts "
            "are too low and gate checks that need counts hold."
        )
    if figures.get("replayedCount"):
        found.append(f"{figures['replayedCount']:,} of these were replayed from a recording.")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What all charts of a page have in common."""

    entry: FamilyEntry
    bounds: Sequence[Bound]
    span: Span
    now: datetime
    csv: str
    """Address of the series as CSV."""
    is_split: bool
    has_durations: bool
    is_of_one: bool
    """Whether one meter or metric is picked."""


def chart_views(drawing: Drawing, lines: Lines) -> tuple[ChartView, ...]:
    """Return the charts of figures that are kept."""
    if not lines.lines or not lines.starts:
        return ()
    return tuple(_chart_view(drawing, chart, chart.figures, lines) for chart in _charts(drawing, lines))


def _charts(drawing: Drawing, lines: Lines) -> Iterable[Chart]:
    for chart in drawing.entry.charts:
        names = set(chart.figures)
        if not drawing.has_durations and names & QUANTILES.keys():
            continue
        if names & set(drawing.entry.of_subject):
            drawn = (each for line in lines.lines for each in line.figures)
            is_known = any(figures.get(name) is not None for figures in drawn for name in names)
            if not (drawing.is_of_one and is_known):  # amounts of several do not add up, and gauges do not rise
                continue
        yield chart


def untimed_words(entry: FamilyEntry, *, scope: SignalScope, by: Split | None) -> str:
    """Return why durations are not shown, where they are kept for less than what is asked."""
    if not entry.has_durations:
        return ""
    if scope.tenant is not None:
        return "Durations are kept without tenant: without this filter there is a chart of them."
    return f"Durations are not kept by {by.label.lower()}: split by something else to see them." if by else ""


def _chart_view(drawing: Drawing, chart: Chart, names: tuple[str, ...], lines: Lines) -> ChartView:
    entry, span = drawing.entry, drawing.span
    unit = entry.figure(names[0]).unit
    columns = _columns(drawing, names, lines)
    step = timedelta(seconds=span.step_s)
    running = [start + step > drawing.now for start in lines.starts]
    is_flow = chart.is_flow and unit in _FLOWS
    rows = [
        ChartRow(
            start,
            tuple(_cell(unit, values[place], is_drawn=not (is_flow and running[place])) for _, values in columns),
            is_running=running[place],
        )
        for place, start in enumerate(lines.starts)
    ]
    first, values = columns[0]
    ended = [(row.start, value) for row, value in zip(rows, values, strict=True) if not row.is_running]
    summary = line_sentence(unit, ended, with_day=span.window.length > _DAY)
    if len(columns) > 1:
        summary = f"{first}: {summary[0].lower()}{summary[1:]}"
    return ChartView(
        slug=chart.slug,
        title=_title(drawing, chart, lines.unit),
        unit=unit,
        summary=summary,
        columns=tuple(label for label, _ in columns),
        rows=tuple(reversed(rows)),
        bounds=tuple(_bound_views(entry, names[:1] if drawing.is_split else names, drawing.bounds, span)),
        csv=f"{drawing.csv}&figures={','.join(names)}",
    )


def _columns(drawing: Drawing, names: tuple[str, ...], lines: Lines) -> list[tuple[str, list[float | None]]]:
    drawn = lines.lines[:_LINES_A_CHART]
    if drawing.is_split:
        return [(line.key or "none", [figures[names[0]] for figures in line.figures]) for line in drawn]
    return [(drawing.entry.figure(name).label, [figures[name] for figures in drawn[0].figures]) for name in names]


def _cell(unit: FigureUnit, value: float | None, *, is_drawn: bool) -> Cell:
    is_drawn = is_drawn and value is not None and isfinite(value)
    return Cell(written(unit, value), repr(value) if is_drawn else "")


def _title(drawing: Drawing, chart: Chart, unit_said: str) -> str:
    figure = drawing.entry.figure(chart.figures[0])
    title = figure.label if drawing.is_split else chart.title
    if figure.unit is FigureUnit.VALUE and unit_said:
        title += f" in {unit_said}"
    if chart.is_flow and figure.unit in _FLOWS:
        title += f" per {format_duration(timedelta(seconds=drawing.span.step_s))}"
    return title


def _bound_views(entry: FamilyEntry, names: Iterable[str], bounds: Sequence[Bound], span: Span) -> Iterable[BoundView]:
    for name in names:
        for bound in (each for each in bounds if each.figure == name):
            figure = entry.figure(name)
            is_comparable = figure.unit in _COMPARED or bound.window.total_seconds() == span.step_s
            words = f"{bound.severity} {bound.code}: {written(figure.unit, bound.threshold)}"
            if not is_comparable:
                words += f" in {format_duration(bound.window)}"
            yield BoundView(repr(bound.threshold) if is_comparable else "", words)


def split_table(entry: FamilyEntry, label: str, rows: Sequence[SplitRow], *, narrow: Mapping[str, str]) -> SplitTable:
    """Return the table of a split; `narrow` has the links that show one value alone."""
    sparse = {*QUANTILES, *entry.of_subject}
    # Durations are kept without tenant, and amounts are of one meter: a column of which nothing is known says nothing.
    known = {name for row in rows for name, value in row.figures.items() if value is not None or name not in sparse}
    names = tuple(name for name in dict.fromkeys((entry.count, *entry.of_subject, *entry.headline)) if name in known)
    return SplitTable(
        label=label,
        columns=tuple(entry.figure(name).label for name in names),
        rows=tuple(
            (
                row.key or "none",
                narrow.get(row.key, ""),
                tuple(written(entry.figure(name).unit, row.figures.get(name)) for name in names),
            )
            for row in rows
        ),
    )
