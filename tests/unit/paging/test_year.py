"""No page is early, late, missing or too many over the year 2028: time zones, their nights of change, the leap day."""

import json
import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.contract.paging.conftest import _fired, _resolved, make_alert
from tests.unit.paging.years import (
    MINUTES,
    NEW_YEAR,
    Desk,
    Episode,
    Said,
    day_of,
    moment_of,
    recount,
    routing_file,
    some_desk,
    some_episodes,
)

from tidegate.alerts import Severity
from tidegate.alerts.backtest.telling import pages_of
from tidegate.alerts.model import Change
from tidegate.alerts.paging.interval_files import IntervalFile, intervals_of
from tidegate.alerts.paging.model import Silence, parse_matcher
from tidegate.alerts.paging.routing_files import parse_routing
from tidegate.kernel import WorkspaceId

WORKSPACE = WorkspaceId("year")
ODD_DAYS = [
    *range(day_of(2, 27), day_of(3, 2)),
    *(day_of(3, 11), day_of(3, 12), day_of(3, 25), day_of(3, 26), day_of(4, 1), day_of(4, 2)),
    *(day_of(9, 30), day_of(10, 1), day_of(10, 28), day_of(10, 29), day_of(11, 4), day_of(11, 5)),
    *(0, 365),
]


def told(desks: Sequence[Desk], episodes: Sequence[Episode]) -> list[Said]:
    """Return what the code says of the year."""
    routing, _ = parse_routing(json.dumps(routing_file(desks)).encode())
    changes = sorted(
        (change for number, episode in enumerate(episodes) for change in _changes(number, episode)),
        key=lambda change: change.transitions[-1].at,
    )
    silences = [silence for number, episode in enumerate(episodes) for silence in _silences(number, episode)]
    pages = pages_of(changes, routing, silences, end=moment_of(MINUTES - 1)).pages
    of_route = {route.id: route for route in routing.all_routes()}
    return sorted(
        (
            int((page.at - NEW_YEAR) / timedelta(minutes=1)),
            of_route[page.route].matchers[0].value,
            page.reason,
            page.channels,
        )
        for page in pages
    )


def _changes(number: int, episode: Episode) -> list[Change]:
    code = "cross_tenant_leak" if episode.is_strict else "run_failure_rate_high"
    alert = make_alert(
        WORKSPACE, f"alr_{number}", code, Severity.P1, episode.desk.service, episode.tenant, at=moment_of(episode.fires)
    )
    return [_fired(alert), _resolved(alert, moment_of(episode.ends))]


def _silences(number: int, episode: Episode) -> list[Silence]:
    matchers = (parse_matcher(f'service="{episode.desk.service}"'), parse_matcher(f'tenant="{episode.tenant}"'))
    return [
        Silence(
            f"sil_{number}_{place}", matchers, "known", moment_of(quiet.first), moment_of(quiet.end), "usr_one",
            NEW_YEAR, frozenset({"usr_one", "usr_two"} if quiet.is_confirmed else {"usr_one"}),
            intervals_of(tuple(IntervalFile(**one.as_file()) for one in quiet.recurring), "recurring"),
        )
        for place, quiet in enumerate(episode.silences)
    ]  # fmt: skip


def hold(seed: int, *, desks: int, days: Sequence[int], each: int) -> int:
    """Hold what the code says against the recount; return how many pages that were."""
    dice = random.Random(seed)
    found = [some_desk(dice, number) for number in range(desks)]
    episodes = [episode for desk in found for episode in some_episodes(dice, desk, days, each)]
    expected = sorted(said for episode in episodes for said in recount(episode))
    assert told(found, episodes) == [said for said in expected if said[0] < MINUTES]
    return len(expected)


@pytest.mark.parametrize("seed", range(6))
def test_no_page_is_early_late_or_missing_on_the_odd_days_of_a_year(seed: int) -> None:
    assert hold(seed, desks=4, days=ODD_DAYS, each=6) > 20


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 112))
def test_no_page_is_early_late_or_missing_over_the_whole_year_2028(seed: int) -> None:
    assert hold(seed, desks=12, days=range(366), each=61) > 1_000
