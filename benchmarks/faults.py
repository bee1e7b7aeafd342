"""Claim: what rules of this kind reach on faults of others, beside a baseline that learns what is usual.

Both are judged by the same engine of backtests: the baseline is computed here and comes to the rules as a series, as
anybody's detector would come as a metric. Bounds come from what was there before the first fault, but which
settings were kept was decided with the labels in sight; and the baseline's one limit is the same for all series of
all sets.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from tests.real.fault_series import (
    BOUTIQUE,
    NAB_WINDOWS,
    OWN,
    SHIPPED,
    Bound,
    Point,
    Reached,
    Series,
    boutique,
    nab,
    petshop,
    petshop_quiet,
    reached,
    static_bounds,
)

from benchmarks.harness import Figure, Report

_LIMIT = 6.0  # deviations that are usual; one point of normal noise in half a billion lies beyond
_DAY_S = 86_400
_FEWEST = 12  # points before anything is called unusual
_LEARNED = [Bound("unusual", _LIMIT)]
Baseline = Callable[[Series], Series]


def _deviation(values: Sequence[float], centre: float) -> float:
    """Return what is usual around `centre`: of a flat line a hundredth of its height."""
    usual = 1.4826 * median(abs(value - centre) for value in values)
    return max(usual, abs(centre) * 0.01, 1e-9)


def _scored(series: Series, score: Callable[[int], float]) -> Series:
    points = [Point(one.at_s, min(score(place), 1e6)) for place, one in enumerate(series.points)]
    return replace(series, points=points)


def trailing(series: Series, *, length_s: int = _DAY_S // 4) -> Series:
    """Return how many usual deviations each point lies off the median of the hours before it."""
    count = max(length_s // series.step_s, 2 * _FEWEST)

    def score(place: int) -> float:
        before = [one.value for one in series.points[max(0, place - count) : place]]
        if len(before) < _FEWEST:
            return 0.0
        centre = median(before)
        return abs(series.points[place].value - centre) / _deviation(before, centre)

    return _scored(series, score)


def seasonal(series: Series) -> Series:
    """Return the same against the medians of this time of day on the days before, a week of them at most."""
    at = {one.at_s // series.step_s: one.value for one in series.points}
    a_day = _DAY_S // series.step_s
    floor = max(0.01 * median(abs(value) for value in at.values()), 1e-9)
    residuals: list[float] = []
    scores: list[float] = []
    for one in series.points:
        step = one.at_s // series.step_s
        same = [at[near] for day in range(1, 8) for near in range(step - day * a_day - 1, step - day * a_day + 2)
                if near in at]  # fmt: skip
        usual = residuals[-a_day:]
        residual = one.value - median(same) if same else 0.0
        is_known = len(same) >= 3 and len(usual) >= _FEWEST
        scores.append(abs(residual) / max(1.4826 * median(map(abs, usual)), floor) if is_known else 0.0)
        if same:
            residuals.append(residual)
    return _scored(series, scores.__getitem__)


def against_quiet(quiet: Series) -> Baseline:
    """Return what holds a series against 49 hours without faults, by latency and failures alike."""
    values = [one.value for one in quiet.points]
    centre = median(values)
    usual = _deviation(values, centre)
    shares = [one.failed_count / one.count for one in quiet.points]
    failing = max(1.4826 * median(shares), sorted(shares)[len(shares) * 95 // 100] / 2, 0.001)

    def scored(series: Series) -> Series:
        def score(place: int) -> float:
            one = series.points[place]
            return max((one.value - centre) / usual, one.failed_count / one.count / failing, 0.0)

        return _scored(series, score)

    return scored


async def measure() -> list[tuple[str, str, Reached]]:
    """Return set, way and what it reached."""
    found: list[tuple[str, str, Reached]] = []
    shop, quiet = petshop(), petshop_quiet()
    found += [
        ("petshop", "bounds that ship: p95 0.5 s, 2 % failed, 15 min",
         await reached([*petshop("p95"), petshop_quiet("p95")], SHIPPED)),
        ("petshop", "rules of its own: mean 0.13 s, 2 % failed, 5 min", await reached([*shop, quiet], OWN)),
    ]  # fmt: skip
    baseline = against_quiet(quiet)
    found.append(("petshop", "learned from quiet hours", await reached([*map(baseline, [*shop, quiet])], _LEARNED)))
    for column, limit in BOUTIQUE.items():
        page = boutique(column)
        rule = Bound("slow", limit, window_s=60)
        found.append(("boutique", f"rule: {column[7:10]} above {limit} s", await reached([page], [rule])))
        learned = replace(_LEARNED[0], window_s=60)
        found.append(("boutique", f"learned: {column[7:10]}, hours before", await reached([trailing(page)], [learned])))
    for step_s, window_s in NAB_WINDOWS.items():
        every = [series for series in nab() if series.step_s == step_s]
        name = f"nab, {len(every)} series every {step_s // 60} min"
        found.append((name, "rules: bounds from the first 15 %",
                      await reached(every, static_bounds(every, window_s=window_s))))  # fmt: skip
        learned = replace(_LEARNED[0], window_s=window_s)
        found.append((name, "learned: hours before", await reached([*map(trailing, every)], [learned])))
        found.append((name, "learned: time of day", await reached([*map(seasonal, every)], [learned])))
    return found


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = asyncio.run(measure())
    figures = [Figure(f"{name}: {way}", one.shown) for name, way, one in found]
    Report("faults", figures, None).show()


if __name__ == "__main__":
    main()
