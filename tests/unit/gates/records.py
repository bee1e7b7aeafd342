"""Evidence records for checks: kept as bytes and read as the store reads them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.evidence import EvidenceRecord, EvidenceStanding, EvidenceSubject, ReviewVerdict
from tidegate.evidence.records.encoding import event_json, facts_json
from tidegate.evidence.records.model import Event, EventKind, Facts, Kept, chain_of
from tidegate.evidence.records.rows import read_record
from tidegate.evidence.records.summaries import SUMMARISERS
from tidegate.gates import Check, CheckOutcome, CheckResult, GateReader
from tidegate.gates.catalogues import BuiltInRunbooks
from tidegate.gates.gate_files import parse_gate_file
from tidegate.gates.model import (
    CheckKind,
    StandingSpec,
    StandingsReading,
    measure_dependency,
    measure_evidence,
    measure_load,
    measure_rehearsal,
    measure_scan,
)
from tidegate.kernel import ReleaseId, digest_of
from tidegate.releases import Release, ReleaseService

NOW = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COMMIT = "4f1c2ab4f1c2ab"
HARBOR = ReleaseService("harbor", "7", COMMIT, "acme/harbor")
RELEASE = Release(ReleaseId("rel_7"), "7.0", "production", (HARBOR,), NOW - DAY, is_candidate=True)
OF_RELEASE = EvidenceSubject(release=RELEASE.id)
AT_COMMIT = EvidenceSubject(commit=COMMIT, repository="acme/harbor", service="harbor")
KEYS = {"sha256:k1": "ci", "sha256:k2": "release"}
MEASURES = {
    CheckKind.EVIDENCE: measure_evidence,
    CheckKind.SCAN: measure_scan,
    CheckKind.LOAD: measure_load,
    CheckKind.ROLLBACK_PROOF: measure_rehearsal,
    CheckKind.DRILL: measure_rehearsal,
    CheckKind.DEPENDENCY: measure_dependency,
}


class NoRules:
    def list_rules(self) -> tuple[()]:
        return ()


def check_of(kind: str, **fields: Any) -> Check:
    """Return a check as a gate file says it."""
    check = {"id": "c", "title": "C", "kind": kind, "owner": "sre", **fields}
    file = {"apiVersion": "tidegate/v1", "kind": "Gate", "id": "g", "title": "G", "owner": "sre", "checks": [check]}
    return (
        GateReader(alerts=NoRules(), runbooks=BuiltInRunbooks())
        .read(parse_gate_file(json.dumps(file).encode()))
        .checks[0]
    )


def facts_of(kind: str, content: bytes | dict[str, Any] = b"text", **changes: Any) -> Facts:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    summary = SUMMARISERS[kind](body) if kind in SUMMARISERS else {}
    digest = digest_of(body)
    made = Facts(
        kind=kind,
        title="T",
        subject=AT_COMMIT,
        owner="sre",
        run_id=digest,
        added_by="usr_a",
        authors=("usr_a",),
        is_by_agent=False,
        digest=digest,
        size_bytes=len(body),
        summary=summary,
    )
    return replace(made, **changes)


def keep(facts: Facts, *events: Event, received_at: datetime = NOW - HOUR, sequence: int = 5) -> Kept:
    body, written = facts_json(facts), tuple(map(event_json, events))
    tail = chain_of(digest_of(body), written)
    return Kept(f"evd_{sequence}", sequence, received_at, body, digest_of(body), written, tail)


def standing(facts: Facts, *events: Event, **more: Any) -> EvidenceStanding:
    record = read_record(keep(facts, *events, **more), keys=KEYS)
    return EvidenceStanding(facts.kind, facts.title, facts.subject, record.sequence, record)


def deleted(facts: Facts) -> EvidenceStanding:
    return EvidenceStanding(facts.kind, facts.title, facts.subject, 5, None)


def record_of(one: EvidenceStanding) -> EvidenceRecord:
    assert one.record is not None
    return one.record


def reviewed(facts: Facts, person: str = "usr_b", verdict: ReviewVerdict = ReviewVerdict.ACCEPTED) -> Event:
    return Event(EventKind.REVIEWED, NOW - HOUR, person, digest=facts.digest or "", verdict=verdict)


def withdrawn() -> Event:
    return Event(EventKind.WITHDRAWN, NOW - HOUR, "usr_a", reason="wrong file")


def judge(
    check: Check,
    standings: Sequence[EvidenceStanding],
    *,
    attestations: Sequence[EvidenceStanding] = (),
    services: Sequence[ReleaseService] = (HARBOR,),
    now: datetime = NOW,
) -> CheckResult:
    assert isinstance(check.spec, StandingSpec)
    release = replace(RELEASE, services=tuple(services))
    return MEASURES[check.kind](check, StandingsReading(release, services, standings, attestations), now=now)


def outcome(check: Check, *standings: EvidenceStanding, **more: Any) -> CheckOutcome:
    return judge(check, standings, **more).outcome


def sarif(*results: dict[str, Any], said: object = True, **run: Any) -> dict[str, Any]:
    invocations = [] if said is None else [{"executionSuccessful": said}]
    made = {"tool": {"driver": {"name": "lint"}}, "results": list(results), "invocations": invocations, **run}
    return {"version": "2.1.0", "runs": [{key: value for key, value in made.items() if value is not None}]}


def k6(**changes: Any) -> dict[str, Any]:
    rate = changes.pop("rate", 0.0)
    thresholds = changes.pop("thresholds", {})
    count = changes.pop("count", 1000)
    metrics = {
        "http_reqs": {"type": "counter", "contains": "default", "values": {"count": count, "rate": 50.0}},
        "http_req_failed": {
            "type": "rate", "contains": "default",
            "values": {"rate": rate, "passes": int(rate * count), "fails": count - int(rate * count)},
        },
        "http_req_duration": {
            "type": "trend", "contains": "time",
            "values": {"avg": 40, "min": 1, "med": 40, "max": 90, "p(90)": 70, "p(95)": 80.0, "p(99)": 88.0},
            "thresholds": thresholds,
        },
    }  # fmt: skip
    return {"root_group": {}, "state": {"testRunDurationMs": 20_000.0}, "metrics": metrics, **changes}


def rehearsal(**changes: Any) -> dict[str, Any]:
    made = {
        "schema": "tidegate.rehearsal/v1", "drill": "rollback", "environment": "staging",
        "startedAt": "2026-02-07T11:00:00Z", "finishedAt": "2026-02-07T12:00:00Z", "outcome": "passed",
        "steps": [{"name": "roll back", "outcome": "passed"}, {"name": "look", "outcome": "passed"}],
        "recoveryS": 42, "fromVersion": "7", "toVersion": "6",
    }  # fmt: skip
    return {key: value for key, value in (made | changes).items() if value is not None}


def dependency(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "tidegate.dependency/v1", "from": "backend", "to": "frontend", "what": "auth contract",
        "due": "2026-02-10T00:00:00Z", "state": "received", **changes,
    }  # fmt: skip
