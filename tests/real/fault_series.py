"""Labelled series of others as figures that our rules read, and rules tried over them by the engine of backtests.

The mapping: each series is a service of its own. What a series says of a step is one row of counts of the family
`ingestion`: as many jobs as there were requests (one where nobody counted them), whose wait in milliseconds is the
value in thousandths, so that `averageWaitMs` over any window is the mean of the values, exact to a thousandth;
`failedCount` are the requests that failed. Times begin anew with each series, steps keep their places and gaps stay
gaps. A series longer than a backtest is cut, and its pieces are judged apart.
"""

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from tests.real.conftest import find_input
from tests.unit.alerts.backtest.history import History

from tidegate.alerts.backtest.model.outcome import Backtest, Incident, Trial
from tidegate.alerts.backtest.service import MAX_LENGTH, BacktestService
from tidegate.alerts.model import Rule
from tidegate.alerts.paging.model import Route, Routing, Silence
from tidegate.kernel import WorkspaceId
from tidegate.signals import Totals
from tidegate.testing import FakeClock

__all__ = [
    "BOUTIQUE",
    "NAB_WINDOWS",
    "OWN",
    "SHIPPED",
    "Bound",
    "Point",
    "Reached",
    "Series",
    "boutique",
    "nab",
    "petshop",
    "petshop_quiet",
    "reached",
    "static_bounds",
    "tried",
]

WORKSPACE = WorkspaceId("recorded")
START = datetime(2026, 1, 5, tzinfo=UTC)
_FAULT_S = 180
"""How long a fault of Nezha lasts; its metrics speak of the minute before them."""


@dataclass(frozen=True)
class Point:
    at_s: int
    value: float
    count: int = 1
    failed_count: int = 0


@dataclass(frozen=True)
class Series:
    name: str
    step_s: int
    points: Sequence[Point]
    incidents: Sequence[tuple[int, int]]

    @property
    def begin_s(self) -> int:
        return self.points[0].at_s // self.step_s * self.step_s


@dataclass(frozen=True)
class Bound:
    """One rule; without a service for all of them."""

    code: str
    threshold: float
    service: str | None = None
    figure: str = "averageWaitMs"
    op: str = "above"
    window_s: int = 300
    lasting_s: int = 0
    min_count: int = 1

    def entry(self) -> dict[str, object]:
        threshold = self.threshold if self.figure == "failureRate" else round(self.threshold * 1_000, 6)
        return {
            "code": self.code,
            "severity": "P2",
            "signal": f"ingestion.{self.figure}",
            "groupBy": ["service"],
            "op": self.op,
            "threshold": threshold,
            "window": f"{self.window_s}s",
            "for": f"{self.lasting_s}s",
            "minCount": self.min_count,
            "runbook": "ingestion_failure_rate_high",
            **({} if self.service is None else {"where": {"service": self.service}}),
        }


_FAILING: Final = Bound("failing", 0.02, figure="failureRate", min_count=20)
SHIPPED: Final = (Bound("slow", 0.5, window_s=900), replace(_FAILING, window_s=900))
"""The bounds of `core_latency_high` (of p95) and `query_error_rate_high`, as they ship."""
OWN: Final = (Bound("slow", 0.13), _FAILING)
"""What somebody writes who saw the quiet hours: just above the slowest five minutes of them (0.1297 s)."""
BOUTIQUE: Final = {"LatencyP50(s)": 0.3, "LatencyP99(s)": 2.5}
"""The limit that the data's own notes call the best for P50, and one above all but the worst minutes for P99."""
NAB_WINDOWS: Final = {300: 900, 3_600: 3_600}
"""By step."""


class _NoOthers:
    async def list_rules(self, workspace: WorkspaceId) -> list[Rule]:
        return []

    async def routing(self, workspace: WorkspaceId) -> Routing:
        return Routing(Route("{}", channels=("ops",)))

    async def silences(self, workspace: WorkspaceId, *, ending_after: datetime) -> Sequence[Silence]:
        return []


