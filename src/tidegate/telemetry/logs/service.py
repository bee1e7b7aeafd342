"""Log search: from the words of a caller to a page of records."""

from datetime import datetime, timedelta
from typing import Protocol

from tidegate.kernel import Clock, InvalidInputError, Page, TimeRange, WorkspaceId, parse_utc
from tidegate.telemetry.logs.query import DEFAULT_WINDOW, MAX_WINDOW, LogLine, LogQuery

__all__ = ["LogSearchService", "LogStore"]


class LogStore(Protocol):
    """Where log records are found."""

    async def search(self, workspace: WorkspaceId, query: LogQuery, *, limit: int) -> list[LogLine]:
        """Return at most `limit` records, the newest first.

        Raises:
            UnavailableError: the engine does not answer, or not in time.
        """
        ...


class LogSearchService:
    """Answers the search route, the page and the command."""

    def __init__(self, *, store: LogStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def window_of(self, start: str | None, end: str | None) -> TimeRange:
        """Return the range that a caller asks for: the last hour unless said.

        Raises:
            InvalidInputError: one of them is no moment, or the range is empty or longer than a month.
        """
        until = parse_utc(end, field="to") if end else self._clock.now() + timedelta(seconds=1)
        since = parse_utc(start, field="from") if start else _before(until)
        window = TimeRange(since, until)
        if window.length > MAX_WINDOW:
            raise InvalidInputError(
                f"A search looks through at most {MAX_WINDOW.days} days. Narrow the range.", field="from"
            )
        return window

    async def search(self, workspace: WorkspaceId, query: LogQuery, *, limit: int) -> Page[LogLine]:
        """Return one page, the newest records first.

        Raises:
            UnavailableError: the engine does not answer, or not in time.
        """
        found = await self._store.search(workspace, query, limit=limit + 1)
        cursor = found[limit - 1].position.written() if len(found) > limit else None
        return Page(tuple(found[:limit]), cursor)


def _before(until: datetime) -> datetime:
    try:
        return until - DEFAULT_WINDOW
    except OverflowError as error:  # the first hour of year 1
        raise InvalidInputError("There is nothing before 1970.", field="to") from error
