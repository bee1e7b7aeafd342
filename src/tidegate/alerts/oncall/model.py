"""What a schedule is, what was read of it, and who is on call by it. Pure: no I/O, no clock."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tidegate.kernel import format_duration, format_utc

__all__ = [
    "AHEAD",
    "BEHIND",
    "MAX_PEOPLE",
    "MAX_SCHEDULES",
    "MAX_SHIFTS",
    "Duty",
    "Person",
    "Reading",
    "Roster",
    "Schedule",
    "ScheduleKind",
    "Shift",
    "Standing",
    "channels_of",
    "is_name",
    "person_of",
    "roster_of",
]

BEHIND: Final = timedelta(days=1)
AHEAD: Final = timedelta(days=60)
"""How far a reading reaches around its moment. PagerDuty answers for at most 90 days."""
MAX_SHIFTS: Final = 5_000
"""Of one reading: a shift of twenty minutes, all the time; as JSON less than a megabyte."""
MAX_SCHEDULES: Final = 50
MAX_PEOPLE: Final = 500
_NAME: Final = re.compile(r"[a-z0-9-]{1,63}")
_ADDRESS: Final = re.compile(r"[^\s@<>\"',;:\\()\[\]\x00-\x20\x7f-\x9f]{1,64}@[A-Za-z0-9.-]{1,189}")
_NAME_CHARACTERS: Final = 200
# As in notices: no name poses as another line or turns the direction of text.
_DECEPTIVE: Final = dict.fromkeys(
    (*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)), " "
) | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")


class ScheduleKind(StrEnum):
    """Where a schedule is read."""

    ICAL_URL = "ical_url"
    ICAL_FILE = "ical_file"
    PAGERDUTY = "pagerduty"


class Standing(StrEnum):
    """What a schedule says of a moment."""

    ON_CALL = "on_call"
    NOBODY = "nobody"
    """It was read, and has no shift then."""
    STALE = "stale"
    """It was not read for too long."""
    UNREAD = "unread"
    """It was not read yet."""
    BEYOND = "beyond"
    """The moment lies outside of what was read."""


@dataclass(frozen=True, slots=True, order=True)
class Person:
    """Who has a shift; one of the two may be empty."""

    address: str
    """E-mail, in lower case."""
    name: str = ""

    @property
    def spoken(self) -> str:
        return self.address or self.name


@dataclass(frozen=True, slots=True)
class Shift:
    """One person from a moment on, until another one."""

    starts_at: datetime
    ends_at: datetime
    person: Person


@dataclass(frozen=True, slots=True)
class Roster:
    """All shifts between two moments, by their beginning."""

    from_at: datetime
    until_at: datetime
    shifts: tuple[Shift, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a schedule, and how old that is."""

    roster: Roster | None = None
    """That was read last; `None` before the first."""
    read_at: datetime | None = None
    tried_at: datetime | None = None
    problem: str = ""
    """Why the last try read nothing; empty when it did."""
    sequence: int = 0
    """Counts tries: each has a job of its own."""
    told_stale_at: datetime | None = None
    """When people were told that it is stale; `None` once it is not."""
    told_channels: tuple[str, ...] = ()
    """Who was told so, and is told when it is over."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A calendar with a name."""

    name: str
    kind: ScheduleKind
    revision: str
    """Another one with each setting: jobs of the one before do nothing."""
    created_at: datetime
    changed_at: datetime
    changed_by: str
    url: str = ""
    """PagerDuty's; the address of a calendar is a secret and shows its host alone."""
    host: str = ""
    remote_id: str = ""
    """Of the schedule at PagerDuty."""
    time_zone: str = "UTC"
    """Of days and of times that name none."""
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Channels by the address or name that the calendar gives a person, in lower case."""
    refresh: timedelta = timedelta(minutes=15)
    stale_after: timedelta = timedelta(hours=4)
    secret: bytes | None = field(default=None, repr=False)
    """Sealed: the address of a calendar, the token of PagerDuty."""
    secret_hint: str = ""
    body: bytes | None = field(default=None, repr=False)
    """The file that was uploaded."""
    reading: Reading = Reading()

    def stale_at(self) -> datetime:
        """Return from when on nothing that was read counts any more."""
        return (self.reading.read_at or self.changed_at) + self.stale_after

    def duty_at(self, moment: datetime, *, now: datetime) -> "Duty":
        """Return who is on call at `moment`, as far as is known `now`."""
        read = self.reading
        if read.roster is None:
            why = f": {read.problem}" if read.problem else ""
            return Duty(self.name, Standing.UNREAD, words=f"{self.name} was not read yet{why}")
        if now >= self.stale_at():
            age = format_duration(_whole_seconds(now - (read.read_at or self.changed_at)))
            why = f": {read.problem}" if read.problem else ""
            return Duty(self.name, Standing.STALE, words=f"{self.name} was not read for {age}{why}")
        roster = read.roster
        if not roster.from_at <= moment < roster.until_at:
            reach = f"from {format_utc(roster.from_at)} to {format_utc(roster.until_at)}"
            return Duty(self.name, Standing.BEYOND, words=f"{self.name} is known {reach} only")
        return _duty_of(self.name, roster, moment)


@dataclass(frozen=True, slots=True)
class Duty:
    """What a schedule says of one moment."""

    schedule: str
    standing: Standing
    people: tuple[Person, ...] = ()
    """All whose shifts cover it, by address."""
    until: datetime | None = None
    """When that changes next, as far as was read; `None` where nothing is known."""
    words: str = ""
    """Half a sentence for whoever was told, or was not."""

    @property
    def sentence(self) -> str:
        """Return it whole; an address at its beginning stays as it is."""
        is_address = "@" in self.words.partition(" ")[0]
        return f"{self.words if is_address else self.words[:1].upper() + self.words[1:]}."


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def person_of(text: str, name: str = "") -> Person:
    """Return a person from what a calendar says of one: an address, a name, or an address somewhere in a text."""
    found = _ADDRESS.search(text)
    if found is not None:
        return Person(found[0].lower().rstrip("."), _plain(name))
    return Person("", _plain(name or text))


def roster_of(shifts: Iterable[Shift], from_at: datetime, until_at: datetime) -> Roster:
    """Return those of `shifts` that reach into the time, each once."""
    inside = {shift for shift in shifts if shift.starts_at < until_at and shift.ends_at > from_at}
    return Roster(
        from_at, until_at, tuple(sorted(inside, key=lambda each: (each.starts_at, each.ends_at, each.person)))
    )


def channels_of(person: Person, people: Mapping[str, tuple[str, ...]], addresses: Mapping[str, str]) -> tuple[str, ...]:
    """Return the channels of a person: those of the mapping, else the one that mails to the address; `()` without.

    `addresses` are channels by the one address that they mail to, in lower case.
    """
    for key in (person.address, person.name.casefold()):
        if key and key in people:
            return people[key]
    own = addresses.get(person.address) if person.address else None
    return () if own is None else (own,)


def _duty_of(name: str, roster: Roster, moment: datetime) -> Duty:
    covering = [shift for shift in roster.shifts if shift.starts_at <= moment < shift.ends_at]
    people = tuple(sorted({shift.person for shift in covering}))
    edges = {edge for shift in roster.shifts for edge in (shift.starts_at, shift.ends_at) if edge > moment}
    until = min({*edges, roster.until_at})
    if not people:
        return Duty(name, Standing.NOBODY, until=until, words=f"nobody is on call by {name} until {format_utc(until)}")
    who = ", ".join(person.spoken or "somebody without a name" for person in people)
    verb = "is" if len(people) == 1 else "are"
    return Duty(name, Standing.ON_CALL, people, until, f"{who} {verb} on call by {name} until {format_utc(until)}")


def _plain(text: str) -> str:
    return " ".join(text.translate(_DECEPTIVE).split())[:_NAME_CHARACTERS]


def _whole_seconds(length: timedelta) -> timedelta:
    return timedelta(seconds=int(length.total_seconds()))
