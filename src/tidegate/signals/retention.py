"""How long telemetry is kept, and the slow job that drops what is older.

Contract. Whole partitions go at the longest time of all workspaces; rows of workspaces that keep less are deleted from
what is left. Seconds go two hours after the hour in which they were written, those of a clock that is ahead two hours
after they have passed, and only when no minute waits to be made of them; minutes only when no hour does. Runs in the
task that counts, one step at a time; dropping twice changes nothing. Afterwards a new version is published, so that no
reader remembers what was there.
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from tidegate.audit import AuditTrail, Doer
from tidegate.kernel import Clock, InvalidInputError, WorkspaceId, digest_of
from tidegate.signals.published import AHEAD_S
from tidegate.signals.roller import Roller
from tidegate.storage import Database

_log = structlog.get_logger("tidegate.retention")

_EVERY: Final = timedelta(minutes=10)
_SECONDS_KEPT: Final = timedelta(hours=2)
_WORKSPACES_A_STATEMENT: Final = 500  # a claim names at most 1,000, and stands in a header
_DAY: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?: (\d\d):\d\d:\d\d)?")
_RAW: Final = ("raw_spans", "raw_logs", "raw_points")
# Partitions of seconds some of which were counted before they came, by a clock that is ahead.
_YOUNG: Final = """
    SELECT DISTINCT _partition_id AS partition FROM tidegate.counts
    WHERE resolution = 1 AND family IN ('published', 'published.ai_run')
        AND toUInt32(second) > {since} AND toUInt32(second) <= {since} + {ahead} + 7200
"""
BOUNDS: Final = {"raw_days": (2, 400), "minute_days": (2, 400), "hour_days": (2, 4_000)}


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days a workspace keeps what."""

    raw_days: int = 7
    minute_days: int = 35
    hour_days: int = 400


DEFAULT: Final = Retention()
_FIND: Final = "SELECT raw_days, minute_days, hour_days FROM retention"


