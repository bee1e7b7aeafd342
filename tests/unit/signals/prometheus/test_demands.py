"""Where samples of counters lie, so that ranges are exact; and what is added up where it is stored."""

from math import gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.promql.parsing import parse_expression
from tidegate.signals.prometheus.demands import LOOKBACK_MS, Demand, Grid, demands_of, grid_of

NOW_MS = 1_795_320_000_000
MINUTE_MS = 60_000


def only(text: str, *, first_ms: int = NOW_MS, last_ms: int = NOW_MS, step_ms: int = 0) -> Demand:
    [demand] = demands_of(parse_expression(text), first_ms=first_ms, last_ms=last_ms, step_ms=step_ms).values()
    return demand


def grid(demand: Demand, *, bucket_s: int = 1, now_ms: int = NOW_MS) -> Grid:
    found = grid_of(demand, bucket_s=bucket_s, now_ms=now_ms)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("sum by (service) (rate(x[5m]))", {"service"}),
        ("sum(increase(x[5m]))", set()),
        ("sum by (service) (x)", {"service"}),
        ("sum by (service) (rate(x[5m])) / sum by (tenant) (rate(x[5m]))", {"service", "tenant"}),
        ("sum by (service) (rate(x[5m])) / sum without (tenant) (rate(x[5m]))", None),
        ("sum without (tenant) (rate(x[5m]))", None),
        ("max by (service) (rate(x[5m]))", None),
        ("sum by (service) (max_over_time(x[5m]))", None),
        ("sum by (service) (rate(x[5m]) > 1)", None),
        ("sum by (service) (-x)", None),
        ("sum by (service) (sum by (service, tenant) (x))", {"service", "tenant"}),
        ("x", None),
    ],
)
def test_only_what_adds_up_is_added_up_before(text: str, by: set[str] | None) -> None:
    assert only(text).by == by


def test_samples_of_a_moment_lie_at_both_ends_of_the_range() -> None:
    found = grid(only("rate(x[5m])", first_ms=NOW_MS - 123))
    assert found.moments.tolist() == [NOW_MS - 123 - 5 * MINUTE_MS, NOW_MS - 123]
    assert found.origin_s * 1000 == NOW_MS - 1000 - 5 * MINUTE_MS


def test_a_selector_that_is_looked_at_twice_has_samples_for_both() -> None:
    demands = demands_of(
        parse_expression("rate(x[5m]) + rate(x[2m] offset 30s)"), first_ms=NOW_MS, last_ms=NOW_MS, step_ms=0
    )
    [demand] = demands.values()
    moments = set(grid(demand).moments.tolist())
    assert {NOW_MS, NOW_MS - 300_000, NOW_MS - 30_000, NOW_MS - 150_000} <= moments


def test_a_subquery_looks_at_its_own_moments() -> None:
    demand = only("max_over_time(rate(x[1m])[10m:30s])", first_ms=NOW_MS + 7_000, last_ms=NOW_MS + 7_000)
    assert demand.gap_ms == 30_000
    assert demand.last_ms == NOW_MS
    assert demand.first_ms <= NOW_MS - 10 * MINUTE_MS


@given(
    start=st.integers(-3_600_000, -1), step=st.sampled_from([1_000, 15_000, 60_000, 7_000]),
    length=st.sampled_from([60_000, 300_000, 90_000]), count=st.integers(1, 40),
)  # fmt: skip
def test_every_moment_and_every_start_of_a_range_is_a_sample(start: int, step: int, length: int, count: int) -> None:
    first = NOW_MS + start
    demand = only(f"rate(x[{length // 1000}s])", first_ms=first, last_ms=first + step * count, step_ms=step)
    found = set(grid(demand, now_ms=NOW_MS + 10**9).moments.tolist())
    wanted = np.arange(first, first + step * count + 1, step)
    assert {*wanted.tolist(), *(wanted - length).tolist()} <= found
    assert demand.gap_ms == gcd(step, length)


def test_nothing_lies_in_the_future_and_nothing_is_read_of_it() -> None:
    demand = only("rate(x[1m])", first_ms=NOW_MS, last_ms=NOW_MS + 600_000, step_ms=60_000)
    assert grid(demand).moments[-1] == NOW_MS
    ahead = grid(only("rate(x[5m])", first_ms=NOW_MS + 2_000))
    assert ahead.moments.tolist() == [NOW_MS + 2_000 - 5 * MINUTE_MS, NOW_MS]
    assert ahead.window.end.timestamp() * 1000 == NOW_MS + 1_000
    assert grid_of(only("x", first_ms=NOW_MS + 10 * LOOKBACK_MS, last_ms=NOW_MS + 10 * LOOKBACK_MS), bucket_s=1,
                   now_ms=NOW_MS) is None  # fmt: skip


@pytest.mark.parametrize("bucket_s", [60, 3_600])
def test_where_only_coarser_buckets_are_kept_samples_are_as_far_apart_and_the_newest_stays(bucket_s: int) -> None:
    found = grid(only("rate(x[90s])", first_ms=NOW_MS - 900_000, last_ms=NOW_MS, step_ms=15_000), bucket_s=bucket_s)
    assert found.step_s == bucket_s
    assert found.moments[-1] == NOW_MS
    assert found.origin_s % bucket_s == 0
    assert found.coarsest_s == bucket_s
