import asyncpg
import pytest
from tests.api.identity.people import Installation

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database


@pytest.fixture
def installation(database: Database, owner_connection: "asyncpg.Connection[asyncpg.Record]") -> Installation:
    return Installation(database, owner_connection)


@pytest.fixture
async def workspace(installation: Installation) -> WorkspaceId:
    return await installation.new_workspace()
