"""Signals on the wire: what is asked, and what is answered."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator

from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import InvalidInputError, TimeRange, format_duration
from tidegate.signals import Durations, SignalScope
from tidegate.signals.explore.entries import FamilyEntry
from tidegate.signals.explore.model import SplitRow
from tidegate.signals.explore.ports import Bound
from tidegate.signals.explore.service import FamilyHealth

Text = Annotated[str | None, Field(max_length=512)]
Number = int | float | None


class ScopeIn(WireModel):
    """Which events; what is left out or empty means all."""

    service: Text = None
    environment: Text = None
    release: Text = None
    tenant: Text = None

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    def scope(self) -> SignalScope:
        """Return the events that are meant.

        Raises:
            InvalidInputError: a name holds a NUL; nothing that is stored does.
        """
        for name in ("service", "environment", "release", "tenant"):
            if "\0" in (getattr(self, name) or ""):
                raise InvalidInputError(f"{name}: it contains a NUL character.", field=name)
        return SignalScope(service=self.service, environment=self.environment, release=self.release, tenant=self.tenant)


class RangeIn(ScopeIn):
    """Which time: `range`, or `from` and `to`; one hour unless said."""

    range: Annotated[str | None, Field(max_length=20)] = None
    from_: Annotated[str | None, Field(alias="from", max_length=64)] = None
    to: Annotated[str | None, Field(max_length=64)] = None


class FamilyIn(RangeIn):
    """Which family's events: of the families that have meters or metrics, those of one of them."""

    meter: Text = None
    """Of the family `usage`: only this meter, with its amounts."""
    metric: Text = None
    """Of the family `runtime`: only this metric, with its values."""

    def scope_of(self, entry: FamilyEntry) -> SignalScope:
        """Return the events of `entry` that are meant.

        Raises:
            InvalidInputError: a name holds a NUL, or the family has no such thing.
        """
        scope = self.scope()
        for name, value in (("meter", self.meter), ("metric", self.metric)):
            if value is None:
                continue
            if entry.subject is None or entry.subject.name != name:
                raise InvalidInputError(f"{name}: {entry.family} has none.", field=name)
            if "\0" in value:
                raise InvalidInputError(f"{name}: it contains a NUL character.", field=name)
            scope = replace(scope, object=value)
        return scope


class TableIn(FamilyIn):
    by: Annotated[str | None, Field(max_length=40)] = None
    """Dimension to split by: one of those in the catalogue."""
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    """At most so many values of the dimension, the largest first."""
    format: Literal["json", "csv"] = "json"


class SeriesIn(TableIn):
    step: Annotated[str | None, Field(max_length=20)] = None
    """Width of a bucket, such as `60s` or `5m`; what draws the window with 180 points unless said."""
    figures: Annotated[str | None, Field(max_length=500)] = None
    """Figures with commas; all unless said."""
    limit: Annotated[int, Field(ge=1, le=20)] = 10


class RuleOut(WireModel):
    code: str
    severity: str
    figure: str
    threshold: float
    min_count: int
    window: str
    runbook: str

    @classmethod
    def of(cls, bound: Bound) -> Self:
        return cls(
            code=bound.code,
            severity=bound.severity,
            figure=bound.figure,
            threshold=bound.threshold,
            min_count=bound.min_count,
            window=format_duration(bound.window),
            runbook=bound.runbook,
        )


class FigureOut(WireModel):
    name: str
    label: str
    unit: str


class DimensionOut(WireModel):
    name: str
    """What `by` takes."""
    label: str


class FamilyOut(WireModel):
    family: str
    title: str
    question: str
    figures: tuple[FigureOut, ...]
    dimensions: tuple[DimensionOut, ...]
    subject: str | None
    """Parameter that picks one meter or metric, whose amounts mean something only by itself; null for most families."""
    rules: tuple[RuleOut, ...]

    @classmethod
    def of(cls, entry: FamilyEntry, bounds: tuple[Bound, ...]) -> Self:
        return cls(
            family=entry.family,
            title=entry.title,
            question=entry.question,
            figures=tuple(
                FigureOut(name=figure.name, label=figure.label, unit=figure.unit) for figure in entry.figures
            ),
            dimensions=tuple(DimensionOut(name=split.name, label=split.label) for split in entry.splits),
            subject=entry.subject.name if entry.subject else None,
            rules=tuple(RuleOut.of(bound) for bound in bounds),
        )


class CatalogueOut(WireModel):
    families: tuple[FamilyOut, ...]


class HealthOut(WireModel):
    """How one family is, over the last 15 minutes."""

    family: str
    title: str
    state: str
    sentence: str
    figures: dict[str, Number] | None
    """Null when they cannot be read."""
    spark: tuple[Number, ...] | None
    """The family's first headline figure by the hour, over seven days."""

    @classmethod
    def of(cls, row: FamilyHealth) -> Self:
        return cls(
            family=row.entry.family,
            title=row.entry.title,
            state=row.health.state,
            sentence=row.health.sentence,
            figures=dict(row.figures) if row.figures is not None else None,
            spark=row.spark,
        )


class HealthsOut(WireModel):
    items: tuple[HealthOut, ...]


class WindowOut(WireModel):
    from_: Annotated[Utc, Field(alias="from")]
    to: Utc

    @classmethod
    def of(cls, window: TimeRange) -> Self:
        return cls(from_=window.start, to=window.end)


class LineOut(WireModel):
    key: str
    figures: dict[str, tuple[Number, ...]]
    """One value a start; null without data."""


class SeriesOut(WireModel):
    family: str
    window: WindowOut
    step_s: int
    by: str | None
    starts: tuple[Utc, ...]
    """Where the buckets begin. The last one may still be running."""
    lines: tuple[LineOut, ...]


class DurationsOut(WireModel):
    key: str
    count: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, key: str, found: Durations) -> Self:
        return cls(
            key=key,
            count=found.count,
            mean_ms=found.mean_ms,
            p50_ms=found.p50_ms,
            p95_ms=found.p95_ms,
            p99_ms=found.p99_ms,
        )


class QuantilesOut(WireModel):
    family: str
    window: WindowOut
    by: str | None
    items: tuple[DurationsOut, ...]


class SplitRowOut(WireModel):
    key: str
    figures: dict[str, Number]

    @classmethod
    def of(cls, row: SplitRow) -> Self:
        return cls(key=row.key, figures=dict(row.figures))


class SplitOut(WireModel):
    family: str
    window: WindowOut
    by: str | None
    totals: dict[str, Number]
    """Of all values together."""
    items: tuple[SplitRowOut, ...]
