"""Sources of a workspace at a server on loopback, and rules that ask them, over a real PostgreSQL."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from tests.contract.deliveries.receivers import HttpReceiver
from tests.doing import BY, trail_of

from tidegate.audit import Doer
from tidegate.egress import EgressClient, parse_allowances
from tidegate.kernel import Clock, RandomIds, SystemClock, WorkspaceId
from tidegate.kernel.keyring import Keyring
from tidegate.prom_sources.model import Answered, Source, Wish
from tidegate.prom_sources.service import LIMITS, PromAsker, PromSources, PromSourceService
from tidegate.prom_sources.store import PostgresSources
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes
from tidegate.testing import FakeClock

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = os.urandom(32)


@dataclass
class Desk:
    """A workspace that asks."""

    database: Database
    workspace: WorkspaceId
    store: PostgresSources
    service: PromSourceService
    asker: PromAsker
    names: PromSources
    by: Doer

    async def set(self, url: str, *, name: str = "ops", **wish: str | None) -> Source:
        found, _ = await self.service.set_source(self.workspace, name, replace(Wish(url), **wish), by=self.by)  # type: ignore[arg-type]
        return found

    async def ask(self, query: str = "up") -> Answered:
        return await self.asker.ask(self.workspace, "ops", query)


def desk_of(database: Database, workspace: WorkspaceId, clock: Clock) -> Desk:
    store, envelopes = PostgresSources(database, trail_of(database)), Envelopes(Keyring("one", {"one": KEY}))
    calling = EgressClient(parse_allowances("127.0.0.0/8"), limits=replace(LIMITS, total_s=1.0, head_s=0.5))
    asker = PromAsker(store=store, calling=calling, envelopes=envelopes, clock=clock)
    service = PromSourceService(
        store=store, asker=asker, calling=calling, envelopes=envelopes, ids=RandomIds(), clock=clock
    )
    return Desk(database, workspace, store, service, asker, PromSources(store), BY)


@pytest.fixture
async def desk(database: Database, workspace: WorkspaceId) -> Desk:
    return desk_of(database, workspace, FakeClock(START))


@pytest.fixture
async def desk_now(database: Database, workspace: WorkspaceId) -> Desk:
    return desk_of(database, workspace, SystemClock())


@pytest.fixture
async def server() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver().serving() as serving:
        yield serving
