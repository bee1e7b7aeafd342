"""The arithmetic of multi-window burn-rate alerts: factor = share of the budget * window / long window."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.promql.documents import Node, mapping, milliseconds, number
from tidegate.promql.durations import DAY_MS, HOUR_MS, MINUTE_MS, duration_of
from tidegate.promql.errors import RuleFileError
from tidegate.promql.numbers import exact_text

__all__ = ["WORKBOOK", "BurnRate", "BurnRateImpossibleError", "burn_rate", "read_windows"]


class BurnRateImpossibleError(RuleFileError):
    """An alert on a burn rate that can never be reached, or that means nothing."""

    code = "burn_rate_impossible"


@dataclass(frozen=True, slots=True)
class BurnRate:
    """Alert while the budget burns `factor` times as fast as would just use it up, over both windows."""

    severity: str
    """`page` or `ticket`, as in the workbook; Pyrra's are `critical` and `warning`, OpenSLO's its condition's name."""
    short_ms: int
    """0: the long window alone, as in OpenSLO."""
    long_ms: int
    factor: float
    for_ms: int = 0
    is_inclusive: bool = False
    """Whether a burn rate of exactly the factor is too fast already."""

    def check(self, budget: float) -> None:
        """Refuse an alert that no error ratio reaches.

        Raises:
            BurnRateImpossibleError: with the reason.
        """
        if not 0 < budget < 1:
            raise BurnRateImpossibleError(f"A budget of {exact_text(budget)} leaves nothing to burn or to keep.")
        if self.factor * budget >= 1:
            raise BurnRateImpossibleError(
                f"The factor {exact_text(self.factor)} over {duration_of(self.long_ms)} needs an error ratio above "
                f"{exact_text(round(self.factor * budget, 6))}: no ratio is above 1. "
                f"With a budget of {exact_text(round(budget, 6))} the factor must stay below "
                f"{exact_text(math.floor(1000 / budget) / 1000)}."
            )


@dataclass(frozen=True, slots=True)
class _Share:
    severity: str
    short_ms: int
    long_ms: int
    share: float


# The SRE workbook's table 5-8: what of a month's budget may burn in the long window before somebody is told.
WORKBOOK: Final = (
    _Share("page", 5 * MINUTE_MS, HOUR_MS, 0.02),
    _Share("page", 30 * MINUTE_MS, 6 * HOUR_MS, 0.05),
    _Share("ticket", 2 * HOUR_MS, DAY_MS, 0.10),
    _Share("ticket", 6 * HOUR_MS, 3 * DAY_MS, 0.10),
)


def burn_rate(severity: str, *, short_ms: int, long_ms: int, share: float, window_ms: int) -> BurnRate:
    """Return the alert that fires when `share` of the budget of `window_ms` burns within `long_ms`.

    Raises:
        BurnRateImpossibleError: the windows or the share cannot be.
    """
    if not 0 < share <= 1:
        raise BurnRateImpossibleError(f"{exact_text(share * 100)} % of a budget cannot burn; more than 0, at most 100.")
    if not 0 < short_ms < long_ms <= window_ms:
        raise BurnRateImpossibleError(
            f"The windows {duration_of(short_ms)} and {duration_of(long_ms)} do not fit into each other and into "
            f"{duration_of(window_ms)}: short < long <= the objective's."
        )
    # Two digits, as the tools that generate such rules write it: 0.02 * 720 h is 14.4 and not 14.399999999999999.
    return BurnRate(severity, short_ms, long_ms, round(share * window_ms / long_ms, 10))


def workbook(window_ms: int) -> tuple[BurnRate, ...]:
    """Return the workbook's alerts for an objective over `window_ms`."""
    return tuple(
        burn_rate(one.severity, short_ms=one.short_ms, long_ms=one.long_ms, share=one.share, window_ms=window_ms)
        for one in WORKBOOK
    )


def read_windows(document: Node) -> tuple[int, tuple[BurnRate, ...]]:
    """Read Sloth's `AlertWindows`: return the objective's window and its alerts.

    Raises:
        RuleFileError: it is none.
        BurnRateImpossibleError: its windows or shares cannot be.
    """
    known = {"apiVersion", "kind", "spec"}
    spec = mapping(mapping(document, known, "file").get("spec"), {"sloPeriod", "page", "ticket"}, "spec")
    window_ms = milliseconds(spec.get("sloPeriod"), "spec.sloPeriod")
    return window_ms, tuple(
        _read_share(mapping(mapping(spec.get(severity), {"quick", "slow"}, severity).get(speed), None, speed), severity,
                    window_ms)
        for severity, speed in _PLACES
    )  # fmt: skip


_PLACES: Final[Sequence[tuple[str, str]]] = (
    ("page", "quick"), ("page", "slow"), ("ticket", "quick"), ("ticket", "slow")
)  # fmt: skip


def _read_share(given: Mapping[str, Node], severity: str, window_ms: int) -> BurnRate:
    share = number(given.get("errorBudgetPercent"), "errorBudgetPercent") / 100
    short_ms = milliseconds(given.get("shortWindow"), "shortWindow")
    long_ms = milliseconds(given.get("longWindow"), "longWindow")
    return burn_rate(severity, short_ms=short_ms, long_ms=long_ms, share=share, window_ms=window_ms)
