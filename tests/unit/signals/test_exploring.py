"""Ranges, sentences, ranks and small lines: what pages and verbs say about numbers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tests.pages.signal_worlds import FakePoints

from tidegate.edge.csv import csv_text
from tidegate.edge.sparks import spark_text
from tidegate.kernel import InvalidInputError, TimeRange, WorkspaceId
from tidegate.signals import Family, SignalScope, SignalService, Totals, figures_of
from tidegate.signals.explore.catalogue import ALIASES, CATALOGUE, DURATION_FIGURES, FigureUnit
from tidegate.signals.explore.ports import Bound, Burning, ReleaseMark
from tidegate.signals.explore.ranges import MAX_POINTS, PRESETS, STEPS_S, span_of, step_of
from tidegate.signals.explore.service import ExploreService
from tidegate.signals.explore.views import spark_of
from tidegate.signals.explore.words import line_sentence, written
from tidegate.signals.ports import Dimension, Whole
from tidegate.signals.tenants.ranking import rows_of
from tidegate.testing import FakeClock, FakeSignals

NOW = datetime(2026, 2, 7, 14, 2, 11, tzinfo=UTC)
COUNT, RATE, MS = FigureUnit.COUNT, FigureUnit.RATE, FigureUnit.MS


def line(*values: float | None) -> list[tuple[datetime, float | None]]:
    return [(NOW + timedelta(minutes=place), value) for place, value in enumerate(values)]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_ends_with_the_running_second_and_begins_with_a_whole_bucket(preset: str) -> None:
    span = span_of(preset=preset, start=None, end=None, step=None, now=NOW)
    assert span.window.end == NOW + timedelta(seconds=1)
    assert span.starts[0] == span.window.start
    assert int(span.starts[0].timestamp()) % span.step_s == 0
    assert len(span.starts) <= 182
    assert span.starts[-1] <= NOW < span.starts[-1] + timedelta(seconds=span.step_s)


def test_seconds_are_drawn_only_where_they_are_kept() -> None:
    hour = timedelta(hours=1)
    assert step_of(TimeRange(NOW - timedelta(minutes=3), NOW), NOW) == 1
    assert step_of(TimeRange(NOW - timedelta(days=1), NOW - timedelta(days=1) + timedelta(minutes=3)), NOW) == 60
    assert step_of(TimeRange(NOW - 6 * hour, NOW), NOW) >= 60


async def test_where_minutes_are_gone_a_line_says_that_its_buckets_are_hours() -> None:
    signals = FakeSignals(finest_s=3_600)
    workspace, at = WorkspaceId("w"), datetime(2023, 11, 16, 18, 31, 7, tzinfo=UTC)
    signals.add(workspace, Family.AI_RUN, at, Totals(count=3))
    explore = ExploreService(
        reader=signals, points=FakePoints(), watcher=Unwatched(), marks=Unwatched(), clock=FakeClock(NOW)
    )
    span = span_of(preset=None, start=_iso(at, -5), end=_iso(at, 5), step="1m", now=NOW)
    found = await explore.lines(workspace, CATALOGUE[Family.AI_RUN], span, scope=SignalScope())
    assert (found.step_s, found.starts) == (3_600, (at.replace(minute=0, second=0),))
    assert [one.totals[0].count for one in found.lines] == [3]


async def test_a_window_is_told_as_wide_as_it_was_read() -> None:
    signals = SignalService(reader=WithBuckets(finest_s=60), clock=FakeClock(NOW))
    asked = TimeRange(NOW - timedelta(seconds=90), NOW)
    told = await signals.metrics(WorkspaceId("w"), Family.AUTH, window=asked)
    assert told.window == TimeRange(NOW.replace(minute=0, second=0), NOW.replace(minute=3, second=0))


def _iso(at: datetime, minutes: int) -> str:
    return (at + timedelta(minutes=minutes)).isoformat()


class WithBuckets(FakeSignals):
    """What metrics routes ask beyond figures; nothing here asks for it."""

    async def every_whole(
        self, workspace: WorkspaceId, splits: Mapping[Family, Sequence[Dimension]]
    ) -> dict[Family, Whole]:
        raise NotImplementedError

    async def exemplars(self, workspace: WorkspaceId, window: TimeRange) -> Mapping[str, str]:
        raise NotImplementedError


class Unwatched:
    """Nobody watches, and no release is known."""

    async def bounds(self, workspace: WorkspaceId, family: Family, *, tenant: str | None = None) -> Sequence[Bound]:
        del workspace, family, tenant
        return ()

    async def burning(
        self, workspace: WorkspaceId, *, family: Family | None = None, tenant: str | None = None
    ) -> Burning:
        del workspace, family, tenant
        return Burning((), has_more=False, is_watched=False)

    async def between(self, workspace: WorkspaceId, window: TimeRange) -> Sequence[ReleaseMark]:
        del workspace, window
        return ()


@pytest.mark.parametrize("step", STEPS_S)
def test_no_step_draws_more_points_than_a_chart_has(step: int) -> None:
    start = (NOW - timedelta(seconds=(MAX_POINTS + 1) * step)).isoformat()
    with pytest.raises(InvalidInputError) as caught:
        span_of(preset=None, start=start, end=NOW.isoformat(), step=f"{step}s", now=NOW)
    assert caught.value.field in {"step", "from"}


@pytest.mark.parametrize(
    ("unit", "values", "words"),
    [
        pytest.param(RATE, (None, None), "No data in this range.", id="nothing"),
        pytest.param(COUNT, (5, 5, 5), "Steady at 5.", id="the same all along"),
        pytest.param(
            MS, (*[210] * 6, *[480] * 6), "Rose from 210 ms to 480 ms on average at 14:08 UTC.", id="a step up"
        ),
        pytest.param(RATE, (*[0.2] * 5, *[0.1] * 5), "Fell from 20% to 10% on average at 14:07 UTC.", id="a step down"),
        pytest.param(COUNT, (1, 9, 1, 9, 1, 9, 1, 9), "Around 5; highest 9 at 14:03 UTC.", id="noise is no change"),
        pytest.param(COUNT, (1, 2, 9), "Around 4; highest 9 at 14:04 UTC.", id="too few to speak of a change"),
    ],
)
def test_a_line_is_one_sentence(unit: FigureUnit, values: tuple[float | None, ...], words: str) -> None:
    assert line_sentence(unit, line(*values), with_day=False) == words


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        (RATE, None, "no data"),
        (RATE, 0.0312, "3.12%"),
        (COUNT, 1_234_567, "1,234,567"),
        (MS, 12.345, "12.3 ms"),
        (MS, 1_234, "1.23 s"),
        (FigureUnit.USD, 0.0123, "0.0123 USD"),
        (FigureUnit.USD, 1_234.5, "1,234.50 USD"),
    ],
)
def test_figures_are_written_with_their_unit(unit: FigureUnit, value: float | None, words: str) -> None:
    assert written(unit, value) == words


def test_every_family_has_an_entry_and_ai_is_another_name() -> None:
    assert set(CATALOGUE) == set(Family)
    assert ALIASES["ai"] is Family.AI_RUN


@pytest.mark.parametrize("family", Family)
def test_an_entry_is_whole(family: Family) -> None:
    entry = CATALOGUE[family]
    names = [figure.name for figure in entry.figures]
    assert len(names) == len(set(names))
    assert {entry.count, *entry.headline} <= set(names)
    assert {name for chart in entry.charts for name in chart.figures} <= set(names)
    assert len({chart.slug for chart in entry.charts}) == len(entry.charts) <= 12
    assert set(figures_of(family, Totals())) <= set(names) | {figure.name for figure in DURATION_FIGURES}
    assert len({split.name for split in entry.splits}) == len(entry.splits)


def test_a_small_line_breaks_where_nothing_is_known() -> None:
    spark = spark_of([0.1, None, 0.2, 0.3], CATALOGUE[Family.AUTH])
    assert spark is not None
    assert spark.path.count("M") == 2
    assert spark.words == "Failure rate, 7 days by the hour: lowest 10%, highest 30%"
    assert spark_of([None, None], CATALOGUE[Family.AUTH]) is None


@pytest.mark.parametrize(
    ("values", "text"),
    [([], ""), ([None, 0, 1], " ▁█"), ([0, 0], "▁▁"), ([1, 2, 4, 8], "▂▃▅█"), ([5] * 100, "█" * 25)],
)
def test_a_line_of_text_has_eight_heights(values: list[float | None], text: str) -> None:
    assert spark_text(values) == text


def test_tenants_are_compared_with_those_who_have_something_to_compare() -> None:
    requests = {f"t{number}": Totals(count=100) for number in range(5)} | {"big": Totals(count=1_200), "": Totals(9)}
    rows = {row.tenant: row for row in rows_of({Family.REQUEST: requests})}
    assert set(rows) == {"t0", "t1", "t2", "t3", "t4", "big"}
    assert rows["big"].figures["requests"].ratio == 12
    assert rows["big"].outlier == "requests"
    assert rows["big"].figures["costPerRunUsd"].value is None


def test_two_tenants_are_no_crowd() -> None:
    rows = rows_of({Family.REQUEST: {"a": Totals(count=1), "b": Totals(count=99)}})
    assert {row.figures["requests"].ratio for row in rows} == {None}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_name_is_never_a_formula(text: str) -> None:
    assert csv_text(["a"], [[text]]).splitlines()[1].strip('"').startswith("'")


def test_numbers_in_a_file_stay_numbers() -> None:
    assert csv_text(["a", "b"], [[-1.5, None]]) == "a,b\r\n-1.5,\r\n"
