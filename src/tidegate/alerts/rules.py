"""The rules that ship, as data, and what a route may change about them for one answer."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from tidegate.alerts.errors import OverrideInvalidError, RuleWithoutRunbookError
from tidegate.alerts.model import Measure, Rule, Severity, Unit
from tidegate.runbooks import find_runbook
from tidegate.signals import NANO_PER_USD, Family

__all__ = ["BUILT_IN_RULES", "batches_of", "digest_of_rules", "load_rules", "override_names", "override_rules"]

_ENOUGH = 20  # SIGNALS section 3: below 20 events a ratio says nothing
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)

BUILT_IN_RULES: Final = (
    Rule(
        code="auth_failure_rate_high",
        severity=Severity.P1,
        family=Family.AUTH,
        measure=Measure("failureRate", "failure_count", "count", Unit.RATE),
        threshold=0.20,
        phrase="{value} of {count} auth requests failed",
        runbook="auth_failure_rate_high",
        threshold_override="p1FailureRate",
        min_count=_ENOUGH,
        min_count_override="minAuthRequests",
    ),
    Rule(
        code="auth_unauthorized_spike",
        severity=Severity.P2,
        family=Family.AUTH,
        measure=Measure("unauthorizedCount", "unauthorized_count", "count", Unit.COUNT),
        threshold=10,
        phrase="{value} of {count} auth requests were unauthorized",
        runbook="auth_unauthorized_spike",
        threshold_override="p2UnauthorizedAttempts",
    ),
    Rule(
        code="run_failure_rate_high",
        severity=Severity.P1,
        family=Family.AI_RUN,
        measure=Measure("failureRate", "failed_count", "count", Unit.RATE),
        threshold=0.15,
        phrase="{value} of {count} runs failed",
        runbook="run_failure_rate_high",
        threshold_override="p1RunFailureRate",
        min_count=_ENOUGH,
        min_count_override="minRunCount",
    ),
    Rule(
        code="policy_block_rate_high",
        severity=Severity.P2,
        family=Family.AI_RUN,
        measure=Measure("policyBlockRate", "policy_blocked_count", "count", Unit.RATE),
        threshold=0.20,
        phrase="{value} of {count} runs were blocked by a policy",
        runbook="policy_block_rate_high",
        threshold_override="p2PolicyBlockRate",
        min_count=_ENOUGH,
        min_count_override="minRunCount",
    ),
    Rule(
        code="schema_mismatch_rate_high",
        severity=Severity.P2,
        family=Family.AI_RUN,
        measure=Measure("schemaMismatchRate", "validation_error_count", "count", Unit.RATE),
        threshold=0.05,
        phrase="{value} of {count} runs broke their output schema",
        runbook="schema_mismatch_rate_high",
        threshold_override="p2SchemaMismatchRate",
        min_count=_ENOUGH,
        min_count_override="minRunCount",
    ),
    Rule(
        code="average_cost_per_run_high",
        severity=Severity.P2,
        family=Family.AI_RUN,
        # Over priced runs: a run without a price is unknown, not free.
        measure=Measure("averageCostPerRunUsd", "cost_nano_usd", "priced_count", Unit.USD, NANO_PER_USD),
        threshold=0.50,
        phrase="A run cost {value} on average over {count} priced runs",
        runbook="average_cost_per_run_high",
        threshold_override="p2AverageCostPerRunUsd",
    ),
)


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
    return tuple(_overridden(rule, overrides) for rule in rules)


def _overridden(rule: Rule, overrides: Mapping[str, str]) -> Rule:
    threshold = overrides.get(rule.threshold_override)
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
