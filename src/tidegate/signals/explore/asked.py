"""From the words of an address to what is meant by them."""

from collections.abc import Iterable
from datetime import datetime

from tidegate.kernel import InvalidInputError
from tidegate.signals.explore.catalogue import CATALOGUE, FamilyEntry, Split, family_named
from tidegate.signals.explore.ranges import Span, span_of
from tidegate.signals.explore.schemas import RangeIn

__all__ = ["entry_of", "figures_asked", "span_asked", "split_asked"]


def entry_of(name: str) -> FamilyEntry:
    return CATALOGUE[family_named(name)]


def split_asked(entry: FamilyEntry, name: str | None) -> Split | None:
    """Return the dimension to split by.

    Raises:
        InvalidInputError: the family has none of that name.
    """
    if not name:
        return None
    split = entry.find_split(name)
    if split is None:
        known = ", ".join(each.name for each in entry.splits)
        raise InvalidInputError(f"by: {entry.family} has no dimension {name!r}. It has {known}.", field="by")
    return split


def span_asked(asked: RangeIn, *, now: datetime, step: str | None = None) -> Span:
    return span_of(
        preset=asked.range or None, start=asked.from_ or None, end=asked.to or None, step=step or None, now=now
    )


def figures_asked(known: Iterable[str], text: str | None) -> tuple[str, ...]:
    """Return the figures that are named with commas, all when none is.

    Raises:
        InvalidInputError: one of them is none.
    """
    names = tuple(known)
    if not text:
        return names
    asked = tuple(dict.fromkeys(text.split(",")))
    for name in asked:
        if name not in names:
            raise InvalidInputError(f"figures: {name[:60]!r} is none of {', '.join(names)}.", field="figures")
    return asked
