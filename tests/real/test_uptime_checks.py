"""Real status-page checks: uptime and budget as their events say, and which outages page.

Each second that a service was watched is one event, good or bad, counted for the tenant of its name. What nobody
watched is in no figure: two services began in the middle of the seven days, where the page takes the rest for good.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest
from tests.real.conftest import find_input
from tests.unit.slos.objectives import make

from tidegate.kernel import WorkspaceId, digest_of
from tidegate.slos.keeping import Kept
from tidegate.slos.model import MILLI, BudgetState, StoredObjective
from tidegate.slos.objective_files import body_of
from tidegate.slos.ring import CELL_S, WHOLE, Ring
from tidegate.slos.states import Look, burning_of, subject_of

pytestmark = pytest.mark.real

DAY = timedelta(days=1)
POINTS = 0.02
_LOOKED_AT_EVERY_S = 300
Outage = tuple[int, int]


@dataclass(frozen=True)
class Service:
    name: str
    begin_s: int
    end_s: int
    outages: tuple[Outage, ...]
    published: dict[int, float]
    """Uptime in hundredths by days, from the same events."""

    def down_s(self, begin_s: int, end_s: int) -> int:
        return sum(max(0, min(end, end_s) - max(begin, begin_s)) for begin, end in self.outages)


def read(name: str) -> list[Service]:
    with find_input("uptime-checks", f"{name}.events.csv").open() as file:
        events: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
        for row in csv.DictReader(file):
            at = int(datetime.fromisoformat(row["time"]).timestamp())
            events[row["monitor"]].append((at, row["state"] == "down"))
    with find_input("uptime-checks", f"{name}.published.csv").open() as file:
        return [_service(row, sorted(events[row["monitor"]])) for row in csv.DictReader(file)]


def _service(row: dict[str, str], events: Sequence[tuple[int, bool]]) -> Service:
    end_s = int(datetime.fromisoformat(row["as_of"]).timestamp())
    outages: list[Outage] = []
    down: int | None = None
    for at, is_down in [*events, (end_s, False)]:
        if is_down and down is None:
            down = at
        elif not is_down and down is not None:
            outages.append((down, at))
            down = None
    published = {days: float(row[f"events_uptime_{key}_percent"]) for days, key in ((1, "24h"), (7, "7d"))}
    return Service(row["monitor"], events[0][0], end_s, tuple(outages), published)


SERVICES = pytest.mark.parametrize("name", ["frontends-a", "manticore"])


def minutes_of(service: Service, shift_s: int) -> Iterator[tuple[int, int, int]]:
    """Yield each minute's begin, its bad and its watched seconds, with the page's moment at the end of a minute."""
    for start in range((service.begin_s + shift_s) // 60 * 60, service.end_s + shift_s, 60):
        begin, end = max(start - shift_s, service.begin_s), min(start + 60 - shift_s, service.end_s)
        yield start, service.down_s(begin, end), end - begin


class Watched:
    """All services as tenants of one objective, fed minute by minute as time goes on."""

    def __init__(self, services: Sequence[Service], **changes: str) -> None:
        objective = make(service="status-page", **changes)
        stored = StoredObjective(objective, 1, digest_of(body_of(objective)), datetime.now(UTC), "tests")
        [end_s] = {service.end_s for service in services}
        self.shift_s = -end_s % 60
        self.end_s = end_s + self.shift_s
        self.ring = Ring(unit_s=60, cell_count=31 * 24)
        self.kept = Kept(WorkspaceId("default"), stored, self.ring)
        self.names = [service.name for service in services]
        columns = [self.ring.column_of(name) for name in self.names]
        self.fed: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for service, column in zip(services, columns, strict=True):
            assert column is not None
            for start, bad, total in minutes_of(service, self.shift_s):
                self.fed[start].append((column, bad * MILLI, total * MILLI))
        self.oldest_s = min(self.fed)

    def feed(self, start_s: int) -> None:
        self.ring.advance(start_s)
        self.ring.set_units([start_s], {start_s: self._values(start_s)})

    def know_heads(self, lengths: Sequence[timedelta]) -> None:
        """Know the minutes of the hours in which windows that end with the last minute begin."""
        begins = [self.end_s - int(length.total_seconds()) for length in lengths]
        for cell in self.ring.wanted_heads(begins):
            self.ring.set_head(cell, {at: self._values(at) for at in range(cell, cell + CELL_S, 60) if at in self.fed})

    def look(self) -> Look:
        return Look(self.kept, datetime.fromtimestamp(self.end_s - 1, UTC))

    def _values(self, start_s: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.array([(WHOLE, *np.sum(self.fed[start_s], axis=0)[1:]), *self.fed[start_s]], np.int64)
        return rows[:, 0], rows[:, 1], rows[:, 2]


@SERVICES
def test_uptime_and_budget_are_those_of_the_events(name: str) -> None:
    services = read(name)
    for days in (1, 7):
        watched = Watched(services, target="0.99", window=f"{{rolling: {days}d}}")
        for start in range(watched.oldest_s, watched.end_s, 60):
            watched.feed(start)
        watched.know_heads([days * DAY])
        look = watched.look()
        assert look.own.end_s - look.own.start_s == days * 86_400
        for service in services:
            budget = subject_of(look, service.name).budget
            begin = service.end_s - days * 86_400
            assert budget.bad == service.down_s(begin, service.end_s)
            assert budget.total == service.end_s - max(begin, service.begin_s)
            assert budget.reached is not None
            unwatched_s = max(service.begin_s - begin, 0)
            as_the_page = 1 - Fraction(budget.bad, budget.total + unwatched_s)
            assert abs(float(as_the_page) * 100 - service.published[days]) <= POINTS, service.name
            left = 1 - Fraction(budget.bad, budget.total) / Fraction(1, 100)
            assert budget.left_share == left
            assert (budget.state is BudgetState.EXHAUSTED) == (left < 0)


@SERVICES
def test_the_events_hold_the_outages_that_were_counted(name: str) -> None:
    lengths = [end - begin for service in read(name) for begin, end in service.outages]
    counted = [sum(length >= least for length in lengths) for least in (0, 600, 3_600)]
    assert counted == {"frontends-a": [419, 266, 39], "manticore": [47, 32, 6]}[name]


@SERVICES
def test_every_outage_of_an_hour_pages_within_it(name: str) -> None:
    """With a target of 99.9 % a first outage pages after about a minute; none of an hour or more is missed."""
    services = read(name)
    watched = Watched(services, target="0.999")
    paged: defaultdict[str, list[int]] = defaultdict(list)
    for start in range(watched.oldest_s, watched.end_s, 60):
        watched.feed(start)
        if start % _LOOKED_AT_EVERY_S:
            continue
        now = datetime.fromtimestamp(start + 59, UTC)
        for finding in burning_of(Look(watched.kept, now)):
            if finding.tenant is not None and finding.severity == "P1":
                paged[finding.tenant].append(start + 60 - watched.shift_s)
    missed = [
        (service.name, begin, end)
        for service in services
        for begin, end in service.outages
        if end - begin >= 3_600 and not any(begin <= at <= begin + 3_600 for at in paged[service.name])
    ]
    assert missed == []
    quiet = [service.name for service in services if not service.outages and paged[service.name]]
    assert quiet == []
