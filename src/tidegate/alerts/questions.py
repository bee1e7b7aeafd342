"""Which statements a set of rules needs, and which rules each of them answers. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from tidegate.alerts.dimensions import column_of
from tidegate.alerts.model import DEFAULT_GROUP_BY, Bound, Filter, NoData, Rule, Source
from tidegate.kernel import WorkspaceId
from tidegate.signals import Dimension, Family

__all__ = ["Placed", "Question", "questions_of", "where_of"]

_PROMPT: Final = frozenset(DEFAULT_GROUP_BY)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A rule, and for whom it counts."""

    rule: Rule
    bounds: Mapping[str, Bound]
    """By tenant."""
    but: frozenset[WorkspaceId] = frozenset()
    """Workspaces that have a rule of their own under this code."""

    def counts_for(self, workspace: WorkspaceId) -> bool:
        return workspace not in self.but if self.rule.workspace is None else workspace == self.rule.workspace


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One statement and the rules that it answers, by what they read of it."""

    source: Source
    window: timedelta
    dimensions: tuple[Dimension, ...]
    rules: Mapping[tuple[Family, tuple[str, ...], tuple[Filter, ...]], Sequence[Placed]]
    families: frozenset[Family] = field(default=frozenset())

    @property
    def is_prompt(self) -> bool:
        """Whether it is asked with every evaluation; the others now and then: each costs as much as all prompt ones."""
        return self.source is Source.COUNTS and _PROMPT.issuperset(self.dimensions)

    def asks_of(self, workspaces: Collection[WorkspaceId]) -> list[WorkspaceId]:
        """Return whom it has to be asked of: a workspace's own rules read nobody else."""
        owners = {placed.rule.workspace for batch in self.rules.values() for placed in batch}
        return [one for one in workspaces if None in owners or one in owners]

    @property
    def placed(self) -> Iterator[Placed]:
        for batch in self.rules.values():
            yield from batch

    @property
    def watches_silence(self) -> bool:
        return any(placed.rule.no_data is NoData.ALERT for placed in self.placed)


def questions_of(rules: Sequence[Rule]) -> tuple[Question, ...]:
    """Return what has to be asked of signals for `rules`; those of a workspace stand before the ones that ship."""
    owned: dict[str, set[WorkspaceId]] = {}
    for rule in rules:
        if rule.workspace is not None:
            owned.setdefault(rule.code, set()).add(rule.workspace)
    batches: dict[tuple[Source, timedelta, tuple[Dimension, ...]], dict[Any, list[Placed]]] = {}
    for rule in rules:
        if not rule.is_enabled or rule.prom is not None:
            continue
        but = frozenset(owned.get(rule.code, ())) if rule.workspace is None else frozenset()
        source = rule.measure.source
        question = batches.setdefault((source, rule.window, _dimensions_of(rule)), {})
        question.setdefault((rule.family, rule.group_by, rule.where), []).append(Placed(rule, dict(rule.tenants), but))
    found = [
        Question(source, window, dimensions, batch, frozenset(family for family, _, _ in batch))
        for (source, window, dimensions), batch in batches.items()
    ]
    return tuple(sorted(found, key=lambda question: not question.is_prompt))


def where_of(family: Family, where: Sequence[Filter]) -> list[tuple[Dimension, Callable[[str], bool]]]:
    """Return filters as signals take them."""
    return [(column_of(family, one.dimension), _predicate(one)) for one in where]


def _dimensions_of(rule: Rule) -> tuple[Dimension, ...]:
    if rule.measure.source is Source.TELEMETRY:
        return ("service",)
    named = {column_of(rule.family, name) for name in (*rule.group_by, *(one.dimension for one in rule.where))}
    if rule.measure.source is Source.COUNTS and named <= _PROMPT:
        return ("service", "tenant")
    return tuple(sorted(named | {"service"}))


@lru_cache(maxsize=10_000)
def _predicate(one: Filter) -> Callable[[str], bool]:
    if one.pattern is None:
        return frozenset(one.values).__contains__
    import re2

    matches = re2.compile(one.pattern).fullmatch
    return lambda word: matches(word) is not None
