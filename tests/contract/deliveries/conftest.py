from collections.abc import AsyncIterator

import pytest
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.deliveries.worlds import World

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver().serving() as serving:
        yield serving


@pytest.fixture
def world(database: Database, workspace: WorkspaceId) -> World:
    return World(database, workspace)
