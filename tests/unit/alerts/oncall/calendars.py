"""Calendars for tests, and a slow reading of them that shares nothing with the product's."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "UTC")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_GRID = timedelta(minutes=15)


def calendar(*events: Sequence[str], head: Sequence[str] = ()) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN", *head]
    for event in events:
        lines += ["BEGIN:VEVENT", *event, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


class Rotation:
    """Shifts that begin at one time of the day, on some days of each n-th week, but for some that are left out."""

    def __init__(self, random: Random, number: int) -> None:
        self.zone = random.choice(ZONES)
        self.person = f"p{number}@example.com"
        self.begins = time(random.randrange(24), random.choice((0, 15, 30, 45)))
        self.length = timedelta(minutes=15 * random.randrange(1, 4 * 40))
        self.days = sorted(random.sample(range(7), random.randint(1, 7)))
        self.interval = random.randint(1, 3)
        self.start = date(2025, 11, 3) + timedelta(days=random.randrange(60))
        self.until = self.start + timedelta(days=random.randrange(500)) if random.random() < 0.4 else None
        own = [day for day in self.dates(date(2027, 2, 1)) if day.year == 2026]
        self.excluded = frozenset(random.sample(own, min(len(own), random.randrange(6))))
        left = [day for day in own if day not in self.excluded]
        self.moved = {
            day: (timedelta(minutes=15 * random.randrange(-40, 40)), f"q{number}@example.com")
            for day in random.sample(left, min(len(left), random.randrange(4)))
        }

    def dates(self, last: date) -> list[date]:
        """Return the days on which a shift begins, excluded ones among them."""
        monday = self.start - timedelta(days=self.start.weekday())
        found, day = [], self.start
        while day <= last and (self.until is None or day <= self.until):
            weeks = (day - monday).days // 7
            if weeks % self.interval == 0 and day.weekday() in self.days:
                found.append(day)
            day += timedelta(days=1)
        return found

    def events(self) -> list[list[str]]:
        """Return it as events; the first day is one of its own, as RFC 5545 wants."""
        zone, first = ZoneInfo(self.zone), self.dates(date(2028, 1, 1))
        if not first:
            return []
        begins = datetime.combine(first[0], self.begins)
        rule = f"RRULE:FREQ=WEEKLY;INTERVAL={self.interval};BYDAY={','.join(DAYS[day] for day in self.days)}"
        if self.until is not None:
            last = datetime.combine(self.until, time(23, 59)).replace(tzinfo=zone).astimezone(UTC)
            rule += f";UNTIL={last:%Y%m%dT%H%M%SZ}"
        event = [
            f"UID:{self.person}",
            f"DTSTART;TZID={self.zone}:{begins:%Y%m%dT%H%M%S}",
            f"DTEND;TZID={self.zone}:{begins + self.length:%Y%m%dT%H%M%S}",
            rule,
            f"ATTENDEE;CN=Somebody:mailto:{self.person}",
        ]
        event += [
            f"EXDATE;TZID={self.zone}:{datetime.combine(day, self.begins):%Y%m%dT%H%M%S}"
            for day in sorted(self.excluded)
        ]
        return [event, *(self._moved(day, zone) for day in self.moved)]

    def shifts(self, zone: ZoneInfo) -> set[tuple[datetime, datetime, str]]:
        """Return all shifts of about a year, by looking for the moments on a grid."""
        found = set()
        for day in self.dates(date(2027, 2, 1)):
            wall = datetime.combine(day, self.begins)
            if day in self.excluded:
                continue
            by, person = self.moved.get(day, (timedelta(), self.person))
            found.add((moment(wall + by, zone), moment(wall + by + self.length, zone), person))
        return found

    def _moved(self, day: date, zone: ZoneInfo) -> list[str]:
        by, person = self.moved[day]
        wall = datetime.combine(day, self.begins)
        old = moment(wall, zone)
        return [
            f"UID:{self.person}",
            f"RECURRENCE-ID:{old:%Y%m%dT%H%M%SZ}",
            f"DTSTART;TZID={self.zone}:{wall + by:%Y%m%dT%H%M%S}",
            f"DTEND;TZID={self.zone}:{wall + by + self.length:%Y%m%dT%H%M%S}",
            f"SUMMARY:swapped with {person}",
        ]


def moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment at which clocks in `zone` show `wall`; where they skip it, as if they had not yet."""
    day_before = wall.replace(tzinfo=UTC) - timedelta(days=1)
    offset = day_before.astimezone(zone).utcoffset()
    assert offset is not None
    at = wall.replace(tzinfo=UTC) - offset - timedelta(hours=2)  # no clock jumps further
    before = at
    for _ in range(4 * 4):
        shown = at.astimezone(zone).replace(tzinfo=None)
        if shown == wall:
            return at
        if shown < wall:
            before = at
        at += _GRID
    return before + (wall - before.astimezone(zone).replace(tzinfo=None))
