"""What rules reach on labelled series of others: every count is pinned, those that flatter nobody as well.

`benchmarks/faults.py` shows the same figures beside a learned baseline; docs/explanation/what-rules-reach.md tells of
them.
"""

import pytest
from tests.real.fault_series import (
    BOUTIQUE,
    NAB_WINDOWS,
    OWN,
    SHIPPED,
    Bound,
    Reached,
    boutique,
    nab,
    petshop,
    petshop_quiet,
    reached,
    static_bounds,
    tried,
)

pytestmark = pytest.mark.real

FAULTS, QUIET_POINTS, SERIES, WINDOWS = 26, 589, 34, 50


def test_the_sets_hold_what_their_notes_say() -> None:
    shop, quiet, series, page = petshop(), petshop_quiet(), nab(), boutique("LatencyP50(s)")
    assert (len(shop), len(quiet.points)) == (FAULTS, QUIET_POINTS)
    assert (len(series), sum(len(one.incidents) for one in series)) == (SERIES, WINDOWS)
    assert len(page.incidents) == 24
    assert max(one.value for one in quiet.points) < OWN[0].threshold


@pytest.mark.parametrize(
    ("statistic", "bounds", "expected"),
    [
        pytest.param("p95", SHIPPED, (17, 15, 26, 15), id="the bounds that ship"),
        pytest.param("Average", OWN, (20, 18, 26, 18), id="bounds of its own"),
    ],
)
async def test_faults_of_the_pet_shop(
    statistic: str, bounds: tuple[Bound, ...], expected: tuple[int, int, int, int]
) -> None:
    found = await reached([*petshop(statistic), petshop_quiet(statistic)], bounds)
    assert counted(found) == expected
    assert found.delay_s is not None
    assert 9 * 60 <= found.delay_s <= 15 * 60


@pytest.mark.parametrize(("column", "expected"), [("LatencyP50(s)", (10, 5, 24, 5)), ("LatencyP99(s)", (7, 5, 24, 4))])
async def test_faults_of_the_boutique_seen_from_its_front_page(
    column: str, expected: tuple[int, int, int, int]
) -> None:
    found = await reached([boutique(column)], [Bound("slow", BOUTIQUE[column], window_s=60)])
    assert counted(found) == expected
    assert found.delay_s is not None
    assert found.delay_s <= 90


@pytest.mark.parametrize(("step_s", "expected"), [(300, (169, 45, 36, 16)), (3_600, (81, 22, 14, 11))])
async def test_series_of_the_anomaly_benchmark(step_s: int, expected: tuple[int, int, int, int]) -> None:
    every = [one for one in nab() if one.step_s == step_s]
    found = await reached(every, static_bounds(every, window_s=NAB_WINDOWS[step_s]))
    assert counted(found) == expected


async def test_an_alert_that_is_open_all_along_finds_everything_and_calls_nobody() -> None:
    """Why precision and recall are counted from the first moment of an alert here."""
    page = boutique("LatencyP99(s)")
    always = [Bound("slow", 0.1, window_s=60)]
    score = (await tried([page], always)).score
    assert score is not None
    assert (score.recall, score.precision) == (1.0, 1.0)
    assert (await reached([page], always)).called == 0


def counted(found: Reached) -> tuple[int, int, int, int]:
    return found.fired, found.right, found.incidents, found.called
