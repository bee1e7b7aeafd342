"""Rules in the order in which they are read, and what a route may change about them for one answer."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from tidegate.alerts.built_in import BUILT_IN_RULES
from tidegate.alerts.errors import OverrideInvalidError, RuleWithoutRunbookError
from tidegate.alerts.model import Rule, Unit
from tidegate.runbooks import find_runbook
from tidegate.signals import Family

__all__ = [
    "BUILT_IN_RULES",
    "batches_of",
    "digest_of_rules",
    "load_rules",
    "overridden",
    "override_names",
    "override_rules",
]

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


def load_rules(rules: Sequence[Rule] = BUILT_IN_RULES) -> tuple[Rule, ...]:
    """Return `rules` after making sure that a person whom one of them wakes finds a page.

    Raises:
        RuleWithoutRunbookError: the runbook of a rule does not resolve.
    """
    for rule in rules:
        if find_runbook(rule.runbook) is None:
            raise RuleWithoutRunbookError(rule.code, rule.runbook)
    return tuple(rules)


def batches_of(rules: Sequence[Rule]) -> list[tuple[tuple[Family, timedelta], list[Rule]]]:
    """Return `rules` by what they read: one statement for each family and window."""
    batches: dict[tuple[Family, timedelta], list[Rule]] = {}
    for rule in rules:
        batches.setdefault((rule.family, rule.window), []).append(rule)
    return list(batches.items())


def digest_of_rules(rules: Sequence[Rule]) -> str:
    """Return a digest that changes with any bound: what was watched under other rules was not watched under these."""
    return hashlib.sha256(repr(tuple(rules)).encode()).hexdigest()


def override_names(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the names that `override_rules` takes, in the order of the rules."""
    names = [name for rule in rules for name in (rule.min_count_override, rule.threshold_override) if name]
    return tuple(dict.fromkeys(names))


def override_rules(rules: Sequence[Rule], overrides: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return `rules` with the bounds of `overrides`, for one answer.

    Raises:
        OverrideInvalidError: a name that no rule has, or a value that is no bound.
    """
    known = override_names(rules)
    for name in overrides:
        if name not in known:
            raise OverrideInvalidError(f"There is no {name!r} here. Known are: {', '.join(known) or 'none'}.", name)
    return tuple(overridden(rule, overrides) for rule in rules)


def overridden(rule: Rule, overrides: Mapping[str, str]) -> Rule:
    """Return `rule` with those of the bounds of `overrides` that are its own."""
    threshold = overrides.get(rule.threshold_override) if rule.threshold_override else None
    min_count = overrides.get(rule.min_count_override) if rule.min_count_override else None
    return replace(
        rule,
        threshold=rule.threshold
        if threshold is None
        else _bound(threshold, rule.measure.unit, rule.threshold_override),
        min_count=rule.min_count if min_count is None else int(_bound(min_count, Unit.COUNT, rule.min_count_override)),
    )


def _bound(text: str, unit: Unit, field: str | None) -> float:
    if unit is Unit.COUNT:
        if not _WHOLE.fullmatch(text):
            raise OverrideInvalidError(f"{field} must be a whole number of at most 18 digits.", field)
        value: float = int(text)
    else:
        if not _NUMBER.fullmatch(text):
            raise OverrideInvalidError(f"{field} must be a number, for example 0.2.", field)
        value = float(text)
    if value < 0 or not math.isfinite(value):
        raise OverrideInvalidError(f"{field} must be at least 0 and finite.", field)
    if unit is Unit.RATE and value > 1:
        raise OverrideInvalidError(f"{field} is a rate: it must lie between 0 and 1.", field)
    return value
