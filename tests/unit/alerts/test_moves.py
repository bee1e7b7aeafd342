"""Hysteresis, time to be good, silence, flapping, and that a restart anywhere changes nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.alerts.model import (
    FLAP_STABLE,
    Alert,
    AlertKey,
    CauseKind,
    Finding,
    Judgement,
    NoData,
    Op,
    Rule,
    Transition,
    advance,
    judge,
    withdraw,
)
from tidegate.alerts.rows import alert_row, row_alert
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.signals import Totals

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
RULE = BUILT_IN_RULES[0]
KEY = AlertKey(WorkspaceId("acme"), RULE.code, "api", "blue", (("route", "/a"),))
ABOVE, BETWEEN = Judgement(Finding.ABOVE, 0.3, 20), Judgement(Finding.BETWEEN, 0.17, 20)
BELOW, NO_DATA = Judgement(Finding.BELOW, 0.1, 30), Judgement(Finding.NO_DATA, None, 0)
INSUFFICIENT = Judgement(Finding.INSUFFICIENT, 1.0, 2)
MINUTE = timedelta(minutes=1)
History = Sequence[tuple[timedelta, Judgement]]

gaps = st.sampled_from([0, 1, 60, 240, 300, 899, 900, 1800, 3600]).map(lambda seconds: timedelta(seconds=seconds))
histories = st.lists(st.tuples(gaps, st.sampled_from([ABOVE, BETWEEN, BELOW, NO_DATA, INSUFFICIENT])), max_size=40)
rules = st.builds(
    lambda lasting, keep, policy: replace(RULE, lasting=lasting, keep_firing=keep, no_data=policy, clear=0.15),
    st.sampled_from([timedelta(), 2 * MINUTE]),
    st.sampled_from([timedelta(), 5 * MINUTE]),
    st.sampled_from(list(NoData)),
)


def play(rule: Rule, history: History, *, restarts: bool = False) -> list[Transition]:
    """Return the transitions; with `restarts` every alert is read from its row before each judgement."""
    now, alert, flaps = NOON, None, ()
    moves: list[Transition] = []
    for gap, judgement in history:
        now += gap
        if restarts and alert is not None:
            alert = row_alert(KEY.workspace, alert_row(alert))
        change = advance(rule, alert, judgement, key=KEY, now=now, flaps=flaps)
        if change is None:
            continue
        moves += change.transitions
        alert = replace(change.alert, id=AlertId("alr_1")) if change.alert.is_open else None
        flaps = change.alert.flaps
    return moves


def kinds(rule: Rule, *given: tuple[float, Judgement]) -> list[str]:
    return [move.cause.kind.value for move in play(rule, [(gap * MINUTE, judgement) for gap, judgement in given])]


@pytest.mark.parametrize(
    ("rule", "history", "expected"),
    [
        pytest.param(RULE, [(0, BETWEEN)], [], id="between its bounds nothing opens"),
        pytest.param(
            RULE, [(0, ABOVE), (1, BETWEEN), (99, BETWEEN)], ["crossed", "sustained"], id="between them it stays open"
        ),
        pytest.param(
            RULE, [(0, ABOVE), (1, BETWEEN), (1, BELOW)], ["crossed", "sustained", "recovered"], id="the clear bound"
        ),
        pytest.param(
            replace(RULE, keep_firing=5 * MINUTE),
            [(0, ABOVE), (1, BELOW), (4, BELOW), (1, BELOW)],
            ["crossed", "sustained", "recovering", "recovered"],
            id="good for long enough",
        ),
        pytest.param(
            replace(RULE, keep_firing=5 * MINUTE),
            [(0, ABOVE), (1, BELOW), (4, ABOVE), (4, BELOW), (4, BELOW)],
            ["crossed", "sustained", "recovering", "relapsed", "recovering"],
            id="crossed again before that",
        ),
        pytest.param(
            replace(RULE, keep_firing=5 * MINUTE),
            [(0, ABOVE), (1, BELOW), (4, NO_DATA), (4, BELOW), (5, BELOW)],
            ["crossed", "sustained", "recovering", "held", "recovering", "recovered"],
            id="without an answer nobody knows whether it is good",
        ),
        pytest.param(
            replace(RULE, no_data=NoData.IGNORE), [(0, ABOVE), (1, NO_DATA)], ["crossed", "sustained", "no_data"],
            id="silence that closes",
        ),
        pytest.param(
            replace(RULE, no_data=NoData.ALERT), [(0, NO_DATA), (99, NO_DATA), (1, BELOW)],
            ["silent", "sustained", "recovered"], id="silence that opens",
        ),
        pytest.param(
            replace(RULE, no_data=NoData.ALERT), [(0, NO_DATA), (24 * 60, NO_DATA)], ["silent", "sustained", "no_data"],
            id="who was silent for a day is gone",
        ),
        pytest.param(
            replace(RULE, no_data=NoData.ALERT, lasting=2 * MINUTE), [(0, NO_DATA), (1, NO_DATA), (1, NO_DATA)],
            ["silent", "sustained"], id="silence that has to last",
        ),
    ],
)  # fmt: skip
def test_an_alert_moves(rule: Rule, history: list[tuple[float, Judgement]], expected: list[str]) -> None:
    assert kinds(rule, *history) == expected


FLUTTER = [(5.0, ABOVE), (5.0, BELOW)] * 3


def test_the_third_time_within_an_hour_it_flaps_and_stays_open() -> None:
    found = kinds(RULE, *FLUTTER, (5, ABOVE), (5, BELOW), (14, BELOW))

    assert found == ["crossed", "sustained", "recovered"] * 2 + [
        "crossed", "sustained", "flapping", "relapsed", "recovering",
    ]  # fmt: skip


def test_what_flapped_closes_when_it_was_good_for_a_while() -> None:
    assert kinds(RULE, *FLUTTER, (FLAP_STABLE / MINUTE, BELOW))[-2:] == ["flapping", "recovered"]


def test_what_flapped_and_stays_crossed_flaps_no_more() -> None:
    found = kinds(RULE, *FLUTTER, (1, ABOVE), (FLAP_STABLE / MINUTE, ABOVE), (1, BELOW))

    assert found[-4:] == ["flapping", "relapsed", "steady", "recovered"]


def test_who_opens_now_and_then_does_not_flap() -> None:
    assert "flapping" not in kinds(RULE, *[(30.0, ABOVE), (30.0, BELOW)] * 20)


@given(rules, histories)
def test_a_restart_anywhere_makes_the_same_transitions(rule: Rule, history: History) -> None:
    assert play(rule, history, restarts=True) == play(rule, history)


@given(rules, histories)
def test_looking_twice_is_looking_once(rule: Rule, history: History) -> None:
    twice = [one for gap, judgement in history for one in ((gap, judgement), (timedelta(), judgement))]

    assert play(rule, twice) == play(rule, history)


@given(rules, histories)
def test_no_more_than_three_episodes_of_one_subject_fire_within_an_hour(rule: Rule, history: History) -> None:
    fired = [move.at for move in play(rule, history) if move.cause.kind is CauseKind.SUSTAINED]

    assert all(later - first >= timedelta(hours=1) for first, later in zip(fired, fired[3:], strict=False))


@pytest.mark.parametrize(
    ("changes", "totals", "finding"),
    [
        pytest.param({"op": Op.BELOW, "threshold": 0.2}, Totals(count=20, failure_count=4), Finding.ABOVE, id="at it"),
        pytest.param({"op": Op.BELOW, "threshold": 0.2}, Totals(count=20, failure_count=5), Finding.BELOW, id="above"),
        pytest.param({"clear": 0.1}, Totals(count=20, failure_count=3), Finding.BETWEEN, id="between"),
        pytest.param({"clear": 0.1}, Totals(count=20, failure_count=1), Finding.BELOW, id="cleared"),
        pytest.param({"confidence": 0.95}, Totals(count=20, failure_count=5), Finding.BETWEEN, id="may be chance"),
        pytest.param({"confidence": 0.95}, Totals(count=2000, failure_count=500), Finding.ABOVE, id="is no chance"),
    ],
)
def test_a_rule_finds(changes: dict[str, object], totals: Totals, finding: Finding) -> None:
    assert judge(replace(RULE, **changes), totals).finding is finding


def test_an_alert_whose_rule_is_gone_says_that_nobody_knows() -> None:
    change = advance(RULE, None, ABOVE, key=KEY, now=NOON)
    assert change is not None

    closed = withdraw(change.alert, NOON + MINUTE)

    assert closed.transitions[0].cause.kind is CauseKind.WITHDRAWN
    assert (closed.alert.is_open, closed.alert.sentence.endswith("Whether it was good is not known.")) == (False, True)


def test_a_row_holds_all_of_an_alert() -> None:
    change = advance(
        replace(RULE, labels=(("team", "a"),), owner="me", is_zero_tolerance=True), None, ABOVE, key=KEY, now=NOON
    )
    assert change is not None
    alert: Alert = replace(
        change.alert, id=AlertId("alr_1"), scope="3 of 40 tenants", unsettled_at=NOON, recovering_since=NOON
    )

    assert row_alert(KEY.workspace, alert_row(alert)) == alert
