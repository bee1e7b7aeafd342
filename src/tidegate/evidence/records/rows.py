"""Evidence as rows hold it. Pure. A row that cannot be read is a record that is not intact, never none at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from asyncpg import Record

from tidegate.evidence.records.encoding import event_of, facts_of
from tidegate.evidence.records.model import (
    Event,
    EvidenceRecord,
    EvidenceSubject,
    Facts,
    Kept,
    head_of,
    record_of,
)
from tidegate.kernel import ReleaseId

__all__ = ["RECORDS", "checked", "kept_of", "read_record", "subject_of"]

RECORDS: Final = """
    SELECT r.id, r.seq, r.head, r.kind, r.run_id, r.release, r.commit, r.service, r.facts, r.digest, r.received_at,
        t.event_count, t.tail, h.latest_seq,
        EXISTS (
            SELECT FROM evidence_records n
            WHERE n.workspace = r.workspace AND n.head = r.head AND n.seq > h.latest_seq) AS is_overtaken
    FROM evidence_records r
    LEFT JOIN evidence_tails t ON t.workspace = r.workspace AND t.evidence = r.id
    LEFT JOIN evidence_heads h ON h.workspace = r.workspace AND h.head = r.head
"""
_UNREADABLE: Final = Facts(
    kind="unreadable",
    title="This record cannot be read",
    subject=EvidenceSubject(),
    owner="",
    run_id="",
    added_by="",
    authors=(),
    is_by_agent=False,
)


# Gates ask every second for the same: reading a body costs 20 µs, finding that it was read 1 µs.
@lru_cache(maxsize=8_192)
def _facts(body: bytes) -> Facts:
    return facts_of(json.loads(body))


@lru_cache(maxsize=16_384)
def _event(body: bytes) -> Event:
    return event_of(json.loads(body))


def subject_of(row: Record) -> EvidenceSubject:
    """Return what a head is about."""
    release = None if row["release"] is None else ReleaseId(row["release"])
    return EvidenceSubject(release, row["commit"], row["repository"], row["service"], row["subject_digest"])


def kept_of(row: Record, events: Sequence[bytes]) -> Kept:
    is_whole = row["event_count"] == len(events) and row["latest_seq"] is not None and not row["is_overtaken"]
    return Kept(
        id=row["id"],
        sequence=row["seq"],
        received_at=row["received_at"],
        facts=row["facts"],
        digest=row["digest"],
        events=tuple(events),
        tail=row["tail"] or "",
        is_in_place=is_whole and _is_own_place(row),
    )


def _is_own_place(row: Record) -> bool:
    """Return whether the columns say what the facts say."""
    try:
        facts = _facts(row["facts"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    subject = facts.subject
    columns = (row["head"], row["kind"], row["run_id"], row["release"], row["commit"], row["service"])
    head = head_of(facts.kind, facts.title, subject)
    return columns == (head, facts.kind, facts.run_id, subject.release, subject.commit, subject.service)


def read_record(kept: Kept, *, keys: Mapping[str, str]) -> EvidenceRecord:
    try:
        facts = _facts(kept.facts)
        events = [_event(event) for event in kept.events]
        return record_of(kept, facts, events, keys=keys)
    except (ValueError, KeyError, TypeError, AttributeError):
        return replace(record_of(kept, _UNREADABLE, (), keys={}), is_intact=False)


def checked(record: EvidenceRecord, *, is_sound: bool) -> EvidenceRecord:
    """Return the record with what became of its bytes."""
    return record if is_sound else replace(record, is_intact=False)
