"""Calendars to shifts."""

import time
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from icalendar import vRecur
from tests.unit.alerts.oncall.calendars import Rotation, calendar

from tidegate.alerts.oncall.calendars import MAX_CALENDAR_BYTES, read_calendar
from tidegate.alerts.oncall.errors import CalendarInvalidError
from tidegate.alerts.oncall.model import Roster
from tidegate.alerts.oncall.recurrence import Budget, occurrences, recurrence_of

FROM, UNTIL = datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 10, tzinfo=UTC)
BERLIN = "TZID=Europe/Berlin"


def read(*events: list[str], head: tuple[str, ...] = (), zone: str = "UTC") -> Roster:
    return read_calendar(calendar(*events, head=head), from_at=FROM, until_at=UNTIL, zone=zone)


def told(roster: Roster) -> list[str]:
    return [f"{each.starts_at:%d.%H%M}-{each.ends_at:%d.%H%M} {each.person.spoken}" for each in roster.shifts]


def weekly(*more: str) -> list[str]:
    return [
        "UID:1", f"DTSTART;{BERLIN}:20260302T090000", f"DTEND;{BERLIN}:20260303T090000",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,SU", "ATTENDEE:mailto:Ann@Example.com", *more,
    ]  # fmt: skip


def test_a_shift_keeps_to_the_clock_on_the_wall_when_clocks_change() -> None:
    assert told(read(weekly("EXDATE;TZID=Europe/Berlin:20260322T090000", "EXDATE:20260405T070000Z"))) == [
        "23.0800-24.0800 ann@example.com",
        "29.0700-30.0700 ann@example.com",
        "30.0700-31.0700 ann@example.com",
        "06.0700-07.0700 ann@example.com",
    ]


def test_an_occurrence_that_was_moved_or_cancelled_counts_as_it_is_now() -> None:
    moved = ["UID:1", "RECURRENCE-ID:20260329T070000Z", "DTSTART:20260329T120000Z", "DURATION:PT1H", "SUMMARY:Bob"]
    gone = ["UID:1", "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000", "DTSTART:20260330T070000Z", "STATUS:CANCELLED"]
    older = [*moved[:2], "DTSTART:20260329T150000Z", "DURATION:PT1H", "SUMMARY:Carl"]
    found = told(read(weekly(), [*moved, "SEQUENCE:2"], [*older, "SEQUENCE:1"], gone))
    assert found[:4] == [
        "22.0800-23.0800 ann@example.com",
        "23.0800-24.0800 ann@example.com",
        "29.1200-29.1300 Bob",
        "05.0700-06.0700 ann@example.com",
    ]


def test_whole_days_and_times_without_a_zone_are_those_of_the_calendar() -> None:
    day = ["UID:1", "DTSTART;VALUE=DATE:20260328", "RRULE:FREQ=DAILY;COUNT=3", "SUMMARY:On call: carl@example.com"]
    floating = ["UID:2", "DTSTART:20260401T090000", "DURATION:PT1H", "SUMMARY:Dana"]
    expected = [
        "27.2300-28.2300 carl@example.com",
        "28.2300-29.2200 carl@example.com",
        "29.2200-30.2200 carl@example.com",
        "01.0700-01.0800 Dana",
    ]
    assert told(read(day, floating, head=("X-WR-TIMEZONE:Europe/Berlin",))) == expected
    assert told(read(day, floating, zone="Europe/Berlin")) == expected


def test_whoever_attends_has_the_shift_but_not_who_declined_and_no_room() -> None:
    event = [
        "UID:1", "DTSTART:20260401T090000Z", "DURATION:PT1H", "SUMMARY:Night shift",
        "ATTENDEE;CN=Ann Li:mailto:ann@example.com", "ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.com",
        "ATTENDEE;CUTYPE=ROOM:mailto:room@example.com", "ATTENDEE:MAILTO:carl@example.com",
    ]  # fmt: skip
    people = [each.person for each in read(event).shifts]
    assert [(each.address, each.name) for each in people] == [("ann@example.com", "Ann Li"), ("carl@example.com", "")]