def _pieces(series: Series) -> Iterator[Series]:
    """Yield `series` in pieces that are short enough, each from the beginning of time."""
    longest_s = int(MAX_LENGTH.total_seconds())
    points = [replace(one, at_s=one.at_s - series.begin_s) for one in series.points]
    incidents = [(begin - series.begin_s, end - series.begin_s) for begin, end in series.incidents]
    for number in range(points[-1].at_s // longest_s + 1):
        begin, end = number * longest_s, (number + 1) * longest_s
        own = [replace(one, at_s=one.at_s - begin) for one in points if begin <= one.at_s < end]
        if own:
            within = [(max(a, begin) - begin, min(b, end) - begin) for a, b in incidents if a < end and b > begin]
            yield replace(series, points=own, incidents=within)


async def tried(every: Sequence[Series], bounds: Sequence[Bound]) -> Backtest:
    """Judge rules over series of one step; what they are held against is an incident of its own series each."""
    [step_s] = {series.step_s for series in every}
    counts: dict[int, dict[tuple[str, str | None, str], Totals]] = {}
    first_s = int(START.timestamp())
    longest_s = 0
    names: dict[str, list[str]] = {}
    for series in every:
        for name, piece in named_pieces(series):
            names.setdefault(series.name, []).append(name)
            for one in piece.points:
                totals = Totals(count=one.count, failed_count=one.failed_count,
                                wait_us=round(one.value * 1_000_000) * one.count)  # fmt: skip
                counts.setdefault(first_s + one.at_s // step_s * step_s, {})[name, None, ""] = totals
                longest_s = max(longest_s, one.at_s + step_s)
    entries = []
    for bound in bounds:
        entry = bound.entry()
        if bound.service is not None:
            entry["where"] = {"service": names[bound.service]}
        entries.append(entry)
    document = {"apiVersion": "tidegate/v1", "kind": "Rules", "metadata": {"name": "tried"}, "rules": entries}
    end = START + timedelta(seconds=min(longest_s + 3_600, int(MAX_LENGTH.total_seconds())))
    shelf = _NoOthers()
    service = BacktestService(
        reader=History(WORKSPACE, step_s, counts, {}), rules=shelf, paging=shelf, clock=FakeClock(end)
    )
    trial = Trial(
        file=json.dumps(document).encode(), start=START, end=end, step_s=step_s, with_others=False,
        incidents=tuple(incidents_of(every)),
    )  # fmt: skip
    return await service.replay(WORKSPACE, trial)


@dataclass(frozen=True)
class Reached:
    """What rules reached, counted strictly: an alert that fired before tells nobody of what comes after.

    `Score` of a backtest lets an alert that is open all along find everything; here only its first moment counts.
    """

    fired: int
    right: int
    """Fired within an incident."""
    incidents: int
    called: int
    """Within which an alert fired."""
    delay_s: float | None
    """Median, from the beginning of an incident to the first alert that fired within it."""

    @property
    def shown(self) -> str:
        precision = f"{self.right / self.fired:.2f}" if self.fired else "none"
        delay = "none" if self.delay_s is None else f"{self.delay_s / 60:.1f} min"
        return (
            f"precision {precision} ({self.right}/{self.fired}), recall {self.called / self.incidents:.2f} "
            f"({self.called}/{self.incidents}), delay {delay}"
        )


async def reached(every: Sequence[Series], bounds: Sequence[Bound]) -> Reached:
    found = await tried(every, bounds)
    fired = [(one.alert.service, one.alert.fired_at) for one in found.episodes if one.alert.fired_at is not None]
    incidents = incidents_of(every)
    delays = []
    for incident in incidents:
        own = [at for service, at in fired if service == incident.service and incident.start <= at < incident.end]
        if own:
            delays.append((min(own) - incident.start).total_seconds())
    right = sum(any(service == one.service and one.start <= at < one.end for one in incidents) for service, at in fired)
    return Reached(len(fired), right, len(incidents), len(delays), median(delays) if delays else None)


def incidents_of(every: Sequence[Series]) -> list[Incident]:
    """Return all incidents at the times of a backtest; what was cut in two is two."""
    return [
        Incident(START + timedelta(seconds=begin), START + timedelta(seconds=end), name)
        for series in every
        for name, piece in named_pieces(series)
        for begin, end in piece.incidents
    ]


def named_pieces(series: Series) -> list[tuple[str, Series]]:
    return [(f"{series.name}#{at}" if at else series.name, piece) for at, piece in enumerate(_pieces(series))]


def _rows(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.reader(text.splitlines()))


def nab() -> list[Series]:
    """The 34 series of Numenta's benchmark, with the windows in which something is wrong."""
    windows = json.loads(find_input("series-nab", "windows.json").read_text())
    found = []
    for name in sorted(windows):
        rows = _rows(find_input("series-nab", name))[1:]
        times = [int(datetime.fromisoformat(f"{row[0]}+00:00").timestamp()) for row in rows]
        step_s = 3_600 if times[1] - times[0] >= 1_800 else 300
        incidents = [
            tuple(int(datetime.fromisoformat(f"{at}+00:00").timestamp()) for at in one) for one in windows[name]
        ]
        points = [Point(at, float(row[1])) for at, row in zip(times, rows, strict=True)]
        short = Path(name).stem
        found.append(Series(short, step_s, points, [(begin, end) for begin, end in incidents]))
    return found


def _petshop_points(rows: list[list[str]], node: str, statistic: str) -> list[Point]:
    """Return five minutes a point: how many requests, a figure of their times in seconds, and how many failed."""
    columns = list(zip(rows[0], rows[1], rows[2], strict=True))
    wanted = [("latency", statistic), ("availability", "Average"), ("requests", "Sum")]
    latency, availability, requests = (columns.index((node, *which)) for which in wanted)
    found = []
    for row in rows[4:]:
        count = round(float(row[requests] or 0))
        if count and row[latency]:
            failed = round(count * (100 - float(row[availability] or 100)) / 100)
            found.append(Point(int(float(row[0])), float(row[latency]), count, failed))
    return found


def petshop(statistic: str = "Average") -> list[Series]:
    """26 faults of an application of 41 nodes, each with ten minutes before it, at the node where it shows."""
    found = []
    names = [*(f"test_issue_{number}" for number in range(18)), *(f"train_issue_{number}" for number in range(8))]
    for name in names:
        target = json.loads(find_input("faults-petshop", "issues", f"{name}.target.json").read_text())
        about = target["target"]
        rows = _rows(find_input("faults-petshop", "issues", f"{name}.metrics.csv"))
        points = _petshop_points(rows, about["node"], statistic)
        # The five minutes in which the fault came are those that begin before it.
        incident = (int(about["timestamp"]) - 300, points[-1].at_s + 300)
        found.append(Series(name, 300, points, [incident]))
    return found


def petshop_quiet(statistic: str = "Average") -> Series:
    """49 hours of the same application without a fault."""
    rows = _rows(find_input("faults-petshop", "noissue.metrics.csv.gz"))
    return Series("quiet", 300, _petshop_points(rows, "PetSite", statistic), [])


def boutique(column: str) -> Series:
    """20 hours of the front page of Online Boutique, minute by minute, with 24 faults of three minutes."""
    day = ("faults-nezha", "online-boutique", "2022-08-22")
    rows = _rows(find_input(*day, "front_service.csv"))
    place = rows[0].index(column)
    # What a minute reports is of the minute before it.
    points = [Point(int(row[1]) - 60, float(row[place] or 0)) for row in rows[1:]]
    faults = _rows(find_input(*day, "faults.csv"))[1:]
    begun = [int(datetime.fromisoformat(f"{row[0]}+00:00").timestamp()) for row in faults]
    return Series("frontend", 60, points, [(at, at + _FAULT_S + 60) for at in begun])


def static_bounds(every: Sequence[Series], *, window_s: int) -> list[Bound]:
    """Return what somebody would write who saw the first 15 % of each series: a bound above and one below."""
    bounds = []
    for number, series in enumerate(every):
        seen = sorted(one.value for one in series.points[: len(series.points) * 15 // 100])
        low, high = seen[len(seen) // 100], seen[-1 - len(seen) // 100]
        reach = 0.25 * max(high - low, abs(high) * 0.05, 1e-3)
        bounds.append(Bound(f"above_{number}", high + reach, series.name, window_s=window_s))
        if low - reach > 0:
            bounds.append(Bound(f"below_{number}", low - reach, series.name, op="below", window_s=window_s))
    return bounds
