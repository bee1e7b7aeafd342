"""Adding evidence, judging it by another person, taking it back, and what of it counts."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.attestations import read_envelope, read_statement, signers_of
from tidegate.audit import ITSELF, ActorKind, Doer
from tidegate.evidence.keys.model import EvidenceKey
from tidegate.evidence.keys.ports import KeyStore
from tidegate.evidence.records.errors import (
    AttestationSubjectError,
    EvidenceConflictError,
    EvidenceContentMissingError,
    EvidenceDigestError,
    EvidenceInvalidError,
    EvidenceKindUnknownError,
    EvidenceNotFoundError,
    EvidenceTooLargeError,
    EvidenceWithdrawnError,
    LinkNotFetchableError,
    OwnEvidenceError,
)
from tidegate.evidence.records.model import (
    ATTESTATION,
    JSON,
    KINDS,
    MAX_CONTENT_BYTES,
    MAX_PROVISIONAL,
    MAX_SKEW,
    ContentState,
    Event,
    EventKind,
    EvidenceRecord,
    EvidenceStanding,
    EvidenceSubject,
    Facts,
    ReviewVerdict,
)
from tidegate.evidence.records.ports import Calling, EvidenceFilter, EvidenceStore, NewEvidence, Persons
from tidegate.evidence.records.summaries import SUMMARISERS, Summariser
from tidegate.evidence.records.wishes import AddedEvidence, EvidenceWish, Reading
from tidegate.kernel import Clock, Cursor, IdFactory, Page, WorkspaceId, digest_of
from tidegate.releases import Release, ReleaseNotFoundError, ReleasesService

__all__ = ["EvidenceBook", "EvidenceParts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceParts:
    """What evidence is kept with."""

    store: EvidenceStore
    keys: KeyStore
    releases: ReleasesService
    persons: Persons
    calling: Calling
    ids: IdFactory
    clock: Clock
    summarisers: Mapping[str, Summariser] = field(default_factory=lambda: SUMMARISERS)


class EvidenceBook:
    """The evidence of a workspace: only ever added to."""

    def __init__(self, parts: EvidenceParts) -> None:
        self._parts = parts

    def now(self) -> datetime:
        """Return the moment that expiry is judged by."""
        return self._parts.clock.now()

    async def resolve(self, workspace: WorkspaceId, subject: EvidenceSubject) -> tuple[EvidenceSubject, Release | None]:
        """Return the subject with the id of its release, and the release.

        Raises:
            ReleaseNotFoundError: there is none of this name.
            EvidenceInvalidError: the release has no such service, or another commit.
        """
        if subject.release is None:
            return subject, None
        release = await self._parts.releases.get(workspace, subject.release)
        services = [each for each in release.services if subject.service in {None, each.service}]
        if not services:
            raise EvidenceInvalidError(
                f"The release {release.name} has no service {subject.service!r}.", field="service"
            )
        if subject.commit is not None and subject.commit not in {each.commit for each in services}:
            raise EvidenceInvalidError(
                f"The release {release.name} has no service at commit {subject.commit!r}: green from another commit "
                "never counts.",
                field="commit",
            )
        named = EvidenceSubject(release.id, subject.commit, subject.repository, subject.service, subject.digest)
        return named, release

    async def add(self, workspace: WorkspaceId, wish: EvidenceWish, *, by: Doer) -> AddedEvidence:
        """Receive evidence: the same run of a subject counts once, at its first receipt.

        Raises:
            EvidenceKindUnknownError, EvidenceInvalidError, EvidenceDigestError, EvidenceTooLargeError: it cannot be.
            ReleaseNotFoundError: there is no such release.
            AttestationSubjectError: what is attested is about something else.
            InvalidInputError: its content is not what its kind says.
            EvidenceConflictError: the run was received before with another content.
            EvidenceWithdrawnError: it was received before, and withdrawn.
        """
        now = self._parts.clock.now()
        self._check(wish, now)
        subject, release = await self.resolve(workspace, wish.subject)
        reading = Reading()
        if wish.content is not None:
            reading = await self.read(workspace, wish.kind, wish.content, subject=subject, release=release)
        facts = await self._facts(workspace, wish, subject, summary=reading.summary, by=by)
        signed = [
            Event(EventKind.SIGNED, now, ITSELF.actor, digest=facts.digest or "", key=key) for key in reading.signers
        ]
        new = NewEvidence(
            self._parts.ids.new_id("evd"), facts, wish.content, now, tuple(signed), is_fetched=wish.uri is not None
        )
        deed = by.deed(
            "evidence:attach",
            f"evidence/{new.id}",
            kind=facts.kind,
            runId=facts.run_id,
            digest=facts.digest,
            release=subject.release,
            commit=subject.commit,
            service=subject.service,
        )
        before = await self._parts.store.add(workspace, new, deed=deed, asker=by.actor)
        record = await self.get(workspace, before or new.id)
        if before is not None:
            _refuse_other(record, facts)
        return AddedEvidence(record, before is None)

    async def read(
        self,
        workspace: WorkspaceId,
        kind: str,
        content: bytes,
        *,
        subject: EvidenceSubject,
        release: Release | None,
    ) -> Reading:
        """Return what is counted in content, and which known keys signed it.

        Raises:
            InvalidInputError: it is not what its kind says.
            AttestationSubjectError: what is attested is about something else.
        """
        summarise = self._parts.summarisers.get(kind)
        # A large report takes half a second to read; the event loop serves others meanwhile.
        summary = {} if summarise is None else await asyncio.to_thread(summarise, content)
        if kind != ATTESTATION:
            return Reading(summary)
        known = [each for each in await self._parts.keys.list_keys(workspace) if each.is_valid(self._parts.clock.now())]
        signers = await asyncio.to_thread(_signers, content, subject, release, known)
        return Reading(summary, signers)

    async def get(self, workspace: WorkspaceId, evidence_id: str) -> EvidenceRecord:
        """Return one record.

        Raises:
            EvidenceNotFoundError: there is none of this id.
        """
        record = await self._parts.store.find(workspace, evidence_id)
        if record is None:
            raise EvidenceNotFoundError(evidence_id)
        return record

    async def list_records(
        self, workspace: WorkspaceId, *, asked: EvidenceFilter, limit: int, cursor: Cursor | None
    ) -> Page[EvidenceRecord]:
        """Return the newest receipt first; a release is asked for by name or id."""
        if asked.release:
            try:
                release = (await self._parts.releases.get(workspace, asked.release)).id
            except ReleaseNotFoundError:
                return Page((), None)
            asked = EvidenceFilter(asked.kind, release, asked.commit, asked.service)
        return await self._parts.store.list_records(workspace, asked=asked, limit=limit, cursor=cursor)

    async def content(self, workspace: WorkspaceId, evidence_id: str) -> tuple[EvidenceRecord, bytes]:
        """Return a record with its bytes.

        Raises:
            EvidenceNotFoundError: there is none of this id.
            EvidenceContentMissingError: its bytes are not here, or are not what they were.
        """
        record = await self.get(workspace, evidence_id)
        if not record.has_content:
            raise EvidenceContentMissingError(evidence_id, record.why_not(self._parts.clock.now()))
        content = await self._parts.store.find_content(workspace, record.digest)
        if content is None and record.size_bytes > MAX_CONTENT_BYTES:
            raise EvidenceContentMissingError(evidence_id, f"it is too large to be kept, and stands at {record.uri}")
        if content is None or digest_of(content) != record.digest:
            raise EvidenceContentMissingError(evidence_id, "its body is not what was stored")
        return record, content

    async def review(
        self, workspace: WorkspaceId, evidence_id: str, *, verdict: ReviewVerdict, note: str, by: Doer
    ) -> EvidenceRecord:
        """Say, as another person than those who made it, whether it is accepted. The last word of each counts.

        Raises:
            EvidenceNotFoundError: there is none of this id.
            OwnEvidenceError: who asks is behind it, or is no person.
            EvidenceWithdrawnError: it was withdrawn.
            EvidenceContentMissingError: there is nothing to look at.
        """
        record = await self.get(workspace, evidence_id)
        behind = await self._parts.persons.persons_behind(workspace, by.actor, by.member)
        if by.kind is not ActorKind.PERSON or by.member is None or behind & set(record.authors):
            raise OwnEvidenceError
        if record.withdrawn_at is not None:
            raise EvidenceWithdrawnError(evidence_id)
        if not record.has_content or not record.is_intact:
            raise EvidenceContentMissingError(evidence_id, record.why_not(self._parts.clock.now()))
        event = Event(
            EventKind.REVIEWED,
            self._parts.clock.now(),
            by.member,
            digest=record.digest,
            reason=note,
            verdict=verdict,
        )
        deed = by.deed("evidence:review", f"evidence/{evidence_id}", verdict=verdict, digest=record.digest)
        await self._parts.store.add_events(workspace, evidence_id, [event], deed=deed)
        return await self.get(workspace, evidence_id)

    async def withdraw(self, workspace: WorkspaceId, evidence_id: str, *, reason: str, by: Doer) -> EvidenceRecord:
        """Take it back. It stays as a tombstone: what it stood for is open until new evidence comes.

        Raises:
            EvidenceNotFoundError: there is none of this id.
            EvidenceWithdrawnError: it was withdrawn before.
        """
        record = await self.get(workspace, evidence_id)
        if record.withdrawn_at is not None:
            raise EvidenceWithdrawnError(evidence_id)
        event = Event(EventKind.WITHDRAWN, self._parts.clock.now(), by.member or by.actor, reason=reason)
        deed = by.deed("evidence:withdraw", f"evidence/{evidence_id}", digest=record.digest)
        await self._parts.store.add_events(workspace, evidence_id, [event], deed=deed)
        return await self.get(workspace, evidence_id)

    async def refetch(self, workspace: WorkspaceId, evidence_id: str, *, by: Doer) -> EvidenceRecord:
        """Have its link fetched again: what it says now is seen, and compared with what it said.

        Raises:
            EvidenceNotFoundError: there is none of this id.
            LinkNotFetchableError: it has no link.
            EvidenceWithdrawnError: it was withdrawn.
        """
        record = await self.get(workspace, evidence_id)
        if record.uri is None:
            raise LinkNotFetchableError(evidence_id)
        if record.withdrawn_at is not None:
            raise EvidenceWithdrawnError(evidence_id)
        deed = by.deed("evidence:check", f"evidence/{evidence_id}", what="link", digest=record.digest)
        await self._parts.store.request_fetch(workspace, evidence_id, asker=by.actor, deed=deed)
        return record

    async def verify(self, workspace: WorkspaceId, evidence_id: str, *, by: Doer) -> EvidenceRecord:
        """Check its bytes, and its signatures against the keys that are known now.

        Raises:
            EvidenceNotFoundError: there is none of this id.
            EvidenceContentMissingError: its bytes are not here, or are not what they were.
        """
        record, content = await self.content(workspace, evidence_id)
        reading = Reading()
        if record.kind == ATTESTATION and record.is_intact:
            _, release = await self.resolve(workspace, record.subject)
            reading = await self.read(workspace, record.kind, content, subject=record.subject, release=release)
        known = {each.key for each in record.signatures}
        events = [
            Event(EventKind.SIGNED, self._parts.clock.now(), ITSELF.actor, digest=record.digest, key=key)
            for key in reading.signers
            if key not in known
        ]
        deed = by.deed("evidence:check", f"evidence/{evidence_id}", what="content", digest=record.digest)
        await self._parts.store.add_events(workspace, evidence_id, events, deed=deed)
        return await self.get(workspace, evidence_id)

    async def list_standings(
        self, workspace: WorkspaceId, *, kinds: Collection[str], subjects: Collection[EvidenceSubject]
    ) -> tuple[EvidenceStanding, ...]:
        """Return what counts of `kinds` for any of `subjects`: the newest receipt by kind, title and subject.

        What was withdrawn or deleted is among them and holds (`EvidenceStanding.why_not`). Evidence of another commit,
        release, artefact or repository is not among them.
        """
        return await self._parts.store.list_standings(workspace, kinds=kinds, subjects=subjects)

    def _check(self, wish: EvidenceWish, now: datetime) -> None:
        if wish.kind not in KINDS:
            raise EvidenceKindUnknownError(wish.kind)
        if not wish.subject.is_anchored:
            raise EvidenceInvalidError("Say what it is about: a release, a commit or a subjectDigest.", field="release")
        if (wish.content is None) == (wish.uri is None):
            raise EvidenceInvalidError("Give either a body or a link, and not both.", field="body")
        if wish.content is not None and len(wish.content) > MAX_CONTENT_BYTES:
            raise EvidenceTooLargeError
        if wish.content is not None and not wish.content.strip():
            raise EvidenceInvalidError("The body is empty, and an empty document proves nothing.", field="body")
        if wish.content is not None and wish.digest not in {None, found := digest_of(wish.content)}:
            raise EvidenceDigestError(found)
        if wish.uri is not None:
            self._parts.calling.check(wish.uri, field="uri")
        if wish.produced_at is not None and wish.produced_at > now + MAX_SKEW:
            raise EvidenceInvalidError(
                "It was produced after it was sent. Set the sender's clock right.", field="producedAt"
            )
        if wish.provisional_until is not None and not now < wish.provisional_until <= now + MAX_PROVISIONAL:
            raise EvidenceInvalidError(
                f"It may be provisional for {MAX_PROVISIONAL.days} days at most, and not into the past.",
                field="provisionalUntil",
            )

    async def _facts(
        self,
        workspace: WorkspaceId,
        wish: EvidenceWish,
        subject: EvidenceSubject,
        *,
        summary: Mapping[str, JSON],
        by: Doer,
    ) -> Facts:
        digest = wish.digest if wish.content is None else digest_of(wish.content)
        behind = await self._parts.persons.persons_behind(workspace, by.actor, by.member)
        return Facts(
            kind=wish.kind,
            title=wish.title,
            subject=subject,
            owner=wish.owner,
            run_id=wish.run_id or digest or wish.uri or "",
            added_by=by.member or by.actor,
            authors=tuple(sorted(behind)),
            is_by_agent=by.kind is ActorKind.AGENT,
            uri=wish.uri,
            digest=digest,
            size_bytes=len(wish.content or b""),
            produced_at=wish.produced_at,
            provisional_until=wish.provisional_until,
            gate=wish.gate,
            summary=summary,
        )


def _refuse_other(record: EvidenceRecord, facts: Facts) -> None:
    """Refuse what has the run of `record` and is not the same."""
    if record.withdrawn_at is not None:
        raise EvidenceWithdrawnError(record.id)
    is_other = record.uri != facts.uri or (facts.uri is None and record.digest != facts.digest)
    if is_other or record.state is ContentState.CHANGED:
        raise EvidenceConflictError(record.id)


def _signers(
    content: bytes, subject: EvidenceSubject, release: Release | None, known: Collection[EvidenceKey]
) -> tuple[str, ...]:
    envelope = read_envelope(content)
    statement = read_statement(envelope.payload)
    commits = {subject.commit} if subject.commit else set()
    if release is not None and not commits and subject.digest is None:
        commits = {each.commit for each in release.services if subject.service in {None, each.service}}
    digests = frozenset({subject.digest} if subject.digest else ())
    if not statement.is_about(commits=frozenset(each.lower() for each in commits if each), digests=digests):
        raise AttestationSubjectError
    return tuple(key.fingerprint for key in signers_of(envelope, [each.public for each in known]))
