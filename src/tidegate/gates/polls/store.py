"""Launch polls in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from asyncpg import Record

from tidegate.audit import AuditTrail, Doer
from tidegate.gates.approvals.errors import ApprovalOutdatedError
from tidegate.gates.approvals.override_store import sequence_of
from tidegate.gates.approvals.store import ENTITLED, LAPSED, lock_decisions
from tidegate.gates.model import Poll, PollAnswer, Voice
from tidegate.gates.polls.errors import PollClosedError, PollNotFoundError, PollOpenError
from tidegate.kernel import Cursor, GateId, Page, ReleaseId, WorkspaceId, digest_of, encode_cursor, format_utc
from tidegate.storage import Connection, Database

__all__ = ["PostgresPolls"]

_MAX_ANSWERS: Final = 1_000
_POLLS: Final = f"""
    said.id, said.seq, said.gate_id, said.check_id, said.release_id, said.release_name, said.roles, said.quorum,
    said.question, said.binding, said.opened_by, said.opened_at, said.closes_at, said.digest, said.answer_count,
    said.answers_digest, said.closed_at, said.closed_by, {LAPSED} AS is_lapsed
"""


class PostgresPolls:
    """Keeps the promises of `PollStore` and, for the judgement, of `approvals.reading.PollReader`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def open(self, workspace: WorkspaceId, poll: Poll, *, by: Doer) -> None:
        async with self._database.transaction(workspace) as connection:
            newest = await lock_decisions(connection, workspace, poll.gate_id, poll.release_id)
            if newest is None or newest["binding"] not in {None, poll.binding}:
                raise ApprovalOutdatedError
            for other in await self.list_in(connection, workspace, poll.gate_id, poll.release_id):
                # One that lapsed or was altered counts for nothing: it must not be in the way.
                if other.check_id == poll.check_id and other.is_open(poll.opened_at) and not other.is_lapsed:
                    raise PollOpenError(other.id)
            await _insert(connection, workspace, poll, newest["seq"])
            deed = by.deed(
                "gates:decide",
                f"poll/{poll.id}",
                after=poll.digest,
                gate=poll.gate_id,
                check=poll.check_id,
                release=poll.release_name,
                closesAt=format_utc(poll.closes_at),
            )
            await self._trail.append(workspace, deed, within=connection)

    async def answer(self, workspace: WorkspaceId, poll_id: str, voice: Voice, *, by: Doer) -> Poll:
        async with self._database.transaction(workspace) as connection:
            poll, row = await self._locked(connection, workspace, poll_id)
            if not poll.is_open(voice.said_at) or row["answer_count"] >= _MAX_ANSWERS:
                raise PollClosedError(poll_id)
            number = row["answer_count"] + 1
            await connection.execute(
                """
                INSERT INTO launch_poll_answers (workspace, poll_id, number, role, person, name, answer, note, said_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                """,
                workspace,
                poll_id,
                number,
                voice.role,
                voice.person,
                voice.name,
                voice.answer,
                voice.note,
                voice.said_at,
            )
            await connection.execute(
                "UPDATE launch_polls SET answer_count = $3, answers_digest = $4 WHERE workspace = $1 AND id = $2",
                workspace,
                poll_id,
                number,
                _chained(row["answers_digest"], voice),
            )
            deed = by.deed(
                "gates:approve", f"poll/{poll_id}", after=digest_of(voice.facts()), gate=poll.gate_id,
                release=poll.release_name, role=voice.role, answer=voice.answer,
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)
        return replace(poll, voices=(*poll.voices, voice))

    async def close(self, workspace: WorkspaceId, poll_id: str, *, at: datetime, by: Doer) -> Poll:
        async with self._database.transaction(workspace) as connection:
            poll, _ = await self._locked(connection, workspace, poll_id)
            if not poll.is_open(at):
                raise PollClosedError(poll_id)
            closed_by = by.member or by.actor
            await connection.execute(
                "UPDATE launch_polls SET closed_at = $3, closed_by = $4 WHERE workspace = $1 AND id = $2",
                workspace,
                poll_id,
                at,
                closed_by,
            )
            deed = by.deed(
                "gates:decide", f"poll/{poll_id}", before=poll.digest, gate=poll.gate_id, release=poll.release_name,
                closed=True,
            )  # fmt: skip
            await self._trail.append(workspace, deed, within=connection)
        return replace(poll, closed_at=at, closed_by=closed_by)

    async def find(self, workspace: WorkspaceId, poll_id: str) -> Poll | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_POLLS} FROM launch_polls AS said WHERE said.workspace = $1 AND said.id = $2",
                workspace,
                poll_id,
            )
            return None if row is None else (await _with_voices(connection, workspace, [row]))[0]

    async def page(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Poll]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_POLLS} FROM launch_polls AS said
                WHERE said.workspace = $1 AND ($2::bigint IS NULL OR said.seq < $2) ORDER BY said.seq DESC LIMIT $3
                """,
                workspace,
                sequence_of(cursor),
                limit + 1,
            )
            items = await _with_voices(connection, workspace, rows[:limit])
        return Page(items, encode_cursor(str(rows[limit - 1]["seq"])) if len(rows) > limit else None)

    async def list_in(
        self, connection: Connection, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId
    ) -> tuple[Poll, ...]:
        """Return the newest poll of each check; one that was taken away is not followed by the one before."""
        rows = await connection.fetch(
            f"""
            SELECT {_POLLS} FROM launch_poll_heads AS head
            JOIN launch_polls AS said ON said.workspace = head.workspace AND said.id = head.poll_id
            WHERE head.workspace = $1 AND head.gate_id = $2 AND head.release_id = $3
            """,
            workspace,
            gate_id,
            release_id,
        )
        return await _with_voices(connection, workspace, rows)

    async def _locked(self, connection: Connection, workspace: WorkspaceId, poll_id: str) -> tuple[Poll, Record]:
        row = await connection.fetchrow(
            f"SELECT {_POLLS} FROM launch_polls AS said WHERE said.workspace = $1 AND said.id = $2 FOR UPDATE",
            workspace,
            poll_id,
        )
        if row is None:
            raise PollNotFoundError(poll_id)
        (poll,) = await _with_voices(connection, workspace, [row])
        return poll, row


async def _insert(connection: Connection, workspace: WorkspaceId, poll: Poll, decision_seq: int) -> None:
    await connection.execute(
        """
        INSERT INTO launch_polls (workspace, id, gate_id, check_id, release_id, release_name, roles, quorum, question,
            binding, decision_seq, opened_by, opened_at, closes_at, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        workspace,
        poll.id,
        poll.gate_id,
        poll.check_id,
        poll.release_id,
        poll.release_name,
        list(poll.roles),
        poll.quorum,
        poll.question,
        poll.binding,
        decision_seq,
        poll.opened_by,
        poll.opened_at,
        poll.closes_at,
        poll.digest,
    )
    await connection.execute(
        """
        INSERT INTO launch_poll_heads (workspace, gate_id, check_id, release_id, poll_id) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace, gate_id, check_id, release_id) DO UPDATE SET poll_id = excluded.poll_id
        """,
        workspace,
        poll.gate_id,
        poll.check_id,
        poll.release_id,
        poll.id,
    )


