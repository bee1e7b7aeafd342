"""Checks of gates over the real book: other people accept, and what was swapped, altered or deleted holds."""

import json
from typing import Any

import pytest
from tests.api.evidence.conftest import COMMIT, Doors
from tests.unit.gates.records import check_of, sarif

from tidegate.edge.caller import Role
from tidegate.gates import CheckOutcome, CheckResult
from tidegate.gates.kinds.standings import StandingSource
from tidegate.gates.model import measure_evidence, measure_scan
from tidegate.kernel import ReleaseId
from tidegate.releases import Release, ReleaseService

NOTES = check_of("evidence", evidenceKind="rollback-notes", reviewed=True)
SCAN = check_of("scan", format="sarif")


async def measure(doors: Doors, check: Any = NOTES, **changes: str) -> CheckResult:
    source = StandingSource(doors.book, measure_scan if check is SCAN else measure_evidence)
    now = doors.installation.clock.now()
    own = ReleaseService(**{"service": "harbor", "version": "7", "commit": COMMIT, **changes})
    release = Release(ReleaseId("rel_1"), "7.0", "production", (own,), now, is_candidate=True)
    return await source.measure(doors.workspace, check, release, now=now)


async def test_evidence_passes_when_another_person_accepted_it_and_not_by_its_author(doors: Doors) -> None:
    author, other = await doors.person(Role.RELEASE_MANAGER), await doors.person(Role.APPROVER)
    assert (await measure(doors)).outcome is CheckOutcome.MISSING
    made = await doors.add(client=await doors.by_token(author))
    assert (await doors.review(author, made["id"])).status_code == 403
    waiting = await measure(doors)
    assert waiting.outcome is CheckOutcome.PENDING
    assert waiting.step == f"have another person review it: tidegate evidence review {made['id']}"
    assert (await doors.review(other, made["id"])).status_code == 200
    passed = await measure(doors)
    assert (passed.outcome, [ref.digest for ref in passed.evidence]) == (CheckOutcome.PASSED, [made["digest"]])
    assert (await measure(doors, commit="b" * 40)).outcome is CheckOutcome.MISSING
    assert (await measure(doors, repository="acme/harbor")).outcome is CheckOutcome.MISSING


async def test_a_report_swapped_after_it_was_accepted_is_to_be_accepted_anew(doors: Doors) -> None:
    made = await doors.add()
    await doors.review(await doors.person(Role.APPROVER), made["id"])
    assert (await measure(doors)).outcome is CheckOutcome.PASSED
    await doors.add(body="Something else.")
    assert (await measure(doors)).outcome is CheckOutcome.PENDING


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM evidence_records WHERE workspace = $1", CheckOutcome.MISSING),
        ("DELETE FROM evidence_contents WHERE workspace = $1", CheckOutcome.ERROR),
        ("UPDATE evidence_contents SET content = 'green' WHERE workspace = $1", CheckOutcome.ERROR),
        ("DELETE FROM evidence_events WHERE workspace = $1", CheckOutcome.ERROR),
    ],
    ids=["deleted", "its body deleted", "its body altered", "the review deleted"],
)
async def test_a_red_run_that_is_tampered_with_never_passes(
    doors: Doors, statement: str, expected: CheckOutcome
) -> None:
    red = sarif({"level": "error", "ruleId": "xss", "message": {"text": "m"}})
    made = await doors.add(kind="sarif", title="lint", body=json.dumps(red))
    await doors.review(await doors.person(Role.APPROVER), made["id"])
    assert (await measure(doors, SCAN)).outcome is CheckOutcome.FAILED
    if statement.startswith("DELETE FROM evidence_records"):
        for table in ("evidence_events", "evidence_tails"):
            await doors.owner.execute(f"DELETE FROM {table} WHERE workspace = $1", doors.workspace)
    await doors.owner.execute(statement, doors.workspace)
    assert (await measure(doors, SCAN)).outcome is expected
