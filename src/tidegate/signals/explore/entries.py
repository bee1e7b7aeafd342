"""Of what the catalogue of families is made. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from tidegate.signals import Dimension, Family

__all__ = ["Chart", "FamilyEntry", "Figure", "FigureUnit", "Split"]


class FigureUnit(StrEnum):
    """What a figure counts in: how it is written, and on which axis it is drawn."""

    COUNT = "count"
    RATE = "rate"
    MS = "ms"
    SECONDS = "s"
    USD = "usd"
    TOKENS = "tokens"
    VALUE = "value"
    """In the unit of the meter or metric itself."""


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    """Wire name, as in `/metrics/{family}`."""
    label: str
    unit: FigureUnit = FigureUnit.COUNT


@dataclass(frozen=True, slots=True)
class Chart:
    """Figures of one unit over time. Split by a dimension, it shows the first of them."""

    slug: str
    title: str
    figures: tuple[str, ...]
    is_flow: bool = True
    """Whether counts and amounts are those of a bucket, which are less in a shorter one."""


@dataclass(frozen=True, slots=True)
class Split:
    """One way to tell the events of a family apart."""

    name: str
    """What people write: `tool`, `queue`; the dimension's own name works as well."""
    dimension: Dimension
    label: str


@dataclass(frozen=True, slots=True)
class FamilyEntry:
    family: Family
    title: str
    question: str
    comes_from: str
    """What has to be sent for it."""
    unit_name: str
    """What is counted, in the plural: `requests`."""
    count: str
    """Figure that says how much there is."""
    headline: tuple[str, ...]
    """Four to six figures that answer the question; the first four stand in the overview."""
    figures: tuple[Figure, ...]
    charts: tuple[Chart, ...]
    splits: tuple[Split, ...]
    timed_by: frozenset[Dimension] = frozenset()
    """Dimensions by which durations are kept; without any, events of the family take no time."""

    subject: Split | None = None
    """What one of has to be picked before its amounts mean something: a meter, a metric."""
    of_subject: tuple[str, ...] = ()
    """Figures that only one of them has."""

    @property
    def has_durations(self) -> bool:
        return bool(self.timed_by)

    def figure(self, name: str) -> Figure:
        return next(figure for figure in self.figures if figure.name == name)

    def find_split(self, name: str) -> Split | None:
        return next((split for split in self.splits if name in {split.name, split.dimension}), None)
