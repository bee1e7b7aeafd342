"""Log search against the real engine: order, pages, filters, what came twice, what nobody believes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from tests.factories import NANO
from tests.unit.telemetry.logs.records import NOW_NS, Everything, make_logs, make_record

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry.logs.decode import rows_of
from tidegate.telemetry.logs.model import LOG_COLUMNS
from tidegate.telemetry.logs.query import LogLine, LogQuery, Severity
from tidegate.telemetry.logs.service import LogSearchService
from tidegate.telemetry.logs.store import EngineLogStore
from tidegate.telemetry.records import Arrival
from tidegate.telemetry.stored import Stored, StoredRecords
from tidegate.testing import FakeClock

NOW = datetime.fromtimestamp(NOW_NS / NANO, UTC)
HOUR = TimeRange(NOW - timedelta(hours=1), NOW + timedelta(seconds=1))


class Place:
    """One workspace of the engine."""

    def __init__(self, engine: TelemetryEngine, workspace: WorkspaceId) -> None:
        self.engine = engine
        self.workspace = workspace
        self.store = EngineLogStore(engine)
        self.stored = StoredRecords(engine)
        self.service = LogSearchService(store=self.store, clock=FakeClock(NOW))
        self._inserts = 0

    async def add(self, *records: LogRecord, **resource: Any) -> None:
        arrival = Arrival(workspace=self.workspace, received_ns=NOW_NS + self._inserts, policy=Everything())
        rows = list(rows_of(make_logs(*records, **resource), arrival))
        self._inserts += 1
        token = f"{self.workspace}-{self._inserts}"
        lines = msgspec.json.Encoder().encode_lines(rows)
        await self.engine.insert([self.workspace], "raw_logs", LOG_COLUMNS, lines, token=token)

    async def find(self, **changes: Any) -> list[LogLine]:
        query = LogQuery(**({"window": HOUR} | changes))
        return await self.store.search(self.workspace, query, limit=100)

    async def bodies(self, **changes: Any) -> list[str]:
        return [line.body for line in await self.find(**changes)]


@pytest.fixture
def place(engine: TelemetryEngine, workspace: WorkspaceId) -> Place:
    return Place(engine, workspace)


def at(seconds_ago: float, body: str, **changes: Any) -> LogRecord:
    return make_record(body, time_unix_nano=NOW_NS - round(seconds_ago * NANO), **changes)


async def test_the_newest_come_first_also_within_a_second(place: Place) -> None:
    await place.add(at(2, "b"), at(1.25, "c"), at(30, "a"), at(1.125, "d"))
    assert await place.bodies() == ["d", "c", "b", "a"]


async def test_what_came_twice_is_found_and_counted_once(place: Place) -> None:
    first, second, third = at(3, "first"), at(2, "second"), at(1, "third")
    await place.add(first, second)
    await place.add(first, third)
    await place.add(third, first)
    assert await place.bodies() == ["third", "second", "first"]
    assert await place.stored.count_logs(place.workspace) == Stored(3, NOW - timedelta(seconds=1))


async def test_pages_follow_each_other_without_gap_or_repetition(place: Place) -> None:
    records = [at(number // 3, f"{number:03}") for number in range(50)]
    await place.add(*records)
    await place.add(*records[10:30])
    seen: list[str] = []
    query = LogQuery(window=HOUR)
    while True:
        page = await place.service.search(place.workspace, query, limit=7)
        seen += [line.body for line in page.items]
        if page.next_cursor is None:
            break
        query = LogQuery(window=HOUR, after=page.items[-1].position)
    assert sorted(seen) == [f"{number:03}" for number in range(50)]
    assert [int(body) // 3 for body in seen] == sorted(int(body) // 3 for body in seen)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"words": ("failed", "ROOT")}, ["Failed password for root"]),
        ({"words": ("größe",)}, ["GRÖSSE Größe"]),
        ({"words": ("order-7",)}, ["paid"]),
        ({"words": ("job.done",)}, ["paid"]),
        ({"words": ("100%",)}, []),
        ({"severity": Severity.WARN}, ["Failed password for root"]),
        ({"service": "shop"}, ["paid"]),
        ({"tenant": "acme"}, ["GRÖSSE Größe"]),
        ({"trace_id": "01" * 16}, ["Failed password for root"]),
        ({"event": "job.done"}, ["paid"]),
        ({"event": "job.*"}, ["paid"]),
        ({"event": "auth.*"}, []),
    ],
    ids=str,
)
async def test_filters(place: Place, changes: dict[str, Any], found: Sequence[str]) -> None:
    await place.add(
        at(3, "Failed password for root", severity_number=17, trace_id=b"\1" * 16),
        at(2, "GRÖSSE Größe", attributes={"tenant.id": "acme"}),
    )
    await place.add(at(1, "paid", event_name="job.done", attributes={"id": "order-7"}), service="shop")
    assert await place.bodies(**changes) == found


async def test_the_range_is_half_open(place: Place) -> None:
    await place.add(at(10, "start"), at(5, "inside"), at(0, "end"))
    window = TimeRange(NOW - timedelta(seconds=10), NOW)
    assert await place.bodies(window=window) == ["inside", "start"]


async def test_a_record_whose_clock_is_lost_is_found_by_when_it_came(place: Place) -> None:
    await place.add(make_record("timeless", time_unix_nano=0), at(-3 * 86_400, "of tomorrow"), at(5, "believable"))
    lines = await place.find()
    assert {line.body: line.is_distrusted for line in lines} == {
        "timeless": True,
        "of tomorrow": True,
        "believable": False,
    }
    assert [line.body for line in lines][-1] == "believable"
    assert await place.stored.count_logs(place.workspace) == Stored(3, NOW - timedelta(seconds=5))


async def test_another_workspace_sees_nothing(place: Place) -> None:
    await place.add(at(1, "secret"))
    elsewhere = Place(place.engine, WorkspaceId("elsewhere"))
    assert await elsewhere.bodies() == []
    assert await elsewhere.stored.count_logs(elsewhere.workspace) == Stored(0, None)


async def test_a_line_says_what_it_counts_as(place: Place) -> None:
    await place.add(at(1, "Dec 10 07:13:43 h sshd[1]: Accepted password for a from 203.0.113.9 port 1 ssh2"))
    (line,) = await place.find()
    assert (line.families, line.at, line.is_replayed) == (("auth",), NOW - timedelta(seconds=1), False)
