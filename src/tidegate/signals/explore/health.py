"""Whether a family is well, from figures, bounds and open alerts. Pure. What is not known is never well."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidegate.signals import Figures
from tidegate.signals.explore.catalogue import FamilyEntry
from tidegate.signals.explore.ports import Bound, Burning
from tidegate.signals.explore.words import written

__all__ = ["DISTRUST_LIMIT", "Health", "HealthState", "distrusted_share", "health_of"]

DISTRUST_LIMIT = 0.01  # SIGNALS section 2: above, a signal says so and a gate holds


class HealthState(StrEnum):
    """Worst first. Values are wire words and keys of `edge.marks.MARKS`."""

    FIRING = "firing"
    PENDING = "pending"
    UNKNOWN = "missing"
    UNWATCHED = "stale"
    ABOVE = "above"
    DISTRUSTED = "distrusted"
    INSUFFICIENT = "insufficient"
    NO_RULE = "no_rule"
    WITHIN = "within"


@dataclass(frozen=True, slots=True)
class Health:
    state: HealthState
    sentence: str
    """Why, with the number and the bound."""


def health_of(
    entry: FamilyEntry, figures: Figures | None, bounds: Sequence[Bound], burning: Burning | None, *, problem: str = ""
) -> Health:
    """Return how `entry` is; `figures` are `None` when they cannot be read, with the `problem` in words."""
    for state in (HealthState.FIRING, HealthState.PENDING):
        alerts = [alert for alert in burning.alerts if alert.state == state and not alert.is_held] if burning else []
        if alerts:
            worst = min(alerts, key=lambda alert: (alert.severity, alert.since))
            more = f" And {len(alerts) - 1} more." if len(alerts) > 1 else ""
            return Health(state, worst.sentence + more)
    if figures is None:
        return Health(HealthState.UNKNOWN, problem or "Its figures cannot be read for the moment.")
    return _without_alerts(entry, figures, bounds, burning)


def _without_alerts(  # noqa: PLR0911 - one answer a state, worst first
    entry: FamilyEntry, figures: Figures, bounds: Sequence[Bound], burning: Burning | None
) -> Health:
    count = figures.get(entry.count) or 0
    share = distrusted_share(entry, figures)
    if share is not None and share > DISTRUST_LIMIT:
        return Health(
            HealthState.DISTRUSTED,
            f"{share * 100:.3g}% of what came in has {entry.doubted} that cannot be believed (limit 1%).",
        )
    if not count:
        return Health(HealthState.UNKNOWN, f"No {entry.unit_name} in the last 15 min.")
    if not bounds and burning is not None:  # else nobody knows which rules there are
        return Health(HealthState.NO_RULE, f"{count:,} {entry.unit_name} in the last 15 min; no rule watches them.")
    if burning is None or not burning.is_watched:
        return Health(HealthState.UNWATCHED, "The rules are not being evaluated; see `tidegate doctor`.")
    judged = [bound for bound in bounds if figures.get(bound.figure) is not None and count >= bound.min_count]
    if not judged:
        least = min(bound.min_count for bound in bounds)
        return Health(HealthState.INSUFFICIENT, f"{count:,} {entry.unit_name} in the last 15 min; rules need {least}.")
    for bound in judged:
        if _is_crossed(bound, figures[bound.figure] or 0):
            # Rules judge each service and tenant by itself; together they may be above what none of them is.
            return Health(HealthState.ABOVE, f"{_judged(entry, figures, bound, count)} No single alert is open.")
    return Health(HealthState.WITHIN, _judged(entry, figures, judged[0], count))


def _is_crossed(bound: Bound, value: float) -> bool:
    return value <= bound.threshold if bound.is_below else value >= bound.threshold


def _judged(entry: FamilyEntry, figures: Figures, bound: Bound, count: float) -> str:
    figure = entry.figure(bound.figure)
    value = written(figure.unit, figures[bound.figure])
    return (
        f"{figure.label} {value} of {count:,} {entry.unit_name} in the last 15 min; the "
        f"bound is {written(figure.unit, bound.threshold)}."
    )


def distrusted_share(entry: FamilyEntry, figures: Figures) -> float | None:
    """Return which part of the rows is not believed, `None` without rows."""
    count, distrusted = figures.get(entry.count) or 0, figures.get("distrustedCount") or 0
    return distrusted / (count + distrusted) if count + distrusted else None
