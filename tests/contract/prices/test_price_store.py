"""Prices of workspaces in the real PostgreSQL, and the books made of them."""

import asyncio
import secrets
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest
from tests.doing import BY, DEED, trail_of

from tidegate.kernel import WorkspaceId
from tidegate.signals.prices import PostgresPriceStore, PriceBooks, PriceService, Usage
from tidegate.signals.prices.errors import PriceFileInvalidError, PricesChangedError
from tidegate.signals.prices.model import PriceEntry, UsdRates
from tidegate.storage import Database
from tidegate.testing import FakeClock

AT = datetime(2026, 11, 20, tzinfo=UTC)
CALL = Usage("acme", "m", int(AT.timestamp()), 1_000, 0, 0, 0)


def prices(usd: object, *, model: str = "m") -> bytes:
    entry = f"{{provider: acme, model: {model}, input: {usd}}}"
    return f"{{apiVersion: tidegate/v1, kind: Prices, prices: [{entry}]}}".encode()


@pytest.fixture
def store(database: Database) -> PostgresPriceStore:
    return PostgresPriceStore(database, trail_of(database))


@pytest.fixture
def service(store: PostgresPriceStore) -> PriceService:
    return PriceService(store=store, books=PriceBooks(store=store, changes=store), clock=FakeClock(AT))


@pytest.fixture
async def other(owner_connection: "asyncpg.Connection[asyncpg.Record]") -> WorkspaceId:
    name = WorkspaceId(f"w-{secrets.token_hex(6)}")
    await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return name


async def test_prices_are_set_in_versions_and_the_newest_counts(
    service: PriceService, store: PostgresPriceStore, workspace: WorkspaceId
) -> None:
    first = await service.apply(workspace, prices(1), by=BY)
    second = await service.apply(workspace, prices(2), by=BY)
    again = await service.apply(workspace, prices("2.00"), by=BY)
    assert [first.overrides.version, second.overrides.version, again.overrides.version] == [1, 2, 2]
    assert [first.is_new, second.is_new, again.is_new] == [True, True, False]
    found = await store.find_overrides(workspace)
    assert found.entries == (PriceEntry("acme", "m", UsdRates(input=Decimal(2))),)
    assert found.applied_at == AT


async def test_a_file_without_prices_takes_them_back(service: PriceService, workspace: WorkspaceId) -> None:
    empty = b"{apiVersion: tidegate/v1, kind: Prices, prices: []}"
    assert (await service.apply(workspace, empty, by=BY)).overrides.version == 0
    await service.apply(workspace, prices(1), by=BY)
    assert (await service.apply(workspace, empty, by=BY)).overrides.version == 2
    assert (await service.explain(workspace, CALL)).quote.cost_nano_usd is None


async def test_a_refused_file_changes_nothing(
    service: PriceService, store: PostgresPriceStore, workspace: WorkspaceId
) -> None:
    await service.apply(workspace, prices(1), by=BY)
    before = (await store.find_overrides(workspace), await store.change_count())
    with pytest.raises(PriceFileInvalidError):
        await service.apply(workspace, prices(-1), by=BY)
    await service.check(workspace, prices(5))
    assert (await store.find_overrides(workspace), await store.change_count()) == before


async def test_two_who_set_prices_at_once_do_not_overwrite_each_other(
    store: PostgresPriceStore, workspace: WorkspaceId
) -> None:
    entry = PriceEntry("acme", "m", UsdRates(input=Decimal(1)))
    done = await asyncio.gather(
        *(store.add_overrides(workspace, (entry,), version=1, applied_at=AT, deed=DEED) for _ in range(4)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["Overrides"] + [PricesChangedError.__name__] * 3


async def test_a_book_follows_its_own_workspace_and_no_other(
    service: PriceService, store: PostgresPriceStore, workspace: WorkspaceId, other: WorkspaceId
) -> None:
    books = PriceBooks(store=store, changes=store)  # of another process than the one that sets prices
    before = await books.books_of([workspace, other])
    assert before[workspace].quote(CALL).cost_nano_usd is None
    await service.apply(workspace, prices(3), by=BY)
    after = await books.books_of([workspace, other])
    assert after[workspace].quote(CALL).cost_nano_usd == 3_000_000
    assert after[other].quote(CALL).cost_nano_usd is None
    assert after[workspace].version != before[workspace].version
    assert after[other].version == before[other].version


async def test_books_are_kept_until_prices_are_set(store: PostgresPriceStore, workspace: WorkspaceId) -> None:
    books = PriceBooks(store=store, changes=store)
    first = await books.books_of([workspace])
    assert (await books.books_of([workspace]))[workspace] is first[workspace]


async def test_the_serving_role_adds_versions_and_changes_none(database: Database, workspace: WorkspaceId) -> None:
    for statement in (
        "UPDATE price_overrides SET version = 9",
        "DELETE FROM price_overrides",
        "DELETE FROM price_changes",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.transaction(workspace) as connection:
                await connection.execute(statement)
