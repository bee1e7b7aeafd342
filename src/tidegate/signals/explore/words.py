"""How figures are written, and what a line did, in one sentence. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite

from tidegate.signals.explore.entries import FigureUnit

__all__ = ["line_sentence", "written"]

_CHANGE = 0.25  # a mean that moves by less says nothing that the eye would not
_NOISE = 2.0  # and it has to move by twice what buckets differ by anyway
_LEAST_BUCKETS = 8
_LEAST_SIDE = 3


def written(unit: FigureUnit, value: float | None) -> str:  # noqa: PLR0911 - one answer a unit
    """Return a figure with its unit; what is not known says so."""
    if value is None:
        return "no data"
    if unit is FigureUnit.RATE:
        return f"{value * 100:.3g}%"
    if unit is FigureUnit.MS:
        return (
            f"{value:.3g} ms"
            if value < 1_000
            else f"{value / 1_000:,.3g} s"
            if value < 1e6
            else f"{value / 1e3:,.0f} s"
        )
    if unit is FigureUnit.SECONDS:
        return f"{value:,.3g} s" if value >= 1 or not value else f"{value * 1_000:.3g} ms"
    if unit is FigureUnit.VALUE:
        return (
            f"{value:,.0f}"
            if isfinite(value) and (abs(value) >= 1_000 or float(value).is_integer())
            else f"{value:.4g}"
        )
    if unit is FigureUnit.USD:
        return f"{value:,.2f} USD" if value >= 100 else f"{value:.4g} USD"
    return f"{value:,.0f}"


def line_sentence(unit: FigureUnit, points: Sequence[tuple[datetime, float | None]], *, with_day: bool) -> str:
    """Return what a line did: `rose from 210 ms to 480 ms at 14:02 UTC`, or what it stayed around."""
    known = [(at, value) for at, value in points if value is not None]
    if not known:
        return "No data in this range."
    values = [value for _, value in known]
    low, high = min(values), max(values)
    if low == high:
        return f"Steady at {written(unit, low)}."
    at = _turn(values)
    if at is not None:
        before, after = _mean(values[:at]), _mean(values[at:])
        verb = "Rose" if after > before else "Fell"
        return (
            f"{verb} from {written(unit, before)} to {written(unit, after)} on average "
            f"at {_moment(known[at][0], with_day=with_day)}."
        )
    peak_at = known[values.index(high)][0]
    return (
        f"Around {written(unit, _mean(values))}; highest {written(unit, high)} at "
        f"{_moment(peak_at, with_day=with_day)}."
    )


def _turn(values: Sequence[float]) -> int | None:
    """Return where the mean changes most, `None` when it does not change by enough to speak of."""
    if len(values) < _LEAST_BUCKETS:
        return None
    total, so_far = sum(values), 0.0
    best, found = 0.0, None
    for position in range(1, len(values)):
        so_far += values[position - 1]
        if not _LEAST_SIDE <= position <= len(values) - _LEAST_SIDE:
            continue
        difference = abs((total - so_far) / (len(values) - position) - so_far / position)
        weighted = difference * (position * (len(values) - position)) ** 0.5
        if weighted > best:
            best, found = weighted, position
    if found is None:
        return None
    before, after = _mean(values[:found]), _mean(values[found:])
    noise = _mean([abs(second - first) for first, second in pairwise(values)])
    is_large = abs(after - before) >= _CHANGE * max(abs(before), abs(after))
    return found if is_large and abs(after - before) >= _NOISE * noise else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _moment(at: datetime, *, with_day: bool) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if with_day else f"{at.astimezone(UTC):%H:%M} UTC"
