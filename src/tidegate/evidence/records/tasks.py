"""The handler of `evidence.fetch`: one attempt to fetch the link of one record.

Contract: what a link led to is written by the transaction that finishes the job: once. A failed attempt is written
before its outcome is handed to the ledger. It is done in the right of who asked: when their credential may attach
nothing any more, nothing is fetched. Nothing of an answer is kept but its bytes, and those only up to what one record
holds.
"""

from datetime import timedelta
from typing import Final

from tidegate.audit import ITSELF
from tidegate.edge.authority import Askers
from tidegate.egress import EgressFailedError, EgressLimits, EgressRefusedError, Failure, Rule
from tidegate.evidence.records.model import (
    MAX_CONTENT_BYTES,
    MAX_FETCHED_BYTES,
    Event,
    EventKind,
    EvidenceRecord,
)
from tidegate.evidence.records.ports import Calling, EvidenceStore
from tidegate.evidence.records.service import EvidenceBook
from tidegate.evidence.records.wishes import Reading
from tidegate.jobs import Claimed, Dead, Done, Outcome, Retry
from tidegate.kernel import Clock, InvalidInputError, NotFoundError, TooLargeError, WorkspaceId, digest_of
from tidegate.storage import Connection

__all__ = ["LIMITS", "LinkFetching"]

LIMITS: Final = EgressLimits(
    total_s=30.0,  # 16 MB at 5 Mbit/s
    head_s=10.0,
    body_bytes=MAX_FETCHED_BYTES,
    at_once=4,  # each holds up to 16 MB
)
_ACTION: Final = "evidence:attach"
_SOON: Final = timedelta(seconds=1)
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEADERS: Final = {"accept": "*/*"}


class LinkFetching:
    """Runs jobs of the kind `evidence.fetch`."""

    def __init__(
        self, *, book: EvidenceBook, store: EvidenceStore, calling: Calling, askers: Askers, clock: Clock
    ) -> None:
        self._book = book
        self._store = store
        self._calling = calling
        self._askers = askers
        self._clock = clock

    async def __call__(self, job: Claimed) -> Outcome:
        record = await self._store.find(job.workspace, str(job.payload.get("evidence", "")))
        if record is None or record.uri is None:
            return Dead("The evidence is not kept any more.")
        if record.withdrawn_at is not None:
            return Dead("The evidence was withdrawn.")
        why = await self._askers.why_not(job.workspace, str(job.payload.get("asker", "")), _ACTION)
        if why:
            return await self._fail(job, record, f"who asked for it may not any more: {why}", is_final=True)
        return await self._fetch(job, record, record.uri)

    async def _fetch(self, job: Claimed, record: EvidenceRecord, uri: str) -> Outcome:
        try:
            answer = await self._calling.call("GET", uri, headers=_HEADERS)
        except EgressRefusedError as error:
            return await self._fail(job, record, error.message, is_final=error.rule is not Rule.ADDRESS)
        except EgressFailedError as error:
            is_final = error.failure in {Failure.REDIRECT, Failure.SIZE}
            after = _SOON if error.failure is Failure.BUSY else None
            return await self._fail(job, record, error.message, is_final=is_final, after=after)
        if answer.status != 200:
            words = f"the other side answered {answer.status}."
            return await self._fail(job, record, words, is_final=answer.status not in _PASSING)
        return await self._take(job, record, answer.body)

    async def _take(self, job: Claimed, record: EvidenceRecord, content: bytes) -> Outcome:
        digest = digest_of(content)
        if not content.strip():
            return await self._fail(job, record, "it is empty.", is_final=True)
        if not record.has_content and record.digest not in {"", digest}:
            words = f"it has the digest {digest}, not the one that was given with it."
            return await self._fail(job, record, words, is_final=True)
        if record.has_content and record.digest == digest and record.fetched_at is not None and record.is_intact:
            return Done({"digest": digest, "isSame": True})
        try:
            reading = await self._read(job.workspace, record, content)
        except (InvalidInputError, NotFoundError, TooLargeError) as error:
            if not record.has_content:
                return await self._fail(job, record, error.message, is_final=True)
            reading = Reading()  # it is another thing now, which is what is to be seen
        now = self._clock.now()
        events = [
            Event(
                EventKind.FETCHED, now, ITSELF.actor, digest=digest, size_bytes=len(content), summary=reading.summary
            ),
            *(Event(EventKind.SIGNED, now, ITSELF.actor, digest=digest, key=key) for key in reading.signers),
        ]
        kept = {digest: content} if len(content) <= MAX_CONTENT_BYTES else {}
        deed = ITSELF.deed("evidence:fetch", f"evidence/{record.id}", before=record.digest or None, after=digest)

        async def also(connection: Connection) -> None:
            await self._store.add_events(job.workspace, record.id, events, deed=deed, contents=kept, within=connection)

        return Done({"digest": digest}, also=also)

    async def _read(self, workspace: WorkspaceId, record: EvidenceRecord, content: bytes) -> Reading:
        _, release = await self._book.resolve(workspace, record.subject)
        return await self._book.read(workspace, record.kind, content, subject=record.subject, release=release)

    async def _fail(
        self, job: Claimed, record: EvidenceRecord, why: str, *, is_final: bool, after: timedelta | None = None
    ) -> Outcome:
        is_last = is_final or job.attempt >= job.max_attempts
        event = Event(EventKind.FETCH_FAILED, self._clock.now(), ITSELF.actor, reason=why, is_final=is_last)
        await self._store.add_events(job.workspace, record.id, [event])
        return Dead(why) if is_last else Retry(why, after)
