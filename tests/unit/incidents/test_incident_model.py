"""States of incidents, times, likeness: the pure parts."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.paging.conftest import make_alert

from tidegate.alerts import Severity
from tidegate.alerts.incidents.model import (
    MAX_ENTRIES,
    MAX_TITLE,
    EntryKind,
    EventKind,
    Incident,
    IncidentId,
    IncidentSeverity,
    IncidentState,
    Move,
    TimelineEntry,
    likeness_of,
    moved,
    opened,
    timeline_of,
    with_alerts,
)
from tidegate.alerts.model import Alert
from tidegate.kernel import WorkspaceId

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
M = timedelta(minutes=1)
OPEN, ACKNOWLEDGED, MITIGATED, RESOLVED = IncidentState


def alert(
    number: int = 1, *, code: str = "run_failure_rate_high", service: str = "api", tenant: str | None = None,
    severity: Severity = Severity.P1, at: datetime = START,
) -> Alert:  # fmt: skip
    return make_alert(WorkspaceId("w"), f"alr_{number}", code, severity, service, tenant, at=at)


def incident(*alerts: Alert, **said: object) -> Incident:
    made, _ = opened(IncidentId("inc_1"), alerts or [alert()], at=START + 2 * M, by="usr_one", **said)  # type: ignore[arg-type]
    return made


def after(*moves: Move) -> Incident:
    stands = incident()
    for number, move in enumerate(moves, 1):
        taken = moved(stands, move, at=START + (2 + number) * M, by="usr_one")
        assert taken is not None
        stands = taken[0]
    return stands


@pytest.mark.parametrize(
    ("way", "possible"),
    [
        ((), {Move.ACKNOWLEDGE, Move.MITIGATE, Move.RESOLVE}),
        ((Move.ACKNOWLEDGE,), {Move.MITIGATE, Move.RESOLVE}),
        ((Move.MITIGATE,), {Move.RESOLVE, Move.REOPEN}),
        ((Move.RESOLVE,), {Move.REOPEN}),
        ((Move.RESOLVE, Move.REOPEN), {Move.ACKNOWLEDGE, Move.MITIGATE, Move.RESOLVE}),
    ],
)
def test_each_state_allows_what_the_table_says(way: tuple[Move, ...], possible: set[Move]) -> None:
    stands = after(*way)
    assert {move for move in Move if moved(stands, move, at=START, by="x") is not None} == possible


def test_the_first_acknowledgement_stays_and_reopening_takes_the_end_away() -> None:
    stands = after(Move.ACKNOWLEDGE, Move.MITIGATE, Move.RESOLVE, Move.REOPEN, Move.ACKNOWLEDGE)
    assert (stands.state, stands.sequence, stands.reopened_count) == (ACKNOWLEDGED, 6, 1)
    assert (stands.time_to_acknowledge, stands.time_to_resolve) == (3 * M, None)
    assert (stands.mitigated_at, stands.resolved_at) == (None, None)


def test_who_resolves_what_nobody_acknowledged_acknowledges_it() -> None:
    stands = after(Move.RESOLVE)
    assert stands.time_to_acknowledge == stands.time_to_resolve == 3 * M


def test_a_clock_that_was_set_back_dates_no_event_before_the_last_one() -> None:
    taken = moved(incident(), Move.ACKNOWLEDGE, at=START - 60 * M, by="x")
    assert taken is not None
    assert taken[1].at == START + 2 * M


def test_what_is_not_said_is_taken_from_the_alerts() -> None:
    made = incident(alert(2, severity=Severity.P2, service="web", tenant="b", at=START - M), alert(1, tenant="a"))
    assert made.title == "run_failure_rate_high on api and 1 more"
    assert (made.severity, made.started_at) == (IncidentSeverity.P1, START - M)
    assert (made.services, made.tenants, made.alert_count) == (("api", "web"), ("a", "b"), 2)
    assert len(incident(alert(code="x" * 900), alert(2)).title) <= MAX_TITLE
    assert incident(alert(service="")).title.endswith("a service without a name")


def test_more_alerts_move_its_start_back_and_never_forward() -> None:
    more = with_alerts(incident(), [alert(2, at=START - 5 * M), alert(3, at=START + 9 * M)])
    assert (more.started_at, more.alert_count) == (START - 5 * M, 3)


@pytest.mark.parametrize(
    ("other", "score"),
    [
        ({"code": "run_failure_rate_high", "service": "api", "tenant": "a"}, 1.0),
        ({"code": "run_failure_rate_high", "service": "web", "tenant": "b"}, 3 / 6),
        ({"code": "other", "service": "api", "tenant": None}, 2 / 6),
        ({"code": "other", "service": "web", "tenant": "a"}, 1 / 6),
        ({"code": "other", "service": "web", "tenant": "b"}, 0.0),
    ],
)
def test_likeness_is_shared_over_all_weighted(other: dict[str, str | None], score: float) -> None:
    theirs = incident(alert(2, **other))  # type: ignore[arg-type]
    assert likeness_of(incident(alert(tenant="a")), theirs).score == pytest.approx(score)


def test_what_neither_names_does_not_count() -> None:
    assert likeness_of(incident(alert()), incident(alert(2))).score == 1.0


def line(number: int, at: datetime) -> TimelineEntry:
    return TimelineEntry(f"alr_1/{number}", EntryKind.ALERT, at, "Fired", "")


def test_a_timeline_that_is_too_long_keeps_every_step_of_the_incident_and_says_so() -> None:
    own = [TimelineEntry("inc_1/2", EntryKind.INCIDENT, START + 9_999 * M, "Incident resolved", "")]
    others = [line(number, START + number * M) for number in range(MAX_ENTRIES + 1)]
    kept, is_whole = timeline_of(own, others[::-1])
    assert (len(kept), kept[-1], is_whole) == (MAX_ENTRIES + 1, own[0], False)
    assert timeline_of(own, others[:3])[1]


def test_lines_of_one_moment_stand_as_they_were_recorded() -> None:
    others = [line(number, START) for number in (1, 2, 10)]
    opened_at = TimelineEntry("inc_1/1", EntryKind.INCIDENT, START, "Incident opened", "")
    assert [entry.source for entry in timeline_of([opened_at], others)[0]] == [
        "alr_1/1", "alr_1/2", "alr_1/10", "inc_1/1",
    ]  # fmt: skip
    assert EventKind.OPENED == "opened"
