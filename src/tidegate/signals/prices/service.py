"""Setting prices, looking at them, and the books that counting quotes from."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

from tidegate.audit import Doer
from tidegate.kernel import (
    Clock,
    Cursor,
    InvalidInputError,
    Page,
    WorkspaceId,
    decode_cursor,
    digest_of,
    encode_cursor,
)
from tidegate.signals.prices.book import Explanation, ListedPrice, PriceBook
from tidegate.signals.prices.bundled import BundledPrices
from tidegate.signals.prices.model import AppliedPrices, Overrides, PriceSource, Usage
from tidegate.signals.prices.ports import PriceChanges, PriceStore
from tidegate.signals.prices.price_files import body_of, parse_price_file
from tidegate.signals.prices.providers import canonical_provider

_MAX_BOOKS = 10_000  # one a workspace; a book without overrides takes a few kilobytes


class PriceBooks:
    """The books of workspaces, each made once and kept until prices are set anywhere."""

    def __init__(self, *, store: PriceStore, changes: PriceChanges) -> None:
        self._store = store
        self._changes = changes
        self._bundled: BundledPrices | None = None
        self._books: dict[WorkspaceId, PriceBook] = {}
        self._change_count = -1

    async def books_of(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, PriceBook]:
        """Return a book for each of `workspaces`, with all prices that were set before this call.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        # Read first: prices that are set while books are read move the count, and the next call reads again.
        change_count = await self._changes.change_count()
        if change_count != self._change_count or len(self._books) > _MAX_BOOKS:
            self._books = {}
            self._change_count = change_count
        books = self._books
        bundled = await self._bundled_prices()
        found: dict[WorkspaceId, PriceBook] = {}
        for workspace in workspaces:
            book = books.get(workspace)
            if book is None:
                book = books[workspace] = PriceBook(bundled, await self._store.find_overrides(workspace))
            found[workspace] = book
        return found

    async def _bundled_prices(self) -> BundledPrices:
        if self._bundled is None:
            # 90 ms of importing: beside the event loop, not in it.
            self._bundled = await asyncio.to_thread(BundledPrices)
        return self._bundled


class PriceService:
    """The prices of a workspace, for people."""

    def __init__(self, *, store: PriceStore, books: PriceBooks, clock: Clock) -> None:
        self._store = store
        self._books = books
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    async def book_of(self, workspace: WorkspaceId) -> PriceBook:
        return (await self._books.books_of([workspace]))[workspace]

    async def check(self, workspace: WorkspaceId, text: bytes) -> Overrides:
        """Return what `text` would set, storing nothing.

        Raises:
            PriceFileInvalidError: something in it is wrong; the field is named.
        """
        now = await self._store.find_overrides(workspace)
        wanted = await asyncio.to_thread(_overrides_of, text)
        return now if wanted.digest == now.digest else wanted

    async def apply(self, workspace: WorkspaceId, text: bytes, *, by: Doer) -> AppliedPrices:
        """Set the prices of a workspace: those in `text` replace all that it set before.

        Raises:
            PriceFileInvalidError: something in it is wrong; nothing changed.
            PricesChangedError: somebody else set prices at the same moment; nothing changed.
        """
        wanted = await asyncio.to_thread(_overrides_of, text)
        now = await self._store.find_overrides(workspace)
        if wanted.digest == now.digest or not (wanted.entries or now.entries):
            return AppliedPrices(now, is_new=False)
        version = now.version + 1
        before = now.digest if now.version else None
        deed = by.deed("prices:set", "prices/overrides", before=before, after=wanted.digest, version=version)
        applied = await self._store.add_overrides(
            workspace, wanted.entries, version=version, applied_at=self._clock.now(), deed=deed
        )
        return AppliedPrices(applied, is_new=True)

    async def overrides(self, workspace: WorkspaceId) -> Overrides:
        """Return what the workspace set; version 0 when it set nothing."""
        return await self._store.find_overrides(workspace)

    async def explain(self, workspace: WorkspaceId, usage: Usage) -> Explanation:
        """Return what one call costs, and by which price."""
        return (await self.book_of(workspace)).explain(usage)

    async def list(
        self,
        workspace: WorkspaceId,
        *,
        provider: str | None,
        model: str | None,
        source: PriceSource | None,
        limit: int,
        cursor: Cursor | None,
    ) -> Page[ListedPrice]:
        """Return prices that calls can be quoted with: those of the workspace, then the bundled ones.

        `model` filters by what the name contains. What has no token price (pictures, sounds, pages) is left out.
        """
        book = await self.book_of(workspace)
        wanted_provider = canonical_provider(provider) or provider if provider else None
        wanted_model = model.lower() if model else ""
        begin = _position_of(cursor)
        items: list[ListedPrice] = []
        for position, (own_provider, own_model, entry) in enumerate(book.listed()):
            of = PriceSource.BUNDLED if entry is None else PriceSource.OVERRIDE
            if (
                position < begin
                or (source is not None and source is not of)
                or (wanted_provider is not None and own_provider != wanted_provider)
                or wanted_model not in own_model.lower()
            ):
                continue
            plan = book.plan_of_listed(own_provider, own_model, entry)
            if plan is None:
                continue
            if len(items) == limit:
                return Page(tuple(items), encode_cursor(str(position)))
            valid_from, valid_to = (entry.valid_from, entry.valid_to) if entry is not None else (None, None)
            items.append(ListedPrice(own_provider, own_model, of, plan, valid_from, valid_to))
        return Page(tuple(items), None)


def _overrides_of(text: bytes) -> Overrides:
    entries = parse_price_file(text)
    return Overrides(0, digest_of(body_of(entries)), entries, None)


def _position_of(cursor: Cursor | None) -> int:
    if cursor is None:
        return 0
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(key)
