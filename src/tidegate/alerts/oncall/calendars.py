"""Calendars in iCalendar's format (RFC 5545) to shifts. Pure: bytes in, shifts out, bounded in size and in time.

Events are read by `icalendar`; when they recur is counted here (`recurrence`). A calendar counts wholly or not at all:
where one event is not understood, nobody knows who is on call, so that is said and nothing of it is used.

Times are those of the wall: a shift from nine to nine lasts 23 or 25 hours when clocks change. RFC 5545 would give
each occurrence the exact length of the first one, which leaves an hour with nobody or with two; people who write "from
nine to nine" do not mean that, and no calendar that they write it in shows it so.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import chain
from typing import Any, Final
from zoneinfo import ZoneInfo

from tidegate.alerts.oncall.errors import CalendarInvalidError
from tidegate.alerts.oncall.model import MAX_SHIFTS, Person, Roster, Shift, person_of, roster_of
from tidegate.alerts.oncall.recurrence import Budget, Recurrence, occurrences, recurrence_of

__all__ = ["MAX_CALENDAR_BYTES", "read_calendar"]

MAX_CALENDAR_BYTES: Final = 1024 * 1024
"""Read in 0.6 s; ten years of shifts of a day, each with its own event, have 900 KB."""
_MAX_EVENTS: Final = 6_000
_MAX_COMPONENTS: Final = 20_000
_MAX_PROPERTIES: Final = 200  # of one event
_MAX_DATES: Final = 5_000  # of RDATE or EXDATE, of one event
_MAX_ATTENDEES: Final = 20
_DAYS_LOOKED_AT: Final = 200_000  # 0.5 s
_MOST_LENGTH: Final = timedelta(days=400)
_EPOCH: Final = 1970
_FOLD: Final = re.compile(rb"(\r?\n)+[ \t]")
_ZONES: Final = re.compile(rb"^BEGIN:VTIMEZONE$.*?^END:VTIMEZONE$", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_ZONE_LEFT: Final = re.compile(rb"^\s*BEGIN\b[^\n]*VTIMEZONE", re.MULTILINE | re.IGNORECASE)
_NOT_PEOPLE: Final = {"RESOURCE", "ROOM"}

_Moment = datetime | date


@dataclass(frozen=True, slots=True)
class _Event:
    """An event as it was read, on the clock of its own zone."""

    uid: str
    starts: datetime
    zone: tzinfo
    is_all_day: bool
    length: timedelta
    people: tuple[Person, ...]
    is_cancelled: bool
    sequence: int
    rule: Recurrence | None
    added: tuple[tuple[datetime, timedelta], ...]
    """By RDATE: beginning on the wall, and length."""
    excluded: frozenset[datetime]
    """Moments of the world."""
    excluded_days: frozenset[date]
    replaces: datetime | None
    """Of which moment it is the other version; `None` for an event of its own."""

    def at(self, wall: datetime) -> datetime:
        """Return the moment of the world at which its clock shows `wall`."""
        return wall.replace(tzinfo=self.zone).astimezone(UTC)


def read_calendar(text: bytes, *, from_at: datetime, until_at: datetime, zone: str = "UTC") -> Roster:
    """Return the shifts between two moments; `zone` is that of days and times that name none.

    Raises:
        CalendarInvalidError: it is no calendar, is too large, or an event of it is not understood.
    """
    if len(text) > MAX_CALENDAR_BYTES:
        raise CalendarInvalidError(f"The calendar is larger than {MAX_CALENDAR_BYTES // 1024:,} kB.")
    calendars = _parsed(text)
    budget, shifts = Budget(_DAYS_LOOKED_AT), 0
    found: set[Shift] = set()
    for calendar in calendars:
        events = _events(calendar, _zone_named(str(calendar.get("X-WR-TIMEZONE") or zone)))
        for shift in _shifts(events, from_at, until_at, budget):
            shifts += 1
            if shifts > MAX_SHIFTS:
                raise CalendarInvalidError(f"The calendar has more than {MAX_SHIFTS:,} shifts in the time looked at.")
            found.add(shift)
    return roster_of(found, from_at, until_at)


def _parsed(text: bytes) -> Sequence[Any]:
    import icalendar

    # What a calendar says of zones is not read: their rules would be followed without bounds. Names are looked up.
    plain = _ZONES.sub(b"", _FOLD.sub(b"", text).replace(b"\r\n", b"\n"))
    if plain.upper().count(b"BEGIN:") > _MAX_COMPONENTS:
        raise CalendarInvalidError(f"The calendar has more than {_MAX_COMPONENTS:,} parts.")
    if _ZONE_LEFT.search(plain):
        raise CalendarInvalidError("The calendar has a time zone that is not written as one, or does not end.")
    try:
        found = icalendar.Calendar.from_ical(plain, multiple=True)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise CalendarInvalidError("This is no calendar in iCalendar's format (RFC 5545).") from error
    calendars = [each for each in found if each.name == "VCALENDAR"]
    if not calendars or len(calendars) != len(found):
        raise CalendarInvalidError("This is no calendar in iCalendar's format (RFC 5545): it has no VCALENDAR.")
    return calendars


def _events(calendar: Any, zone: tzinfo) -> list[_Event]:  # noqa: ANN401 - icalendar's component
    parts = calendar.walk("VEVENT")
    if len(parts) > _MAX_EVENTS:
        raise CalendarInvalidError(f"The calendar has more than {_MAX_EVENTS:,} events.")
    events = []
    for number, part in enumerate(parts, start=1):
        where = f"Event {number} ({str(part.get('SUMMARY', ''))[:60]!r})"
        if part.errors:
            name = str(part.errors[0][0])[:40]
            raise CalendarInvalidError(f"{where} is not understood: {name}.")
        if len(part) > _MAX_PROPERTIES:
            raise CalendarInvalidError(f"{where} has more than {_MAX_PROPERTIES} properties.")
        try:
            events.append(_event(part, zone, f"event {number}"))
        except CalendarInvalidError as error:
            raise CalendarInvalidError(f"{where}: {error.message}") from error
        except (ValueError, TypeError, AttributeError, OverflowError, KeyError) as error:
            raise CalendarInvalidError(f"{where} is not understood.") from error
    return events


def _event(part: Any, zone: tzinfo, otherwise: str) -> _Event:  # noqa: ANN401 - icalendar's component
    begins = _only(part, "DTSTART")
    if begins is None:
        raise CalendarInvalidError("it has no DTSTART.")
    is_all_day = not isinstance(begins.dt, datetime)
    wall, own = _walled(begins, zone)
    other = _only(part, "RECURRENCE-ID")
    if other is not None and "RANGE" in other.params:
        raise CalendarInvalidError("it changes this and all following ones (RANGE), which is not read here.")
    rule = _only(part, "RRULE")
    recurrence = None if rule is None else _moved(recurrence_of(rule), own)
    excluded, days = _excluded(part, zone)
    length = _length(part, wall, own, zone)
    return _Event(
        uid=str(part.get("UID") or otherwise),
        starts=wall,
        zone=own,
        is_all_day=is_all_day,
        length=length,
        people=_people(part),
        is_cancelled=str(part.get("STATUS", "")).upper() == "CANCELLED",
        sequence=int(part.get("SEQUENCE", 0)),
        rule=recurrence,
        added=tuple(_added(part, zone, own, length)),
        excluded=excluded,
        excluded_days=days,
        replaces=None if other is None else _instant(other, zone),
    )


def _shifts(events: Sequence[_Event], from_at: datetime, until_at: datetime, budget: Budget) -> Iterator[Shift]:
    """Yield a shift for each person of each occurrence; what was moved or cancelled counts as it is now."""
    others: dict[tuple[str, datetime], _Event] = {}
    for event in events:
        if event.replaces is not None:
            known = others.get((event.uid, event.replaces))
            if known is None or event.sequence >= known.sequence:
                others[event.uid, event.replaces] = event
    for event in events:
        if event.is_cancelled:
            continue
        if event.replaces is not None:
            if others[event.uid, event.replaces] is event:
                yield from _manned(event, event.starts, event.length)
            continue
        for wall, length in _occurrences(event, from_at, until_at, budget):
            if (event.uid, event.at(wall)) not in others:
                yield from _manned(event, wall, length)


def _occurrences(
    event: _Event, from_at: datetime, until_at: datetime, budget: Budget
) -> Iterator[tuple[datetime, timedelta]]:
    """Yield when it begins, on its clock, and for how long; without what is excluded."""
    margin = timedelta(days=2)  # walls differ from the world's clock by less
    after, before = (moment.replace(tzinfo=None) for moment in (from_at, until_at))
    after, before = after - event.length - margin, before + margin
    once: Iterator[tuple[datetime, timedelta]]
    if event.rule is None:
        once = iter([(event.starts, event.length)])
    else:
        walls = occurrences(event.rule, event.starts, after=after, before=before, budget=budget)
        once = ((wall, event.length) for wall in walls)
    seen: set[datetime] = set()
    for wall, length in chain(once, event.added):
        at = event.at(wall)
        if at in seen or at in event.excluded or wall.date() in event.excluded_days:
            continue
        seen.add(at)
        if at < until_at and event.at(wall + length) > from_at:
            yield wall, length


def _manned(event: _Event, wall: datetime, length: timedelta) -> Iterator[Shift]:
    starts_at, ends_at = event.at(wall), event.at(wall + length)
    if starts_at < ends_at:
        for person in event.people:
            yield Shift(starts_at, ends_at, person)


def _people(part: Any) -> tuple[Person, ...]:  # noqa: ANN401 - icalendar's component
    """Return who attends; without attendees, whom the title names."""
    found = part.get("ATTENDEE", [])
    attendees = found if isinstance(found, list) else [found]
    if len(attendees) > _MAX_ATTENDEES:
        raise CalendarInvalidError(f"it has more than {_MAX_ATTENDEES} attendees.")
    people = []
    for each in attendees:
        if str(each.params.get("CUTYPE", "")).upper() in _NOT_PEOPLE:
            continue
        if str(each.params.get("PARTSTAT", "")).upper() == "DECLINED":
            continue
        people.append(person_of(str(each).partition(":")[2] or str(each), str(each.params.get("CN", ""))))
    if not attendees:
        title = str(part.get("SUMMARY", ""))
        people.append(person_of(title, title))
    return tuple(dict.fromkeys(people))


def _length(part: Any, wall: datetime, own: tzinfo, zone: tzinfo) -> timedelta:  # noqa: ANN401 - the same
    """Return how much later the clock on the wall shows its end."""
    begins, ends, duration = (_only(part, name) for name in ("DTSTART", "DTEND", "DURATION"))
    if duration is not None:
        length: timedelta = duration.dt
    elif ends is not None:
        if isinstance(ends.dt, datetime) is not isinstance(begins.dt, datetime):
            raise CalendarInvalidError("it begins by day and ends by time, or the other way.")
        last, last_zone = _walled(ends, zone)
        if last_zone is not own:
            last = last.replace(tzinfo=last_zone).astimezone(own).replace(tzinfo=None)
        length = last - wall
    else:
        length = timedelta() if isinstance(begins.dt, datetime) else timedelta(days=1)
    if not timedelta() <= length <= _MOST_LENGTH:
        raise CalendarInvalidError(f"it ends before it begins, or more than {_MOST_LENGTH.days} days after.")
    return length


def _added(part: Any, zone: tzinfo, own: tzinfo, length: timedelta) -> Iterator[tuple[datetime, timedelta]]:  # noqa: ANN401
    for each in _listed(part, "RDATE"):
        begins, ends = each.dt if isinstance(each.dt, tuple) else (each.dt, length)
        wall = _on_wall(begins, _zone_of(begins, each, zone), own)
        if not isinstance(ends, timedelta):
            ends = _on_wall(ends, _zone_of(ends, each, zone), own) - wall
        if not timedelta() <= ends <= _MOST_LENGTH:
            raise CalendarInvalidError("a further date of it (RDATE) ends before it begins, or far after.")
        yield wall, ends


def _excluded(part: Any, zone: tzinfo) -> tuple[frozenset[datetime], frozenset[date]]:  # noqa: ANN401
    moments, days = set(), set()
    for each in _listed(part, "EXDATE"):
        if isinstance(each.dt, datetime):
            moments.add(_instant(each, zone))
        else:
            days.add(each.dt)
    return frozenset(moments), frozenset(days)


def _listed(part: Any, name: str) -> list[Any]:  # noqa: ANN401
    found = part.get(name, [])
    values = [value for each in (found if isinstance(found, list) else [found]) for value in each.dts]
    if len(values) > _MAX_DATES:
        raise CalendarInvalidError(f"it has more than {_MAX_DATES:,} dates of {name}.")
    return values


def _only(part: Any, name: str) -> Any:  # noqa: ANN401
    found = part.get(name)
    if isinstance(found, list):
        raise CalendarInvalidError(f"it has {name} more than once.")
    return found


def _walled(value: Any, zone: tzinfo) -> tuple[datetime, tzinfo]:  # noqa: ANN401
    """Return what a clock shows, and where that hangs."""
    own = _zone_of(value.dt, value, zone)
    wall = _on_wall(value.dt, own, own)
    if not _EPOCH <= wall.year <= 9_990:
        raise CalendarInvalidError(f"it begins or ends in the year {wall.year}.")
    return wall, own


def _instant(value: Any, zone: tzinfo) -> datetime:  # noqa: ANN401
    wall, own = _walled(value, zone)
    return wall.replace(tzinfo=own).astimezone(UTC)


def _on_wall(moment: _Moment, zone: tzinfo, wall: tzinfo) -> datetime:
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    if zone is wall:
        return moment.replace(tzinfo=None)
    return moment.replace(tzinfo=zone).astimezone(wall).replace(tzinfo=None)


def _zone_of(moment: _Moment, value: Any, zone: tzinfo) -> tzinfo:  # noqa: ANN401
    """Return the zone that a value names, `zone` without one."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.tzinfo
    named = value.params.get("TZID") if hasattr(value, "params") else None
    return zone if named is None else _zone_named(str(named))


def _zone_named(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # a name that is unknown is a KeyError
        raise CalendarInvalidError(
            f"The time zone {name[:60]!r} is not in the time zone database: name one such as Europe/Berlin."
        ) from error


def _moved(rule: Recurrence, zone: tzinfo) -> Recurrence:
    """Return the rule with its last moment on the wall of its event."""
    until = rule.until
    if not isinstance(until, datetime):
        return rule
    wall = until if until.tzinfo is None else until.astimezone(zone)
    return replace(rule, until=wall.replace(tzinfo=None))
