"""A year of alerts, mutes, silences and escalations, and who is told when: recounted minute by minute.

Nothing of the code is used for the recount, no time zone data either: offsets and lengths of months stand here as they
are printed in calendars for 2028. All that happens happens at whole minutes, so looking at each of them sees it all.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

NEW_YEAR: Final = datetime(2028, 1, 1, tzinfo=UTC)  # a Saturday
MINUTES: Final = 366 * 1_440
MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
# Minutes east of UTC, each from a moment of UTC on: month, day, hour, minute.
Offsets = Sequence[tuple[tuple[int, int, int, int], int]]
ZONES: Final[Mapping[str, Offsets]] = {
    "UTC": [((1, 1, 0, 0), 0)],
    "Europe/Berlin": [((1, 1, 0, 0), 60), ((3, 26, 1, 0), 120), ((10, 29, 1, 0), 60)],
    "America/New_York": [((1, 1, 0, 0), -300), ((3, 12, 7, 0), -240), ((11, 5, 6, 0), -300)],
    "Asia/Kathmandu": [((1, 1, 0, 0), 345)],
    "Australia/Lord_Howe": [((1, 1, 0, 0), 660), ((4, 1, 15, 0), 630), ((9, 30, 15, 30), 660)],  # half an hour
}
Said = tuple[int, str, str, tuple[str, ...]]
"""Minute of the year, service, reason, channels."""


@dataclass(frozen=True)
class Interval:
    """Ranges that all have to fit; an empty kind fits all."""

    location: str
    times: tuple[tuple[int, int], ...] = ()
    """Minutes of the day, the second one not within."""
    weekdays: tuple[int, int] | None = None
    days: tuple[int, int] | None = None
    """Of the month, from 1, or both from its end."""
    months: tuple[int, int] | None = None

    def as_file(self) -> dict[str, Any]:
        found: dict[str, Any] = {"location": self.location}
        if self.times:
            found["times"] = [{"start_time": _clock(first), "end_time": _clock(end)} for first, end in self.times]
        if self.weekdays:
            found["weekdays"] = [":".join(WEEKDAYS[number] for number in self.weekdays)]
        if self.days:
            found["days_of_month"] = [f"{self.days[0]}:{self.days[1]}"]
        if self.months:
            found["months"] = [f"{self.months[0]}:{self.months[1]}"]
        return found

    def holds(self, minute: int) -> bool:
        month, day, weekday, of_day = _local(self.location, minute)
        if self.times and not any(first <= of_day < end for first, end in self.times):
            return False
        if self.weekdays and not self.weekdays[0] <= weekday <= self.weekdays[1]:
            return False
        if self.months and not self.months[0] <= month <= self.months[1]:
            return False
        if self.days is None:
            return True
        length = MONTH_DAYS[(month - 1) % 12]
        first, last = (one if one > 0 else length + one + 1 for one in self.days)
        return first <= length and max(first, 1) <= day <= min(last, length)


@dataclass(frozen=True)
class Quiet:
    """A silence, or with intervals a maintenance window."""

    first: int
    end: int
    recurring: tuple[Interval, ...] = ()
    is_confirmed: bool = False

    def holds(self, minute: int) -> bool:
        if not self.first <= minute < self.end:
            return False
        return not self.recurring or any(interval.holds(minute) for interval in self.recurring)


@dataclass(frozen=True)
class Desk:
    """The route of one service."""

    service: str
    wait: int
    interval: int
    repeat: int
    steps: tuple[int, ...]
    mutes: tuple[Interval, ...]
    active: tuple[Interval, ...]
    send_resolved: bool


@dataclass(frozen=True)
class Episode:
    """One alert, from when to when."""

    desk: Desk
    tenant: str
    fires: int
    ends: int
    is_strict: bool = False
    silences: tuple[Quiet, ...] = ()


def recount(episode: Episode) -> Iterator[Said]:
    """Say what is told of one episode, asking each minute."""
    desk = episode.desk
    wait = 0 if episode.is_strict else desk.wait
    first = last = None
    steps_done = 0
    for minute in range(episode.fires, MINUTES):
        if minute < episode.ends:
            if _is_hushed(episode, minute) or (first is None and minute < episode.fires + wait):
                continue
            reason = "first notification" if first is None else "repeat interval elapsed"
            steps = [
                number
                for number, after in enumerate(desk.steps, start=1)
                if number > steps_done and first is not None and minute >= first + after
            ]
            if first is None or last is None or minute >= last + desk.repeat:
                yield minute, desk.service, reason, ("ops",)
                first, last = first if first is not None else minute, minute
            for number in steps:
                yield minute, desk.service, "escalation", (f"step{number}",)
                steps_done = number
        elif last is None or not desk.send_resolved:
            return
        elif minute >= last + desk.interval:
            if not _is_hushed(episode, minute):
                # Whoever was told, by an escalation too, hears of the end.
                told = ("ops", *(f"step{number}" for number in range(1, steps_done + 1)))
                yield minute, desk.service, "all alerts resolved", told
            return


def _is_hushed(episode: Episode, minute: int) -> bool:
    desk = episode.desk
    if not episode.is_strict:
        if any(interval.holds(minute) for interval in desk.mutes):
            return True
        if desk.active and not any(interval.holds(minute) for interval in desk.active):
            return True
    return any(
        silence.holds(minute) and (silence.is_confirmed or not episode.is_strict) for silence in episode.silences
    )


def some_interval(dice: random.Random) -> Interval:
    """Return ranges that begin and end where clocks and calendars are odd, more often than chance would."""
    location = dice.choice(sorted(ZONES))
    odd = (0, 60, 90, 105, 119, 120, 121, 150, 180, 1_380, 1_439, 1_440)
    times = []
    for _ in range(dice.choice([0, 1, 1, 2])):
        first, end = sorted(dice.sample(odd, 2) if dice.random() < 0.6 else dice.sample(range(1_441), 2))
        times.append((first, end))
    first_day, last_day = sorted(dice.sample(range(7), 2))
    days = dice.choice([None, None, None, (-1, -1), (28, 29), (29, 31), (1, 7), (-3, -2), (30, 30)])
    months = dice.choice([None, None, (2, 3), (3, 10), (10, 12)])
    weekdays = dice.choice([None, None, (first_day, last_day), (0, 0), (6, 6)])
    return Interval(location, tuple(times), weekdays, days, months)


def some_desk(dice: random.Random, number: int) -> Desk:
    return Desk(
        service=f"s{number}",
        wait=dice.choice([0, 1, 30]),
        interval=dice.choice([1, 5, 60]),
        repeat=dice.choice([60, 240, 1_440]),
        steps=tuple(sorted(dice.sample([10, 25, 90, 600, 1_500], dice.randint(0, 2)))),
        mutes=tuple(some_interval(dice) for _ in range(dice.randint(0, 2))),
        active=tuple(some_interval(dice) for _ in range(dice.choice([0, 0, 2]))),
        send_resolved=dice.random() < 0.8,
    )


def some_episodes(dice: random.Random, desk: Desk, days: Sequence[int], count: int) -> list[Episode]:
    """Return alerts that fire on some of `days` of the year, one tenant each."""
    found = []
    for number in range(count):
        fires = dice.choice(days) * 1_440 + dice.randrange(1_440)
        ends = min(fires + dice.choice([1, 20, 45, 300, 1_500, 4_500]), MINUTES - 1)
        silences = []
        for _ in range(dice.choice([0, 0, 1, 2])):
            first = max(0, fires + dice.randint(-600, 600))
            recurring = tuple(some_interval(dice) for _ in range(dice.choice([0, 1])))
            quiet = Quiet(first, first + dice.choice([1, 90, 2_000]), recurring, is_confirmed=dice.random() < 0.5)
            silences.append(quiet)
        found.append(Episode(desk, f"t{number}", fires, ends, dice.random() < 0.15, tuple(silences)))
    return found


def routing_file(desks: Sequence[Desk]) -> dict[str, Any]:
    named = [
        {"name": name, "time_intervals": [interval.as_file()]}
        for desk in desks
        for name, interval in [*_named(desk.service, "mute", desk.mutes), *_named(desk.service, "active", desk.active)]
    ]
    routes = [
        {
            "matchers": [f'service="{desk.service}"'],
            "group_by": ["..."],
            "group_wait": f"{desk.wait}m",
            "group_interval": f"{desk.interval}m",
            "repeat_interval": f"{desk.repeat}m",
            "escalate": [
                {"after": f"{after}m", "channels": [f"step{number}"]} for number, after in enumerate(desk.steps, 1)
            ],
            "mute_time_intervals": [name for name, _ in _named(desk.service, "mute", desk.mutes)],
            "active_time_intervals": [name for name, _ in _named(desk.service, "active", desk.active)],
            "send_resolved": desk.send_resolved,
        }
        for desk in desks
    ]
    return {"route": {"receiver": "ops", "routes": routes}, "time_intervals": named}


def moment_of(minute: int) -> datetime:
    return NEW_YEAR + timedelta(minutes=minute)


def day_of(month: int, day: int) -> int:
    """Return the number of a day of 2028, from 0."""
    return sum(MONTH_DAYS[: month - 1]) + day - 1


def _named(service: str, kind: str, intervals: Sequence[Interval]) -> list[tuple[str, Interval]]:
    return [(f"{service}-{kind}-{number}", interval) for number, interval in enumerate(intervals)]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@cache
def _changes(location: str) -> tuple[tuple[int, int], ...]:
    return tuple(
        (day_of(month, day) * 1_440 + hour * 60 + minute, offset)
        for (month, day, hour, minute), offset in ZONES[location]
    )


@cache
def _months() -> tuple[tuple[int, int], ...]:
    """Return month and day of each day from the one before the year to the one after it."""
    days = [(month, day) for month, length in enumerate(MONTH_DAYS, 1) for day in range(1, length + 1)]
    return ((12, 31), *days, (1, 1))


def _local(location: str, minute: int) -> tuple[int, int, int, int]:
    """Return month, day, weekday (Sunday is 0) and minute of the day that clocks show there."""
    offset = next(offset for since, offset in reversed(_changes(location)) if minute >= since)
    day, of_day = divmod(minute + offset, 1_440)
    month, of_month = _months()[day + 1]
    return month, of_month, (6 + day) % 7, of_day
