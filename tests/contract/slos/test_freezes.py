"""Freezes as they are carried out: recorded once, lifted by data alone, and let through by people who may."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.slos.worlds import World
from tests.doing import BY
from tests.signals_rows import NANO, request_row
from tests.unit.slos.objectives import events_file

from tidegate.audit import ActorKind, Doer
from tidegate.edge.proven import Role
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.slos import FreezeReader, FreezeState
from tidegate.slos.errors import (
    ExceptionInvalidError,
    ExceptionNotAllowedError,
    ExceptionNotFoundError,
    ObjectiveNotFoundError,
    ObjectiveNotFrozenError,
)
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock

NAME = "chat-availability"
ADA = Doer(ActorKind.PERSON, "ses_ada", "usr_ada", "req_test")
HOUR = timedelta(hours=1)


@pytest.fixture
def world(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> World:
    start = int(time.time()) // 3_600 * 3_600 - 86_400 + 59
    return World(database, engine, workspace, FakeClock(datetime.fromtimestamp(start, UTC)))


async def send(world: World, status: int, count: int) -> None:
    now_s = int(world.clock.now().timestamp())
    await world.count([request_row(world.workspace, status, end_ns=(now_s - age) * NANO) for age in range(count)])


async def state_of(reader: FreezeReader, world: World) -> FreezeState:
    [found] = await reader.find_freezes(world.workspace, ["harbor"], now=world.clock.now())
    return found


async def recorded(world: World, database: Database) -> list[str]:
    async with database.transaction(world.workspace) as connection:
        rows = await connection.fetch(
            "SELECT action FROM audit_records WHERE workspace = $1 ORDER BY seq", world.workspace
        )
    return [row["action"] for row in rows if row["action"] != "objectives:set"]


async def test_a_freeze_is_told_to_gates_and_recorded_once_and_lifted_by_data(world: World, database: Database) -> None:
    clock = world.clock
    assert isinstance(clock, FakeClock)
    await world.apply(events_file(window="{rolling: 1h}", policy="{freezeAt: 0, liftAt: 0.5}"))
    unknown = await state_of(world.freezes, world)
    assert (unknown.state, unknown.since) == ("unknown", None)
    await send(world, 500, 10)
    frozen_at = clock.now()
    for _ in range(3):
        found = await state_of(world.freezes, world)
        assert (found.state, found.since, found.objective, found.service) == ("frozen", frozen_at, NAME, "harbor")
    clock.advance(timedelta(hours=2))
    silent = await state_of(world.freezes, world)
    assert (silent.state, silent.since) == ("frozen", frozen_at)  # without data nothing is lifted
    await send(world, 200, 50)
    assert (await state_of(world.freezes, world)).state == "open"
    assert await recorded(world, database) == ["objectives:freeze", "objectives:lift"]
    events = await world.freezes.list_events(world.workspace, NAME)
    assert [(event.kind, event.at) for event in events] == [("frozen", frozen_at), ("lifted", clock.now())]
    assert events[0].words.startswith("Releases freeze. -9900% of the budget is left")
    assert await world.freezes.find_freezes(world.workspace, ["nobody"], now=clock.now()) == []


async def test_what_cannot_be_told_is_unknown_and_what_was_frozen_stays_so(world: World) -> None:
    class Away:
        async def refresh(self, _: object, *, asked: object) -> None:
            raise UnavailableError("Counting is behind.")

    await world.apply(events_file())
    keeper = world.objectives._keeper
    world.objectives._keeper = Away()  # type: ignore[assignment]  # a keeper that is away
    untold = await state_of(world.freezes, world)
    assert (untold.state, untold.since) == ("unknown", None)
    assert "Counting is behind." in untold.reason
    world.objectives._keeper = keeper
    await send(world, 500, 10)
    frozen = await state_of(world.freezes, world)
    world.objectives._keeper = Away()  # type: ignore[assignment]  # a keeper that is away
    still = await state_of(world.freezes, world)
    assert (still.state, still.since) == ("frozen", frozen.since)
    assert "Whether that has changed cannot be told now" in still.reason


async def test_an_exception_names_person_reason_and_end_and_ends_with_its_freeze(
    world: World, database: Database
) -> None:
    clock = world.clock
    assert isinstance(clock, FakeClock)
    await world.apply(events_file(window="{rolling: 1h}"))

    async def grant(*, reason: str = "a fix", hours: int = 1, role: Role | None = Role.OWNER, by: Doer = ADA) -> str:
        until = clock.now() + hours * HOUR
        return (await world.freezes.grant(world.workspace, NAME, reason=reason, until=until, role=role, by=by)).id

    with pytest.raises(ObjectiveNotFrozenError):
        await grant()
    await send(world, 500, 10)
    await state_of(world.freezes, world)
    for wrong in ({"reason": " "}, {"reason": "x" * 501}, {"reason": "a\nb"}, {"hours": 0}, {"hours": 169}):
        with pytest.raises(ExceptionInvalidError):
            await grant(**wrong)  # type: ignore[arg-type]  # by name
    for refused in ({"role": Role.RELEASE_MANAGER}, {"role": None}, {"by": BY}):
        with pytest.raises(ExceptionNotAllowedError):
            await grant(**refused)  # type: ignore[arg-type]  # by name
    with pytest.raises(ObjectiveNotFoundError):
        await world.freezes.grant(
            world.workspace, "nobody", reason="x", until=clock.now() + HOUR, role=Role.OWNER, by=ADA
        )
    first = await grant()
    found = await state_of(world.freezes, world)
    assert (found.state, [one.id for one in found.exceptions]) == ("excepted", [first])
    assert found.since is not None
    assert "usr_ada lets releases through until" in found.reason
    with pytest.raises(ExceptionNotFoundError):
        await world.freezes.end(world.workspace, "nobody", first, by=ADA)
    for _ in range(2):
        await world.freezes.end(world.workspace, NAME, first, by=ADA)
    assert (await state_of(world.freezes, world)).state == "frozen"
    clock.advance(timedelta(minutes=1))
    await grant(hours=1)
    clock.advance(2 * HOUR)
    assert (await state_of(world.freezes, world)).state == "frozen"
    await grant(hours=24)
    clock.advance(timedelta(minutes=1))
    await send(world, 200, 50)
    assert (await state_of(world.freezes, world)).state == "open"
    clock.advance(2 * HOUR)
    await send(world, 500, 50)
    again = await state_of(world.freezes, world)
    assert (again.state, again.exceptions) == ("frozen", ())  # it was made for the freeze before
    kinds = [event.kind for event in await world.freezes.list_events(world.workspace, NAME)]
    assert kinds == [
        "frozen", "excepted", "exception_ended", "excepted", "exception_ended", "excepted", "lifted", "frozen"
    ]  # fmt: skip
    assert (await recorded(world, database)).count("objectives:except") == 4


async def test_an_objective_that_is_removed_freezes_nothing_any_more(world: World, database: Database) -> None:
    await world.apply(events_file())
    await send(world, 500, 10)
    await state_of(world.freezes, world)
    await world.objectives.remove(world.workspace, NAME, by=BY)
    assert await world.freezes.find_freezes(world.workspace, [], now=world.clock.now()) == []
    assert (await recorded(world, database))[-2:] == ["objectives:remove", "objectives:lift"]
    await world.apply(events_file())
    assert (await state_of(world.freezes, world)).state == "frozen"
