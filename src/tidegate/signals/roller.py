"""Minutes out of seconds, and hours out of minutes: what is quiet is made coarser, exactly.

Contract. Runs in the task that counts, so nothing is counted meanwhile. A minute is made from the newest published
versions of its seconds under a version of its own; a row that comes later gives its second a higher version, readers
go back to the seconds, and the next turn makes the minute again. Seconds are dropped two hours after they were written,
and only when nothing waits to be made of them; so a late row touches its whole minute once that is an hour old, and its
whole hour once that has lost minutes (`widened`). The row that says that a bucket was made has as its `count` of how
many finer ones (`kept`).
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tidegate.kernel import Clock, WorkspaceId
from tidegate.signals.ports import Ranges, Seconds, TouchedSeconds, Touches
from tidegate.signals.statements import COUNT_COLUMNS, KEYS, SUMS
from tidegate.storage.scope import SCOPE

QUIET_S: Final = 75  # a minute and what is still on its way to it
_EVERY_S: Final = 15.0
_SCAN_S: Final = 600  # markers are looked for among what was written since; at the start among all
_MINUTES_A_STATEMENT: Final = 200  # bound in the URL, and their seconds in memory
_WORKSPACES_A_STATEMENT: Final = 500  # a claim names at most 1,000, and stands in a header
_WIDEN_MINUTE_S: Final = 3_600
_MARKERS: Final = "('published', 'published.ai_run')"
_MARKER_OF: Final = "if(family IN ('ai_run', 'ai_run.duration'), 'published.ai_run', 'published')"
_BUCKET_OF: Final = "toUInt32(intDiv(toUInt32(second), {step:UInt32}) * {step:UInt32})"
_WAITING: Final = f"""
    SELECT workspace, start FROM (
        SELECT workspace, start, family, max(finer) > max(made) AS is_due, max(touched) AS touched_at,
            max(is_unmade) AS is_open
        FROM (
            SELECT workspace, {_BUCKET_OF} AS start, intDiv(toUInt32(second), 60) AS minute, family,
                maxIf(version, resolution < {{step:UInt32}}) AS finer,
                maxIf(version, resolution = {{step:UInt32}}) AS made,
                maxIf(toUInt32(written), resolution < {{step:UInt32}}) AS touched,
                {{step:UInt32}} = 3600
                    AND maxIf(version, resolution = 1) > maxIf(version, resolution = 60) AS is_unmade
            FROM counts
            WHERE {SCOPE} AND family IN {_MARKERS} AND version <= {{watermark:UInt64}}
                AND (workspace, {_BUCKET_OF}) IN (
                    SELECT workspace, {_BUCKET_OF} FROM counts
                    WHERE {SCOPE} AND family IN {_MARKERS} AND version <= {{watermark:UInt64}}
                        AND resolution < {{step:UInt32}}
                        AND written >= toDateTime({{since:UInt32}}, 'UTC'))
            GROUP BY workspace, start, minute, family)
        GROUP BY workspace, start, family)
    GROUP BY workspace, start
    HAVING max(is_due) AND max(is_open) = 0 AND max(touched_at) <= {{quiet:UInt32}}
        AND ({{step:UInt32}} = 60 OR start + 3600 <= {{quiet:UInt32}} OR start > {{quiet:UInt32}} + 3600)
    ORDER BY start DESC LIMIT {_MINUTES_A_STATEMENT}
"""
_SUMMED: Final = ", ".join(f"sum({name}) AS {name}_" for name in SUMS)
_ROLL: Final = f"""
    SELECT workspace, family, toUInt16({{step:UInt32}}) AS resolution_, start, {{version:UInt64}} AS version_,
        {{written:UInt32}} AS written_, {", ".join(KEYS)},
        if(distrusted = 1, arrival, min(came)) AS arrived_, {_SUMMED}, max(limit_micro) AS limit_
    FROM (
        SELECT *, {_BUCKET_OF} AS start, toUInt32(arrived) AS came, if(distrusted = 1, came, 0) AS arrival
        FROM counts
        WHERE resolution = {{finer:UInt16}} AND family NOT IN {_MARKERS} AND {{within}}
            AND (workspace, {_MARKER_OF}, second, version) IN (
                SELECT workspace, family, second, max(version) FROM counts
                WHERE resolution = {{finer:UInt16}} AND version <= {{watermark:UInt64}} AND {{within}}
                    AND (workspace, family, {_BUCKET_OF}) IN (SELECT workspace, family, start FROM ({{due}}))
                GROUP BY workspace, family, second))
    GROUP BY workspace, family, start, {", ".join(KEYS)}, arrival
"""


class RollEngine(Protocol):
    """The part of the telemetry engine that the roller uses."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...

    async def insert_select(  # noqa: PLR0913, PLR0917 - a statement and its parts
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        columns: Sequence[str],
        select_sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        token: str,
        threads: int | None = None,
    ) -> None: ...


def old_seconds(seconds: Seconds, now_s: float, *, age_s: float = _WIDEN_MINUTE_S) -> dict[WorkspaceId, Sequence[int]]:
    """Return those of `seconds` that were over more than `age_s` ago."""
    old = {workspace: own[: bisect_left(own, now_s - age_s)] for workspace, own in seconds.items()}
    return {workspace: own for workspace, own in old.items() if own}


def widened(old: Seconds, hours: Mapping[WorkspaceId, Collection[int]]) -> Ranges:
    """Return the minutes of old seconds, of those in `hours` the whole hour."""
    return {
        workspace: sorted({_bucket(second, hours.get(workspace, ())) for second in own})
        for workspace, own in old.items()
    }