def test_dates_of_its_own_and_periods_are_added() -> None:
    event = ["UID:1", "DTSTART:20260401T090000Z", "DURATION:PT1H", "SUMMARY:Ann", "RDATE:20260402T100000Z",
             "RDATE;VALUE=PERIOD:20260403T100000Z/PT3H,20260404T100000Z/20260404T110000Z"]  # fmt: skip
    assert told(read(event)) == [
        "01.0900-01.1000 Ann",
        "02.1000-02.1100 Ann",
        "03.1000-03.1300 Ann",
        "04.1000-04.1100 Ann",
    ]


def test_zones_are_looked_up_by_name_and_never_made_from_the_calendar() -> None:
    rule = [
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        "RRULE:FREQ=SECONDLY",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0500",
    ]
    zone = ["BEGIN:VTIMEZONE", "TZID:W. Europe Standard Time", *rule, "END:STANDARD", "END:VTIMEZONE"]
    event = ["UID:1", "DTSTART;TZID=W. Europe Standard Time:20260401T090000", "DURATION:PT1H", "SUMMARY:Ann"]
    assert told(read(event, head=tuple(zone))) == ["01.0700-01.0800 Ann"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(["DTSTART;TZID=No/Where:20260401T090000"], "The time zone 'No/Where'", id="no zone"),
        pytest.param(["DTSTART:20260401T090000Z", "RRULE:FREQ=SECONDLY"], "recurs SECONDLY", id="each second"),
        pytest.param(["DTSTART:20260401T090000Z", "RRULE:FREQ=DAILY;BYWEEKNO=2"], "BYWEEKNO", id="weeks by number"),
        pytest.param(["DTSTART:20260401T090000Z", "RRULE:FREQ=DAILY;BYMONTHDAY=0"], "at zero", id="day zero"),
        pytest.param(["DTSTART:20260401T090000Z", "RRULE:FREQ=DAILY", "RRULE:FREQ=DAILY"], "than once", id="twice"),
        pytest.param(["DTSTART:20260401T090000Z", "EXDATE:soon"], "is not understood: EXDATE", id="broken date"),
        pytest.param(["DTSTART:20260401T090000Z", "DTEND:20260301T090000Z"], "ends before it begins", id="backwards"),
        pytest.param(["DTSTART:18690401T090000Z"], "year 1869", id="long ago"),
        pytest.param(
            ["DTSTART:20260401T090000Z", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260401T090000Z"], "RANGE", id="range"
        ),
        pytest.param(["SUMMARY:never"], "no DTSTART", id="no beginning"),
        pytest.param(["DTSTART:20260401T090000Z", "SEQUENCE:one"], "is not understood", id="broken number"),
    ],
)  # fmt: skip
def test_a_calendar_counts_wholly_or_not_at_all(lines: list[str], words: str) -> None:
    good = ["UID:2", "DTSTART:20260401T090000Z", "DURATION:PT1H", "SUMMARY:Ann"]
    with pytest.raises(CalendarInvalidError, match=words):
        read(good, ["UID:1", *lines])


@pytest.mark.parametrize(
    "text",
    [b"", b"hello", b"\xff\xfe\x00", b"<html>sign in</html>", b"BEGIN:VCALENDAR\r\n", b"BEGIN:VCALENDAR\r\n" * 3_000,
     b"BEGIN:VEVENT\r\nDTSTART:20260401T090000Z\r\nEND:VEVENT\r\n", b"x" * (MAX_CALENDAR_BYTES + 1),
     b"BEGIN:VCALENDAR\r\nBEGIN;X=1:VTIMEZONE\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n",
     b"BEGIN:VCALENDAR\r\nBEGIN:VTIME\r\n ZONE\r\nTZID:x\r\nEND:VCALENDAR\r\n"],
)  # fmt: skip
def test_what_is_no_calendar_is_refused(text: bytes) -> None:
    with pytest.raises(CalendarInvalidError):
        read_calendar(text, from_at=FROM, until_at=UNTIL)


