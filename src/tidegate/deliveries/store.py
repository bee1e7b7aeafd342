"""Channels and deliveries in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.deliveries.errors import ChannelChangedError, ChannelExistsError, ChannelLimitError
from tidegate.deliveries.model import (
    MAX_CHANNELS,
    Attempt,
    Channel,
    ChannelId,
    Delivery,
    DeliveryState,
    Notice,
    notice_json,
)
from tidegate.deliveries.ports import After, Due
from tidegate.deliveries.rows import attempt_of, channel_of, delivery_of, settings_json
from tidegate.jobs import JobId
from tidegate.kernel import Cursor, InvalidInputError, Page, WorkspaceId, decode_cursor, encode_cursor
from tidegate.storage import Connection, Database

__all__ = ["PostgresChannels", "PostgresDeliveries"]

_KEPT: Final = timedelta(days=30)
_TIDIED_AT_ONCE: Final = 100
_ATTEMPTS_SHOWN: Final = 100
_CHANNEL: Final = """
    id, name, kind, settings, secret, secret_hint, previous_secret, previous_until, disabled_at, disabled_why,
    created_at, created_by, changed_at
"""
_DELIVERY: Final = """
    seq, notice, channel_name, kind, state, job, created_at, attempt_count, last_status, last_reason, next_attempt_at,
    finished_at
