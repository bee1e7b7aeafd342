"""The trail over a real PostgreSQL."""

import pytest
from tests.contract.audit.chains import AT

from tidegate.audit import PostgresAuditStore, PostgresAuditTrail
from tidegate.storage import Database
from tidegate.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(AT)


@pytest.fixture
def store(database: Database) -> PostgresAuditStore:
    return PostgresAuditStore(database)


@pytest.fixture
def trail(store: PostgresAuditStore, clock: FakeClock) -> PostgresAuditTrail:
    return PostgresAuditTrail(store=store, clock=clock)
