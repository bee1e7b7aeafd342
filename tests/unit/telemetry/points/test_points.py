"""Metric points as rows: every kind, identity, bounds."""

import json
import math
import re
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric, SummaryDataPoint
from tests.factories import NANO, key_values
from tests.unit.telemetry.logs.records import NOW_NS
from tests.unit.telemetry.points.metrics import make_counter, make_metric, make_metrics, read, read_one

from tidegate.telemetry.points.model import POINT_COLUMNS
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.values import MAX_ATTRIBUTES


def test_rows_have_the_columns_of_the_table() -> None:
    folder = resources.files("tidegate.storage.migrations") / "telemetry" / "0003_raw_logs_and_points.sql"
    ddl = folder.read_text(encoding="utf-8").partition("raw_points\n(")[2].partition(")\nENGINE")[0]
    assert set(POINT_COLUMNS) == set(re.findall(r"^    (\w+) [A-Z]", ddl, re.MULTILINE))


@pytest.mark.parametrize(("field", "value"), [("as_int", 7), ("as_double", 7.0)])
def test_a_gauge_has_a_value_and_no_temporality(field: str, value: float) -> None:
    row = read_one(make_metric("gauge", **{field: value}))
    assert (row.kind, row.value, row.temporality, row.is_monotonic) == ("gauge", 7.0, "", 0)
    assert (row.metric, row.unit, row.service, row.second) == ("queue.depth", "1", "harbor", NOW_NS // NANO - 1)


@pytest.mark.parametrize(("number", "temporality"), [(1, "delta"), (2, "cumulative"), (0, "")])
def test_a_sum_says_what_it_counts_from(number: int, temporality: str) -> None:
    row = read_one(make_counter(3, temporality=number, start_time_unix_nano=NOW_NS - 9 * NANO))
    assert (row.kind, row.value, row.temporality, row.is_monotonic) == ("sum", 3.0, temporality, 1)
    assert row.start_ns == NOW_NS - 9 * NANO


def test_a_histogram_has_count_sum_and_buckets() -> None:
    row = read_one(
        make_metric("histogram", count=3, sum=4.5, min=0.5, explicit_bounds=[1.0, 2.0], bucket_counts=[1, 1, 1])
    )
    assert (row.count, row.sum, row.min, row.max) == (3, 4.5, 0.5, None)
    assert (list(row.bounds), list(row.bucket_counts), row.distrusted) == ([1.0, 2.0], [1, 1, 1], 0)


def test_an_exponential_histogram_has_the_bounds_that_its_scale_means() -> None:
    metric = make_metric("exponential_histogram", count=10, sum=20.0, scale=0, zero_count=1)
    point = metric.exponential_histogram.data_points[0]
    point.positive.offset = 1
    point.positive.bucket_counts.extend([2, 3])  # (2, 4], (4, 8]
    point.negative.bucket_counts.extend([4])  # [-2, -1)
    row = read_one(metric)
    assert list(row.bounds) == [-2.0, -1.0, 0.0, 2.0, 4.0, 8.0]
    assert list(row.bucket_counts) == [0, 4, 1, 0, 2, 3, 0]
    assert row.distrusted == 0


@given(
    scale=st.integers(-32, 32),
    offsets=st.tuples(st.integers(-(2**31), 2**31 - 200), st.integers(-(2**31), 2**31 - 200)),
    positive=st.lists(st.integers(0, 9), max_size=160),
    negative=st.lists(st.integers(0, 9), max_size=160),
    zero=st.integers(0, 9),
)
def test_no_scale_and_offset_lose_a_count(
    scale: int, offsets: tuple[int, int], positive: list[int], negative: list[int], zero: int
) -> None:
    count = sum(positive) + sum(negative) + zero
    metric = make_metric("exponential_histogram", count=count, scale=scale, zero_count=zero)
    point = metric.exponential_histogram.data_points[0]
    point.positive.offset, point.negative.offset = offsets
    point.positive.bucket_counts.extend(positive)
    point.negative.bucket_counts.extend(negative)
    row = read_one(metric)
    assert sum(row.bucket_counts) == count
    assert list(row.bounds) == sorted(set(row.bounds))
    assert all(math.isfinite(bound) for bound in row.bounds)
    assert len(row.bucket_counts) == (len(row.bounds) + 1 if row.bounds else 0)


def test_a_summary_has_quantiles() -> None:
    quantile = SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=float("nan"))
    row = read_one(make_metric("summary", count=2, sum=3.0, quantile_values=[quantile]))
    assert (row.count, row.sum, list(row.quantiles), list(row.quantile_values)) == (2, 3.0, [0.5], ["nan"])


