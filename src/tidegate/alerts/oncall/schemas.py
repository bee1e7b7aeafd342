"""Schedules on the wire. Secrets come in and never go out."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from tidegate.alerts.oncall.calendars import MAX_CALENDAR_BYTES
from tidegate.alerts.oncall.errors import ScheduleInvalidError
from tidegate.alerts.oncall.model import MAX_PEOPLE, Duty, Person, Schedule, ScheduleKind, Standing
from tidegate.alerts.oncall.pagerduty import DEFAULT_URL
from tidegate.alerts.oncall.wishes import ScheduleWish
from tidegate.edge.wire import Utc, WireModel

__all__ = ["MAX_BODY_BYTES", "DutyOut", "ScheduleIn", "ScheduleListOut", "ScheduleOut", "SetScheduleOut"]

MAX_BODY_BYTES = 2 * MAX_CALENDAR_BYTES  # JSON writes some characters of a calendar with two
_Url = Annotated[str, Field(max_length=2_000)]
_Channel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
_Who = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,254}$")]


class IcalIn(WireModel):
    """A calendar in iCalendar's format: by its address, or as a file."""

    url: _Url | None = None
    """`https://…` or `webcal://…`. It is a secret: whoever has it can read. Left out, the one that is there stays."""
    file: Annotated[str, Field(max_length=MAX_CALENDAR_BYTES)] | None = None
    """The calendar itself. Left out, with no address, the one that is there stays."""


class PagerDutyIn(WireModel):
    schedule_id: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4,20}$")]
    """As in the address of the schedule: `PI7DH85`."""
    token: Annotated[str, Field(max_length=200)] | None = None
    """Of the REST API, read-only. Left out, the one that is there stays."""
    url: _Url = DEFAULT_URL
    """In the EU `https://api.eu.pagerduty.com`."""


class ScheduleIn(WireModel):
    """Where on-call shifts are read, and by which channels the people in them are reached."""

    ical: IcalIn | None = None
    pagerduty: PagerDutyIn | None = None
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    """Of days and times that name none."""
    people: Annotated[
        dict[_Who, Annotated[tuple[_Channel, ...], Field(min_length=1, max_length=5)]] | None,
        Field(max_length=MAX_PEOPLE),
    ] = None
    """Channels by the e-mail address or name that the calendar gives. Who is not here is reached by mail.

    Left out, the mapping that is there stays.
    """
    refresh_minutes: Annotated[int, Field(ge=1, le=1_440)] = 15
    stale_after_minutes: Annotated[int, Field(ge=2, le=10_080)] = 240
    """After so long without a reading, nobody is taken for on call by it."""

    def wish(self, before: ScheduleKind | None) -> ScheduleWish:
        """Return what is wished; `before` says what an `ical` means that names neither address nor file.

        Raises:
            ScheduleInvalidError: it is read nowhere, or in two places.
        """
        if (self.ical is None) is (self.pagerduty is None):
            raise ScheduleInvalidError("Name where it is read: ical or pagerduty.", field="ical")
        if self.pagerduty is not None:
            given = self.pagerduty
            kind, token, url, remote_id = ScheduleKind.PAGERDUTY, given.token, given.url, given.schedule_id
        else:
            kind, token, url, remote_id = self._calendar(before), None, DEFAULT_URL, ""
        return ScheduleWish(
            kind,
            ical_url=self.ical.url if self.ical else None,
            ical_file=self.ical.file if self.ical else None,
            token=token,
            api_url=url,
            remote_id=remote_id,
            time_zone=self.time_zone,
            people=self.people,
            refresh=timedelta(minutes=self.refresh_minutes),
            stale_after=timedelta(minutes=self.stale_after_minutes),
        )

    def _calendar(self, before: ScheduleKind | None) -> ScheduleKind:
        assert self.ical is not None  # noqa: S101 - one of the two is given
        if self.ical.url is not None and self.ical.file is not None:
            raise ScheduleInvalidError("A calendar has an address or is a file, not both.", field="ical.file")
        if self.ical.file is not None or (self.ical.url is None and before is ScheduleKind.ICAL_FILE):
            return ScheduleKind.ICAL_FILE
        return ScheduleKind.ICAL_URL


class PersonOut(WireModel):
    address: str
    """E-mail; empty where the calendar has none."""
    name: str

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(address=person.address, name=person.name)


class DutyOut(WireModel):
    schedule: str
    at: Utc
    standing: Standing
    people: tuple[PersonOut, ...]
    """All whose shifts cover the moment; none unless `standing` is `on_call`."""
    until: Utc | None
    """When that changes next, as far as was read."""
    words: str

    @classmethod
    def of(cls, duty: Duty, *, at: Utc) -> Self:
        return cls(
            schedule=duty.schedule,
            at=at,
            standing=duty.standing,
            people=tuple(map(PersonOut.of, duty.people)),
            until=duty.until,
            words=duty.sentence,
        )


class ScheduleOut(WireModel):
    name: str
    kind: ScheduleKind
    host: str
    """Where it is read; the whole address of a calendar is a secret."""
    schedule_id: str
    """At PagerDuty."""
    secret_hint: str
    time_zone: str
    people: dict[str, tuple[str, ...]]
    refresh_minutes: int
    stale_after_minutes: int
    created_at: Utc
    changed_at: Utc
    changed_by: str
    read_at: Utc | None
    """When it was read last; null before the first time."""
    tried_at: Utc | None
    problem: str
    """Why the last try read nothing; empty when it did."""
    known_until: Utc | None
    """How far ahead shifts are known."""
    shift_count: int
    now: DutyOut

    @classmethod
    def of(cls, schedule: Schedule, *, now: Utc) -> Self:
        return cls(**_facts(schedule, now))


class SetScheduleOut(ScheduleOut):
    is_new: bool

    @classmethod
    def of_set(cls, schedule: Schedule, *, is_new: bool, now: Utc) -> Self:
        return cls(**_facts(schedule, now), is_new=is_new)


class ScheduleListOut(WireModel):
    items: tuple[ScheduleOut, ...]


def _facts(schedule: Schedule, now: Utc) -> dict[str, object]:
    read = schedule.reading
    return {
        "name": schedule.name,
        "kind": schedule.kind,
        "host": schedule.host,
        "schedule_id": schedule.remote_id,
        "secret_hint": schedule.secret_hint,
        "time_zone": schedule.time_zone,
        "people": dict(schedule.people),
        "refresh_minutes": int(schedule.refresh.total_seconds()) // 60,
        "stale_after_minutes": int(schedule.stale_after.total_seconds()) // 60,
        "created_at": schedule.created_at,
        "changed_at": schedule.changed_at,
        "changed_by": schedule.changed_by,
        "read_at": read.read_at,
        "tried_at": read.tried_at,
        "problem": read.problem,
        "known_until": read.roster.until_at if read.roster else None,
        "shift_count": len(read.roster.shifts) if read.roster else 0,
        "now": DutyOut.of(schedule.duty_at(now, now=now), at=now),
    }
