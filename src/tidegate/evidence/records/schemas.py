"""Evidence on the wire."""

import base64
import binascii
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, StringConstraints, model_validator

from tidegate.edge.authority import UNNAMED, Target
from tidegate.edge.wire import Utc, WireModel
from tidegate.evidence.records.errors import EvidenceInvalidError
from tidegate.evidence.records.model import (
    MAX_CONTENT_BYTES,
    ContentState,
    EvidenceRecord,
    EvidenceSubject,
    ReviewVerdict,
)
from tidegate.evidence.records.wishes import EvidenceWish
from tidegate.evidence.schemas import Word
from tidegate.kernel import Page, ReleaseId
from tidegate.releases import Release

__all__ = [
    "EvidenceOut",
    "EvidencePageOut",
    "ReleaseGateEvidenceInput",
    "ReviewIn",
    "WithdrawalIn",
    "about_evidence",
    "about_wish",
]


def _one_line(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("it must be one line of printable characters")
    return text


def _plain(text: str) -> str:
    if not text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        raise ValueError("it holds characters that cannot be printed")
    return text


Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
Note = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_plain)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
MAX_BODY_CHARACTERS = 4 * MAX_CONTENT_BYTES // 3 + 4  # base64 of the largest body


class ReleaseGateEvidenceInput(WireModel):
    """Evidence as it is offered."""

    gate: Word | None = None
    """The gate that it is meant for, for people who look; every gate that asks for its kind takes it."""
    release: Word | None = None
    """Name or id."""
    commit: Word | None = None
    kind: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    """For example `adr`, `rollback-notes`, `sarif`, `attestation`."""
    title: Line
    """What it is called: later evidence of this kind, title and subject replaces it."""
    uri: Annotated[str, StringConstraints(min_length=1, max_length=2_000)] | None = None
    """Where it stands, instead of `body`: fetched once, read and digested."""
    body: Annotated[str, StringConstraints(max_length=MAX_BODY_CHARACTERS)] | None = None
    """Its content, up to 1,024 kB."""
    digest: Digest | None = None
    """Of the content; what has another one is refused."""
    produced_at: Utc | None = None
    """When it was made, as its maker says. It is shown, and decides nothing."""
    owner: Line
    """Who answers for it: a role or a person."""
    provisional_until: Utc | None = None
    """Until then it stands in for what is not there yet; afterwards it counts for nothing."""
    encoding: Literal["utf-8", "base64"] = "utf-8"
    """How the content stands in `body`."""
    repository: Word | None = None
    service: Word | None = None
    """Left out: it is about all services of the release, or whatever is at the commit."""
    subject_digest: Digest | None = None
    """Of what was built, for example of a container image."""
    run_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@:/-]{0,127}$")] | None = None
    """Chosen by the sender for one measurement; else it is known by its digest or link, and counts once."""

    @model_validator(mode="after")
    def _say_what_and_where(self) -> Self:
        if (self.uri is None) == (self.body is None):
            raise ValueError("give either a uri or a body")
        if self.release is None and self.commit is None and self.subject_digest is None:
            raise ValueError("give a release, a commit or a subjectDigest")
        return self

    def wish(self) -> EvidenceWish:
        """Return what is wished.

        Raises:
            EvidenceInvalidError: the body is no base64.
        """
        release = None if self.release is None else ReleaseId(self.release)
        subject = EvidenceSubject(release, self.commit, self.repository, self.service, self.subject_digest)
        return EvidenceWish(
            kind=self.kind,
            title=self.title,
            owner=self.owner,
            subject=subject,
            content=self._content(),
            uri=self.uri,
            digest=self.digest,
            produced_at=self.produced_at,
            provisional_until=self.provisional_until,
            gate=self.gate,
            run_id=self.run_id,
        )

    def _content(self) -> bytes | None:
        if self.body is None or self.encoding == "utf-8":
            return None if self.body is None else self.body.encode()
        try:
            return base64.b64decode(self.body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise EvidenceInvalidError("The body is no base64.", field="body") from error


class ReviewIn(WireModel):
    verdict: ReviewVerdict
    note: Note = ""


class WithdrawalIn(WireModel):
    reason: Annotated[Note, StringConstraints(min_length=3)]


class EvidenceSubjectOut(WireModel):
    release: str | None
    """Its id."""
    commit: str | None
    repository: str | None
    service: str | None
    digest: str | None


class ReviewOut(WireModel):
    person: str
    verdict: ReviewVerdict
    note: str
    at: Utc
    is_valid: bool
    """Whether it is this person's last word about the content as it is."""


class SignatureOut(WireModel):
    key: str
    """SHA-256 of the public key."""
    name: str
    verified_at: Utc


class EvidenceOut(WireModel):
    id: str
    sequence: int
    """Order of receipt: the only order that counts."""
    kind: str
    title: str
    subject: EvidenceSubjectOut
    gate: str | None
    uri: str | None
    digest: str | None
    """Of the content; null while its link was not fetched."""
    size_bytes: int
    state: ContentState
    state_reason: str
    produced_at: Utc | None
    received_at: Utc
    fetched_at: Utc | None
    owner: str
    added_by: str
    is_by_agent: bool
    provisional_until: Utc | None
    is_expired: bool
    summary: dict[str, Any]
    """What was counted in it; empty for documents."""
    reviews: tuple[ReviewOut, ...]
    is_accepted: bool
    """Another person than those who made it accepts the content as it is, and nobody refuses it."""
    signatures: tuple[SignatureOut, ...]
    """By keys that are known now."""
    withdrawn_at: Utc | None
    withdrawn_why: str
    is_intact: bool
    """False when it was altered in the store, or its link changed what it says."""
    counts: bool
    """Whether gates may count it."""
    reason: str
    """Why they may not; empty otherwise."""
    run_id: str
    record_digest: str
    """Of all that was said when it came in; the audit has the same."""

    @classmethod
    def of(cls, record: EvidenceRecord, *, now: Utc) -> Self:
        subject, valid = record.subject, {id(each) for each in record.valid_reviews}
        reason = record.why_not(now)
        return cls(
            id=record.id,
            sequence=record.sequence,
            kind=record.kind,
            title=record.title,
            subject=EvidenceSubjectOut(
                release=subject.release,
                commit=subject.commit,
                repository=subject.repository,
                service=subject.service,
                digest=subject.digest,
            ),
            gate=record.gate,
            uri=record.uri,
            digest=record.digest or None,
            size_bytes=record.size_bytes,
            state=record.state,
            state_reason=record.state_reason,
            produced_at=record.produced_at,
            received_at=record.received_at,
            fetched_at=record.fetched_at,
            owner=record.owner,
            added_by=record.added_by,
            is_by_agent=record.is_by_agent,
            provisional_until=record.provisional_until,
            is_expired=record.is_expired(now),
            summary=dict(record.summary),
            reviews=tuple(
                ReviewOut(
                    person=each.person, verdict=each.verdict, note=each.note, at=each.at, is_valid=id(each) in valid
                )
                for each in record.reviews
            ),
            is_accepted=record.is_accepted,
            signatures=tuple(
                SignatureOut(key=each.key, name=each.name, verified_at=each.verified_at) for each in record.signatures
            ),
            withdrawn_at=record.withdrawn_at,
            withdrawn_why=record.withdrawn_why,
            is_intact=record.is_intact,
            counts=not reason,
            reason=reason,
            run_id=record.run_id,
            record_digest=record.facts_digest,
        )


class EvidencePageOut(WireModel):
    items: tuple[EvidenceOut, ...]
    next_cursor: str | None

    @classmethod
    def of_all(cls, page: Page[EvidenceRecord], *, now: Utc) -> Self:
        return cls(items=tuple(EvidenceOut.of(each, now=now) for each in page.items), next_cursor=page.next_cursor)


def about_evidence(record: EvidenceRecord) -> Target:
    """Return what is asked of a credential that is narrowed to services."""
    return Target(services=frozenset({record.subject.service or UNNAMED}))


def about_wish(subject: EvidenceSubject, release: Release | None) -> Target:
    """Return what evidence that is offered is about: without a service, all of its release, or all at a commit."""
    if subject.service is not None:
        return Target(services=frozenset({subject.service}))
    if release is not None:
        return Target(services=frozenset(each.service for each in release.services))
    return Target(services=frozenset({UNNAMED}))
