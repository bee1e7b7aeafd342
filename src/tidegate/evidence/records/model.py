"""What evidence is, what happened to it, and what of it counts. Pure.

A record never changes. What happens to it later (fetched, signed, reviewed, withdrawn) is an event of its own, and both
are kept as bytes whose digests are kept beside them: what was altered in the store is seen. Order is that of receipt.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from tidegate.kernel import ReleaseId, digest_of, format_utc

JSON: TypeAlias = Any
"""What JSON can say."""

DOCUMENTS: Final = (
    "adr",
    "branch-strategy",
    "capacity-plan",
    "delivery-model",
    "document",
    "environment-ownership",
    "incident-alert-validation",
    "incident-escalation",
    "parity-report",
    "rollback-notes",
    "rollback-playbook-validation",
    "secret-policy",
    "worker-sizing",
    "worklog",
)
MEASUREMENTS: Final = (
    "attestation",
    "cyclonedx",
    "dependency",
    "drill",
    "env-parity",
    "env-validation",
    "load",
    "preview-coverage",
    "repository-settings",
    "rollback-proof",
    "sarif",
    "test-report",
)
KINDS: Final = tuple(sorted((*DOCUMENTS, *MEASUREMENTS)))
ATTESTATION: Final = "attestation"
MAX_CONTENT_BYTES: Final = 1024 * 1024
"""Of one body in the state store; what is larger stays where it is, and is named by its digest."""
MAX_FETCHED_BYTES: Final = 16 * 1024 * 1024
"""Behind a link: it is read and digested, and kept only as far as `MAX_CONTENT_BYTES`."""
MAX_PROVISIONAL: Final = timedelta(days=90)
MAX_SKEW: Final = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""
MAX_EVENTS: Final = 500
"""Of one record: reviews and fetches; each is read whenever a gate asks."""


class ContentState(StrEnum):
    """Whether there are bytes to judge."""

    STORED = "stored"
    """They came with the record."""
    PENDING = "pending"
    """They stand behind a link that was not fetched yet."""
    FETCHED = "fetched"
    FAILED = "failed"
    """The link could not be fetched, or led to something else than the sender said."""
    CHANGED = "changed"
    """The link said one thing once and another one later. It stays so: evidence that changes is none."""


class ReviewVerdict(StrEnum):
    """What a reviewer says."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class EventKind(StrEnum):
    """What can happen to evidence."""

    FETCHED = "fetched"
    FETCH_FAILED = "fetch_failed"
    SIGNED = "signed"
    REVIEWED = "reviewed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class EvidenceSubject:
    """What evidence is about: at least one of release, commit and digest."""

    release: ReleaseId | None = None
    commit: str | None = None
    repository: str | None = None
    service: str | None = None
    """`None`: whatever service of the release, or at the commit."""
    digest: str | None = None
    """Of what was built, `sha256:…`."""

    @property
    def is_anchored(self) -> bool:
        return any((self.release, self.commit, self.digest))

    def covers(self, asked: "EvidenceSubject") -> bool:
        """Return whether evidence about this counts for `asked`.

        One of release, commit and digest must be the same and none of the three another one. A repository that is asked
        for must be named, and the same. What is about one service says nothing of a release as a whole.
        """
        anchors = ((self.release, asked.release), (self.commit, asked.commit), (self.digest, asked.digest))
        said = [(own, other) for own, other in anchors if own is not None and other is not None]
        if not said or any(own != other for own, other in said):
            return False
        if asked.repository is not None and self.repository != asked.repository:
            return False
        return self.service is None or self.service == asked.service


