"""Evidence that checks ask for: what counts, what does not, and what is said of it."""

import json
from dataclasses import replace

import pytest
from tests.unit.gates.records import (
    AT_COMMIT,
    COMMIT,
    DAY,
    HARBOR,
    HOUR,
    NOW,
    OF_RELEASE,
    check_of,
    deleted,
    facts_of,
    judge,
    keep,
    outcome,
    record_of,
    reviewed,
    sarif,
    standing,
    withdrawn,
)

from tidegate.evidence import EvidenceStanding, EvidenceSubject, ReviewVerdict
from tidegate.evidence.records.model import Event, EventKind
from tidegate.evidence.records.rows import read_record
from tidegate.gates import CheckOutcome
from tidegate.kernel import ReleaseId
from tidegate.releases import ReleaseService

ADR = check_of("evidence", evidenceKind="adr")
SCAN = check_of("scan", format="sarif")
NOTES = facts_of("adr", b"# Use PostgreSQL", title="One", subject=OF_RELEASE)
CLEAN = facts_of("sarif", sarif(), title="lint")
DIRTY = facts_of("sarif", sarif({"level": "error", "ruleId": "xss", "message": {"text": "m"}}), title="lint")


def test_a_document_that_is_there_fresh_and_unchanged_passes_with_its_number_bound_and_time() -> None:
    judged = judge(ADR, [standing(NOTES)])
    assert judged.outcome is CheckOutcome.PASSED
    assert judged.reason == "The adr 'One' is there, unchanged, received 1 h ago (limit 30d)."
    assert judged.bound == "at least 1, not older than 30d"
    assert judged.stale_after == NOW - HOUR + 30 * DAY
    assert [(ref.id, ref.uri, ref.digest) for ref in judged.evidence] == [("evd_5", "/evidence/evd_5", NOTES.digest)]
    assert judged.step is None


def test_what_is_missing_is_said_with_the_command_that_brings_it() -> None:
    judged = judge(ADR, [])
    assert judged.outcome is CheckOutcome.MISSING
    assert judged.reason == "No evidence of kind adr was received for harbor of release 7.0 (commit 4f1c2ab4f1c2)."
    assert judged.step == "add it: tidegate evidence add FILE --kind adr --title TITLE --owner OWNER --release 7.0"
    scan = judge(SCAN, [])
    assert scan.step is not None
    assert scan.step.endswith(f"--commit {COMMIT} --service harbor --repository acme/harbor")


def test_all_evidence_of_a_kind_has_to_count_and_a_good_one_outweighs_no_bad_one() -> None:
    good = standing(replace(CLEAN, title="other"))
    assert outcome(SCAN, good) is CheckOutcome.PASSED
    assert outcome(SCAN, good, standing(DIRTY)) is CheckOutcome.FAILED


def test_a_red_run_that_was_deleted_holds() -> None:
    judged = judge(SCAN, [deleted(DIRTY), standing(replace(CLEAN, title="other"))])
    assert judged.outcome is CheckOutcome.MISSING
    assert "gone from the store" in judged.reason
    assert judged.step is not None
    assert f"--title lint --owner OWNER --commit {COMMIT} --service harbor --repository acme/harbor" in judged.step


def test_a_red_run_that_was_withdrawn_holds() -> None:
    judged = judge(SCAN, [standing(DIRTY, withdrawn())])
    assert judged.outcome is CheckOutcome.MISSING
    assert "withdrawn at 2026-02-07T13:00:00Z" in judged.reason


def test_a_red_run_that_was_re_dated_holds() -> None:
    kept = keep(DIRTY)
    facts = json.loads(kept.facts)
    facts["producedAt"] = "2026-01-01T00:00:00Z"
    altered = replace(kept, facts=json.dumps(facts).encode())
    record = read_record(altered, keys={})
    assert outcome(SCAN, EvidenceStanding("sarif", "lint", AT_COMMIT, 5, record)) is CheckOutcome.ERROR


def test_a_green_run_of_another_repository_never_counts() -> None:
    fork = replace(CLEAN, subject=replace(AT_COMMIT, repository="mallory/harbor"))
    unnamed = replace(CLEAN, subject=replace(AT_COMMIT, repository=None))
    assert outcome(SCAN, standing(fork)) is CheckOutcome.MISSING
    assert outcome(SCAN, standing(unnamed)) is CheckOutcome.MISSING
    nowhere = ReleaseService("harbor", "7", COMMIT)
    assert outcome(SCAN, standing(unnamed), services=[nowhere]) is CheckOutcome.PASSED


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(EvidenceSubject(commit="other"), id="another commit"),
        pytest.param(EvidenceSubject(release=ReleaseId("rel_6")), id="another release"),
        pytest.param(replace(AT_COMMIT, service="web"), id="another service"),
        pytest.param(EvidenceSubject(digest="sha256:0"), id="an artefact nobody named"),
        pytest.param(EvidenceSubject(release=ReleaseId("rel_7"), commit="other"), id="the release at another commit"),
        pytest.param(replace(OF_RELEASE, repository="mallory/harbor"), id="the release of another repository"),
    ],
)
def test_evidence_about_something_else_never_counts(subject: EvidenceSubject) -> None:
    assert outcome(ADR, standing(replace(NOTES, subject=subject))) is CheckOutcome.MISSING


