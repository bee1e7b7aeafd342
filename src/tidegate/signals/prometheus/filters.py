"""Matchers as conditions of a statement; what no column can be asked is matched over what was read. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.promql.series import METRIC_NAME, Labels, Matcher, MatchOp
from tidegate.signals.prometheus.ports import Within

__all__ = ["Filter", "filter_of", "is_met", "may_be_met"]

# A choice of plain words, as dashboards write the values of a variable: `a|b\\.c`.
_CHOICE: Final = re.compile(
    r"(?:[\w \-/:@,]|\\[.\-/{}()+*?$^|\[\]\\])+(?:\|(?:[\w \-/:@,]|\\[.\-/{}()+*?$^|\[\]\\])+)*"
)
_SPLIT: Final = re.compile(r"(?<!\\)\|")
_MOST_CHOICES: Final = 200
_OPERATORS: Final = {MatchOp.EQUAL: "=", MatchOp.NOT_EQUAL: "!="}


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition, its parameters, and what it leaves to be matched."""

    condition: str
    parameters: Mapping[str, object]
    left: tuple[Matcher, ...]


def filter_of(matchers: Iterable[Matcher], columns: Mapping[str, str], within: Within) -> Filter:
    """Return the condition of `matchers` over `columns`: labels and what they are in the statement."""
    parts: list[str] = []
    parameters: dict[str, object] = {}
    left: list[Matcher] = []
    for label, allowed in (("service", within.services), ("environment", within.environments)):
        if allowed is not None:
            parameters[f"within_{label}"] = sorted(allowed)
            parts.append(f" AND {columns[label]} IN ({{within_{label}:Array(String)}})")
    for place, matcher in enumerate(matchers):
        name, choices = f"matched_{place}", _choices(matcher)
        if matcher.label not in columns:
            left.append(matcher)
        elif matcher.op in _OPERATORS:
            parameters[name] = matcher.value
            parts.append(f" AND {columns[matcher.label]} {_OPERATORS[matcher.op]} {{{name}:String}}")
        elif choices:
            parameters[name] = choices
            negated = "NOT " if matcher.op is MatchOp.NOT_MATCHES else ""
            parts.append(f" AND {columns[matcher.label]} {negated}IN ({{{name}:Array(String)}})")
        else:
            left.append(matcher)
    return Filter("".join(parts), parameters, tuple(left))


def _choices(matcher: Matcher) -> list[str]:
    """Return the words that a pattern is a choice of; none when it is anything else."""
    if matcher.op in _OPERATORS or not _CHOICE.fullmatch(matcher.value):
        return []
    found = [re.sub(r"\\(.)", r"\1", word) for word in _SPLIT.split(matcher.value)]
    return found if len(found) <= _MOST_CHOICES else []


def may_be_met(matchers: Iterable[Matcher], labels: Collection[str]) -> bool:
    """Return whether series of a metric with these labels can meet `matchers`."""
    return all(matcher.label in labels or matcher.label == METRIC_NAME or matcher.matches("") for matcher in matchers)


def is_met(matchers: Sequence[Matcher], labels: Labels) -> bool:
    held = dict(labels)
    return all(matcher.matches(held.get(matcher.label, "")) for matcher in matchers)
