"""Schedules as rows of PostgreSQL."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tidegate.alerts.oncall.model import Person, Reading, Roster, Schedule, ScheduleKind, Shift
from tidegate.kernel import format_utc, parse_utc

if TYPE_CHECKING:
    import asyncpg

    Record = asyncpg.Record

__all__ = ["COLUMNS", "roster_json", "schedule_of", "settings_json"]

COLUMNS = """
    name, kind, revision, settings, secret, secret_hint, created_at, changed_at, changed_by, sequence, read_at,
    tried_at, problem, roster, told_stale_at, told_channels
"""


def settings_json(schedule: Schedule) -> dict[str, Any]:
    """Return what may be shown of how it is read."""
    return {
        "url": schedule.url,
        "host": schedule.host,
        "remoteId": schedule.remote_id,
        "timeZone": schedule.time_zone,
        "people": {name: list(channels) for name, channels in schedule.people.items()},
        "refresh_s": int(schedule.refresh.total_seconds()),
        "staleAfter_s": int(schedule.stale_after.total_seconds()),
    }


def roster_json(roster: Roster) -> dict[str, Any]:
    return {
        "from": format_utc(roster.from_at),
        "until": format_utc(roster.until_at),
        "shifts": [
            [format_utc(each.starts_at), format_utc(each.ends_at), each.person.address, each.person.name]
            for each in roster.shifts
        ],
    }


def schedule_of(row: "Record", body: bytes | None = None) -> Schedule:
    settings, roster = row["settings"], row["roster"]
    return Schedule(
        name=row["name"],
        kind=ScheduleKind(row["kind"]),
        revision=row["revision"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
        url=settings["url"],
        host=settings["host"],
        remote_id=settings["remoteId"],
        time_zone=settings["timeZone"],
        people={name: tuple(channels) for name, channels in settings["people"].items()},
        refresh=timedelta(seconds=settings["refresh_s"]),
        stale_after=timedelta(seconds=settings["staleAfter_s"]),
        secret=row["secret"],
        secret_hint=row["secret_hint"],
        body=body,
        reading=Reading(
            None if roster is None else _roster_of(roster),
            row["read_at"],
            row["tried_at"],
            row["problem"],
            row["sequence"],
            row["told_stale_at"],
            tuple(row["told_channels"]),
        ),
    )


def _roster_of(value: dict[str, Any]) -> Roster:
    shifts = tuple(
        Shift(parse_utc(starts_at), parse_utc(ends_at), Person(address, name))
        for starts_at, ends_at, address, name in value["shifts"]
    )
    return Roster(parse_utc(value["from"]), parse_utc(value["until"]), shifts)