def test_each_service_of_a_release_needs_its_own() -> None:
    services = [HARBOR, ReleaseService("web", "3", "beef")]
    judged = judge(SCAN, [standing(CLEAN)], services=services)
    assert judged.outcome is CheckOutcome.MISSING
    assert "for web" in judged.reason
    assert outcome(ADR, standing(NOTES), services=services) is CheckOutcome.PASSED


def test_a_service_that_is_not_of_the_release_is_missing() -> None:
    judged = judge(ADR, [standing(NOTES)], services=[ReleaseService("ghost", "", "")])
    assert judged.outcome is CheckOutcome.MISSING
    assert judged.reason.startswith("The service ghost is not part of the release.")


def test_green_of_yesterday_is_stale_whatever_date_its_sender_says() -> None:
    judged = judge(SCAN, [standing(CLEAN, received_at=NOW - 2 * DAY)])
    assert judged.outcome is CheckOutcome.STALE
    assert judged.reason == "The sarif 'lint' is 2 d old, of 2026-02-05 14:00 UTC (limit 1d)."
    back_dated = replace(CLEAN, produced_at=NOW - 3 * DAY)
    assert outcome(SCAN, standing(back_dated)) is CheckOutcome.STALE
    ahead = replace(CLEAN, produced_at=NOW + DAY)
    assert outcome(SCAN, standing(ahead)) is CheckOutcome.INCONCLUSIVE
    assert outcome(SCAN, standing(CLEAN, received_at=NOW + DAY)) is CheckOutcome.INCONCLUSIVE


def test_age_does_not_make_a_failure_better() -> None:
    assert outcome(SCAN, standing(DIRTY, received_at=NOW - 9 * DAY)) is CheckOutcome.FAILED


REVIEWED = check_of("evidence", evidenceKind="adr", reviewed=True)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], CheckOutcome.PENDING, id="nobody"),
        pytest.param([reviewed(NOTES)], CheckOutcome.PASSED, id="another person"),
        pytest.param([reviewed(NOTES, "usr_a")], CheckOutcome.PENDING, id="the author"),
        pytest.param([reviewed(replace(NOTES, digest="sha256:0"))], CheckOutcome.PENDING, id="other bytes"),
        pytest.param([reviewed(NOTES, verdict=ReviewVerdict.REFUSED)], CheckOutcome.FAILED, id="refused"),
        pytest.param(
            [reviewed(NOTES), reviewed(NOTES, "usr_c", ReviewVerdict.REFUSED)], CheckOutcome.FAILED, id="one refuses"
        ),
    ],
)
def test_a_review_is_that_of_another_person_about_these_bytes(events: list[Event], expected: CheckOutcome) -> None:
    judged = judge(REVIEWED, [standing(NOTES, *events)])
    assert judged.outcome is expected
    if expected is CheckOutcome.PENDING:
        assert judged.step == "have another person review it: tidegate evidence review evd_5"


def test_a_refusal_counts_where_no_review_is_asked_for() -> None:
    assert outcome(ADR, standing(NOTES, reviewed(NOTES, verdict=ReviewVerdict.REFUSED))) is CheckOutcome.FAILED


def fetched(digest: str) -> Event:
    return Event(EventKind.FETCHED, NOW - HOUR, "system", digest=digest, size_bytes=7)


def test_an_unsigned_report_that_was_swapped_after_it_was_accepted_holds() -> None:
    linked = replace(NOTES, uri="https://a.example/", digest="sha256:1")
    accepted = [fetched("sha256:1"), reviewed(linked)]
    assert outcome(REVIEWED, standing(linked, *accepted)) is CheckOutcome.PASSED
    swapped = judge(REVIEWED, [standing(linked, *accepted, fetched("sha256:2"))])
    assert swapped.outcome is CheckOutcome.ERROR
    assert "has changed since it was fetched first" in swapped.reason


def test_later_evidence_of_the_same_title_has_to_be_accepted_anew() -> None:
    other = facts_of("adr", b"# Use something else", title="One", subject=OF_RELEASE)
    assert outcome(REVIEWED, standing(other, reviewed(NOTES))) is CheckOutcome.PENDING


def test_a_link_that_was_not_fetched_yet_is_pending() -> None:
    judged = judge(ADR, [standing(replace(NOTES, uri="https://a.example/", digest=None))])
    assert judged.outcome is CheckOutcome.PENDING
    assert judged.step is not None
    assert judged.step.endswith("tidegate evidence fetch evd_5")


