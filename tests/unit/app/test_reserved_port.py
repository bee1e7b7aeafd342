"""A port that is kept for somebody who cannot inherit a listening socket."""

import contextlib
import socket

from tests.authority import shipped_authorizer
from tests.unit.telemetry.test_grpc_door import Heap, Tokens, free_port

from tidegate.app.supervisor.sockets import reserve_loopback
from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.grpc_door import GrpcDoor
from tidegate.telemetry.model import Signal


async def test_the_door_listens_beside_the_socket_that_keeps_its_port_again_and_again() -> None:
    port = free_port()
    reserved = reserve_loopback(port)
    assert reserved is not None
    with contextlib.closing(reserved):
        for _ in range(3):
            door = GrpcDoor(
                {Signal.LOGS: Heap()}, authenticator=Tokens(), authorizer=shipped_authorizer(), bodies=BodiesInFlight()
            )
            assert await door.open(port)
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                assert reserve_loopback(port) is None
            await door.close()
            assert reserve_loopback(port) is None


def test_a_port_that_another_program_has_is_not_had() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        assert reserve_loopback(other.getsockname()[1]) is None


def test_a_port_that_was_given_up_can_be_had() -> None:
    port = free_port()
    for _ in range(2):
        reserved = reserve_loopback(port)
        assert reserved is not None
        reserved.close()
