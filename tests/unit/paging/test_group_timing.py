"""When groups are told, held against a simulator that looks at everything anew each second."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.alerts.paging.model import (
    EscalationStep,
    Flush,
    GroupState,
    Hush,
    HushKind,
    Member,
    PageReason,
    Plan,
    Timing,
    Told,
    decide,
)

START = datetime(2028, 2, 28, 23, 58, tzinfo=UTC)  # a leap day begins two minutes later
S = timedelta(seconds=1)
UNTIL = 240


@dataclass
class Story:
    """One alert: when it fires, ends, is silenced from when to when, acknowledged; in seconds."""

    fires: int
    ends: int
    silence: tuple[int, int]
    acknowledged: int

    def fires_at(self, second: int) -> bool:
        return self.fires <= second < self.ends

    def silent_at(self, second: int) -> bool:
        return self.silence[0] <= second < self.silence[1]


@dataclass(frozen=True)
class Times:
    wait: int
    interval: int
    repeat: int
    step: int


Event = tuple[int, str, frozenset[int]]


@dataclass
class EventDriven:
    """The group as the code drives it: it is looked at when its timer says so, and at no other time."""

    stories: list[Story]
    times: Times
    members: dict[int, Member] = field(default_factory=dict)
    last: int | None = None
    due: int | None = None
    change_due: int | None = None
    found: list[Event] = field(default_factory=list)

    def run(self) -> list[Event]:
        for second in range(UNTIL):
            self._move(second)
            if self.due is not None and second >= self.due:
                self._turn(second)
        return self.found

    def _move(self, second: int) -> None:
        for number, story in enumerate(self.stories):
            if story.fires == second:
                self.members[number] = Member(str(number), is_firing=True)
                wait = second + self.times.wait
                self._hasten(wait if self.last is None else max(wait, self.last + self.times.interval))
            elif story.ends == second and number in self.members:
                self._hasten(second if self.last is None else max(second, self.last + self.times.interval))

    def _hasten(self, second: int) -> None:
        self.change_due = second if self.change_due is None else min(self.change_due, second)
        self.due = self.change_due if self.due is None else min(self.due, self.change_due)

    def _turn(self, second: int) -> None:
        plan = Plan(("ops",), timing(self.times), (EscalationStep(self.times.step * S, ("boss",)),))
        sent = None if self.last is None else at(self.last)
        held = None if self.change_due is None else at(self.change_due)
        seen = [self._seen(number, second) for number in self.members]
        flush = decide(seen, GroupState(sent, frozenset({"ops"}), held), plan, now=at(second))
        self._note(flush, second)
        if not flush.is_held:
            self.change_due = None
            self.members = {
                number: member for number, member in self.members.items() if self.stories[number].fires_at(second)
            }
        self.due = None if flush.next_at is None or not self.members else int((flush.next_at - START) / S)
        self.last = self.last if self.members else None

    def _seen(self, number: int, second: int) -> Member:
        story, member = self.stories[number], self.members[number]
        hush = Hush(HushKind.SILENCED, "sil", at(story.silence[1])) if story.silent_at(second) else None
        return Member(
            member.key, story.fires_at(second), member.told, hush, is_acknowledged=second >= story.acknowledged,
            told_first_at=member.told_first_at, step_count=member.step_count,
        )  # fmt: skip

    def _note(self, flush: Flush, second: int) -> None:
        for page in flush.pages:
            self.found.append((second, "page", frozenset(map(int, page.keys))))
            self.last = second
            for number, member in self.members.items():
                is_told = member.key in page.keys and self.stories[number].fires_at(second)
                first = (member.told_first_at or at(second)) if is_told else None
                told = Told.FIRING if is_told else Told.NOTHING
                self.members[number] = Member(
                    member.key, is_firing=True, told=told, told_first_at=first, step_count=member.step_count
                )
        for escalation in flush.escalations:
            self.found.append((second, "step", frozenset(map(int, escalation.keys))))
            for number, member in self.members.items():
                if member.key in escalation.keys:
                    self.members[number] = Member(
                        member.key, is_firing=True, told=member.told, told_first_at=member.told_first_at, step_count=1
                    )


def naive(stories: list[Story], times: Times) -> list[Event]:  # noqa: C901 - the rules in one place, to be read
    """Tell the same story by the rules alone, asking each second whether anything is to be told."""
    found: list[Event] = []
    inside: set[int] = set()
    told: set[int] = set()
    first: dict[int, int] = {}
    stepped: set[int] = set()
    waits: dict[int, int] = {}
    last: int | None = None
    for second in range(UNTIL):
        for number, story in enumerate(stories):
            if story.fires == second:
                inside.add(number)
                waits[number] = second + times.wait if last is None else max(second + times.wait, last + times.interval)
            elif story.ends == second and number in inside:
                waits[-1 - number] = second if last is None else max(second, last + times.interval)
        loud = {n for n in inside if not stories[n].silent_at(second)}
        firing = {n for n in loud if stories[n].fires_at(second)}
        over = loud - firing
        unseen = {n for n in firing if second < stories[n].acknowledged}
        is_due = any(second >= moment for moment in waits.values())
        freed = any(stories[n].silence[1] == second and n in firing for n in inside) and not waits
        repeats = last is not None and second >= last + times.repeat and bool(unseen & told)
        late = {n for n in unseen - stepped if n in first and second >= first[n] + times.step}
        if not (is_due or freed or repeats or late):
            continue
        if is_due or repeats or freed:
            waits.clear()
        if not waits and ((firing - told) or (firing and over) or (over and told and not firing) or repeats):
            found.append((second, "page", frozenset(firing | over)))
            last, told = second, set(firing)
            first = {n: first.get(n, second) for n in firing}
        if late:
            found.append((second, "step", frozenset(late)))
            stepped |= late
        if not waits:
            inside = {n for n in inside if stories[n].fires_at(second)}
        told &= inside
        if not inside:
            last = None
    return found


def at(second: int) -> datetime:
    return START + second * S


def timing(times: Times) -> Timing:
    return Timing(times.wait * S, times.interval * S, times.repeat * S)


moments = st.integers(0, 150)
stories = st.builds(
    lambda fires, length, silence, quiet, acknowledged: Story(
        fires, fires + length, (silence, silence + quiet), acknowledged
    ),
    moments, st.integers(1, 120), moments, st.integers(0, 60), st.integers(0, 400),
)  # fmt: skip
times = st.builds(Times, st.integers(0, 20), st.integers(1, 40), st.integers(10, 60), st.integers(1, 50))


def check(told: list[Story], plan: Times) -> None:
    assert EventDriven(told, plan).run() == naive(told, plan)


@given(st.lists(stories, min_size=1, max_size=4), times)
@settings(max_examples=150)
def test_a_timer_tells_what_looking_every_second_would_tell(told: list[Story], plan: Times) -> None:
    check(told, plan)


@pytest.mark.long
@given(st.lists(stories, min_size=1, max_size=6), times)
@settings(max_examples=3_000)
def test_a_timer_tells_what_looking_every_second_would_tell_in_thousands_of_cases(
    told: list[Story], plan: Times
) -> None:
    check(told, plan)


def test_the_end_reaches_those_who_were_told_although_the_route_has_no_channel_left() -> None:
    over = Member("a", is_firing=False, told=Told.FIRING, told_first_at=START)
    state = GroupState(last_sent_at=START, told_channels=frozenset({"boss"}))
    flush = decide([over], state, Plan((), Timing(), told_at_end=("boss",)), now=START + timedelta(minutes=5))
    assert [(page.reason, page.channels) for page in flush.pages] == [(PageReason.ALL_RESOLVED, ("boss",))]
    assert decide([over], state, Plan((), Timing()), now=START + timedelta(minutes=5)).pages == ()