def test_a_link_that_cannot_be_fetched_is_an_error() -> None:
    failed = Event(EventKind.FETCH_FAILED, NOW, "system", reason="no answer.", is_final=True)
    linked = replace(NOTES, uri="https://a.example/", digest=None)
    assert outcome(ADR, standing(linked, failed)) is CheckOutcome.ERROR


def test_provisional_evidence_warns_until_its_time_and_then_holds() -> None:
    provisional = replace(NOTES, provisional_until=NOW + HOUR)
    judged = judge(ADR, [standing(provisional)])
    assert judged.outcome is CheckOutcome.WARNED
    assert judged.stale_after == NOW + HOUR
    assert "provisional until 2026-02-07T15:00:00Z" in judged.reason
    assert outcome(ADR, standing(provisional), now=NOW + HOUR) is CheckOutcome.STALE
    strict = check_of("evidence", evidenceKind="adr", provisional="refused")
    assert outcome(strict, standing(provisional)) is CheckOutcome.PENDING


SIGNED = check_of("evidence", evidenceKind="adr", signed=True)


def attested(
    digest: str, *, key: str = "sha256:k1", result: str = "PASSED", about: str | None = None
) -> EvidenceStanding:
    summary = {"predicateType": "https://in-toto.io/attestation/test-result/v0.1", "result": result}
    subject = EvidenceSubject(digest=about or digest)
    facts = replace(facts_of("adr"), kind="attestation", subject=subject, summary=summary)
    signed = Event(EventKind.SIGNED, NOW, "system", digest=facts.digest or "", key=key)
    return standing(facts, signed, sequence=8)


def test_a_signature_is_that_of_a_known_key_about_the_digest_of_the_evidence() -> None:
    digest = NOTES.digest or ""
    one = [standing(NOTES)]
    judged = judge(SIGNED, one)
    assert judged.outcome is CheckOutcome.MISSING
    assert judged.step is not None
    assert judged.step.endswith(f"--subject-digest {digest}")
    assert judge(SIGNED, one, attestations=[attested(digest)]).outcome is CheckOutcome.PASSED
    for other in (
        attested(digest, key="sha256:unknown"),
        attested(digest, about="sha256:other"),
        attested(digest, result="FAILED"),
    ):
        assert judge(SIGNED, one, attestations=[other]).outcome is CheckOutcome.MISSING
    gone = replace(attested(digest), record=None)
    altered = attested(digest)
    altered = replace(altered, record=replace(record_of(altered), is_intact=False))
    assert judge(SIGNED, one, attestations=[gone, altered]).outcome is CheckOutcome.MISSING


def test_a_signature_may_be_asked_of_one_key() -> None:
    by_release = check_of("evidence", evidenceKind="adr", signedBy=["release"])
    digest = NOTES.digest or ""
    assert judge(by_release, [standing(NOTES)], attestations=[attested(digest)]).outcome is CheckOutcome.MISSING
    signed = attested(digest, key="sha256:k2")
    assert judge(by_release, [standing(NOTES)], attestations=[signed]).outcome is CheckOutcome.PASSED


def test_an_attestation_without_the_signature_of_a_known_key_is_none() -> None:
    check = check_of("evidence", evidenceKind="attestation")
    facts = replace(facts_of("adr"), kind="attestation", summary={"predicateType": "p", "result": "PASSED"})
    signed = Event(EventKind.SIGNED, NOW, "system", digest=facts.digest or "", key="sha256:k1")
    assert outcome(check, standing(facts)) is CheckOutcome.MISSING
    assert outcome(check, standing(facts, signed)) is CheckOutcome.PASSED
    failed = replace(facts, summary={"predicateType": "p", "result": "FAILED"})
    assert outcome(check, standing(failed, signed)) is CheckOutcome.FAILED


def test_fewer_pieces_than_asked_for_hold() -> None:
    two = check_of("evidence", evidenceKind="adr", minCount=2)
    judged = judge(two, [standing(NOTES)])
    assert judged.outcome is CheckOutcome.MISSING
    assert judged.reason.startswith("1 of 2 pieces of evidence of kind adr were received")
    assert outcome(two, standing(NOTES), standing(replace(NOTES, title="Two"), sequence=6)) is CheckOutcome.PASSED


def test_one_title_may_be_asked_for() -> None:
    one = check_of("evidence", evidenceKind="adr", evidenceTitle="One")
    refused = standing(replace(NOTES, title="Two"), reviewed(NOTES, verdict=ReviewVerdict.REFUSED), sequence=6)
    assert outcome(one, standing(NOTES), refused) is CheckOutcome.PASSED
    assert outcome(ADR, standing(NOTES), refused) is CheckOutcome.FAILED


def test_a_title_from_outside_breaks_neither_the_sentence_nor_the_command() -> None:
    judged = judge(ADR, [standing(replace(NOTES, title="a'; rm -rf $HOME"), withdrawn())])
    assert judged.step is not None
    assert """--title 'a'"'"'; rm -rf $HOME'""" in judged.step
