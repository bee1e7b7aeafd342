"""What was added between the points of one series."""

import random

import pytest

from tidegate.telemetry.points.increments import Sample, increments_of
from tidegate.telemetry.points.model import Temporality

DELTA, CUMULATIVE = Temporality.DELTA, Temporality.CUMULATIVE


def point(start: int, time: int, *values: float, is_missing: bool = False) -> Sample:
    return Sample(start, time, values, is_missing)


def added(*samples: Sample, temporality: Temporality = CUMULATIVE, is_monotonic: bool = True) -> list[float]:
    return [each.amounts[0] for each in increments_of(samples, temporality=temporality, is_monotonic=is_monotonic)[0]]


def test_delta_points_are_what_was_added() -> None:
    found = increments_of([point(10, 20, 3), point(20, 30, 4)], temporality=DELTA)
    assert [(each.start_ns, each.time_ns, each.amounts) for each in found.items] == [(10, 20, (3,)), (20, 30, (4,))]


def test_a_delta_that_comes_twice_counts_once() -> None:
    found = increments_of([point(10, 20, 3), point(10, 20, 3)], temporality=DELTA)
    assert (len(found.items), found.ignored_count) == (1, 1)


def test_deltas_of_two_writers_overlap_and_both_count() -> None:
    assert sum(added(point(10, 20, 3), point(15, 25, 4), temporality=DELTA)) == 7


def test_the_first_point_counts_since_its_start() -> None:
    found = increments_of([point(10, 20, 3)], temporality=CUMULATIVE)
    assert found.items == ((10, 20, (3,), True),)


def test_a_point_that_does_not_say_its_start_counts_from_the_one_before() -> None:
    assert added(point(0, 20, 100), point(0, 30, 104), point(0, 40, 104)) == [4, 0]
    assert added(point(20, 20, 100), point(30, 30, 104)) == [4]


def test_a_first_point_of_an_unknown_start_is_what_the_next_ones_count_on_from() -> None:
    assert added(point(20, 20, 100), point(20, 30, 104), point(20, 40, 109)) == [4, 5]


def test_a_restart_begins_anew() -> None:
    assert added(point(10, 20, 7), point(10, 30, 9), point(35, 40, 2), point(35, 50, 5)) == [7, 2, 2, 3]


def test_a_restart_that_nobody_says_shows_as_a_fall() -> None:
    found = increments_of([point(10, 20, 7), point(10, 30, 2)], temporality=CUMULATIVE).items
    assert [(each.amounts[0], each.is_reset) for each in found] == [(7, True), (2, True)]


def test_two_writers_under_one_name_add_up() -> None:
    assert sum(added(point(10, 20, 5), point(11, 21, 50), point(10, 30, 6), point(11, 31, 53))) == 59


def test_of_two_values_for_one_moment_the_first_stays() -> None:
    assert added(point(10, 20, 5), point(10, 20, 9), point(10, 30, 6)) == [5, 1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_passed_over(value: float) -> None:
    assert added(point(10, 20, 5), point(10, 25, value), point(10, 30, 6)) == [5, 1]


def test_a_point_without_a_value_is_no_reset() -> None:
    found = increments_of(
        [point(10, 20, 5), point(10, 25, 0, is_missing=True), point(10, 30, 6)], temporality=CUMULATIVE
    )
    assert ([each.amounts[0] for each in found.items], found.ignored_count) == ([5, 1], 1)


def test_a_counter_that_may_fall_is_not_reset_by_falling() -> None:
    assert added(point(10, 20, 5), point(10, 30, 2), is_monotonic=False) == [5, -3]


def test_histograms_go_bucket_by_bucket_and_new_buckets_begin_anew() -> None:
    samples = [point(1, 2, 2, 0.5, 1, 1), point(1, 3, 5, 0.25, 2, 3), point(1, 4, 6, 1.0, 6)]
    assert [each.amounts for each in increments_of(samples, temporality=CUMULATIVE).items] == [
        (2, 0.5, 1, 1),
        (3, -0.25, 1, 2),
        (6, 1.0, 6),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_and_number_of_arrivals_change_nothing(seed: int) -> None:
    chance = random.Random(seed)
    samples, start, total = [], 1, 0
    for time in range(2, 200):
        if chance.random() < 0.1:
            start, total = time, 0
            continue
        total += chance.randrange(5)
        samples.append(point(start, time, total))
    in_order = increments_of(samples, temporality=CUMULATIVE).items
    arrived = samples + chance.sample(samples, 50)
    chance.shuffle(arrived)
    assert increments_of(arrived, temporality=CUMULATIVE).items == in_order
    ends = {sample.start_ns: sample.values[0] for sample in samples}
    assert sum(each.amounts[0] for each in in_order) == sum(ends.values())
