"""Tenants of one workspace in a window, ranked, sorted and in pages."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.kernel import (
    MAX_LIMIT,
    Clock,
    Cursor,
    InvalidInputError,
    Page,
    TimeRange,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
)
from tidegate.signals import SignalReader, SignalScope
from tidegate.signals.tenants.ranking import COLUMNS, FAMILIES, TenantRow, rows_of

__all__ = ["SORTS", "TenantPage", "TenantService"]

SORTS: Final = ("outlier", "tenant", *(column.name for column in COLUMNS))
_MOST: Final = 20_000  # above, the smallest are left out and the page says so


@dataclass(frozen=True, slots=True)
class TenantPage:
    page: Page[TenantRow]
    count: int
    """Tenants that match, on all pages; of the largest alone when it is cut."""
    is_cut: bool
    """Whether there are more tenants than are told apart; the largest are."""


class TenantService:
    """Compares the tenants of one workspace; reads only."""

    def __init__(self, *, reader: SignalReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    async def list_tenants(  # noqa: PLR0913 - the query of a list
        self,
        workspace: WorkspaceId,
        window: TimeRange,
        *,
        scope: SignalScope,
        search: str = "",
        sort: str = "outlier",
        is_descending: bool = True,
        limit: int = 50,
        cursor: Cursor | None = None,
    ) -> TenantPage:
        """Return tenants that have `search` in their name, in the order of `sort`; those without a value last.

        Raises:
            InvalidInputError: a sort, limit or cursor that is none.
            UnavailableError: the telemetry engine does not answer for the moment, or counting is behind.
        """
        if sort not in SORTS:
            raise InvalidInputError(f"sort: {sort[:40]!r} is none of {', '.join(SORTS)}.", field="sort")
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidInputError(f"limit: it must lie between 1 and {MAX_LIMIT}.", field="limit")
        rows, is_cut = await self._rows(workspace, window, scope)
        wanted = [row for row in rows if search.lower() in row.tenant.lower()]
        wanted.sort(key=lambda row: _place_of(row, sort, is_descending=is_descending))
        if sort == "tenant" and is_descending:
            wanted.reverse()
        start = _after(wanted, cursor, sort, is_descending=is_descending) if cursor else 0
        items = tuple(wanted[start : start + limit])
        is_last = start + limit >= len(wanted)
        return TenantPage(Page(items, None if is_last else _cursor_of(items[-1], sort)), len(wanted), is_cut)

    async def find_tenant(self, workspace: WorkspaceId, tenant: str, window: TimeRange) -> TenantRow | None:
        """Return one tenant among the others, `None` when nothing of it came in `window`."""
        rows, _ = await self._rows(workspace, window, SignalScope())
        return next((row for row in rows if row.tenant == tenant), None)

    async def _rows(
        self, workspace: WorkspaceId, window: TimeRange, scope: SignalScope
    ) -> tuple[list[TenantRow], bool]:
        found = await asyncio.gather(*(
            self._reader.totals_by(workspace, family, window, by="tenant", scope=scope, limit=_MOST)
            for family in FAMILIES
        ))  # fmt: skip
        return rows_of(dict(zip(FAMILIES, found, strict=True))), any(len(each) >= _MOST for each in found)


def _value_of(row: TenantRow, sort: str) -> float | None:
    return row.weight if sort == "outlier" else row.figures[sort].value


def _place_of(row: TenantRow, sort: str, *, is_descending: bool) -> tuple[bool, float, str]:
    if sort == "tenant":
        return False, 0.0, row.tenant
    value = _value_of(row, sort)
    if value is None:
        return True, 0.0, row.tenant
    return False, -value if is_descending else value, row.tenant


def _cursor_of(row: TenantRow, sort: str) -> Cursor:
    value = None if sort == "tenant" else _value_of(row, sort)
    return encode_cursor(f"{'' if value is None else repr(float(value))} {row.tenant}")


def _after(rows: list[TenantRow], cursor: Cursor, sort: str, *, is_descending: bool) -> int:
    """Return where the page after `cursor` begins: behind its tenant, or where it would stand now."""
    value, _, tenant = decode_cursor(cursor).partition(" ")
    try:
        number = float(value) if value else None
        if not tenant:
            raise ValueError(cursor)
    except ValueError as error:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor") from error
    if sort == "tenant":
        return sum((row.tenant >= tenant) if is_descending else (row.tenant <= tenant) for row in rows)
    sign = -1 if is_descending else 1
    last = (True, 0.0, tenant) if number is None else (False, sign * number, tenant)
    return sum(_place_of(row, sort, is_descending=is_descending) <= last for row in rows)
