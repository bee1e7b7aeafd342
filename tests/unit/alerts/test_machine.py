"""How an alert moves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.alerts.model import (
    Alert,
    AlertKey,
    AlertState,
    CauseKind,
    Change,
    Finding,
    Judgement,
    Rule,
    Transition,
    advance,
    step,
)
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.kernel import WorkspaceId

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
RULE = BUILT_IN_RULES[0]
SLOW = replace(RULE, lasting=timedelta(minutes=5))
KEY = AlertKey(WorkspaceId("acme"), RULE.code, "api", "blue")
ABOVE = Judgement(Finding.ABOVE, 0.3, 20)
BELOW = Judgement(Finding.BELOW, 0.1, 30)
INSUFFICIENT = Judgement(Finding.INSUFFICIENT, 1.0, 2)
NO_DATA = Judgement(Finding.NO_DATA, None, 0)
INACTIVE, PENDING, FIRING, RESOLVED = AlertState

Move = tuple[AlertState, AlertState, CauseKind]
judgements = st.sampled_from([ABOVE, BELOW, INSUFFICIENT, NO_DATA])
# Gaps around the two lengths that matter, so that both sides of each are met often.
gaps = st.sampled_from([0, 1, 60, 299, 300, 899, 900, 3600]).map(lambda seconds: timedelta(seconds=seconds))
histories = st.lists(st.tuples(gaps, judgements), max_size=30)
rules = st.sampled_from([RULE, SLOW])


class Episodes:
    """Plays judgements and keeps all episodes, as a store would."""

    def __init__(self, rule: Rule = RULE) -> None:
        self.rule = rule
        self.now = NOON
        self.open: Alert | None = None
        self.closed: list[Alert] = []
        self.changes: list[Change] = []

    def play(self, history: Sequence[tuple[timedelta, Judgement]], *, times: int = 1) -> "Episodes":
        for gap, judgement in history:
            self.now += gap
            for _ in range(times):
                self.see(judgement)
        return self

    def see(self, judgement: Judgement) -> None:
        change = advance(self.rule, self.open, judgement, key=KEY, now=self.now)
        if change is None:
            return
        self.changes.append(change)
        self.open = change.alert if change.alert.is_open else None
        if not change.alert.is_open:
            self.closed.append(change.alert)

    @property
    def transitions(self) -> list[Transition]:
        return [transition for change in self.changes for transition in change.transitions]

    @property
    def moves(self) -> list[Move]:
        return [(t.from_state, t.to_state, t.cause.kind) for t in self.transitions]


def minutes(*given: tuple[float, Judgement]) -> list[tuple[timedelta, Judgement]]:
    return [(timedelta(minutes=gap), judgement) for gap, judgement in given]


@pytest.mark.parametrize(
    ("rule", "history", "moves"),
    [
        pytest.param(RULE, minutes((0, BELOW)), [], id="within the bound nothing moves"),
        pytest.param(RULE, minutes((0, NO_DATA), (1, INSUFFICIENT)), [], id="without an answer nothing opens"),
        pytest.param(
            RULE,
            minutes((0, ABOVE), (1, ABOVE)),
            [(INACTIVE, PENDING, CauseKind.CROSSED), (PENDING, FIRING, CauseKind.SUSTAINED)],
            id="crossing and firing are two moves, also at once",
        ),
        pytest.param(
            SLOW,
            minutes((0, ABOVE), (4.9, ABOVE), (0.1, ABOVE)),
            [(INACTIVE, PENDING, CauseKind.CROSSED), (PENDING, FIRING, CauseKind.SUSTAINED)],
            id="a rule that asks for lasting waits for it",
        ),
        pytest.param(
            SLOW,
            minutes((0, ABOVE), (4, BELOW)),
            [(INACTIVE, PENDING, CauseKind.CROSSED), (PENDING, RESOLVED, CauseKind.RECOVERED)],
            id="what did not last never fires",
        ),
        pytest.param(
            RULE,
            minutes((0, ABOVE), (1, NO_DATA), (14.9, INSUFFICIENT)),
            [
                (INACTIVE, PENDING, CauseKind.CROSSED),
                (PENDING, FIRING, CauseKind.SUSTAINED),
                (FIRING, FIRING, CauseKind.HELD),
            ],
            id="without an answer it is held for a further window",
        ),
        pytest.param(
            RULE,
            minutes((0, ABOVE), (1, NO_DATA), (15, NO_DATA), (1, NO_DATA)),
            [
                (INACTIVE, PENDING, CauseKind.CROSSED),
                (PENDING, FIRING, CauseKind.SUSTAINED),
                (FIRING, FIRING, CauseKind.HELD),
                (FIRING, RESOLVED, CauseKind.NO_DATA),
            ],
            id="after a further window it closes without an answer",
        ),
        pytest.param(
            RULE,
            minutes((0, ABOVE), (1, NO_DATA), (14, ABOVE), (14, NO_DATA), (14, NO_DATA)),
            [
                (INACTIVE, PENDING, CauseKind.CROSSED),
                (PENDING, FIRING, CauseKind.SUSTAINED),
                (FIRING, FIRING, CauseKind.HELD),
                (FIRING, FIRING, CauseKind.RESUMED),
                (FIRING, FIRING, CauseKind.HELD),
            ],
            id="an answer in between starts the further window anew",
        ),
        pytest.param(
            RULE,
            minutes((0, ABOVE), (1, NO_DATA), (20, BELOW)),
            [
                (INACTIVE, PENDING, CauseKind.CROSSED),
                (PENDING, FIRING, CauseKind.SUSTAINED),
                (FIRING, FIRING, CauseKind.HELD),
                (FIRING, RESOLVED, CauseKind.RECOVERED),
            ],
            id="a good answer is a good answer, however late",
        ),
    ],
)
def test_an_alert_moves(rule: Rule, history: list[tuple[timedelta, Judgement]], moves: list[Move]) -> None:
    assert Episodes(rule).play(history).moves == moves


def test_a_new_crossing_is_a_new_episode() -> None:
    episodes = Episodes().play(minutes((0, ABOVE), (1, BELOW), (1, ABOVE)))

    assert episodes.open is not None
    assert episodes.open.since == NOON + timedelta(minutes=2)
    assert [alert.resolved_at for alert in episodes.closed] == [NOON + timedelta(minutes=1)]


def test_words_name_the_number_the_bound_the_count_and_the_place() -> None:
    episodes = Episodes().play(minutes((0, ABOVE)))

    assert episodes.open is not None
    assert episodes.open.sentence == (
        "30% of 20 auth requests failed on service api, tenant blue in 15m; the bound is 20%."
    )
    assert episodes.transitions[0].cause.words == "30% of 20 auth requests failed in 15m; the bound is 20%."


def test_a_close_without_an_answer_says_that_it_was_not_because_it_was_good() -> None:
    (alert,) = Episodes().play(minutes((0, ABOVE), (1, INSUFFICIENT), (15, INSUFFICIENT))).closed

    assert alert.sentence == (
        "30% of 20 auth requests failed on service api, tenant blue in 15m; the bound is 20%. "
        "Closed without an answer, not because it was good: too little data (2 of at least 20) "
        "since 2026-02-07T12:01:00Z, for a further 15m."
    )
    assert (alert.value, alert.count) == (0.3, 20)


def test_a_recovery_says_the_number_that_was_good() -> None:
    (alert,) = Episodes().play(minutes((0, ABOVE), (1, BELOW))).closed

    assert alert.sentence.startswith("Back within the bound: 10% of 30 auth requests failed")
    assert alert.value == 0.1


def test_a_clock_that_steps_back_moves_nothing_by_itself() -> None:
    episodes = Episodes().play(minutes((0, ABOVE), (1, NO_DATA), (-60, NO_DATA)))

    assert episodes.moves[-1][2] is CauseKind.HELD


@given(rules, histories)
def test_transitions_chain_without_gaps_and_each_episode_ends_once(
    rule: Rule, history: list[tuple[timedelta, Judgement]]
) -> None:
    episodes = Episodes(rule).play(history)

    state, sequence = INACTIVE, 0
    for transition in episodes.transitions:
        if transition.sequence == 1:
            assert state in {INACTIVE, RESOLVED}, "a second episode began while one was open"
            state, sequence = INACTIVE, 0
        assert (transition.from_state, transition.sequence) == (state, sequence + 1)
        state, sequence = transition.to_state, transition.sequence
    assert (state in {PENDING, FIRING}) == (episodes.open is not None)


@given(rules, histories)
def test_each_alert_is_what_its_transitions_say(rule: Rule, history: list[tuple[timedelta, Judgement]]) -> None:
    for change in Episodes(rule).play(history).changes:
        alert, last = change.alert, change.transitions[-1]
        assert (alert.state, alert.transition_count) == (last.to_state, last.sequence)
        assert (alert.resolved_at is not None) == (alert.state is RESOLVED)
        assert (alert.held_since is not None) == (last.cause.kind in {CauseKind.HELD, CauseKind.NO_DATA})
        assert alert.state is not FIRING or alert.fired_at is not None


@given(rules, histories)
def test_seeing_a_judgement_twice_is_seeing_it_once(rule: Rule, history: list[tuple[timedelta, Judgement]]) -> None:
    once, twice = Episodes(rule).play(history), Episodes(rule).play(history, times=2)

    assert twice.changes == once.changes


@given(rules, histories)
def test_after_a_change_nothing_is_left_to_do(rule: Rule, history: list[tuple[timedelta, Judgement]]) -> None:
    episodes = Episodes(rule).play(history)

    for change, (at, judgement) in zip(episodes.changes, _causes(rule, history), strict=True):
        if change.alert.is_open:
            assert step(rule, change.alert, judgement, at) is None


@given(rules, histories)
def test_only_a_good_answer_or_a_full_window_without_one_closes(
    rule: Rule, history: list[tuple[timedelta, Judgement]]
) -> None:
    for change in Episodes(rule).play(history).changes:
        last = change.transitions[-1]
        if last.cause.kind is CauseKind.NO_DATA:
            assert change.alert.held_since is not None
            assert last.at - change.alert.held_since >= RULE.window
        elif last.to_state is RESOLVED:
            assert last.cause.value == BELOW.value


def _causes(rule: Rule, history: list[tuple[timedelta, Judgement]]) -> list[tuple[datetime, Judgement]]:
    episodes = Episodes(rule)
    causes = []
    for gap, judgement in history:
        before = len(episodes.changes)
        episodes.play([(gap, judgement)])
        if len(episodes.changes) > before:
            causes.append((episodes.now, judgement))
    return causes
