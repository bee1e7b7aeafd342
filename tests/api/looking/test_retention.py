"""`/api/v1/retention` and `tidegate retention`: who may, what is refused, and that what is too old is in no answer."""

import json
from datetime import timedelta

import pytest
from tests.api.looking.conftest import NOW, Api
from tests.signals_rows import Pipeline
from tests.telemetry_rows import TRACE

from tidegate.signals.retention import RetentionJob
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock

PATH = "/api/v1/retention"
DEFAULTS = {"rawDays": 7, "minuteDays": 35, "hourDays": 400}


@pytest.mark.parametrize(
    ("scope", "get", "put"), [("ingest", 403, 403), ("read", 200, 403), ("write", 200, 200), ("admin", 200, 200)]
)
async def test_callers(api: Api, stranger: Api, scope: str, get: int, put: int) -> None:
    api.scope = scope
    assert (await api.get(PATH)).status_code == get
    assert (await api.call("PUT", PATH, json={"rawDays": 14})).status_code == put
    assert (await stranger.get(PATH)).json() == DEFAULTS
    assert (await api.client.get(PATH)).status_code == 401
    assert (await api.client.put(PATH, json={"rawDays": 14})).status_code == 401


async def test_what_is_left_out_stays(api: Api) -> None:
    assert (await api.call("PUT", PATH, json={"rawDays": 14})).json() == DEFAULTS | {"rawDays": 14}
    assert (await api.call("PUT", PATH, json={"hourDays": 500})).json() == DEFAULTS | {"rawDays": 14, "hourDays": 500}
    assert (await api.get(PATH)).json() == DEFAULTS | {"rawDays": 14, "hourDays": 500}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"rawDays": 1}, 422, "rawDays"),
        ({"rawDays": "a"}, 422, "rawDays"),
        ({"minuteDays": 500}, 422, "minuteDays"),
        ({"minuteDays": 300, "hourDays": 100}, 422, "minuteDays"),
        ({"days": 5}, 422, "days"),
        ([], 422, "body"),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_its_field(api: Api, body: object, status: int, field: str) -> None:
    answer = await api.call("PUT", PATH, json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert (await api.get(PATH)).json() == DEFAULTS


async def test_the_verb_shows_sets_and_says_how_to_undo(api: Api) -> None:
    assert (await api.run("retention", "show")).out.splitlines()[0] == "raw telemetry\t7"
    changed = await api.run("retention", "set", "--raw-days", "30", "--json")
    assert json.loads(changed.out) == DEFAULTS | {"rawDays": 30}
    assert "tidegate retention set --raw-days 7" in changed.err
    nothing = await api.run("retention", "set")
    assert (nothing.code, "Say what to change" in nothing.err) == (2, True)
    wrong = await api.run("retention", "set", "--minute-days", "399", "--hour-days", "398")
    assert (wrong.code, "Minutes cannot be kept longer" in wrong.err) == (2, True)


async def test_telemetry_that_is_older_than_a_workspace_says_is_in_no_answer(
    api: Api, database: Database, engine: TelemetryEngine
) -> None:
    clock = FakeClock(NOW + timedelta(days=3))
    counting = Pipeline(database, engine, clock=clock)
    job = next(chore for chore in counting.closer.chores if isinstance(chore, RetentionJob))
    window = {"from": "2026-02-07T14:00:00Z", "to": "2026-02-07T14:10:00Z"}

    async def take_turns() -> None:
        for _ in range(2):  # it drops, and then says so
            backlog = await counting.closer.touches.read()  # who reads it may count
            assert backlog is not None
            await job.step(backlog.watermark)

    async def seen() -> tuple[int, int]:
        listed = (await api.get("/api/v1/traces", **window)).json()["items"]
        return (await api.get(f"/api/v1/traces/{TRACE}")).status_code, len(listed)

    await take_turns()
    clock.advance(timedelta(minutes=11))
    await take_turns()
    assert await seen() == (200, 1)
    assert (await api.call("PUT", PATH, json={"rawDays": 2})).status_code == 200
    clock.advance(timedelta(minutes=11))
    await take_turns()
    assert await seen() == (404, 0)
    rows = await engine.select([api.workspace], "SELECT count() AS found FROM raw_logs")
    assert rows[0]["found"] == 0