class PostgresRetention:
    """The table `retention`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def get_retention(self, workspace: WorkspaceId) -> Retention:
        """Return what holds for `workspace`: the defaults unless it was set."""
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(f"{_FIND} WHERE workspace = $1", workspace)
        return DEFAULT if row is None else Retention(**row)

    async def set_retention(self, workspace: WorkspaceId, retention: Retention, *, by: Doer) -> None:
        """Keep `retention` and record who set it; what is older goes with the next turn of the job.

        Raises:
            InvalidInputError: a number of days is out of its bounds, or finer counts would outlive coarser ones.
        """
        for name, (least, most) in BOUNDS.items():
            if not least <= getattr(retention, name) <= most:
                raise InvalidInputError(f"{_wire(name)} is a number of days from {least} to {most}.", field=_wire(name))
        if retention.minute_days > retention.hour_days:
            raise InvalidInputError("Minutes cannot be kept longer than hours.", field="minuteDays")
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(f"{_FIND} WHERE workspace = $1 FOR UPDATE", workspace)
            before = DEFAULT if row is None else Retention(**row)
            await connection.execute(
                """
                INSERT INTO retention (workspace, raw_days, minute_days, hour_days) VALUES ($1, $2, $3, $4)
                ON CONFLICT (workspace) DO UPDATE
                SET raw_days = $2, minute_days = $3, hour_days = $4, changed_at = now()
                """,
                workspace,
                retention.raw_days,
                retention.minute_days,
                retention.hour_days,
            )
            deed = by.deed(
                "retention:set",
                f"workspace/{workspace}",
                before=digest_of(asdict(before)),
                after=digest_of(asdict(retention)),
                **{_wire(name): days for name, days in asdict(retention).items()},
            )
            await self._trail.append(workspace, deed, within=connection)

    async def all_set(self) -> dict[WorkspaceId, Retention]:
        """Return what the workspaces that set it keep."""
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_with_retention() AS id")
        return {WorkspaceId(row["id"]): await self.get_retention(WorkspaceId(row["id"])) for row in rows}


def _wire(name: str) -> str:
    return name.removesuffix("_days") + "Days"


class DroppingEngine(Protocol):
    """The part of the telemetry engine that retention uses."""

    async def admin(self, sql: str) -> list[dict[str, Any]]: ...

    async def delete(
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        condition: str,
        parameters: Mapping[str, object] | None = None,
    ) -> None: ...


@dataclass(slots=True)
class RetentionJob:
    """Drops what is too old; `step` is called by the task that counts."""

    settings: PostgresRetention
    engine: DroppingEngine
    roller: Roller
    workspaces: Callable[[], Awaitable[Sequence[WorkspaceId]]]
    clock: Clock
    _next: datetime | None = None
    _is_untold: bool = False

    async def step(self, watermark: int) -> bool:
        """Drop what is too old, if it is time; return whether there was anything to do."""
        if self._is_untold:  # a step of its own: dropping may take longer than a process may go on counting
            await self.roller.publish_anew((await self.workspaces())[:1], watermark)
            self._is_untold = False
            return True
        now = self.clock.now()
        if self._next is None:  # not in the first minutes of a process: it has better things to do
            self._next = now + _EVERY
        if now < self._next:
            return False
        self._next = now + _EVERY
        own = await self.settings.all_set()
        everybody = await self.workspaces()
        kept = [*own.values(), *([DEFAULT] if len(own) < len(everybody) else [])]
        await self._drop_partitions(kept, now, watermark)
        longest = _longest(kept)
        alike: defaultdict[Retention, list[WorkspaceId]] = defaultdict(list)
        for workspace in everybody:
            alike[own.get(workspace, DEFAULT)].append(workspace)
        for retention, those in alike.items():
            if retention != longest:
                for first in range(0, len(those), _WORKSPACES_A_STATEMENT):
                    await self._delete_rows(those[first : first + _WORKSPACES_A_STATEMENT], retention, now)
        self._is_untold = True
        return True

    async def _drop_partitions(self, kept: Sequence[Retention], now: datetime, watermark: int) -> None:
        longest = _longest(kept)
        rows = await self.engine.admin(
            "SELECT DISTINCT table, partition, partition_id FROM system.parts WHERE database = 'tidegate' AND active "
            f"AND table IN ({', '.join(repr(name) for name in (*_RAW, 'counts', 'ai_runs'))})"
        )
        over = [row for row in rows if _is_over(str(row["table"]), str(row["partition"]), longest, now)]
        spared = await self._spared({_resolution_of(row) for row in over}, now, watermark)
        for row in over:
            if row["table"] == "counts" and (_resolution_of(row) in spared or row["partition_id"] in spared):
                continue
            # Both names come from the engine's own list.
            await self.engine.admin(f"ALTER TABLE tidegate.{row['table']} DROP PARTITION ID '{row['partition_id']}'")
            _log.info("dropped what is too old", table=row["table"], partition=row["partition"])

    async def _spared(self, resolutions: Collection[str], now: datetime, watermark: int) -> set[str]:
        """Return the resolutions that something coarser waits to be made of, and the partitions of what is to come."""
        # What was written in the last two hours waits by itself; the rest has to be made coarser first.
        quiet = int((now - _SECONDS_KEPT + timedelta(minutes=30)).timestamp())
        spared: set[str] = set()
        for finer, step in (("1", 60), ("60", 3_600)):
            if finer in resolutions and await self.roller.has_waiting(watermark, step=step, quiet=quiet):
                spared.add(finer)
        if "1" in resolutions:
            rows = await self.engine.admin(_YOUNG.format(since=int((now - _SECONDS_KEPT).timestamp()), ahead=AHEAD_S))
            spared |= {str(row["partition"]) for row in rows}
        return spared

    async def _delete_rows(self, workspaces: Sequence[WorkspaceId], retention: Retention, now: datetime) -> None:
        raw = {"before": int((now - timedelta(days=retention.raw_days)).timestamp())}
        for table in _RAW:
            await self.engine.delete(workspaces, table, "received_ns < {before:UInt64} * 1000000000", raw)
        minutes = {"before": int((now - timedelta(days=retention.minute_days)).timestamp())}
        old = "written < toDateTime({before:UInt32}, 'UTC')"
        await self.engine.delete(workspaces, "counts", f"resolution = 60 AND {old}", minutes)
        await self.engine.delete(workspaces, "ai_runs", old, minutes)
        hours = {"before": int((now - timedelta(days=retention.hour_days)).timestamp())}
        await self.engine.delete(workspaces, "counts", f"resolution = 3600 AND {old}", hours)


def _longest(kept: Sequence[Retention]) -> Retention:
    return Retention(
        max(one.raw_days for one in kept), max(one.minute_days for one in kept), max(one.hour_days for one in kept)
    )


def _is_over(table: str, partition: str, longest: Retention, now: datetime) -> bool:
    """Return whether all of a partition, named by its values, is too old to be kept."""
    found = _DAY.search(partition)
    if found is None:
        return False
    start = datetime.fromisoformat(found[1]).replace(tzinfo=now.tzinfo) + timedelta(hours=int(found[2] or 0))
    if table == "counts" and partition.startswith("(1,"):
        return start + timedelta(hours=1) <= now - _SECONDS_KEPT
    days = longest.minute_days
    if table in _RAW:
        days = longest.raw_days
    elif table == "counts" and partition.startswith("(3600,"):
        days = longest.hour_days
    return start + timedelta(days=1) <= now - timedelta(days=days)


def _resolution_of(row: Mapping[str, Any]) -> str:
    """Return the resolution of a partition of counts."""
    return str(row["partition"]).removeprefix("(").partition(",")[0] if row["table"] == "counts" else ""
