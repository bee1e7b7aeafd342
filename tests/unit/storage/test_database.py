"""What the state store's client says when its server goes away."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest

from tidegate.kernel import UnavailableError
from tidegate.storage import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Broken:
    """A pool whose connections break while they are used."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> "AsyncIterator[Any]":
        del timeout
        raise self._error
        yield


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionResetError(),
    ],
    ids=["killed in the middle of an answer", "closed", "reset"],
)
async def test_a_server_that_is_killed_is_no_fault_of_the_request(error: Exception) -> None:
    database = Database(cast("Any", Broken(error)))
    with pytest.raises(UnavailableError):
        async with database.across_workspaces():
            pass
