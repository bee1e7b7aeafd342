"""What other tools send: names of label sets, matchers on the wire, which alerts are taken, and how they move."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.alerts.alertmanager.model import (
    RESOLVE_TIMEOUT,
    Sent,
    labels_key,
    opened,
    problem_of,
    sender_of,
    spoken_of,
    unheard,
)
from tidegate.alerts.alertmanager.schemas import MatcherIn, MatcherOut, PostableAlertIn
from tidegate.alerts.labels import labels_of
from tidegate.alerts.model import Alert, AlertState, Severity
from tidegate.alerts.paging.model import Operator, fingerprint_of, make_matcher
from tidegate.alerts.rows import alert_row, row_alert
from tidegate.kernel import AlertId, WorkspaceId

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACME = WorkspaceId("acme")
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True)
LABELS = st.dictionaries(NAMES, TEXTS, min_size=1, max_size=8)
MOMENTS = st.integers(-600, 600).map(lambda seconds: NOON + timedelta(seconds=seconds))


def sent(labels: dict[str, str], *, starts: datetime = NOON, ends: datetime | None = None, **annotations: str) -> Sent:
    return Sent(
        labels_key(labels), labels_key(annotations), starts, ends or NOON + RESOLVE_TIMEOUT,
        is_timeout=ends is None, generator_url="",
    )  # fmt: skip


def alert_from(labels: dict[str, str], **annotations: str) -> Alert:
    return opened(ACME, AlertId("alr_1"), sent(labels, **annotations), sender="Prometheus", now=NOON).alert


def test_a_fingerprint_is_the_one_of_prometheus() -> None:
    """The vector is Prometheus' own: `model/signature_test.go` of its common library."""
    labels = {"name": "garland, briggs", "fear": "love is not enough"}
    assert int(fingerprint_of(labels), 16) == 5799056148416392346


@given(LABELS)
def test_what_was_sent_comes_back_label_for_label_and_from_the_store_as_well(labels: dict[str, str]) -> None:
    kept = dict(labels_key(labels))
    if not kept:
        return
    alert = alert_from(labels)
    assert labels_of(alert) == kept
    assert row_alert(ACME, alert_row(alert)) == alert
    assert fingerprint_of(labels_of(alert)) == fingerprint_of(kept)


@given(LABELS, LABELS)
def test_two_alerts_are_one_exactly_when_their_labels_are(one: dict[str, str], other: dict[str, str]) -> None:
    first, second = labels_key(one), labels_key(other)
    if first and second:
        rows = [alert_row(alert_from(dict(labels)))["subject"] for labels in (first, second)]
        assert (rows[0] == rows[1]) is (first == second)


@given(NAMES, st.sampled_from(Operator), TEXTS)
def test_a_matcher_comes_back_as_it_was_sent(name: str, operator: Operator, value: str) -> None:
    try:
        matcher = make_matcher(name, operator, value)
    except Exception:  # noqa: BLE001 - an expression that RE2 does not read
        return
    wire = MatcherOut.of(matcher).model_dump(by_alias=True)
    assert MatcherIn.model_validate(wire).matcher() == matcher


@given(st.lists(st.tuples(MOMENTS, st.none() | MOMENTS), min_size=1, max_size=12))
def test_whatever_is_said_in_any_order_an_alert_moves_once_and_its_numbers_have_no_gaps(
    said: list[tuple[datetime, datetime | None]],
) -> None:
    alert, now, moves = alert_from({"alertname": "x"}), NOON, 1
    for starts, ends in said:
        now += timedelta(seconds=30)
        each = sent({"alertname": "x"}, starts=starts, ends=ends or now + RESOLVE_TIMEOUT)
        outside, change = spoken_of(alert, each, sender="vmalert", now=now)
        assert outside.starts_at <= NOON
        if change is None:
            assert outside.ends_at > now or outside.ends_at >= each.ends_at
            continue
        moves += 1
        assert each.is_over_at(now)
        assert change.alert.state is AlertState.RESOLVED
        assert change.alert.resolved_at is not None
        assert alert.since <= change.alert.resolved_at <= now
        assert [move.sequence for move in change.transitions] == [moves]
        return
    assert unheard(alert).alert.resolved_at == NOON + RESOLVE_TIMEOUT


@pytest.mark.parametrize(
    ("severity", "expected"),
    [("P1", "P1"), ("critical", "P1"), ("page", "P1"), ("Critical", "P1"), ("P2", "P2"), ("warning", "P2"), ("", "P2")],
)
def test_what_wakes_a_person_elsewhere_wakes_one_here(severity: str, expected: str) -> None:
    assert alert_from({"alertname": "x", "severity": severity}).severity is Severity(expected)


@pytest.mark.parametrize(
    ("agent", "name"),
    [("Prometheus/2.42.0+ds", "Prometheus"), ("vmalert", "vmalert"), ("curl/8", "Another tool"), ("", "Another tool"),
     ("<b>Prometheus/1", "Another tool")],
)  # fmt: skip
def test_a_sender_is_named_only_when_it_is_known(agent: str, name: str) -> None:
    assert sender_of(agent) == name


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (sent({}), "at least one label pair required"),
        (sent({"a\n": "x"}), "invalid name"),
        (sent({"a" * 129: "x"}), "invalid name"),
        (sent({"a": "x\0"}), "no NUL"),
        (sent({f"a{number}": "x" for number in range(65)}), "more than 64 labels"),
        (sent({"a": "x"}, text="x\0"), "invalid annotation set"),
        (sent({"a": "x"}, ends=NOON - timedelta(seconds=1)), "start time must be before end time"),
        (Sent((("a", "x"),), (), NOON, NOON, is_timeout=False, generator_url="http://a\n"), "invalid generatorURL"),
    ],
)
def test_what_is_not_taken_says_why(alert: Sent, words: str) -> None:
    assert words in (problem_of(alert) or "")


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        (None, None, (NOON, NOON + RESOLVE_TIMEOUT)),
        ("2026-03-02T11:00:00Z", None, (NOON - timedelta(hours=1), NOON + RESOLVE_TIMEOUT)),
        (None, "2026-03-02T11:00:00Z", (NOON - timedelta(hours=1), NOON - timedelta(hours=1))),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", (NOON, NOON + RESOLVE_TIMEOUT)),
    ],
)
def test_times_that_are_missing_are_filled_in_as_alertmanager_does(
    starts: str | None, ends: str | None, expected: tuple[datetime, datetime]
) -> None:
    posted = PostableAlertIn.model_validate({"labels": {"a": "b"}, "startsAt": starts, "endsAt": ends})
    found = posted.sent_at(NOON)
    assert (found.starts_at, found.ends_at) == expected
