"""Labels, pages and the file of labels, on what rules would have done."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.alerts import AlertKey, AlertState, Severity, Transition
from tidegate.alerts.backtest.commands import incidents_in
from tidegate.alerts.backtest.errors import BacktestTooLargeError
from tidegate.alerts.backtest.model.outcome import Episode, Incident
from tidegate.alerts.backtest.model.scoring import score_of
from tidegate.alerts.backtest.model.trial import Budget
from tidegate.alerts.backtest.telling import pages_of
from tidegate.alerts.model import Alert, Cause, CauseKind, Change
from tidegate.alerts.paging.model import Route, Routing, Silence, parse_matcher
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.signals import Family

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
END = NOON + timedelta(hours=3)


def fired(tenant: str, start: int, end: int | None, *, severity: Severity = Severity.P1) -> Alert:
    key = AlertKey(WorkspaceId("acme"), "run_failure_rate_high", "harbor", tenant)
    return Alert(
        AlertId(""), key, Family.AI_RUN, severity, "/runbooks/run_failure_rate_high",
        AlertState.RESOLVED if end is not None else AlertState.FIRING, 0.3, 0.15, 100, "It burns.",
        NOON + start * MINUTE, 2, fired_at=NOON + start * MINUTE,
        resolved_at=NOON + end * MINUTE if end is not None else None,
    )  # fmt: skip


def episode(tenant: str, start: int, end: int | None) -> Episode:
    return Episode(fired(tenant, start, end), ())


def incident(start: int, end: int, **of: str) -> Incident:
    return Incident(NOON + start * MINUTE, NOON + end * MINUTE, **of)


@pytest.mark.parametrize(
    ("episodes", "incidents", "expected"),
    [
        pytest.param([episode("blue", 12, 20)], [incident(10, 30)], (1, 1, 1, 1, 120.0), id="found after two minutes"),
        pytest.param([episode("blue", 5, 20)], [incident(10, 30)], (1, 1, 1, 1, 0.0), id="fired before it began"),
        pytest.param([episode("blue", 5, 10)], [incident(10, 30)], (1, 0, 1, 0, None), id="over when it began"),
        pytest.param([episode("blue", 30, 40)], [incident(10, 30)], (1, 0, 1, 0, None), id="fired when it was over"),
        pytest.param([episode("blue", 12, None)], [incident(10, 30, tenant="green")], (1, 0, 1, 0, None), id="another"),
        pytest.param([episode("blue", 12, None)], [incident(10, 30, code="x")], (1, 0, 1, 0, None), id="other code"),
        pytest.param(
            [episode("blue", 12, None), episode("green", 16, None)], [incident(10, 30), incident(40, 50)],
            (2, 2, 2, 2, 60.0), id="one that goes on finds the next one too",
        ),
        pytest.param([], [incident(10, 30)], (1, 0, 0, 0, None), id="nothing fired"),
    ],
)  # fmt: skip
def test_episodes_are_held_against_incidents(
    episodes: list[Episode], incidents: list[Incident], expected: tuple[object, ...]
) -> None:
    found = score_of(episodes, incidents, end=END)

    assert (found.incident_count, found.found_count, found.fired_count, found.right_count,
            found.median_delay_s) == expected  # fmt: skip
    assert found.precision == (found.right_count / found.fired_count if found.fired_count else None)


def moved(alert: Alert, start: AlertState, end: AlertState, minute: int) -> Change:
    cause = Cause(CauseKind.CROSSED, 0.3, 0.2, 100, 20, 15 * MINUTE, "It burns.")
    return Change(alert, (Transition(1, start, end, NOON + minute * MINUTE, cause),))


def burning(tenant: str, start: int, end: int, *, severity: Severity = Severity.P1) -> list[Change]:
    opened = fired(tenant, start, None, severity=severity)
    closed = replace(opened, state=AlertState.RESOLVED, resolved_at=NOON + end * MINUTE)
    return [
        moved(opened, AlertState.PENDING, AlertState.FIRING, start),
        moved(closed, AlertState.FIRING, AlertState.RESOLVED, end),
    ]


def in_order(*changes: Change) -> list[Change]:
    return sorted(changes, key=lambda change: change.transitions[0].at)


def test_what_fires_together_is_one_notice_and_what_follows_waits_for_its_interval() -> None:
    routing = Routing(Route("{}", channels=("pager",), group_by=("service",)))
    changes = in_order(*burning("blue", 0, 30), *burning("green", 0, 30), *burning("red", 2, 30))

    found = pages_of(changes, routing, [], end=END)

    said = [((page.at - NOON) // MINUTE, page.reason, page.alert_count) for page in found.pages]
    assert said == [
        (0, "first notification", 2), (5, "new alerts in group", 3), (30, "all alerts resolved", 3),
    ]  # fmt: skip
    assert (found.first_count, found.hushed_count, found.unrouted_count) == (2, 0, 0)
    assert found.by_code == {changes[0].alert.code: 3}


def test_what_burns_on_is_repeated_until_the_end() -> None:
    routing = Routing(Route("{}", channels=("pager",)))
    opened = burning("blue", 0, 1)[:1]

    found = pages_of(opened, routing, [], end=NOON + timedelta(hours=9))

    assert [(page.at - NOON) // timedelta(hours=1) for page in found.pages] == [0, 4, 8]


def test_a_silence_that_held_then_keeps_back_and_nobody_hears_of_what_has_no_route() -> None:
    silence = Silence("sil_1", (parse_matcher('tenant="blue"'),), "known", NOON - MINUTE, NOON + timedelta(hours=1),
                      "usr_1", NOON)  # fmt: skip
    routing = Routing(Route("{}", channels=("pager",), group_by=("tenant",)))
    changes = in_order(*burning("blue", 0, 30), *burning("green", 5, 30))

    found = pages_of(changes, routing, [silence], end=END)
    without = pages_of(changes, Routing(Route("{}")), [], end=END)

    assert [page.reason for page in found.pages] == ["first notification", "all alerts resolved"]
    assert (found.hushed_count, without.pages, without.unrouted_count) == (1, (), 2)


def test_labels_are_read_as_csv_and_as_json() -> None:
    found = incidents_in(b"from,to,tenant\na,b,blue\nc,d,\n")

    assert [one.get("tenant") for one in found] == ["blue", None]
    assert incidents_in(b'[{"from": "a", "to": "b", "code": "c"}]') == [{"from": "a", "to": "b", "code": "c"}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"from,to,who\na,b,c\n", "Label 1 has 'who'", id="unknown column"),
        pytest.param(b"from,to\na,\n", "needs `from` and `to`", id="no end"),
        pytest.param(b"[1]", "Label 1 has", id="no objects"),
        pytest.param(b"[{]", "Expecting", id="no JSON"),
    ],
)
def test_a_wrong_label_is_named(text: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        incidents_in(text)


@pytest.mark.parametrize("budget", [Budget(10**9, 999), Budget(1_999, 10**6)])
def test_what_would_take_too_much_is_refused_by_name(budget: Budget) -> None:
    with pytest.raises(BacktestTooLargeError, match="slow reads 10 subjects over 100 steps"):
        budget.take("slow", 10, 100, rule_count=2, bucket_count=0)