async def _with_voices(connection: Connection, workspace: WorkspaceId, rows: Sequence[Record]) -> tuple[Poll, ...]:
    if not rows:
        return ()
    answers = await connection.fetch(
        f"""
        SELECT said.poll_id, said.role, said.person, said.name, said.answer, said.note, said.said_at,
            {ENTITLED} AS is_entitled
        FROM launch_poll_answers AS said WHERE said.workspace = $1 AND said.poll_id = ANY ($2)
        ORDER BY said.poll_id, said.number
        """,
        workspace,
        [row["id"] for row in rows],
    )
    return tuple(_poll_of(row, [one for one in answers if one["poll_id"] == row["id"]]) for row in rows)


def _poll_of(row: Record, answers: Sequence[Record]) -> Poll:
    voices = tuple(
        Voice(
            role=one["role"],
            person=one["person"],
            name=one["name"],
            answer=PollAnswer(one["answer"]),
            note=one["note"],
            said_at=one["said_at"],
            is_entitled=one["is_entitled"],
        )
        for one in answers
    )
    chained = ""
    for voice in voices:
        chained = _chained(chained, voice)
    poll = Poll(
        id=row["id"],
        gate_id=GateId(row["gate_id"]),
        check_id=row["check_id"],
        release_id=ReleaseId(row["release_id"]),
        release_name=row["release_name"],
        roles=tuple(row["roles"]),
        quorum=row["quorum"],
        question=row["question"],
        binding=row["binding"],
        opened_by=row["opened_by"],
        opened_at=row["opened_at"],
        closes_at=row["closes_at"],
        voices=voices,
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
        is_lapsed=row["is_lapsed"],
    )
    is_whole = len(voices) == row["answer_count"] and chained == row["answers_digest"]
    return replace(poll, is_intact=is_whole and poll.digest == row["digest"])


def _chained(before: str, voice: Voice) -> str:
    """Return the digest of all that was said, from that of all before."""
    facts: dict[str, Any] = {"before": before, "voice": dict(voice.facts())}
    return digest_of(facts)
