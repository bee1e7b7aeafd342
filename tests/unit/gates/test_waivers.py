"""What waivers let through, and what they never do."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from tests.unit.gates.fakes import NOW

from tidegate.gates.model import (
    ApprovalSpec,
    Check,
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Gate,
    SignalSpec,
    Verdict,
    Waiver,
    judge,
)
from tidegate.kernel import GateId, ReleaseId
from tidegate.releases import Release, ReleaseService
from tidegate.signals import Family

HOUR = timedelta(hours=1)
RELEASE = Release(ReleaseId("rel_1"), "7", "production", (ReleaseService("harbor", "7", "c0ffee"),), NOW, True)
SPEC = SignalSpec(Family.AUTH, HOUR, "failureRate < 0.2", None, 20, None, None, is_release_only=False)
OF_TENANT = replace(SPEC, tenant="acme")
BLOCKING = [one for one in CheckOutcome if one not in {"passed", "warned", "waived"}]


def check_of(spec: CheckSpec = SPEC, *, required: bool = True) -> Check:
    return Check("rate", "Rate", "sre", spec, required=required)


def waiver_of(check: Check, **changes: object) -> Waiver:
    given = Waiver(
        id="wvr_1",
        gate_id=GateId("g"),
        check_id=check.id,
        question=check.question,
        release_id=None,
        release_name=None,
        tenant=None,
        owner="ann",
        reason="known since March",
        outcome="failed",
        given_by="usr_ann",
        given_at=NOW - HOUR,
        expires_at=NOW + HOUR,
    )
    return replace(given, **changes)  # type: ignore[arg-type]  # each test names fields that there are


def verdict_with(check: Check, outcome: CheckOutcome, *waivers: Waiver, **gate: object) -> Verdict:
    asked = Gate(GateId("g"), "G", "sre", (check,), "sha256:0", 1, **gate)  # type: ignore[arg-type]  # the same
    result = CheckResult(check, outcome, "It is so.", NOW)
    return judge(asked, RELEASE, [result], now=NOW, waivers=waivers).verdict


@pytest.mark.parametrize("outcome", BLOCKING)
def test_a_waiver_lets_a_check_through_and_its_true_outcome_stays_beside(outcome: CheckOutcome) -> None:
    check = check_of()
    result = CheckResult(check, outcome, "It is so.", NOW)
    gate = Gate(GateId("g"), "G", "sre", (check,), "sha256:0", 1)
    judged = judge(gate, RELEASE, [result], now=NOW, waivers=[waiver_of(check)])
    assert judged.verdict is Verdict.GO
    assert (
        judged.sentence == "GO with 1 waiver: 7 passed 0 of 1 required checks; it blocks again at 2026-02-07 15:02 UTC."
    )
    (waived,) = judged.results
    assert waived.outcome is CheckOutcome.WAIVED
    assert waived.waived is not None
    assert waived.waived.outcome is outcome
    assert f"in truth it is {outcome}: It is so." in waived.reason
    assert waived.stale_after == NOW + HOUR


@pytest.mark.parametrize("offset_h", [-12, -5, 0, 2, 14])
def test_an_expired_waiver_in_another_time_zone_blocks_again(offset_h: int) -> None:
    """Known hole: an end read without its offset, or as a day of somewhere else, holds a gate open for hours."""
    zone = timezone(timedelta(hours=offset_h))
    check = check_of()
    over = waiver_of(check, expires_at=NOW.astimezone(zone))
    assert over.expires_at.isoformat().startswith("2026-02-0")
    assert verdict_with(check, CheckOutcome.FAILED, over) is Verdict.NO_GO
    for_a_moment = waiver_of(check, expires_at=(NOW + timedelta(microseconds=1)).astimezone(zone))
    assert verdict_with(check, CheckOutcome.FAILED, for_a_moment) is Verdict.GO


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"check_id": "other"}, id="another check"),
        pytest.param({"gate_id": GateId("other")}, id="another gate"),
        pytest.param({"release_id": ReleaseId("rel_2")}, id="another release"),
        pytest.param({"tenant": "acme"}, id="a tenant, of a check that asks about all"),
        pytest.param({"question": "sha256:1"}, id="a check that asks something else since"),
        pytest.param({"is_intact": False}, id="altered after it was given"),
        pytest.param({"ended_at": NOW}, id="ended before its time"),
        pytest.param({"given_at": NOW + HOUR}, id="given by a clock that is ahead"),
    ],
)
def test_a_waiver_lets_nothing_else_through(changes: dict[str, object]) -> None:
    check = check_of()
    assert verdict_with(check, CheckOutcome.FAILED, waiver_of(check, **changes)) is Verdict.NO_GO


def test_a_waiver_of_one_tenant_is_for_the_check_that_asks_about_it() -> None:
    check = check_of(OF_TENANT)
    assert verdict_with(check, CheckOutcome.FAILED, waiver_of(check, tenant="acme")) is Verdict.GO
    assert verdict_with(check, CheckOutcome.FAILED, waiver_of(check, tenant="beta")) is Verdict.NO_GO


def test_an_approval_is_never_waived() -> None:
    check = check_of(ApprovalSpec(("security",), 1))
    assert verdict_with(check, CheckOutcome.MISSING, waiver_of(check)) is Verdict.HOLD


def test_what_passes_by_itself_takes_no_waiver_and_the_longest_of_several_counts() -> None:
    check = check_of()
    gate = Gate(GateId("g"), "G", "sre", (check,), "sha256:0", 1)
    waivers = [waiver_of(check), waiver_of(check, id="wvr_2", expires_at=NOW + 3 * HOUR)]
    passed = judge(gate, RELEASE, [CheckResult(check, CheckOutcome.PASSED, "Well.", NOW)], now=NOW, waivers=waivers)
    assert passed.waivers == ()
    failed = judge(gate, RELEASE, [CheckResult(check, CheckOutcome.FAILED, "Bad.", NOW)], now=NOW, waivers=waivers)
    assert [waiver.id for waiver in failed.waivers] == ["wvr_2"]
    assert failed.fingerprint != passed.fingerprint


def test_a_warning_that_holds_the_gate_can_be_waived_and_one_that_does_not_needs_none() -> None:
    check = check_of()
    waiver = waiver_of(check)
    assert verdict_with(check, CheckOutcome.WARNED, holds_on_warning=True) is Verdict.HOLD
    assert verdict_with(check, CheckOutcome.WARNED, waiver, holds_on_warning=True) is Verdict.GO


def test_waivers_replace_neither_a_release_nor_a_readable_file() -> None:
    check = check_of()
    waiver = waiver_of(check)
    assert verdict_with(check, CheckOutcome.FAILED, waiver, problem="altered.") is Verdict.HOLD
    gate = Gate(GateId("g"), "G", "sre", (check,), "sha256:0", 1)
    assert judge(gate, None, [], now=NOW, waivers=[waiver]).verdict is Verdict.HOLD


def test_the_digest_says_what_was_given_whatever_offset_its_end_was_written_with() -> None:
    waiver = waiver_of(check_of())
    elsewhere = replace(waiver, expires_at=waiver.expires_at.astimezone(timezone(timedelta(hours=9))))
    assert elsewhere.digest == waiver.digest
    assert replace(waiver, expires_at=waiver.expires_at + HOUR).digest != waiver.digest
