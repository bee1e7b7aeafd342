from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.api.identity.people import KEY, Installation
from tests.contract.providers.made_up import MadeUpProvider, Worlds

from tidegate.egress import EgressClient, EgressLimits, parse_allowances
from tidegate.identity.providers import build_providers
from tidegate.kernel import WorkspaceId
from tidegate.kernel.keyring import Keyring
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes

ENVELOPES = Envelopes(Keyring("k1", {"k1": b"e" * 32}))


@pytest.fixture(scope="session")
async def made_up() -> AsyncIterator[MadeUpProvider]:
    async with MadeUpProvider().serving() as provider:
        yield provider


@pytest.fixture(scope="session")
async def other_made_up() -> AsyncIterator[MadeUpProvider]:
    async with MadeUpProvider().serving() as provider:
        yield provider


@pytest.fixture
def installation(database: Database, owner_connection: "asyncpg.Connection[asyncpg.Record]") -> Installation:
    made = Installation(database, owner_connection)
    egress = EgressClient(parse_allowances("127.0.0.0/8, ::1/128"), limits=EgressLimits(total_s=20, head_s=20))
    made.services |= build_providers(
        database, made.trail, people=made.services, egress=egress, envelopes=ENVELOPES, key=KEY
    )
    return made


@pytest.fixture
async def workspace(installation: Installation) -> WorkspaceId:
    return await installation.new_workspace()


@pytest.fixture
async def worlds(installation: Installation, workspace: WorkspaceId, made_up: MadeUpProvider) -> Worlds:
    made_up.reset(now=installation.clock.now())
    return Worlds(installation, workspace, made_up)
