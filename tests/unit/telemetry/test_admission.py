"""Bodies in flight: bounded per workspace and in all, and cut off when they are slow."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tidegate.kernel import WorkspaceId
from tidegate.telemetry import admission as module
from tidegate.telemetry.admission import BodiesInFlight, BodyTooSlowError
from tidegate.telemetry.errors import IngestFullError, OtlpMalformedError

ACME, GLOBEX, INITECH = WorkspaceId("acme"), WorkspaceId("globex"), WorkspaceId("initech")


async def test_a_flood_of_one_leaves_half_of_the_room_to_the_others() -> None:
    flight = BodiesInFlight(max_bytes=100)
    async with AsyncExitStack() as stack:
        for _ in range(5):
            (await stack.enter_async_context(flight.admitted(ACME))).hold(10)
        with pytest.raises(IngestFullError):
            (await stack.enter_async_context(flight.admitted(ACME))).hold(10)
        (await stack.enter_async_context(flight.admitted(GLOBEX))).hold(50)
    assert flight.total_bytes == 0


async def test_a_single_large_body_is_let_in() -> None:
    flight = BodiesInFlight(max_bytes=100)
    async with flight.admitted(ACME) as body:
        body.hold(16)
        body.hold(64)
    assert flight.total_bytes == 0


async def test_many_workspaces_share_one_room() -> None:
    flight = BodiesInFlight(max_bytes=100)
    async with flight.admitted(ACME) as one, flight.admitted(GLOBEX) as two, flight.admitted(INITECH) as three:
        one.hold(45)
        two.hold(45)
        with pytest.raises(IngestFullError):
            three.hold(20)
        three.hold(10)


async def test_no_workspace_has_more_bodies_than_its_share() -> None:
    flight = BodiesInFlight(max_bodies=2)
    async with flight.admitted(ACME), flight.admitted(ACME), flight.admitted(GLOBEX):
        with pytest.raises(IngestFullError):
            async with flight.admitted(ACME):
                pass


async def test_what_was_refused_is_not_counted() -> None:
    flight = BodiesInFlight(max_bytes=100)
    async with flight.admitted(ACME) as one:
        one.hold(40)
        with pytest.raises(IngestFullError):
            async with flight.admitted(ACME) as two:
                two.hold(40)
        assert flight.total_bytes == 40


async def test_a_body_that_trickles_in_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PATIENCE_S", 0.01)

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async with BodiesInFlight().admitted(ACME) as body:
        with pytest.raises(BodyTooSlowError):
            [chunk async for chunk in body.chunks(receive)]


async def test_a_sender_that_goes_away_is_no_body() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async with BodiesInFlight().admitted(ACME) as body:
        with pytest.raises(OtlpMalformedError):
            [chunk async for chunk in body.chunks(receive)]