def test_rules_that_never_hold_or_recur_without_end_are_bounded() -> None:
    never = ["DTSTART:19710101T000000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=99999;BYMONTH=2;BYMONTHDAY=30"]
    often = ["DTSTART:19710101T000000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;BYHOUR=0,6,12,18;BYMINUTE=0,15,30,45"]
    began = time.process_time()
    for lines in (never, often):
        with pytest.raises(CalendarInvalidError, match=r"too often|more than 5,000"):
            read(*([f"UID:{number}", f"SUMMARY:{number}", *lines] for number in range(500)))
    assert time.process_time() - began < 5


def test_a_calendar_without_events_is_one_with_nobody_on_call() -> None:
    assert read() == Roster(FROM, UNTIL)


def _agrees_with_looking_at_every_moment(seed: int) -> None:
    random = Random(seed)
    rotations = [Rotation(random, number) for number in range(random.randint(1, 4))]
    year = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    text = calendar(*(event for rotation in rotations for event in rotation.events()))
    found = read_calendar(text, from_at=year[0], until_at=year[1])
    expected = {
        shift
        for rotation in rotations
        for shift in rotation.shifts(ZoneInfo(rotation.zone))
        if shift[0] < year[1] and shift[1] > year[0] and shift[0] < shift[1]
    }
    assert {(each.starts_at, each.ends_at, each.person.address) for each in found.shifts} == expected, seed


@pytest.mark.parametrize("seed", range(10))
def test_shifts_over_a_year_of_changing_clocks_are_those_that_a_recount_finds(seed: int) -> None:
    _agrees_with_looking_at_every_moment(seed)


@pytest.mark.long
def test_shifts_over_a_year_are_those_that_a_recount_finds_in_many_calendars() -> None:
    for seed in range(1_000, 2_000):
        _agrees_with_looking_at_every_moment(seed)


def _rule(random: Random) -> str:
    frequency = random.choice(("YEARLY", "MONTHLY", "WEEKLY", "DAILY"))
    parts = [f"FREQ={frequency}", f"INTERVAL={random.randint(1, 4)}"]
    if random.random() < 0.4:
        parts.append("BYMONTH=" + ",".join(str(each) for each in random.sample(range(1, 13), 3)))
    if random.random() < 0.4 and frequency != "WEEKLY":
        parts.append("BYMONTHDAY=" + ",".join(map(str, random.sample((1, 13, 15, 28, 29, 31, -1, -7), 2))))
    if random.random() < 0.6:
        days = random.sample(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), 2)
        if frequency in {"MONTHLY", "YEARLY"} and random.random() < 0.6:
            days = [f"{random.choice((1, 2, -1, -2, 5))}{day}" for day in days]
        parts.append(f"BYDAY={','.join(days)}")
    if random.random() < 0.2 and frequency == "YEARLY":
        parts.append("BYYEARDAY=1,100,-1")
    if random.random() < 0.3:
        parts.append("BYHOUR=6,18")
    if random.random() < 0.3 and len(parts) > 2:
        parts.append(f"BYSETPOS={random.choice(('1', '-1', '2,-2'))}")
    if random.random() < 0.3:
        parts.append("WKST=SU")
    if random.random() < 0.3:
        parts.append(f"COUNT={random.randint(1, 30)}")
    return ";".join(parts)


def test_moments_of_rules_are_those_of_dateutil() -> None:
    random, compared = Random(7), 0
    start, after, before = map(datetime.fromisoformat, ("2024-02-29T09:30", "2025-06-01", "2026-06-01"))
    while compared < 150:
        rule = _rule(random)
        parts = recurrence_of(vRecur.from_ical(rule))
        found = list(occurrences(parts, start, after=after, before=before, budget=Budget(100_000)))
        if not found:
            continue  # of one that never holds, dateutil looks at each day until the year 9999
        expected = rrulestr(rule, dtstart=start).xafter(after, count=len(found))
        assert found == list(expected), rule
        compared += 1


def test_a_day_of_looking_is_paid_for() -> None:
    rule = recurrence_of(vRecur.from_ical("FREQ=DAILY"))
    long_ago, now = map(datetime.fromisoformat, ("1971-01-01", "2026-01-01"))
    assert len(list(occurrences(rule, long_ago, after=now, before=now + timedelta(days=9), budget=Budget(20)))) == 8
