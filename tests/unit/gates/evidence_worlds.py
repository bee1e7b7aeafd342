"""Made-up evidence for the property of verdicts: kept as bytes, spoiled as bytes, read as the store reads it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from random import Random
from typing import Any

from tests.unit.gates.records import (
    AT_COMMIT,
    DAY,
    HOUR,
    KEYS,
    MEASURES,
    NOW,
    OF_RELEASE,
    RELEASE,
    check_of,
    dependency,
    facts_of,
    k6,
    keep,
    rehearsal,
    reviewed,
    sarif,
    withdrawn,
)

from tidegate.evidence import EvidenceRecord, EvidenceStanding, EvidenceSubject, ReviewVerdict
from tidegate.evidence.records.model import Event, EventKind, Facts, Kept
from tidegate.evidence.records.rows import read_record
from tidegate.gates.model import Check, CheckResult, CheckSpec, StandingsReading
from tidegate.kernel import digest_of


@dataclass
class Stored:
    """The head of a title and subject, which nobody may delete, and the newest record under it, which may be gone."""

    kind: str
    title: str
    subject: EvidenceSubject
    kept: Kept | None
    is_key_known: bool = True


_POOL = 200
"""Lists of evidence made for each check: writing bytes costs ten times as much as all the rest."""
ERROR = {"level": "error", "ruleId": "r", "message": {"text": "m"}}
CONTENTS: dict[str, tuple[dict[str, Any] | bytes, ...]] = {
    "adr": (b"one", b"two"),
    "sarif": (sarif(), sarif(), sarif(), sarif(ERROR), sarif(said=None), sarif(said=False), sarif(results=None)),
    "load": (k6(), k6(), k6(), k6(rate=0.5), k6(count=0), k6(count=9)),
    "rollback-proof": (
        rehearsal(), rehearsal(), rehearsal(), rehearsal(outcome="failed"), rehearsal(fromVersion="5"),
        rehearsal(steps=[]),
    ),
    "drill": (rehearsal(), rehearsal(), rehearsal(recoveryS=900), rehearsal(drill="other")),
    "dependency": (
        dependency(), dependency(), dependency(to="qa"), dependency(state="requested"),
        dependency(state="provisional", until="2026-02-08T00:00:00Z"),
    ),
}  # fmt: skip


@cache
def checks() -> tuple[CheckSpec, ...]:
    made = (
        check_of("evidence", evidenceKind="adr"),
        check_of("evidence", evidenceKind="adr", reviewed=True),
        check_of("evidence", evidenceKind="adr", signed=True),
        check_of("evidence", evidenceKind="adr", minCount=2),
        check_of("scan", format="sarif"),
        check_of("scan", format="sarif", trustUnknownExecution=True),
        check_of("load", p95Ms=100),
        check_of("rollback_proof"),
        check_of("drill", drill="rollback", maxRecoveryS=60),
        check_of("dependency", to="frontend"),
    )
    return tuple(one.spec for one in made)


@cache
def _facts() -> dict[str, tuple[Facts, ...]]:
    return {kind: tuple(facts_of(kind, one) for one in contents) for kind, contents in CONTENTS.items()}


def make_stored(random: Random, spec: CheckSpec) -> list[Stored]:
    """Return the evidence that a check of `spec` reads, mostly good."""
    return random.choice(_pool(spec))


@cache
def _pool(spec: CheckSpec) -> tuple[list[Stored], ...]:
    random = Random(str(spec))
    return tuple(_make_stored(random, spec) for _ in range(_POOL))


def _make_stored(random: Random, spec: CheckSpec) -> list[Stored]:
    asked = spec.asked  # type: ignore[attr-defined]  # the specs of this module ask for evidence
    subject = AT_COMMIT if asked.evidence_kind == "sarif" else OF_RELEASE
    made = []
    for number in range(random.choice((0, 1, 1, 1, 1, 2, 2))):
        facts = replace(
            random.choice(_facts()[asked.evidence_kind]),
            title=asked.title or f"T{number}",
            subject=subject if random.random() < 0.95 else replace(subject, repository="mallory/fork"),
            produced_at=random.choice((None, None, None, NOW - 2 * HOUR, NOW - 99 * DAY)),
            provisional_until=random.choice((None, None, None, None, NOW + DAY, NOW - HOUR)),
        )
        events = [reviewed(facts)] if random.random() < 0.6 else []
        events += [reviewed(facts, "usr_c", ReviewVerdict.REFUSED)] if random.random() < 0.05 else []
        events += [withdrawn()] if random.random() < 0.05 else []
        kept = keep(facts, *events, received_at=NOW - random.choice((HOUR, HOUR, HOUR, 2 * DAY)), sequence=number + 5)
        made.append(Stored(facts.kind, facts.title, facts.subject, kept if random.random() < 0.97 else None))
        if asked.signed_by is not None and random.random() < 0.8:
            made.append(_attestation(facts, number))
    return made


def _attestation(facts: Facts, number: int) -> Stored:
    subject = EvidenceSubject(digest=facts.digest)
    said = replace(facts_of("adr", b"envelope"), kind="attestation", subject=subject, summary={"predicateType": "p"})
    signed = Event(EventKind.SIGNED, NOW - HOUR, "system", digest=said.digest or "", key="sha256:k1")
    return Stored("attestation", f"S{number}", subject, keep(said, signed, sequence=number + 50))


def measure_stored(check: Check, stored: list[Stored]) -> CheckResult:
    standings = []
    for number, one in enumerate(stored):
        record = None if one.kept is None else read_evidence(one.kept, one.is_key_known)
        sequence = number + 5 if one.kept is None else one.kept.sequence
        standings.append(EvidenceStanding(one.kind, one.title, one.subject, sequence, record))
    reading = StandingsReading(
        RELEASE,
        RELEASE.services,
        [one for one in standings if one.kind != "attestation"],
        [one for one in standings if one.kind == "attestation"],
    )
    return MEASURES[check.kind](check, reading, now=NOW)


@lru_cache(maxsize=5_000)
def read_evidence(kept: Kept, is_key_known: bool) -> EvidenceRecord:  # noqa: FBT001 - positions are the key of the cache
    return read_record(kept, keys=KEYS if is_key_known else {})


def spoil_stored(random: Random, stored: list[Stored]) -> list[Stored]:
    """Return a copy with one record removed, expired, corrupted or re-dated. Heads stay: nobody may delete them."""
    spoiled = list(stored)
    if spoiled:
        chosen = random.randrange(len(spoiled))
        kept = spoiled[chosen].kept
        if kept is not None:
            spoiled[chosen] = random.choice(_SPOILS)(random, spoiled[chosen], kept)
    return spoiled


def _delete(random: Random, one: Stored, kept: Kept) -> Stored:
    return replace(one, kept=None)


def _forget_the_key(random: Random, one: Stored, kept: Kept) -> Stored:
    return replace(one, is_key_known=False)


def _age(random: Random, one: Stored, kept: Kept) -> Stored:
    return replace(one, kept=replace(kept, received_at=kept.received_at - 99 * DAY))


def _from_tomorrow(random: Random, one: Stored, kept: Kept) -> Stored:
    return replace(one, kept=replace(kept, received_at=NOW + DAY))


def _drop_events(random: Random, one: Stored, kept: Kept) -> Stored:
    """Withdrawals and refusals go, and the events that are left are those of before."""
    left = tuple(each for each in kept.events if b"refused" not in each and b"withdrawn" not in each)
    return replace(one, kept=replace(kept, events=left))


def _tamper(random: Random, one: Stored, kept: Kept) -> Stored:
    """Make it look better than it is; its digest stays what it was."""
    if digest_of(kept.facts) != kept.digest:
        return one  # tampered with before
    facts = json.loads(kept.facts)
    better = random.choice(_facts().get(one.kind) or (None,))
    changes: dict[str, Any] = random.choice(
        (
            {"provisionalUntil": None},
            {"producedAt": None},
            {"authors": []},
            {"summary": dict(better.summary) if better else {}},
            {"summary": {}},
            {"subject": {**facts["subject"], "repository": None}},
            {"title": "T0"},
        )
    )
    return replace(one, kept=replace(kept, facts=json.dumps({**facts, **changes}).encode()))


def _break(random: Random, one: Stored, kept: Kept) -> Stored:
    return replace(one, kept=replace(kept, facts=kept.facts[: len(kept.facts) // 2]))


_SPOILS: tuple[Callable[[Random, Stored, Kept], Stored], ...] = (
    _delete,
    _forget_the_key,
    _age,
    _from_tomorrow,
    _drop_events,
    _tamper,
    _break,
)