@pytest.mark.parametrize(
    ("value", "text"), [(float("nan"), "nan"), (float("inf"), "inf"), (-float("inf"), "-inf"), (1e308, 1e308)]
)
def test_values_that_are_no_numbers_are_kept(value: float, text: Any) -> None:
    assert read_one(make_metric("gauge", as_double=value)).value == text


def test_a_point_may_say_that_nothing_was_recorded() -> None:
    row = read_one(make_metric("gauge", flags=1))
    assert (row.is_missing, row.value) == (1, "nan")


def test_exemplars_are_kept_with_their_span() -> None:
    exemplar = Exemplar(
        as_double=0.25,
        time_unix_nano=5,
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        filtered_attributes=key_values({"user": "a"}),
    )
    row = read_one(make_counter(1, exemplars=[exemplar] * 20))
    kept = json.loads(row.exemplars)
    assert len(kept) == 16
    assert kept[0] == {
        "timeNs": 5,
        "value": 0.25,
        "traceId": "01" * 16,
        "spanId": "02" * 8,
        "attributes": {"user": "a"},
    }


def test_a_point_that_comes_again_is_the_same_also_with_its_attributes_in_another_order() -> None:
    one = make_counter(1, attributes={"a": 1, "b": 2})
    same = make_counter(2, attributes={"b": 2, "a": 1})
    others = [
        make_counter(1, attributes={"a": 1}),
        make_counter(1, attributes={"a": "1", "b": 2}),
        make_counter(1, attributes={"a": 1, "b": 2}, start_time_unix_nano=1),
        make_counter(1, attributes={"a": 1, "b": 2}, time_unix_nano=NOW_NS),
        make_counter(1, attributes={"a": 1, "b": 2}, temporality=1),
    ]
    assert read_one(one).point_id == read_one(same).point_id
    assert len({read_one(each).point_id for each in [one, *others]}) == 6
    assert len({read_one(each).series_id for each in [one, *others]}) == 4
    assert read(make_metrics(one, service="x"))[0].series_id != read_one(one).series_id


def test_unbelievable_points_are_distrusted() -> None:
    late = make_counter(1, time_unix_nano=NOW_NS - 2 * 86_400 * NANO)
    before_it_began = make_counter(1, start_time_unix_nano=NOW_NS)
    impossible = make_metric("histogram", count=9, explicit_bounds=[1.0], bucket_counts=[1, 1])
    assert [read_one(each).distrusted for each in (late, before_it_began, impossible)] == [1, 1, 1]
    (replayed,) = read(make_metrics(late, **{"tidegate.replayed": True}))
    assert (replayed.distrusted, replayed.replayed) == (0, 1)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (make_metric("exponential_histogram", count=0, scale=2**31 - 1), "a scale of 2147483647 is beyond ±32"),
        (make_metric("exponential_histogram", count=0, zero_threshold=-1.0), "its zero threshold is no threshold"),
        (make_metric("histogram", explicit_bounds=[1.0], bucket_counts=[1]), "1 buckets do not fit 1 bounds"),
        (make_metric("histogram", explicit_bounds=[2.0, 1.0], bucket_counts=[1, 1, 1]), "its bounds do not rise"),
        (make_metric("histogram", explicit_bounds=[float("nan")], bucket_counts=[1, 1]), "its bounds do not rise"),
        (make_metric("histogram", explicit_bounds=range(4096), bucket_counts=[0] * 4097), "more than 4096 buckets"),
        (make_metric("gauge"), "it has no value"),
        (make_metric("summary", quantile_values=[SummaryDataPoint.ValueAtQuantile(quantile=2)]), "a quantile lies"),
        (
            make_metric("gauge", as_int=1, attributes={f"k{n}": n for n in range(MAX_ATTRIBUTES + 1)}),
            "more than 1024 attributes",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_absurd_point_is_refused_alone(metric: Metric, words: str) -> None:
    refusals = Refusals()
    rows = read(make_metrics(make_counter(1), metric, make_counter(2, attributes={"k": 1})), refusals)
    assert [row.value for row in rows] == [1.0, 2.0]
    assert refusals.count == 1
    assert words in refusals.first


def test_a_metric_without_data_is_no_point() -> None:
    assert read(make_metrics(Metric(name="empty"))) == []