def _bucket(second: int, hours: Collection[int]) -> tuple[int, int]:
    step = 3_600 if second - second % 3_600 in hours else 60
    start = second - second % step
    return start, start + step


@dataclass(slots=True)
class Roller:
    """Makes minutes and hours; `step` is called by the task that counts."""

    touches: Touches
    engine: RollEngine
    clock: Clock
    workspaces: Callable[[], Awaitable[Sequence[WorkspaceId]]]
    """Lists all of them."""
    _next_s: float = 0.0
    _since_s: int = 0

    async def step(self, watermark: int, *, is_due: bool = False) -> bool:
        """Make what is quiet, newest first; return whether there was anything, and hence may be more."""
        now_s = self.clock.now().timestamp()
        if now_s < self._next_s and not is_due:
            return False
        for step, finer in ((60, 1), (3_600, 60)):
            found = await self._waiting(step, watermark, int(now_s) - QUIET_S)
            if found:
                await self._roll(found, step=step, finer=finer, watermark=watermark)
                return True
        self._next_s, self._since_s = now_s + _EVERY_S, max(0, int(now_s) - _SCAN_S)
        return False

    async def has_waiting(self, watermark: int, *, step: int, quiet: int) -> bool:
        """Say whether a bucket of `step` seconds that was left alone since `quiet` still stands on finer ones."""
        self._since_s = 0
        return bool(await self._waiting(step, watermark, quiet))

    async def publish_anew(self, workspaces: Sequence[WorkspaceId], watermark: int) -> None:
        """Raise the watermark, with nothing counted: what readers remember of before is not asked for again."""
        version = await self.touches.next_version()
        nothing = TouchedSeconds(dict.fromkeys(workspaces, ()), dict.fromkeys(workspaces, ()), watermark, read_at=None)
        await self.touches.publish(nothing, version=version)

    async def _waiting(self, step: int, watermark: int, quiet: int) -> dict[WorkspaceId, list[int]]:
        workspaces = await self.workspaces()
        parameters = {"step": step, "watermark": watermark, "quiet": quiet, "since": self._since_s}
        found: dict[WorkspaceId, list[int]] = {}
        for first in range(0, len(workspaces), _WORKSPACES_A_STATEMENT):
            some = workspaces[first : first + _WORKSPACES_A_STATEMENT]
            for row in await self.engine.select(some, _WAITING, parameters):
                found.setdefault(WorkspaceId(row["workspace"]), []).append(int(row["start"]))
            if found:  # as many as one statement makes coarser; the others wait for the next turn, which is at once
                break
        return found

    async def _roll(self, found: Seconds, *, step: int, finer: int, watermark: int) -> None:
        version = await self.touches.next_version()
        parameters = {
            **_bound(found),
            "step": step,
            "finer": finer,
            "watermark": watermark,
            "version": version,
            "written": int(self.clock.now().timestamp()),
        }
        sql = f"{_ROLL.replace('{within}', _WITHIN).replace('{due}', _DUE)} UNION ALL {_MADE}"
        await self.engine.insert_select(
            list(found), "counts", COUNT_COLUMNS, sql, parameters, token=f"rolled-{version}", threads=1
        )
        settled = TouchedSeconds(found, {workspace: [] for workspace in found}, watermark, read_at=None)
        await self.touches.publish(settled, version=version)


_BUCKETS: Final = """
    SELECT arrayElement({workspaces:Array(String)}, bucket.1) AS owner, bucket.2 AS start
    FROM (SELECT arrayJoin(arrayZip({places:Array(UInt32)}, {starts:Array(UInt32)})) AS bucket)
"""
_WITHIN: Final = f"""
    second >= toDateTime({{first:UInt32}}, 'UTC') AND second <= toDateTime({{last:UInt32}}, 'UTC')
    AND (workspace, {_BUCKET_OF}) IN ({_BUCKETS})
"""
_BLANKS: Final = ", ".join("0" if name in {"status", "replayed", "distrusted", "bucket"} else "''" for name in KEYS)
# Of what was counted anew since: AI runs are at times without the rest, and what the rest was made of may be gone.
_DUE: Final = f"""
    SELECT workspace, family, {_BUCKET_OF} AS start, uniqExactIf(second, resolution = {{finer:UInt16}}) AS made_of
    FROM counts
    WHERE resolution IN ({{finer:UInt16}}, toUInt16({{step:UInt32}})) AND family IN {_MARKERS}
        AND version <= {{watermark:UInt64}} AND {_WITHIN}
    GROUP BY workspace, family, start
    HAVING maxIf(version, resolution = {{finer:UInt16}}) > maxIf(version, resolution = {{step:UInt32}})
"""
_MADE: Final = f"""
    SELECT workspace, family, toUInt16({{step:UInt32}}), start, {{version:UInt64}}, {{written:UInt32}}, {_BLANKS}, 0,
        made_of, {", ".join("0" for _ in range(len(SUMS) - 1))}, 0
    FROM ({_DUE})
"""


def _bound(found: Seconds) -> dict[str, object]:
    starts = [(place, start) for place, own in enumerate(found.values(), 1) for start in own]
    moments = [start for _, start in starts]
    return {
        "workspaces": list(found),
        "places": [place for place, _ in starts],
        "starts": moments,
        "first": min(moments),
        "last": max(moments) + 3_599,
    }