@dataclass(frozen=True, slots=True)
class Review:
    """What another person says of evidence; it counts for the bytes that were there."""

    person: str
    verdict: ReviewVerdict
    note: str
    at: datetime
    digest: str
    """Of the bytes that were reviewed."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A key that signed the content of an attestation."""

    key: str
    """Fingerprint."""
    name: str
    """Of the known key, now."""
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What was said when evidence came in, and by whom."""

    kind: str
    title: str
    subject: EvidenceSubject
    owner: str
    run_id: str
    """The sender's, else the digest or the link: the same measurement counts once, at its first receipt."""
    added_by: str
    """Id of the member, else of the credential."""
    authors: tuple[str, ...]
    """Persons behind it: none of them reviews it."""
    is_by_agent: bool
    uri: str | None = None
    digest: str | None = None
    """Of the bytes as they came, or as the sender says that they are behind the link."""
    size_bytes: int = 0
    produced_at: datetime | None = None
    provisional_until: datetime | None = None
    gate: str | None = None
    summary: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a record."""

    kind: EventKind
    at: datetime
    by: str
    """Id of the member, else of the credential; `system` for what tidegate did."""
    digest: str = ""
    """Of the content that was fetched, signed or reviewed."""
    size_bytes: int = 0
    reason: str = ""
    """Why a fetch failed, or evidence was withdrawn; the note of a review."""
    is_final: bool = False
    """Of a failed fetch: it is not tried again by itself."""
    verdict: ReviewVerdict | None = None
    key: str = ""
    summary: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """Evidence as it stands now."""

    id: str
    sequence: int
    """Order of receipt: the only order that counts."""
    kind: str
    subject: EvidenceSubject
    title: str
    uri: str | None
    digest: str
    """Of the bytes, as they were seen last; empty while a link was not fetched and its sender named none."""
    size_bytes: int
    produced_at: datetime | None
    """As the sender says. It is shown and orders nothing."""
    received_at: datetime
    owner: str
    added_by: str
    provisional_until: datetime | None
    summary: Mapping[str, JSON]
    """What the reader of the kind counted; empty for documents."""
    reviews: tuple[Review, ...]
    """All of them, in their order; those of other bytes too."""
    signatures: tuple[Signature, ...]
    withdrawn_at: datetime | None
    is_intact: bool
    """False when something of it is not what was stored, or a link changed what it says."""
    state: ContentState = ContentState.STORED
    state_reason: str = ""
    authors: tuple[str, ...] = ()
    is_by_agent: bool = False
    gate: str | None = None
    run_id: str = ""
    fetched_at: datetime | None = None
    withdrawn_by: str = ""
    withdrawn_why: str = ""
    facts_digest: str = ""
    """Of all that was said when it came in."""

    @property
    def has_content(self) -> bool:
        return self.state not in {ContentState.PENDING, ContentState.FAILED}

    @property
    def valid_reviews(self) -> tuple[Review, ...]:
        """The last word of each reviewer about the bytes as they are, but for those who made them."""
        last = {each.person: each for each in self.reviews if each.digest == self.digest}
        return tuple(each for each in last.values() if each.person not in self.authors)

    @property
    def is_accepted(self) -> bool:
        """Whether another person accepts it, and none refuses it."""
        verdicts = {each.verdict for each in self.valid_reviews}
        return verdicts == {ReviewVerdict.ACCEPTED}

    def is_expired(self, now: datetime) -> bool:
        """Return whether it was provisional, and its time is over."""
        return self.provisional_until is not None and now >= self.provisional_until

    def why_not(self, now: datetime) -> str:
        """Return why it counts for nothing, in a sentence that ends without a full stop; empty when it counts."""
        withdrawn, until = self.withdrawn_at, self.provisional_until
        reasons = (
            (withdrawn is not None, f"it was withdrawn at {format_utc(withdrawn or now)}"),
            (
                self.state is ContentState.CHANGED,
                "what its link leads to has changed since it was fetched first",
            ),
            (not self.is_intact, "it was altered in the store since it was received"),
            (self.state is ContentState.PENDING, "its link was not fetched yet"),
            (
                self.state is ContentState.FAILED,
                f"its link could not be fetched: {self.state_reason.removesuffix('.')}",
            ),
            (self.is_expired(now), f"it was provisional until {format_utc(until or now)}"),
        )
        return next((words for is_so, words in reasons if is_so), "")


@dataclass(frozen=True, slots=True)
class EvidenceStanding:
    """What counts of one kind, title and subject: what was received last."""

    kind: str
    title: str
    subject: EvidenceSubject
    latest_sequence: int
    record: EvidenceRecord | None
    """`None` when the newest is gone from the store; an older one does not take its place."""

    @property
    def is_tombstone(self) -> bool:
        return self.record is None or self.record.withdrawn_at is not None

    def why_not(self, now: datetime) -> str:
        """Return why it counts for nothing; empty when it counts."""
        return "it was deleted from the store" if self.record is None else self.record.why_not(now)


@dataclass(frozen=True, slots=True)
class Kept:
    """A record with its events as they are kept."""

    id: str
    sequence: int
    received_at: datetime
    facts: bytes
    digest: str
    events: tuple[bytes, ...]
    tail: str
    """`chained` of the events, as it was written with the last of them."""
    is_in_place: bool = True
    """False when the row stands under a subject that is not its own, or not where its receipt says."""


def head_of(kind: str, title: str, subject: EvidenceSubject) -> str:
    """Return under what a record replaces an earlier one."""
    return digest_of(
        [kind, title, subject.release, subject.commit, subject.repository, subject.service, subject.digest]
    )


def chained(tail: str, event: bytes) -> str:
    """Return the tail of a chain of events after one more; it begins with the digest of the facts."""
    return f"sha256:{hashlib.sha256(tail.encode() + b' ' + event).hexdigest()}"


def chain_of(start: str, events: Iterable[bytes]) -> str:
    for event in events:
        start = chained(start, event)
    return start


def record_of(kept: Kept, facts: Facts, events: Sequence[Event], *, keys: Mapping[str, str]) -> EvidenceRecord:
    """Return what `events` made of `facts`; `keys` are the names of the keys that are known now, by fingerprint."""
    is_intact = kept.is_in_place and digest_of(kept.facts) == kept.digest
    start = EvidenceRecord(
        id=kept.id,
        sequence=kept.sequence,
        kind=facts.kind,
        subject=facts.subject,
        title=facts.title,
        uri=facts.uri,
        digest=facts.digest or "",
        size_bytes=facts.size_bytes,
        produced_at=facts.produced_at,
        received_at=kept.received_at,
        owner=facts.owner,
        added_by=facts.added_by,
        provisional_until=facts.provisional_until,
        summary=facts.summary,
        reviews=(),
        signatures=(),
        withdrawn_at=None,
        is_intact=is_intact and chain_of(kept.digest, kept.events) == kept.tail,
        state=ContentState.STORED if facts.uri is None else ContentState.PENDING,
        authors=facts.authors,
        is_by_agent=facts.is_by_agent,
        gate=facts.gate,
        run_id=facts.run_id,
        facts_digest=kept.digest,
    )
    made = start
    for event in events:
        made = _after(made, event, keys)
    signed = tuple(each for each in made.signatures if each.key in keys)
    return replace(made, signatures=signed, is_intact=made.is_intact and made.state is not ContentState.CHANGED)


def _after(record: EvidenceRecord, event: Event, keys: Mapping[str, str]) -> EvidenceRecord:
    if event.kind is EventKind.FETCHED:
        return _fetched(record, event)
    if event.kind is EventKind.FETCH_FAILED:
        return _not_fetched(record, event)
    if event.kind is EventKind.SIGNED:
        is_known = event.digest != record.digest or any(each.key == event.key for each in record.signatures)
        signature = Signature(event.key, keys.get(event.key, ""), event.at)
        return record if is_known else replace(record, signatures=(*record.signatures, signature))
    if event.kind is EventKind.REVIEWED:
        verdict = event.verdict or ReviewVerdict.REFUSED
        review = Review(event.by, verdict, event.reason, event.at, event.digest)
        return replace(record, reviews=(*record.reviews, review))
    return replace(record, withdrawn_at=event.at, withdrawn_by=event.by, withdrawn_why=event.reason)


def _not_fetched(record: EvidenceRecord, event: Event) -> EvidenceRecord:
    if record.has_content:  # what was fetched before is still what it was
        return replace(record, state_reason=event.reason)
    state = ContentState.FAILED if event.is_final else ContentState.PENDING
    return replace(record, state=state, state_reason=event.reason)


def _fetched(record: EvidenceRecord, event: Event) -> EvidenceRecord:
    is_same = not record.has_content or event.digest == record.digest
    is_changed = record.state is ContentState.CHANGED or not is_same
    return replace(
        record,
        digest=event.digest,
        size_bytes=event.size_bytes,
        summary=event.summary,
        state=ContentState.CHANGED if is_changed else ContentState.FETCHED,
        state_reason="",
        fetched_at=event.at,
        signatures=record.signatures if is_same else (),
    )
