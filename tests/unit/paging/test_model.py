"""Times, matchers, routes and names: the pure parts."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.alerts.paging.errors import MatcherInvalidError
from tidegate.alerts.paging.model import (
    Matcher,
    Silence,
    Span,
    TimeInterval,
    fingerprint_of,
    group_key_of,
    matched_routes,
    matches,
    member_key_of,
    next_change,
    parse_matcher,
    stable_id,
)
from tidegate.alerts.paging.routing_files import parse_routing, routing_of
from tidegate.alerts.paging.service.hushing import silenced_by

M, H = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("days", "on", "holds"),
    [
        (Span(29, 29), "2028-02-29", True),
        (Span(29, 29), "2026-02-28", False),
        (Span(-1, -1), "2028-02-29", True),
        (Span(-1, -1), "2028-02-28", False),
        (Span(-3, -1), "2026-02-26", True),
        (Span(28, 31), "2026-02-28", True),
        (Span(15, -1), "2026-04-30", True),
        (Span(1, 5), "2026-04-06", False),
    ],
)
def test_days_count_from_either_end_of_a_month(days: Span, on: str, *, holds: bool) -> None:
    interval = TimeInterval(days_of_month=(days,))
    assert interval.holds(datetime.fromisoformat(f"{on}T12:00:00+00:00")) is holds


@pytest.mark.parametrize(
    ("after", "changes_at"),
    [
        ("2026-03-29T00:00", "2026-03-29T01:00"),  # 02:00 to 03:00 does not exist: what begins at 02:30 begins at 03:00
        ("2026-10-25T00:00", "2026-10-25T00:30"),  # the first 02:30
        ("2026-10-25T00:45", "2026-10-25T01:00"),  # the second 02:00
        ("2026-10-25T01:10", "2026-10-25T01:30"),  # the second 02:30
        ("2026-06-01T00:00", "2026-06-01T00:30"),
    ],
)
def test_times_are_those_on_the_wall_when_clocks_are_set(after: str, changes_at: str) -> None:
    interval = TimeInterval(minutes=(Span(150, 209),), location="Europe/Berlin")
    found = next_change((interval,), datetime.fromisoformat(f"{after}:00+00:00"))
    assert found == datetime.fromisoformat(f"{changes_at}:00+00:00")


def test_what_never_changes_is_looked_at_again_after_a_day() -> None:
    now = datetime(2028, 2, 28, 12, 0, 30, tzinfo=UTC)
    assert next_change((TimeInterval(),), now) == datetime(2028, 2, 29, 12, 0, tzinfo=UTC)


def test_a_maintenance_window_is_walked_once_however_many_alerts_it_keeps_back() -> None:
    window = tuple(TimeInterval(weekdays=(Span(day, day),), location="Europe/Berlin") for day in range(7))
    now = datetime(2026, 3, 2, 9, 30, 17, tzinfo=UTC)
    silence = Silence(
        "sil_1", (parse_matcher('service="api"'),), "known", now, now + 48 * H, "usr_one", now, recurring=window
    )
    begun = time.process_time()
    for _ in range(300):
        assert silenced_by([silence], {"service": "api"}, has_tolerance=True, now=now) is not None
    assert time.process_time() - begun < 1  # walked for each of them: above 5 s


@pytest.mark.parametrize(
    ("text", "labels", "fits"),
    [
        ("severity=P1", {"severity": "P1"}, True),
        ('tenant=""', {}, True),
        ('tenant!="acme"', {}, True),
        ('tenant=~"ac"', {"tenant": "acme"}, False),
        ('tenant=~"acme|blue"', {"tenant": "blue"}, True),
        ('tenant!~"a.*"', {"tenant": "acme"}, False),
        (r'tenant="a\"b\\c"', {"tenant": 'a"b\\c'}, True),
    ],
)
def test_matchers_mean_what_alertmanager_means(text: str, labels: dict[str, str], *, fits: bool) -> None:
    matcher = parse_matcher(text)
    assert matches([matcher], labels) is fits
    assert parse_matcher(str(matcher)) == matcher


@pytest.mark.parametrize("text", ["", "a", "1a=b", 'a="b', "a=~[", "a=" + "x" * 600, 'a="\0"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(MatcherInvalidError):
        parse_matcher(text)


def test_an_expression_that_would_explode_is_answered_at_once() -> None:
    assert not Matcher.matches(parse_matcher('tenant=~"(a*)*b"'), {"tenant": "a" * 50_000})


def test_an_alert_ends_at_the_deepest_routes_that_fit() -> None:
    routing, body = parse_routing(b"""
        route:
          receiver: root
          group_by: [alertname]
          routes:
          - {matchers: [severity=P1], receiver: [one, two], continue: true,
             routes: [{matchers: [tenant=acme], group_wait: 5s}]}
          - {matchers: [severity=P1], receiver: three}
          - {matchers: [severity=~"P."], receiver: four}
    """)
    found = matched_routes(routing.root, {"severity": "P1", "tenant": "acme"})
    assert [each.route.channels for each in found] == [("one", "two"), ("three",)]
    assert found[0].path == ("{}", '{}/{severity="P1"}', '{}/{severity="P1"}/{tenant="acme"}')
    assert found[1].route.id == '{}/{severity="P1"}#2'
    assert [each.route.channels for each in matched_routes(routing.root, {})] == [("root",)]
    assert routing_of(body) == routing


def test_names_are_those_that_others_compute_and_members_have_no_twins() -> None:
    assert fingerprint_of({}) == "cbf29ce484222325"
    assert fingerprint_of({"a": "b", "c": "d"}) == fingerprint_of({"c": "d", "a": "b"})
    assert group_key_of("{}", {"b": "x", "a": 'y"'}) == '{}:{a="y\\"", b="x"}'
    assert member_key_of({"a": "b"}) != member_key_of({"a": "c"})
    assert stable_id("msg", "a", 1) == stable_id("msg", "a", 1) != stable_id("msg", "a1")
