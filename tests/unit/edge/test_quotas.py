"""How quotas are counted, and which of them holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.edge.allowance import Allowance
from tidegate.edge.caller import Caller, Scope
from tidegate.edge.limits import RequestLimits
from tidegate.edge.problems import problem_of
from tidegate.edge.quotas import NOTHING_SET, Debts, Minutes, Quota, QuotaExceededError, QuotasSet
from tidegate.kernel import WorkspaceId
from tidegate.testing import FakeClock

SPANS, REQUESTS = Quota.SPANS_PER_DAY, Quota.REQUESTS_PER_MINUTE
KEY = ("acme", "")
OF_SPANS = ("acme", "", Quota.SPANS_PER_SECOND)


@pytest.mark.parametrize(
    ("found", "amount"),
    [
        pytest.param(NOTHING_SET, 100, id="the default of the server"),
        pytest.param(QuotasSet(ceilings={SPANS: 500}), 500, id="the operator raises"),
        pytest.param(QuotasSet(ceilings={SPANS: None}), None, id="the operator lifts"),
        pytest.param(QuotasSet(own={SPANS: 20}), 20, id="an admin lowers"),
        pytest.param(QuotasSet(own={SPANS: 200}), 100, id="an admin never raises"),
        pytest.param(QuotasSet(ceilings={SPANS: None}, own={SPANS: 20}), 20, id="an admin limits what is lifted"),
        pytest.param(QuotasSet(ceilings={SPANS: 10}, own={SPANS: 20}), 10, id="the operator lowers it afterwards"),
    ],
)
def test_the_operator_says_how_much_at_most_and_an_admin_lowers_it(found: QuotasSet, amount: int | None) -> None:
    assert found.of_workspace(SPANS, {SPANS: 100}) == amount


def test_a_token_is_held_to_its_own_and_to_that_of_its_workspace() -> None:
    found = QuotasSet(token={SPANS: 5})
    assert list(found.in_force(SPANS, "tok_1", {SPANS: 100})) == [("tok_1", 5), ("", 100)]
    assert list(found.in_force(Quota.LOGS_PER_DAY, "tok_1", {})) == []


@given(
    steps=st.lists(st.tuples(st.floats(0, 50, allow_nan=False), st.integers(1, 40)), max_size=30),
    amount=st.integers(1, 30),
)
def test_no_minute_of_the_clock_has_more_than_the_amount(steps: list[tuple[float, int]], amount: int) -> None:
    minutes, now_s, passed = Minutes(), 1_000_000_000.0, {}
    for later_s, wishes in steps:
        now_s += later_s
        for _ in range(wishes):
            wait_s = minutes.take(KEY, amount, now_s)
            if not wait_s:
                passed[now_s // 60] = passed.get(now_s // 60, 0) + 1
            else:
                assert 0 < wait_s <= 120
    assert all(count <= amount for count in passed.values())


def test_who_waits_as_long_as_it_is_told_is_let_in() -> None:
    minutes, now_s = Minutes(), 1_000_000_030.0
    for _ in range(6):
        assert not minutes.take(KEY, 6, now_s)
    wait_s = minutes.take(KEY, 6, now_s)
    assert minutes.take(KEY, 6, now_s + wait_s - 1)
    assert not minutes.take(KEY, 6, now_s + wait_s + 0.001)
    assert not minutes.take(("other", ""), 6, now_s)


def test_a_body_larger_than_the_rate_goes_in_and_is_paid_for_by_waiting() -> None:
    debts = Debts()
    assert not debts.wait_s(OF_SPANS, 10, 0)
    debts.take(OF_SPANS, 10, 512, 0)
    assert debts.wait_s(OF_SPANS, 10, 0) == pytest.approx(41.2)
    assert debts.wait_s(OF_SPANS, 10, 41)
    assert not debts.wait_s(OF_SPANS, 10, 41.3)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 300)), min_size=1, max_size=60))
def test_in_the_long_run_the_rate_holds(bodies: list[tuple[float, int]]) -> None:
    debts, now_s, let_in, largest = Debts(), 0.0, 0, 0
    for later_s, count in bodies:
        now_s += later_s
        if not debts.wait_s(OF_SPANS, 20, now_s):
            debts.take(OF_SPANS, 20, count, now_s)
            let_in, largest = let_in + count, max(largest, count)
    assert let_in <= 20 * (now_s + 10) + largest


def test_who_asked_longest_ago_is_forgotten_when_there_are_too_many() -> None:
    minutes = Minutes()
    for number in range(10_050):
        minutes.take((f"w{number}", ""), 1, 1_000_000_000)
    assert len(minutes._counted) == 10_000


def test_requests_are_held_to_the_quota_of_the_token_then_to_that_of_the_workspace() -> None:
    clock, refused = FakeClock(), []
    limits = RequestLimits(
        clock, Allowance(0, 0, 0), quotas={REQUESTS: 3}, on_refused=lambda *which: refused.append(which)
    )
    narrow = Caller(WorkspaceId("acme"), Scope.READ, "tok_1", by_session=False, quotas=QuotasSet(token={REQUESTS: 1}))
    wide = Caller(WorkspaceId("acme"), Scope.READ, "tok_2", by_session=False)
    limits.take(narrow)
    with pytest.raises(QuotaExceededError, match=r"This token may have 1 requests a minute"):
        limits.take(narrow)
    limits.take(wide)
    limits.take(wide)
    with pytest.raises(QuotaExceededError, match=r"This workspace may have 3 requests a minute"):
        limits.take(wide)
    limits.take(Caller(WorkspaceId("other"), Scope.READ, "tok_3", by_session=False))
    assert refused == [("acme", "tok_1", REQUESTS), ("acme", "", REQUESTS)]


@pytest.mark.parametrize(
    ("wait_s", "when", "header"),
    [(0.1, "in 1 s", "1"), (59.5, "in 60 s", "60"), (600, "in 10 min", "600"), (36_001, "in 10 h 1 min", "36001")],
)
def test_a_refusal_names_the_quota_and_says_when_and_what_to_do(wait_s: float, when: str, header: str) -> None:
    error = QuotaExceededError(SPANS, subject="", amount=1_000_000, retry_after_s=wait_s)
    status, headers, body = problem_of(error, request_id="req-1")
    assert (status, headers["retry-after"], body["code"], body["quota"]) == (
        429, header, "quota_exceeded", "spans_per_day",
    )  # fmt: skip
    assert "1,000,000 spans a day" in body["detail"]
    assert when in body["detail"]
    assert "tidegate limits" in body["detail"]
