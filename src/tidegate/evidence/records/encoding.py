"""What is kept of evidence, as canonical JSON and back. Pure."""

from collections.abc import Mapping
from datetime import datetime

from tidegate.evidence.records.model import JSON, Event, EventKind, EvidenceSubject, Facts, ReviewVerdict
from tidegate.kernel import canonical_json, format_utc, parse_utc

__all__ = ["event_json", "event_of", "facts_json", "facts_of"]


def facts_json(facts: Facts) -> bytes:
    subject = facts.subject
    return canonical_json(
        {
            "kind": facts.kind,
            "title": facts.title,
            "subject": {
                "release": subject.release,
                "commit": subject.commit,
                "repository": subject.repository,
                "service": subject.service,
                "digest": subject.digest,
            },
            "owner": facts.owner,
            "runId": facts.run_id,
            "addedBy": facts.added_by,
            "authors": list(facts.authors),
            "isByAgent": facts.is_by_agent,
            "uri": facts.uri,
            "digest": facts.digest,
            "sizeBytes": facts.size_bytes,
            "producedAt": _text_of(facts.produced_at),
            "provisionalUntil": _text_of(facts.provisional_until),
            "gate": facts.gate,
            "summary": dict(facts.summary),
        }
    )


def facts_of(found: Mapping[str, JSON]) -> Facts:
    """Return the facts in what `facts_json` wrote."""
    subject = found["subject"]
    return Facts(
        kind=found["kind"],
        title=found["title"],
        subject=EvidenceSubject(
            subject["release"], subject["commit"], subject["repository"], subject["service"], subject["digest"]
        ),
        owner=found["owner"],
        run_id=found["runId"],
        added_by=found["addedBy"],
        authors=tuple(found["authors"]),
        is_by_agent=found["isByAgent"],
        uri=found["uri"],
        digest=found["digest"],
        size_bytes=found["sizeBytes"],
        produced_at=_moment_of(found["producedAt"]),
        provisional_until=_moment_of(found["provisionalUntil"]),
        gate=found["gate"],
        summary=found["summary"],
    )


def event_json(event: Event) -> bytes:
    return canonical_json(
        {
            "kind": event.kind,
            "at": format_utc(event.at),
            "by": event.by,
            "digest": event.digest,
            "sizeBytes": event.size_bytes,
            "reason": event.reason,
            "isFinal": event.is_final,
            "verdict": event.verdict,
            "key": event.key,
            "summary": dict(event.summary),
        }
    )


def event_of(found: Mapping[str, JSON]) -> Event:
    """Return the event in what `event_json` wrote."""
    return Event(
        kind=EventKind(found["kind"]),
        at=parse_utc(found["at"]),
        by=found["by"],
        digest=found["digest"],
        size_bytes=found["sizeBytes"],
        reason=found["reason"],
        is_final=found["isFinal"],
        verdict=None if found["verdict"] is None else ReviewVerdict(found["verdict"]),
        key=found["key"],
        summary=found["summary"],
    )


def _text_of(moment: datetime | None) -> str | None:
    return None if moment is None else format_utc(moment)


def _moment_of(text: str | None) -> datetime | None:
    return None if text is None else parse_utc(text)