"""


class PostgresChannels:
    """Keeps the promises of `ChannelStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add_channel(self, workspace: WorkspaceId, channel: Channel, *, deed: Deed) -> None:
        try:
            async with self._database.transaction(workspace) as connection:
                count = await connection.fetchval("SELECT count(*) FROM channels WHERE workspace = $1", workspace)
                if count >= MAX_CHANNELS:
                    raise ChannelLimitError
                await connection.execute(
                    f"""
                    INSERT INTO channels (workspace, {_CHANNEL})
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                    """,
                    workspace,
                    channel.id,
                    channel.name,
                    channel.kind,
                    settings_json(channel.settings),
                    channel.secret,
                    channel.secret_hint,
                    channel.previous_secret,
                    channel.previous_until,
                    channel.disabled_at,
                    channel.disabled_why,
                    channel.created_at,
                    channel.created_by,
                    channel.changed_at,
                )
                await self._trail.append(workspace, deed, within=connection)
        except asyncpg.UniqueViolationError as error:
            raise ChannelExistsError(channel.name) from error

    async def set_channel(self, workspace: WorkspaceId, channel: Channel, *, before: Channel, deed: Deed) -> None:
        try:
            async with self._database.transaction(workspace) as connection:
                done = await connection.fetchval(
                    """
                    UPDATE channels SET name = $3, settings = $4, secret = $5, secret_hint = $6, previous_secret = $7,
                        previous_until = $8, disabled_at = $9, disabled_why = $10, changed_at = $11
                    WHERE workspace = $1 AND id = $2 AND name = $12 AND settings = $13
                        AND secret IS NOT DISTINCT FROM $14 AND disabled_at IS NOT DISTINCT FROM $15
                    RETURNING true
                    """,
                    workspace,
                    channel.id,
                    channel.name,
                    settings_json(channel.settings),
                    channel.secret,
                    channel.secret_hint,
                    channel.previous_secret,
                    channel.previous_until,
                    channel.disabled_at,
                    channel.disabled_why,
                    channel.changed_at,
                    before.name,
                    settings_json(before.settings),
                    before.secret,
                    before.disabled_at,
                )
                if not done:
                    raise ChannelChangedError
                await self._trail.append(workspace, deed, within=connection)
        except asyncpg.UniqueViolationError as error:
            raise ChannelExistsError(channel.name) from error

    async def delete_channel(self, workspace: WorkspaceId, channel: ChannelId, *, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                "DELETE FROM channels WHERE workspace = $1 AND id = $2 RETURNING true", workspace, channel
            )
            if done:
                await self._trail.append(workspace, deed, within=connection)
        return bool(done)

    async def find_channel(self, workspace: WorkspaceId, name_or_id: str) -> Channel | None:
        async with self._database.transaction(workspace) as connection:
            # No name has the underscore of an id.
            row = await connection.fetchrow(
                f"SELECT {_CHANNEL} FROM channels WHERE workspace = $1 AND (id = $2 OR name = $2)",
                workspace,
                name_or_id,
            )
        return None if row is None else channel_of(row)

    async def list_channels(self, workspace: WorkspaceId) -> Sequence[Channel]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"SELECT {_CHANNEL} FROM channels WHERE workspace = $1 ORDER BY name LIMIT $2",
                workspace,
                2 * MAX_CHANNELS,
            )
        return tuple(map(channel_of, rows))


class PostgresDeliveries:
    """Keeps the promises of `DeliveryStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add_deliveries(
        self, connection: Connection, workspace: WorkspaceId, notices: Sequence[Notice], *, now: datetime
    ) -> Sequence[str]:
        rows = await connection.fetch(
            """
            INSERT INTO deliveries (workspace, id, channel, channel_name, kind, notice, created_at)
            SELECT $1, n.id, n.channel, coalesce(c.name, ''), coalesce(c.kind, ''), n.notice, $5
            FROM unnest($2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS n (id, channel, notice, place)
            LEFT JOIN channels c ON c.workspace = $1 AND c.id = n.channel
            ORDER BY n.place
            ON CONFLICT (workspace, id) DO NOTHING RETURNING id
            """,
            workspace,
            [notice.id for notice in notices],
            [notice.channel for notice in notices],
            [notice_json(notice) for notice in notices],
            now,
        )
        # Whoever adds tidies up: what is kept stays in proportion to what is told, without a job for it.
        await connection.execute(
            """
            DELETE FROM deliveries WHERE workspace = $1 AND state <> 'pending' AND created_at < $2 AND id IN (
                SELECT id FROM deliveries WHERE workspace = $1 ORDER BY seq LIMIT $3 FOR UPDATE SKIP LOCKED)
            """,
            workspace,
            now - _KEPT,
            _TIDIED_AT_ONCE,
        )
        return [row["id"] for row in rows]

    async def set_jobs(self, connection: Connection, workspace: WorkspaceId, jobs: Mapping[str, JobId]) -> None:
        await connection.execute(
            """
            UPDATE deliveries d SET job = j.job, state = 'pending', finished_at = NULL, next_attempt_at = NULL
            FROM unnest($2::text[], $3::text[]) AS j (delivery, job) WHERE d.workspace = $1 AND d.id = j.delivery
            """,
            workspace,
            list(jobs),
            list(jobs.values()),
        )

    async def find_delivery(self, workspace: WorkspaceId, delivery_id: str) -> Delivery | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_DELIVERY} FROM deliveries WHERE workspace = $1 AND id = $2", workspace, delivery_id
            )
        return None if row is None else delivery_of(row)

    async def find_due(self, workspace: WorkspaceId, delivery_id: str) -> Due | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_DELIVERY} FROM deliveries WHERE workspace = $1 AND id = $2", workspace, delivery_id
            )
            if row is None:
                return None
            found = delivery_of(row)
            channel = await connection.fetchrow(
                f"SELECT {_CHANNEL} FROM channels WHERE workspace = $1 AND id = $2", workspace, found.notice.channel
            )
        return Due(found, None if channel is None else channel_of(channel))

    async def list_attempts(self, workspace: WorkspaceId, delivery_id: str) -> Sequence[Attempt]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT number, started_at, duration_ms, outcome, status, reason, excerpt FROM delivery_attempts
                WHERE workspace = $1 AND delivery = $2 ORDER BY number DESC LIMIT $3
                """,
                workspace,
                delivery_id,
                _ATTEMPTS_SHOWN,
            )
        return tuple(map(attempt_of, rows))

    async def list_deliveries(
        self,
        workspace: WorkspaceId,
        *,
        state: DeliveryState | None,
        channel: ChannelId | None,
        limit: int,
        cursor: Cursor | None,
    ) -> Page[Delivery]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_DELIVERY} FROM deliveries
                WHERE workspace = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR channel = $3)
                    AND ($4::bigint IS NULL OR seq < $4)
                ORDER BY seq DESC LIMIT $5
                """,
                workspace,
                state,
                channel,
                _sequence_of(cursor),
                limit + 1,
            )
        items = tuple(delivery_of(row) for row in rows[:limit])
        return Page(items, encode_cursor(str(items[-1].seq)) if len(rows) > limit else None)

    async def last_of_channels(self, workspace: WorkspaceId) -> Mapping[ChannelId, Delivery]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT d.channel, {", ".join(f"d.{column.strip()}" for column in _DELIVERY.split(","))}
                FROM channels c CROSS JOIN LATERAL (
                    SELECT * FROM deliveries d WHERE d.workspace = $1 AND d.channel = c.id ORDER BY d.seq DESC LIMIT 1
                ) d WHERE c.workspace = $1
                """,
                workspace,
            )
        return {ChannelId(row["channel"]): delivery_of(row) for row in rows}

    async def record(
        self, connection: Connection, workspace: WorkspaceId, delivery_id: str, after: After, *, now: datetime
    ) -> None:
        attempt = after.attempt
        receipt = None if attempt is None else attempt.receipt
        # What was delivered stays so, whatever another attempt says that ran beside it.
        row = await connection.fetchrow(
            """
            UPDATE deliveries SET
                attempt_count = attempt_count + $3::int,
                state = CASE WHEN state = 'delivered' THEN state ELSE $4 END,
                last_status = $5, last_reason = $6, next_attempt_at = $7,
                finished_at = CASE WHEN state = 'delivered' THEN finished_at
                    WHEN $4 = 'pending' THEN NULL ELSE $8::timestamptz END
            WHERE workspace = $1 AND id = $2 RETURNING attempt_count
            """,
            workspace,
            delivery_id,
            int(attempt is not None),
            after.state,
            None if receipt is None else receipt.status,
            after.reason,
            None if receipt is None or receipt.after is None else now + receipt.after,
            now,
        )
        if row is None or attempt is None or receipt is None:
            return
        await connection.execute(
            """
            INSERT INTO delivery_attempts
                (workspace, delivery, number, started_at, duration_ms, outcome, status, reason, excerpt)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            workspace,
            delivery_id,
            row["attempt_count"],
            attempt.started_at,
            attempt.duration_ms,
            receipt.outcome,
            receipt.status,
            receipt.reason,
            receipt.excerpt,
        )

    async def record_failure(
        self, workspace: WorkspaceId, due: Due, after: After, *, now: datetime, disabling: Deed | None = None
    ) -> None:
        notice = due.delivery.notice
        async with self._database.transaction(workspace) as connection:
            await self.record(connection, workspace, notice.id, after, now=now)
            if disabling is None:
                return
            done = await connection.fetchval(
                """
                UPDATE channels SET disabled_at = $3, disabled_why = $4, changed_at = $3
                WHERE workspace = $1 AND id = $2 AND disabled_at IS NULL RETURNING true
                """,
                workspace,
                notice.channel,
                now,
                after.reason,
            )
            if done:
                await self._trail.append(workspace, disabling, within=connection)


def _sequence_of(cursor: Cursor | None) -> int | None:
    if cursor is None:
        return None
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(key)
