"""Evidence in PostgreSQL.

Who writes: doors add records and events, jobs add what links led to; nobody changes or deletes. A record's events are
numbered behind the lock of its tail. Bodies are hashed again when their row is not the one that was hashed before
(`xmin`, `ctid`: any UPDATE of it moves both), and every ten minutes whatever happened.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from asyncpg import Record

from tidegate.audit import AuditTrail, Deed
from tidegate.evidence.records.encoding import event_json, facts_json
from tidegate.evidence.records.errors import EvidenceFullError
from tidegate.evidence.records.model import (
    MAX_CONTENT_BYTES,
    MAX_EVENTS,
    Event,
    EventKind,
    EvidenceRecord,
    EvidenceStanding,
    EvidenceSubject,
    Facts,
    chain_of,
    chained,
    head_of,
)
from tidegate.evidence.records.ports import EvidenceFilter, NewEvidence
from tidegate.evidence.records.rows import RECORDS, checked, kept_of, read_record, subject_of
from tidegate.jobs import NewJob, Outbox
from tidegate.kernel import (
    Clock,
    Cursor,
    InvalidInputError,
    Page,
    Remembered,
    WorkspaceId,
    decode_cursor,
    digest_of,
    encode_cursor,
)
from tidegate.storage import Connection, Database

__all__ = ["FETCH", "PostgresEvidenceStore"]

FETCH: Final = "evidence.fetch"
FETCH_ATTEMPTS: Final = 8  # with the backoff of jobs: some hours
_CHECKED_FOR_S: Final = 600
_KEPT_FOR_THE_END: Final = 2
_REMEMBERED: Final = 50_000  # bodies: some 10 MB


class PostgresEvidenceStore:
    """Keeps the promises of `EvidenceStore`."""

    def __init__(self, database: Database, trail: AuditTrail, *, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._trail = trail
        self._outbox = outbox
        self._clock = clock
        self._sound: Remembered[tuple[object, ...], bool] = Remembered(max_weight=_REMEMBERED)

    async def add(self, workspace: WorkspaceId, new: NewEvidence, *, deed: Deed, asker: str) -> str | None:
        facts, body = new.facts, facts_json(new.facts)
        head, digest = head_of(facts.kind, facts.title, facts.subject), digest_of(body)
        async with self._database.transaction(workspace) as connection:
            sequence = await _insert_record(connection, workspace, new, head=head, body=body)
            if sequence is None:
                found: str | None = await connection.fetchval(
                    "SELECT id FROM evidence_records WHERE workspace = $1 AND head = $2 AND run_id = $3",
                    workspace,
                    head,
                    facts.run_id,
                )
                return found
            await _move_head(connection, workspace, head=head, facts=facts, sequence=sequence)
            if new.content is not None and facts.digest is not None:
                await _insert_content(connection, workspace, facts.digest, new.content)
            events = [event_json(event) for event in new.events]
            await connection.execute(
                "INSERT INTO evidence_tails (workspace, evidence, event_count, tail) VALUES ($1, $2, $3, $4)",
                workspace,
                new.id,
                len(events),
                chain_of(digest, events),
            )
            await _insert_events(connection, workspace, new.id, events, first=1)
            if new.is_fetched:
                await self._outbox.add(connection, workspace, [_fetch_of(new.id, asker)])
            await self._trail.append(workspace, replace(deed, after=digest), within=connection)
        return None

    async def find(self, workspace: WorkspaceId, evidence_id: str) -> EvidenceRecord | None:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(f"{RECORDS} WHERE r.workspace = $1 AND r.id = $2", workspace, evidence_id)
            found = await self._read(connection, workspace, rows)
        return found[0] if found else None

    async def list_records(
        self, workspace: WorkspaceId, *, asked: EvidenceFilter, limit: int, cursor: Cursor | None
    ) -> Page[EvidenceRecord]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                {RECORDS} WHERE r.workspace = $1
                    AND ($2::text = '' OR r.kind = $2) AND ($3::text = '' OR r.release = $3)
                    AND ($4::text = '' OR r.commit = $4) AND ($5::text = '' OR r.service = $5)
                    AND ($6::bigint IS NULL OR r.seq < $6)
                ORDER BY r.seq DESC LIMIT $7
                """,
                workspace,
                asked.kind,
                asked.release,
                asked.commit,
                asked.service,
                _position_of(cursor),
                limit + 1,
            )
            found = await self._read(connection, workspace, rows[:limit])
        more = encode_cursor(str(found[-1].sequence)) if len(rows) > limit else None
        return Page(tuple(found), more)

    async def find_content(self, workspace: WorkspaceId, digest: str) -> bytes | None:
        async with self._database.transaction(workspace) as connection:
            content: bytes | None = await connection.fetchval(
                "SELECT content FROM evidence_contents WHERE workspace = $1 AND digest = $2", workspace, digest
            )
        return content

    async def add_events(
        self,
        workspace: WorkspaceId,
        evidence_id: str,
        events: Sequence[Event],
        *,
        deed: Deed | None = None,
        contents: Mapping[str, bytes] | None = None,
        within: Connection | None = None,
    ) -> None:
        if within is not None:
            await self._add_events(within, workspace, evidence_id, events, deed=deed, contents=contents or {})
            return
        async with self._database.transaction(workspace) as connection:
            await self._add_events(connection, workspace, evidence_id, events, deed=deed, contents=contents or {})

    async def _add_events(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        evidence_id: str,
        events: Sequence[Event],
        *,
        deed: Deed | None,
        contents: Mapping[str, bytes],
    ) -> None:
        for digest, content in contents.items():
            await _insert_content(connection, workspace, digest, content)
        written = [event_json(event) for event in events]
        if written:
            row = await connection.fetchrow(
                "SELECT event_count, tail FROM evidence_tails WHERE workspace = $1 AND evidence = $2 FOR UPDATE",
                workspace,
                evidence_id,
            )
            # Whatever happened to it, it can still be taken back.
            is_end = any(event.kind is EventKind.WITHDRAWN for event in events)
            most = MAX_EVENTS if is_end else MAX_EVENTS - _KEPT_FOR_THE_END
            if row is None or row["event_count"] + len(written) > most:
                raise EvidenceFullError(evidence_id)
            tail: str = row["tail"]
            for event in written:
                tail = chained(tail, event)
            await _insert_events(connection, workspace, evidence_id, written, first=row["event_count"] + 1)
            await connection.execute(
                """
                UPDATE evidence_tails SET event_count = event_count + $3, tail = $4
                WHERE workspace = $1 AND evidence = $2
                """,
                workspace,
                evidence_id,
                len(written),
                tail,
            )
        if deed is not None:
            await self._trail.append(workspace, deed, within=connection)

    async def request_fetch(self, workspace: WorkspaceId, evidence_id: str, *, asker: str, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            await self._outbox.add(connection, workspace, [_fetch_of(evidence_id, asker)])
            await self._trail.append(workspace, deed, within=connection)

    async def list_standings(
        self, workspace: WorkspaceId, *, kinds: Collection[str], subjects: Collection[EvidenceSubject]
    ) -> tuple[EvidenceStanding, ...]:
        async with self._database.transaction(workspace) as connection:
            heads = await connection.fetch(
                """
                SELECT h.head, h.kind, h.title, h.release, h.commit, h.repository, h.service, h.subject_digest,
                    h.latest_seq
                FROM evidence_heads h
                WHERE h.workspace = $1 AND h.kind = ANY($2)
                    AND (h.commit = ANY($3) OR h.release = ANY($4) OR h.subject_digest = ANY($5))
                ORDER BY h.kind, h.title, h.latest_seq
                """,
                workspace,
                list(kinds),
                _named(each.commit for each in subjects),
                _named(each.release for each in subjects),
                _named(each.digest for each in subjects),
            )
            wanted = [row for row in heads if any(subject_of(row).covers(asked) for asked in subjects)]
            rows = await connection.fetch(
                f"""
                {RECORDS} JOIN unnest($2::text[], $3::bigint[]) AS wanted (head, seq)
                    ON wanted.head = r.head AND wanted.seq = r.seq
                WHERE r.workspace = $1
                """,
                workspace,
                [row["head"] for row in wanted],
                [row["latest_seq"] for row in wanted],
            )
            found = {each.sequence: each for each in await self._read(connection, workspace, rows)}
        return tuple(
            EvidenceStanding(
                row["kind"], row["title"], subject_of(row), row["latest_seq"], found.get(row["latest_seq"])
            )
            for row in wanted
        )

    async def _read(
        self, connection: Connection, workspace: WorkspaceId, rows: Sequence[Record]
    ) -> list[EvidenceRecord]:
        """Return the records of `rows` with their events, keys and the soundness of their bodies."""
        if not rows:
            return []
        events: dict[str, list[bytes]] = {row["id"]: [] for row in rows}
        for row in await connection.fetch(
            """
            SELECT evidence, event FROM evidence_events
            WHERE workspace = $1 AND evidence = ANY($2) ORDER BY evidence, number
            """,
            workspace,
            [row["id"] for row in rows],
        ):
            events[row["evidence"]].append(row["event"])
        names = await self._names(connection, workspace)
        made = [read_record(kept_of(row, events[row["id"]]), keys=names) for row in rows]
        sound = await self._sound_contents(connection, workspace, made)
        return [checked(record, is_sound=_is_kept_elsewhere(record) or record.digest in sound) for record in made]

    async def _names(self, connection: Connection, workspace: WorkspaceId) -> Mapping[str, str]:
        rows = await connection.fetch(
            """
            SELECT fingerprint, name FROM evidence_keys
            WHERE workspace = $1 AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
            """,
            workspace,
            self._clock.now(),
        )
        return {row["fingerprint"]: row["name"] for row in rows}

    async def _sound_contents(
        self, connection: Connection, workspace: WorkspaceId, records: Sequence[EvidenceRecord]
    ) -> set[str]:
        """Return the digests whose bytes are here and have them."""
        digests = list({each.digest for each in records if not _is_kept_elsewhere(each)})
        places = await connection.fetch(
            """
            SELECT digest, xmin::text AS writer, ctid::text AS place FROM evidence_contents
            WHERE workspace = $1 AND digest = ANY($2)
            """,
            workspace,
            digests,
        )
        turn = int(self._clock.now().timestamp()) // _CHECKED_FOR_S
        keys = {row["digest"]: (workspace, row["digest"], row["writer"], row["place"], turn) for row in places}
        unknown = [digest for digest, key in keys.items() if self._sound.find(key) is None]
        if unknown:
            hashed = await connection.fetch(
                """
                SELECT digest, 'sha256:' || encode(sha256(content), 'hex') AS found FROM evidence_contents
                WHERE workspace = $1 AND digest = ANY($2)
                """,
                workspace,
                unknown,
            )
            for row in hashed:
                self._sound.add(keys[row["digest"]], row["digest"] == row["found"], weight=1)
        return {digest for digest, key in keys.items() if self._sound.find(key)}


def _is_kept_elsewhere(record: EvidenceRecord) -> bool:
    return not record.has_content or record.size_bytes > MAX_CONTENT_BYTES


def _named(values: Iterable[str | None]) -> list[str]:
    return [each for each in values if each]


def _fetch_of(evidence_id: str, asker: str) -> NewJob:
    return NewJob(FETCH, {"evidence": evidence_id, "asker": asker}, key=evidence_id, max_attempts=FETCH_ATTEMPTS)


def _position_of(cursor: Cursor | None) -> int | None:
    if cursor is None:
        return None
    position = decode_cursor(cursor)
    if not position.isascii() or not position.isdigit() or len(position) > 18:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(position)


async def _insert_record(
    connection: Connection, workspace: WorkspaceId, new: NewEvidence, *, head: str, body: bytes
) -> int | None:
    facts = new.facts
    sequence: int | None = await connection.fetchval(
        """
        INSERT INTO evidence_records
            (workspace, id, head, run_id, kind, release, commit, service, facts, digest, received_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (workspace, head, run_id) DO NOTHING RETURNING seq
        """,
        workspace,
        new.id,
        head,
        facts.run_id,
        facts.kind,
        facts.subject.release,
        facts.subject.commit,
        facts.subject.service,
        body,
        digest_of(body),
        new.received_at,
    )
    return sequence


async def _move_head(connection: Connection, workspace: WorkspaceId, *, head: str, facts: Facts, sequence: int) -> None:
    subject = facts.subject
    await connection.execute(
        """
        INSERT INTO evidence_heads (workspace, head, kind, title, release, commit, repository, service,
            subject_digest, latest_seq)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (workspace, head)
        DO UPDATE SET latest_seq = greatest(evidence_heads.latest_seq, excluded.latest_seq)
        """,
        workspace,
        head,
        facts.kind,
        facts.title,
        subject.release,
        subject.commit,
        subject.repository,
        subject.service,
        subject.digest,
        sequence,
    )


async def _insert_content(connection: Connection, workspace: WorkspaceId, digest: str, content: bytes) -> None:
    await connection.execute(
        """
        INSERT INTO evidence_contents (workspace, digest, content) VALUES ($1, $2, $3)
        ON CONFLICT (workspace, digest) DO NOTHING
        """,
        workspace,
        digest,
        content,
    )


async def _insert_events(
    connection: Connection, workspace: WorkspaceId, evidence_id: str, events: Sequence[bytes], *, first: int
) -> None:
    await connection.executemany(
        "INSERT INTO evidence_events (workspace, evidence, number, event) VALUES ($1, $2, $3, $4)",
        [(workspace, evidence_id, number, event) for number, event in enumerate(events, first)],
    )
