"""Where minutes can be read, and where only hours are left: told by what is stored, never by how old it says it is.

Counts are kept from when they were written: a recording of years ago that is replayed today has its minutes for as long
as anything else that is counted today, and a workspace that keeps minutes for two days has none of the third. The row
that says that an hour was made (`published`) has as its `count` of how many minutes: while so many older than itself
are there, none is missing. Dropping takes the rows that say so together with what they speak of.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.published import AHEAD_S, second_of

HOUR_S: Final = 3_600
# Minutes are kept for two days at least, from when they were written, and that is a day before their time at the most.
SURE_S: Final = 20 * HOUR_S
_HOURS_WITHOUT_MINUTES: Final = """
    SELECT DISTINCT workspace, hour FROM (
        SELECT workspace, family, toUInt32(intDiv(toUInt32(second), 3600) * 3600) AS hour,
            maxIf(version, resolution = 3600) AS made_at, argMaxIf(count, version, resolution = 3600) AS made_of,
            groupUniqArrayIf((toUInt32(second), version), resolution = 60) AS minutes
        FROM counts
        WHERE workspace IN {scope:Array(String)} AND family IN ('published', 'published.ai_run')
            AND resolution IN (60, 3600)
            AND version <= {watermark:UInt64}
            AND second IN (
                SELECT toDateTime(toUInt32(arrayJoin(range(span.1, span.2, 60))), 'UTC')
                FROM (SELECT arrayJoin(arrayZip({starts:Array(UInt64)}, {ends:Array(UInt64)})) AS span))
        GROUP BY workspace, family, hour)
    WHERE made_of > length(arrayDistinct(arrayMap(one -> one.1, arrayFilter(one -> one.2 < made_at, minutes))))
"""


class KeptEngine(Protocol):
    """The part of the telemetry engine that is asked."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...


async def hours_without_minutes(
    engine: KeptEngine, workspaces: Collection[WorkspaceId], ranges: Sequence[tuple[int, int]], *, watermark: int
) -> dict[WorkspaceId, set[int]]:
    """Return which hours have lost minutes, of those in `ranges`, which are whole hours; who is left out has none."""
    found: dict[WorkspaceId, set[int]] = {}
    if not ranges:
        return found
    parameters = {
        "watermark": watermark,
        "starts": [start for start, _ in ranges],
        "ends": [end for _, end in ranges],
    }
    for row in await engine.select(workspaces, _HOURS_WITHOUT_MINUTES, parameters):
        found.setdefault(WorkspaceId(row["workspace"]), set()).add(int(row["hour"]))
    return found


def hours_of(seconds: Iterable[int]) -> list[tuple[int, int]]:
    """Return the hours of `seconds`, ends excluded."""
    return [(hour, hour + HOUR_S) for hour in sorted({second - second % HOUR_S for second in seconds})]


def hours_in_doubt(window: TimeRange, now: datetime, *, is_throughout: bool) -> list[tuple[int, int]]:
    """Return the hours that `window` needs the minutes of, where it is not sure that they are kept.

    Those are the hours in which it begins and ends; with `is_throughout` all of them.
    """
    now_s, start, end = int(now.timestamp()), second_of(window.start), second_of(window.end)
    if start >= now_s - SURE_S and end <= now_s + AHEAD_S:
        return []
    start, end = start - start % 60, end + -end % 60
    if is_throughout:
        return [(start - start % HOUR_S, end + -end % HOUR_S)]
    return hours_of(edge for edge in (start, end) if edge % HOUR_S)
