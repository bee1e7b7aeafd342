"""Tenants against each other: figures, their medians, and who is furthest from them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tidegate.signals import Family, Figures, Totals, figures_of
from tidegate.signals.explore.catalogue import FigureUnit

__all__ = ["COLUMNS", "Column", "Ranked", "TenantRow", "medians_of", "rows_of"]

_CROWD: Final = 3  # of two, each is half of the median
_ENOUGH: Final = 20  # as in the rules: a rate over less says nothing about a tenant


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of tenants, under its wire name, and where it comes from."""

    name: str
    label: str
    unit: FigureUnit
    family: Family
    figure: str
    count: str
    """Figure of the family that says how much the value rests on."""
    least: int = 1
    """Below this count the value is shown and not compared."""


COLUMNS: Final = (
    Column("requests", "Requests", FigureUnit.COUNT, Family.REQUEST, "requestCount", "requestCount"),
    Column("denials", "Denials", FigureUnit.COUNT, Family.TENANT, "deniedCount", "requestCount"),
    Column("errorRate", "Error rate", FigureUnit.RATE, Family.REQUEST, "failureRate", "requestCount", _ENOUGH),
    Column("runs", "AI runs", FigureUnit.COUNT, Family.AI_RUN, "runCount", "runCount"),
    Column("costUsd", "Cost", FigureUnit.USD, Family.AI_RUN, "costUsd", "runCount"),
    Column("costPerRunUsd", "Cost per run", FigureUnit.USD, Family.AI_RUN, "averageCostPerRunUsd", "runCount"),
)
FAMILIES: Final = tuple(dict.fromkeys(column.family for column in COLUMNS))


@dataclass(frozen=True, slots=True)
class Ranked:
    """One figure of one tenant."""

    value: float | None
    ratio: float | None
    """To the median of the tenants that have one; `None` without a value, on too little, or when the median is 0."""
    weight: float
    """How far above the others it is: what outliers are ordered by."""


@dataclass(frozen=True, slots=True)
class TenantRow:
    tenant: str
    figures: Mapping[str, Ranked]
    """By the names of the columns."""

    @property
    def weight(self) -> float:
        return max(each.weight for each in self.figures.values())

    @property
    def outlier(self) -> str:
        """The column in which it is furthest from the others."""
        return max(self.figures, key=lambda name: self.figures[name].weight)


_Values = dict[str, tuple[float | None, bool]]


def rows_of(totals: Mapping[Family, Mapping[str, Totals]]) -> list[TenantRow]:
    """Return every tenant in `totals` with its ranks; events without a tenant are nobody's."""
    tenants = sorted({tenant for found in totals.values() for tenant in found if tenant})
    values = [_values_of(tenant, totals) for tenant in tenants]
    middles = medians_of(values)
    means = {column.name: _mean(_known(values, column.name)) for column in COLUMNS}
    return [
        TenantRow(
            tenant,
            {
                name: _ranked(value, is_enough=is_enough, middle=middles[name], mean=means[name])
                for name, (value, is_enough) in found.items()
            },
        )
        for tenant, found in zip(tenants, values, strict=True)
    ]


def medians_of(values: Sequence[_Values]) -> dict[str, float | None]:
    """Return the median of each column over those who have enough of it, `None` where they are fewer than three."""
    found = {column.name: _known(values, column.name) for column in COLUMNS}
    return {name: median(known) if len(known) >= _CROWD else None for name, known in found.items()}


def _values_of(tenant: str, totals: Mapping[Family, Mapping[str, Totals]]) -> _Values:
    figures: dict[Family, Figures] = {
        family: figures_of(family, totals.get(family, {}).get(tenant, Totals())) for family in FAMILIES
    }
    found: _Values = {}
    for column in COLUMNS:
        own = figures[column.family]
        value, count = own.get(column.figure), own.get(column.count) or 0
        # A tenant without runs has spent nothing on them: it is no tenant to compare costs with.
        found[column.name] = (value if count or column.figure == column.count else None), count >= column.least
    return found


def _known(values: Iterable[_Values], name: str) -> list[float]:
    return [value for each in values for value, is_enough in [each[name]] if value is not None and is_enough]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _ranked(value: float | None, *, is_enough: bool, middle: float | None, mean: float) -> Ranked:
    if value is None or not is_enough:
        return Ranked(value, None, 0.0)
    ratio = value / middle if middle else None
    # Most tenants have none: against a median of 0 only the mean tells one denial from a thousand.
    if middle is None:
        return Ranked(value, None, 0.0)
    return Ranked(value, ratio, ratio if ratio is not None else value / mean if mean else 0.0)
