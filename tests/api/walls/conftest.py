"""One installation with two workspaces for all tests of the walls."""

from collections.abc import AsyncIterator

import pytest
from tests.api.walls.filling import open_installation
from tests.api.walls.world import Doors, Installation


@pytest.fixture(scope="session")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGATE_REQUEST_LIMIT", "0")
        async with open_installation(tmp_path_factory.mktemp("walls")) as opened:
            yield opened


@pytest.fixture(scope="session")
async def doors(installation: Installation) -> AsyncIterator[Doors]:
    async with installation.doors() as opened:
        yield opened
