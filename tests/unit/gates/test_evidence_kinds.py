"""What each kind of check asks of the content of evidence; known ways in which gates pass by accident hold here."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.gates.records import (
    AT_COMMIT,
    DAY,
    HOUR,
    NOW,
    OF_RELEASE,
    check_of,
    deleted,
    dependency,
    facts_of,
    judge,
    k6,
    outcome,
    rehearsal,
    sarif,
    standing,
)

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.gates import Check, CheckOutcome, CheckResult
from tidegate.gates.errors import GateFileInvalidError

PASSED, FAILED, MISSING = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.MISSING
INCONCLUSIVE, WARNED, PENDING = CheckOutcome.INCONCLUSIVE, CheckOutcome.WARNED, CheckOutcome.PENDING
ERROR: dict[str, Any] = {"level": "error", "ruleId": "xss", "message": {"text": "m"}}


def said(check: Check, kind: str, content: dict[str, Any] | bytes, **changes: Any) -> CheckResult:
    return judge(check, [standing(facts_of(kind, content, **changes))])


SCAN = check_of("scan", format="sarif")
TRUSTING = check_of("scan", format="sarif", trustUnknownExecution=True)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param(sarif(), PASSED, id="nothing found by a tool that ran"),
        pytest.param(sarif(ERROR), FAILED, id="a new error"),
        pytest.param(sarif({**ERROR, "level": "warning"}), PASSED, id="a warning"),
        pytest.param(sarif({**ERROR, "suppressions": [{"kind": "external"}]}), PASSED, id="suppressed"),
        pytest.param(
            sarif({**ERROR, "suppressions": [{"kind": "external", "status": "underReview"}]}),
            FAILED,
            id="not yet accepted",
        ),
        pytest.param(sarif({**ERROR, "baselineState": "unchanged"}), PASSED, id="known before"),
        pytest.param(sarif({**ERROR, "baselineState": "updated"}), FAILED, id="known and changed"),
        pytest.param(sarif({**ERROR, "kind": "review", "level": "none"}), INCONCLUSIVE, id="nobody decided"),
        pytest.param(sarif(said=False), CheckOutcome.ERROR, id="SARIF whose tool failed"),
        pytest.param(sarif(ERROR, said=False), FAILED, id="found before its tool failed"),
        pytest.param(sarif(said=None), INCONCLUSIVE, id="empty results, and no invocation"),
        pytest.param(sarif(results=None), INCONCLUSIVE, id="no list of results"),
        pytest.param({"version": "2.1.0", "runs": []}, MISSING, id="no run"),
    ],
)
def test_a_scan_passes_only_when_its_tool_ran_and_found_nothing_new(
    log: dict[str, Any], expected: CheckOutcome
) -> None:
    assert said(SCAN, "sarif", log).outcome is expected


def test_a_finding_is_said_with_its_number_bound_and_place() -> None:
    place = {"physicalLocation": {"artifactLocation": {"uri": "a.js"}, "region": {"startLine": 3}}}
    judged = said(SCAN, "sarif", sarif({**ERROR, "locations": [place]}, ERROR))
    assert judged.reason == (
        "The sarif 'T' has 2 new unsuppressed findings of level error or worse (allowed 0), first xss in a.js:3."
    )
    assert judged.value == "2 new of level error or worse"
    assert judged.bound == "new unsuppressed findings of level error or worse: at most 0, not older than 1d"


def test_a_log_whose_tool_does_not_say_that_it_ran_is_taken_only_where_the_gate_says_so() -> None:
    held = said(SCAN, "sarif", sarif(said=None))
    assert "does not say whether its tool ran to its end (lint: No invocation says" in held.reason
    assert held.step is not None
    assert "`trustUnknownExecution: true` in the gate file: tidegate evidence add FILE --kind sarif" in held.step
    assert said(TRUSTING, "sarif", sarif(said=None)).outcome is PASSED
    assert said(TRUSTING, "sarif", sarif(ERROR, said=None)).outcome is FAILED
    assert said(TRUSTING, "sarif", sarif(results=None)).outcome is INCONCLUSIVE
    assert said(TRUSTING, "sarif", sarif(said=False)).outcome is CheckOutcome.ERROR


def test_the_bound_of_a_scan_is_a_level_and_a_count() -> None:
    warning = sarif({**ERROR, "level": "warning"})
    assert said(check_of("scan", format="sarif", level="warning"), "sarif", warning).outcome is FAILED
    assert said(check_of("scan", format="sarif", maxCount=1), "sarif", sarif(ERROR)).outcome is PASSED


def bom(*ratings: str, state: str | None = None, components: int = 1, **changes: Any) -> dict[str, Any]:
    analysis = {"analysis": {"state": state}} if state else {}
    vulnerabilities = [{"id": "CVE-1", "ratings": [{"severity": each}], **analysis} for each in ratings]
    made = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"type": "library", "name": "a"}] * components,
        "vulnerabilities": vulnerabilities, **changes,
    }  # fmt: skip
    return {key: value for key, value in made.items() if value is not None}


@pytest.mark.parametrize(
    ("bill", "expected"),
    [
        pytest.param(bom(), PASSED, id="nothing found"),
        pytest.param(bom("high"), FAILED, id="high"),
        pytest.param(bom("medium"), PASSED, id="below the bound"),
        pytest.param(bom("unknown"), FAILED, id="unknown is as bad as any"),
        pytest.param(bom("critical", state="not_affected"), PASSED, id="assessed as not affected"),
        pytest.param(bom("critical", state="in_triage"), FAILED, id="still looked at"),
        pytest.param(bom(vulnerabilities=None), INCONCLUSIVE, id="nobody looked"),
        pytest.param(bom(components=0), MISSING, id="an empty bill"),
    ],
)
def test_a_bill_passes_only_when_somebody_looked_and_nothing_is_open(
    bill: dict[str, Any], expected: CheckOutcome
) -> None:
    assert said(check_of("scan", format="cyclonedx"), "cyclonedx", bill).outcome is expected


LOAD = check_of("load", p95Ms=100)
CROSSED = {"p(95)<50": {"ok": False}}


@pytest.mark.parametrize(
    ("check", "run", "expected"),
    [
        pytest.param(LOAD, k6(), PASSED, id="met"),
        pytest.param(check_of("load", p95Ms=79), k6(), FAILED, id="too slow"),
        pytest.param(LOAD, k6(rate=0.02), FAILED, id="too many failures"),
        pytest.param(LOAD, k6(thresholds=CROSSED), FAILED, id="crossed its own threshold"),
        pytest.param(LOAD, k6(count=0), MISSING, id="no request"),
        pytest.param(LOAD, k6(count=99), INCONCLUSIVE, id="too few requests"),
        pytest.param(check_of("load", thresholds="required"), k6(), INCONCLUSIVE, id="no objective of its own"),
        pytest.param(
            check_of("load", thresholds="required"),
            k6(thresholds={"p(95)<500": {"ok": True}}),
            PASSED,
            id="kept its own",
        ),
        pytest.param(check_of("load", minRequestsPerS=51), k6(), FAILED, id="too little load"),
        pytest.param(check_of("load", p95Ms=100, minDurationS=60), k6(), FAILED, id="too short"),
    ],
)
def test_a_load_run_passes_only_when_it_met_what_is_asked(
    check: Check, run: dict[str, Any], expected: CheckOutcome
) -> None:
    assert said(check, "load", run, subject=OF_RELEASE).outcome is expected


def test_a_run_of_a_format_without_thresholds_and_percentiles_is_not_known_to_have_met_them() -> None:
    facts = facts_of("load", k6(), subject=OF_RELEASE)
    for missing in ({"p95Ms": None}, {"failureRatio": float("nan")}, {"failureRatio": None}, {"requestCount": None}):
        assert judge(LOAD, [unread(facts, **missing)]).outcome is INCONCLUSIVE
    unknown = unread(facts, thresholdCount=None, crossedCount=None)
    assert judge(check_of("load", thresholds="required"), [unknown]).outcome is INCONCLUSIVE
    assert judge(LOAD, [unknown]).outcome is PASSED


def unread(facts: Any, **changes: Any) -> Any:
    """Return a standing whose summary says something else than any reader writes."""
    made = standing(facts)
    assert made.record is not None
    return replace(made, record=replace(made.record, summary={**made.record.summary, **changes}))


def test_a_load_check_without_an_objective_is_refused() -> None:
    with pytest.raises(GateFileInvalidError, match="Every run would pass"):
        check_of("load")


ROLLBACK = check_of("rollback_proof", environment="staging", maxRecoveryS=60)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, PASSED, id="rehearsed"),
        pytest.param({"outcome": "failed"}, FAILED, id="failed"),
        pytest.param({"outcome": "aborted"}, FAILED, id="aborted"),
        pytest.param(
            {"steps": [{"name": "a", "outcome": "failed"}]}, FAILED, id="said to have passed, with a failed step"
        ),
        pytest.param(
            {"steps": [{"name": "a", "outcome": "skipped"}]}, INCONCLUSIVE, id="a skipped step reported as success"
        ),
        pytest.param({"steps": []}, MISSING, id="no step"),
        pytest.param({"recoveryS": 61}, FAILED, id="too slow"),
        pytest.param({"recoveryS": None}, INCONCLUSIVE, id="nobody measured how long it took"),
        pytest.param({"environment": "laptop"}, INCONCLUSIVE, id="elsewhere"),
        pytest.param({"fromVersion": "5"}, INCONCLUSIVE, id="of another version"),
        pytest.param({"toVersion": None}, INCONCLUSIVE, id="to nowhere"),
        pytest.param({"gaps": [{"gap": "no alert"}]}, INCONCLUSIVE, id="a gap without an owner"),
        pytest.param({"gaps": [{"gap": "no alert", "owner": "sre"}]}, PASSED, id="a gap with an owner"),
        pytest.param(
            {"startedAt": "2026-01-01T11:00:00Z", "finishedAt": "2026-01-01T12:00:00Z"},
            CheckOutcome.STALE,
            id="long ago",
        ),
        pytest.param({"finishedAt": "2026-02-09T12:00:00Z"}, INCONCLUSIVE, id="ended after it was received"),
    ],
)
def test_a_rollback_is_proven_by_a_rehearsal_of_this_release(changes: dict[str, Any], expected: CheckOutcome) -> None:
    assert said(ROLLBACK, "rollback-proof", rehearsal(**changes), subject=OF_RELEASE).outcome is expected


def test_a_passed_rehearsal_says_where_how_many_and_how_fast() -> None:
    judged = said(ROLLBACK, "rollback-proof", rehearsal(), subject=OF_RELEASE)
    assert judged.reason == (
        "The rollback-proof 'T' passed 2 of 2 steps in staging, recovered in 42 s, received 1 h ago (limit 14d)."
    )
    assert judged.stale_after == NOW - 2 * HOUR + 14 * DAY


def test_a_drill_is_asked_for_by_its_name() -> None:
    check = check_of("drill", drill="kill-switch", maxRecoveryS=60)
    record = rehearsal(drill="kill-switch", fromVersion=None, toVersion=None)
    assert said(check, "drill", record, title="kill-switch", subject=OF_RELEASE).outcome is PASSED
    assert said(check, "drill", record, title="restore", subject=OF_RELEASE).outcome is MISSING
    mislabelled = said(check, "drill", rehearsal(drill="restore"), title="kill-switch", subject=OF_RELEASE)
    assert mislabelled.outcome is INCONCLUSIVE
    missing = judge(check, [])
    assert missing.step is not None
    assert "--kind drill --title kill-switch --owner OWNER --release 7.0" in missing.step


DEPENDENCY = check_of("dependency", to="frontend")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, PASSED, id="received"),
        pytest.param({"state": "accepted"}, PASSED, id="accepted"),
        pytest.param({"state": "requested"}, PENDING, id="asked for"),
        pytest.param({"state": "acknowledged", "due": "2026-02-01T00:00:00Z"}, MISSING, id="overdue, whatever it says"),
        pytest.param({"state": "overdue"}, MISSING, id="overdue"),
        pytest.param({"state": "provisional", "until": "2026-02-08T00:00:00Z"}, WARNED, id="provisional"),
        pytest.param(
            {"state": "provisional", "until": "2026-02-07T13:00:00Z"}, CheckOutcome.STALE, id="its time is over"
        ),
        pytest.param({"to": "qa"}, MISSING, id="of other roles"),
    ],
)
def test_a_dependency_is_received_or_provisional_until_a_date(changes: dict[str, Any], expected: CheckOutcome) -> None:
    assert said(DEPENDENCY, "dependency", dependency(**changes), subject=OF_RELEASE).outcome is expected


def test_a_dependency_that_was_deleted_may_have_been_of_these_roles() -> None:
    other = facts_of("dependency", dependency(to="qa"), title="other", subject=OF_RELEASE)
    good = standing(facts_of("dependency", dependency(), subject=OF_RELEASE))
    assert outcome(DEPENDENCY, good, standing(other, sequence=6)) is PASSED
    assert outcome(DEPENDENCY, good, deleted(other)) is MISSING


def env(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "tidegate.env-validation/v1", "schemaDigest": f"sha256:{'0' * 64}", "environment": "staging",
        "checked": 3, "problems": [], "unknown": [], **changes,
    }  # fmt: skip


def parity(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "tidegate.env-parity/v1", "schemaDigest": f"sha256:{'0' * 64}",
        "environments": ["staging", "production"], "compared": 3, "differences": [], **changes,
    }  # fmt: skip


def previews(*outcomes: str, repository: str = "acme/harbor") -> dict[str, Any]:
    changes = [
        {"change": str(number), "outcome": each, **({"preview": "https://p.example/"} if each == "ready" else {})}
        for number, each in enumerate(outcomes)
    ]
    return {"schema": "tidegate.preview-coverage/v1", "repository": repository, "changes": changes}


def protection(reviews: int = 1, checks: tuple[str, ...] = ("ci",), **changes: Any) -> dict[str, Any]:
    off = {"enabled": False}
    return {
        "url": "https://api.github.com/repos/acme/harbor/branches/main/protection",
        "required_status_checks": {"strict": True, "contexts": list(checks), "checks": []},
        "required_pull_request_reviews": {"required_approving_review_count": reviews},
        "enforce_admins": off, "allow_force_pushes": off, "allow_deletions": off, **changes,
    }  # fmt: skip


def junit(body: str, claims: str = "") -> bytes:
    return f"<testsuite {claims}>{body}</testsuite>".encode()


CASE, SKIPPED = '<testcase name="a"/>', '<testcase name="b"><skipped/></testcase>'
ON = {"enabled": True}
MAIN = {"branch": {"name": "main", "requiredChecks": ["ci"]}}


@pytest.mark.parametrize(
    ("kind", "fields", "content", "expected"),
    [
        pytest.param("env-validation", {}, env(), PASSED, id="valid"),
        pytest.param("env-validation", {}, env(problems=[{"name": "A", "problem": "missing"}]), FAILED, id="invalid"),
        pytest.param("env-validation", {}, env(checked=0), MISSING, id="an empty schema"),
        pytest.param("env-validation", {"environments": ["production"]}, env(), INCONCLUSIVE, id="another environment"),
        pytest.param("env-parity", {"environments": ["production"]}, parity(), PASSED, id="alike"),
        pytest.param(
            "env-parity", {}, parity(differences=[{"name": "A", "problem": "missing"}]), FAILED, id="different"
        ),
        pytest.param("env-parity", {}, parity(compared=0), MISSING, id="nothing compared"),
        pytest.param("env-parity", {"environments": ["qa"]}, parity(), INCONCLUSIVE, id="one was not compared"),
        pytest.param("preview-coverage", {}, previews("ready"), PASSED, id="covered"),
        pytest.param("preview-coverage", {}, previews("ready", "skipped"), FAILED, id="a skipped preview"),
        pytest.param(
            "preview-coverage", {"minCoverage": 0.5}, previews("ready", "skipped"), PASSED, id="half is enough"
        ),
        pytest.param("preview-coverage", {}, previews(), MISSING, id="zero changes"),
        pytest.param(
            "preview-coverage", {}, previews("ready", repository="a/b"), INCONCLUSIVE, id="previews of another"
        ),
        pytest.param("repository-settings", MAIN, protection(), PASSED, id="protected"),
        pytest.param("repository-settings", {}, {"message": "Branch not protected"}, FAILED, id="not protected"),
        pytest.param("repository-settings", {}, protection(reviews=0), FAILED, id="no review"),
        pytest.param("repository-settings", MAIN, protection(checks=()), FAILED, id="a check that is not required"),
        pytest.param("repository-settings", {}, protection(allow_force_pushes=ON), FAILED, id="force pushes"),
        pytest.param("repository-settings", {}, protection(allow_deletions=None), INCONCLUSIVE, id="not said"),
        pytest.param("repository-settings", {"branch": {"enforcedForAdmins": True}}, protection(), FAILED, id="admins"),
        pytest.param(
            "repository-settings", {"branch": {"name": "next"}}, protection(), INCONCLUSIVE, id="another branch"
        ),
        pytest.param("test-report", {}, junit(CASE), PASSED, id="green"),
        pytest.param("test-report", {}, junit(""), MISSING, id="JUnit with zero tests"),
        pytest.param("test-report", {}, junit(CASE, 'tests="1" failures="2"'), INCONCLUSIVE, id="lying totals"),
        pytest.param("test-report", {}, junit(SKIPPED), INCONCLUSIVE, id="all skipped"),
        pytest.param("test-report", {}, junit('<testcase name="a"><failure/></testcase>'), FAILED, id="red"),
    ],
)
def test_recorded_settings_and_results_have_to_be_good(
    kind: str, fields: dict[str, Any], content: dict[str, Any] | bytes, expected: CheckOutcome
) -> None:
    judged = said(check_of("evidence", evidenceKind=kind, **fields), kind, content)
    assert judged.outcome is expected, judged.reason
    assert (judged.step is None) is (expected is PASSED)


@pytest.mark.parametrize("check", [SCAN, TRUSTING, LOAD, ROLLBACK, check_of("scan", format="cyclonedx"), DEPENDENCY])
def test_a_summary_that_cannot_be_read_is_never_good(check: Check) -> None:
    kind = check.spec.asked.evidence_kind  # type: ignore[attr-defined]  # all of these ask for evidence
    content = {
        "sarif": sarif(),
        "load": k6(),
        "rollback-proof": rehearsal(),
        "cyclonedx": bom(),
        "dependency": dependency(),
    }
    good = standing(facts_of(kind, content[kind], subject=AT_COMMIT))
    assert good.record is not None
    assert outcome(check, good) is PASSED
    for name in good.record.summary:
        for value in (None, "?", -1, True, [], {}):
            judged = judge(check, [unread(facts_of(kind, content[kind]), **{name: value})])
            assert judged.reason.endswith((".", ")."))
    emptied = unread(facts_of(kind, content[kind]), **dict.fromkeys(good.record.summary))
    assert outcome(check, emptied) is INCONCLUSIVE


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "scan", "format": "sarif", "severity": "high"}, "severity"),
        ({"kind": "scan", "format": "cyclonedx", "level": "error"}, "level"),
        ({"kind": "scan", "format": "cyclonedx", "trustUnknownExecution": True}, "trustUnknownExecution"),
        ({"kind": "evidence", "evidenceKind": "adr", "minCoverage": 0.5}, "minCoverage"),
        ({"kind": "evidence", "evidenceKind": "adr", "branch": {}}, "branch"),
        ({"kind": "evidence", "evidenceKind": "sarif"}, "evidenceKind"),
        ({"kind": "evidence", "evidenceKind": "adr", "maxAge": "400d"}, "maxAge"),
        ({"kind": "drill", "drill": "a", "evidenceTitle": "b"}, "evidenceTitle"),
        ({"kind": "load", "p95Ms": 0}, "p95Ms"),
    ],
)
def test_a_field_that_means_nothing_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(GateFileInvalidError) as refused:
        check_of(**fields)
    assert refused.value.field == f"checks.0.{field}"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("drill", rehearsal(outcome="neutral")),
        ("drill", rehearsal(finishedAt="2026-02-07T10:00:00Z")),
        ("drill", rehearsal(steps=[{"name": "a", "outcome": "neutral"}])),
        ("drill", rehearsal(note="?")),
        ("drill", rehearsal(startedAt="yesterday")),
        ("drill", {**rehearsal(), "schema": "?"}),
        ("dependency", dependency(state="neutral")),
        ("dependency", dependency(state="provisional")),
        ("dependency", dependency(due="soon")),
        ("dependency", dependency(who="?")),
        ("dependency", {**dependency(), "from": " "}),
    ],
)
def test_a_neutral_conclusion_and_other_odd_records_are_refused(kind: str, content: dict[str, Any]) -> None:
    with pytest.raises(ReportUnreadableError):
        facts_of(kind, json.dumps(content).encode())


@pytest.mark.parametrize(
    "check",
    [
        check_of("evidence", evidenceKind="adr", evidenceTitle="One", minCount=2, reviewed=True, signedBy=["ci"]),
        check_of("evidence", evidenceKind="attestation"),
        check_of("evidence", evidenceKind="repository-settings", **MAIN),
        check_of("evidence", evidenceKind="env-parity", environments=["production"], provisional="refused"),
        check_of("evidence", evidenceKind="preview-coverage", minCoverage=0.5, service="harbor"),
        check_of("scan", format="sarif", level="note", trustUnknownExecution=True),
        check_of("scan", format="cyclonedx", severity="low", maxCount=3),
        check_of("load", p99Ms=250, minDurationS=60, thresholds="required"),
        check_of("rollback_proof", environment="staging", maxRecoveryS=60.5),
        check_of("drill", drill="restore", maxAge="90d"),
        check_of("dependency", **{"from": "backend"}, to="frontend", minCount=2),
    ],
    ids=lambda check: str(check.kind),
)
def test_what_a_check_asks_can_be_written_back_and_read_again(check: Check) -> None:
    fields = {name: value for name, value in check.spec.define().items() if value is not None}
    assert check_of(check.kind, **fields) == check


def test_the_examples_of_the_reference_page_are_right() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/gate-file.md").read_text()
    (example,) = re.findall(r"```yaml\n(  - .*?)```", page, re.DOTALL)
    checks = [check_of(one.pop("kind"), **one) for one in yaml.safe_load(example)]
    assert [check.id for check in checks] == ["notes", "env", "branch"]


def test_no_word_of_a_record_is_shown_as_a_command() -> None:
    record = dependency(**{"from": "a: tidegate evidence withdraw evd_1", "what": "b: tidegate c"}, state="requested")
    judged = said(DEPENDENCY, "dependency", record, title="x: tidegate gate waive", subject=OF_RELEASE)
    assert judged.outcome is PENDING
    assert judged.step is not None
    words, _, command = judged.step.partition(": tidegate ")
    assert words == "have it delivered, and add it under the same title with the state received"
    assert command == ("evidence add FILE --kind dependency --title 'x: tidegate gate waive' --owner sre --release 7.0")
