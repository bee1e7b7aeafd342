"""Providers of identities in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from tidegate.audit import ActorKind, AuditTrail, Deed
from tidegate.edge.caller import Role
from tidegate.identity.members.errors import InvitationUsedError
from tidegate.identity.members.joining import INVITATIONS, invitation_of, join_person
from tidegate.identity.members.model import Invitation
from tidegate.identity.members.ports import Acceptance
from tidegate.identity.providers.id_tokens import Logout
from tidegate.identity.providers.model import Provider
from tidegate.identity.providers.ports import Joining, Link
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database


class PostgresProviders:
    """Keeps the promises of `ProviderStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_provider(self, workspace: WorkspaceId) -> Provider | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                SELECT p.issuer, p.client_id, p.client_secret, p.redirect_uri, p.email_domains, p.default_role,
                    p.groups_claim, p.group_roles, p.set_at, p.set_by
                FROM identity_providers p JOIN workspaces w ON w.id = p.workspace
                WHERE p.workspace = $1 AND w.state = 'active'
                """,
                workspace,
            )
        return None if row is None else _provider_of(row)

    async def set_provider(self, workspace: WorkspaceId, provider: Provider, *, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                """
                INSERT INTO identity_providers (workspace, issuer, client_id, client_secret, redirect_uri,
                    email_domains, default_role, groups_claim, group_roles, set_at, set_by)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                ON CONFLICT (workspace) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id,
                    client_secret = excluded.client_secret, redirect_uri = excluded.redirect_uri,
                    email_domains = excluded.email_domains, default_role = excluded.default_role,
                    groups_claim = excluded.groups_claim, group_roles = excluded.group_roles,
                    set_at = excluded.set_at, set_by = excluded.set_by
                """,
                workspace,
                provider.issuer,
                provider.client_id,
                provider.client_secret,
                provider.redirect_uri,
                list(provider.email_domains),
                provider.default_role,
                provider.groups_claim,
                dict(provider.group_roles),
                provider.set_at,
                provider.set_by,
            )
            # Whom another provider knew, this one has to prove anew.
            await connection.execute(
                "DELETE FROM provider_subjects WHERE workspace = $1 AND issuer <> $2", workspace, provider.issuer
            )
            await self._trail.append(workspace, deed, within=connection)

    async def delete_provider(self, workspace: WorkspaceId, *, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                "DELETE FROM identity_providers WHERE workspace = $1 RETURNING true", workspace
            )
            if done:
                await connection.execute("DELETE FROM provider_subjects WHERE workspace = $1", workspace)
                await self._trail.append(workspace, deed, within=connection)
        return bool(done)

    async def use_state(
        self, workspace: WorkspaceId, hashes: Sequence[bytes], *, now: datetime, until: datetime
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            return await _use(connection, workspace, hashes, now=now, until=until)

    async def end_sessions(
        self, workspace: WorkspaceId, logout: Logout, hashes: Sequence[bytes], *, now: datetime, until: datetime
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            if not await _use(connection, workspace, hashes, now=now, until=until):
                return False
            ended = await connection.fetch(
                """
                UPDATE sessions SET ended_at = $3
                WHERE workspace = $1 AND provider_issuer = $2 AND ended_at IS NULL
                    AND ($4::text IS NULL OR member = (
                        SELECT member FROM provider_subjects WHERE workspace = $1 AND issuer = $2 AND subject = $4))
                    AND ($5::text IS NULL OR provider_session = $5)
                RETURNING id, member
                """,
                workspace,
                logout.issuer,
                now,
                logout.subject,
                logout.session,
            )
            for row in ended:
                deed = _deed_of_logout(logout, row["id"], row["member"])
                await self._trail.append(workspace, deed, within=connection)
        return True

    async def find_linked(self, workspace: WorkspaceId, issuer: str, subject: str) -> str | None:
        async with self._database.transaction(workspace) as connection:
            found: str | None = await connection.fetchval(
                "SELECT member FROM provider_subjects WHERE workspace = $1 AND issuer = $2 AND subject = $3",
                workspace,
                issuer,
                subject,
            )
        return found

    async def find_open_invitation(self, workspace: WorkspaceId, email: str, *, now: datetime) -> Invitation | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"""
                {INVITATIONS} AND email = $2 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $3
                ORDER BY created_at DESC LIMIT 1
                """,
                workspace,
                email,
                now,
            )
        return None if row is None else invitation_of(row)

    async def was_member(self, workspace: WorkspaceId, person: str) -> bool:
        async with self._database.transaction(workspace) as connection:
            found = await connection.fetchval(
                "SELECT true FROM members WHERE workspace = $1 AND id = $2 AND removed_at IS NOT NULL",
                workspace,
                person,
            )
        return bool(found)

    async def is_elsewhere(self, workspace: WorkspaceId, person: str) -> bool:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_of_person($1) AS id", person)
        return any(row["id"] != workspace for row in rows)

    async def add_link(self, workspace: WorkspaceId, link: Link, *, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            is_linked = await _link(connection, workspace, link)
            if is_linked:
                await self._trail.append(workspace, deed, within=connection)
        return is_linked

    async def join(self, workspace: WorkspaceId, joining: Joining, *, deed: Deed) -> bool:
        link, invitation = joining.link, joining.invitation
        try:
            async with self._database.transaction(workspace) as connection:
                if invitation is not None:
                    await _use_invitation(connection, workspace, invitation, link)
                added_by = invitation.created_by if invitation else "identity-provider"
                acceptance = Acceptance(link.linked_at, added_by, deed)
                await join_person(
                    connection, workspace, joining.person, joining.role, prove=_proven_already, acceptance=acceptance
                )
                if not await _link(connection, workspace, link):
                    raise _LinkedOtherwiseError
                await self._trail.append(workspace, deed, within=connection)
        except _LinkedOtherwiseError:
            return False
        return True


class _LinkedOtherwiseError(Exception):
    """Undoes a joining."""


async def _proven_already(_: str | None) -> bool:
    """Tell that no password is asked for: the verified address was, by the provider."""
    return True


async def _use_invitation(connection: Connection, workspace: WorkspaceId, invitation: Invitation, link: Link) -> None:
    used = await connection.fetchval(
        """
        UPDATE invitations SET used_at = $3, used_by = $4
        WHERE workspace = $1 AND id = $2 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $3
        RETURNING true
        """,
        workspace,
        invitation.id,
        link.linked_at,
        link.member,
    )
    if not used:
        raise InvitationUsedError


async def _link(connection: Connection, workspace: WorkspaceId, link: Link) -> bool:
    """Link the member; true as well when just this link is there."""
    await connection.execute(
        """
        INSERT INTO provider_subjects (workspace, issuer, subject, member, email, linked_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """,
        workspace,
        link.issuer,
        link.subject,
        link.member,
        link.email,
        link.linked_at,
    )
    linked = await connection.fetchval(
        "SELECT member FROM provider_subjects WHERE workspace = $1 AND issuer = $2 AND subject = $3",
        workspace,
        link.issuer,
        link.subject,
    )
    return bool(linked == link.member)


def _provider_of(row: asyncpg.Record) -> Provider:
    return Provider(
        issuer=row["issuer"],
        client_id=row["client_id"],
        client_secret=row["client_secret"],
        redirect_uri=row["redirect_uri"],
        email_domains=tuple(row["email_domains"]),
        default_role=None if row["default_role"] is None else Role(row["default_role"]),
        groups_claim=row["groups_claim"],
        group_roles={group: Role(role) for group, role in row["group_roles"].items()},
        set_at=row["set_at"],
        set_by=row["set_by"],
    )


async def _use(
    connection: Connection, workspace: WorkspaceId, hashes: Sequence[bytes], *, now: datetime, until: datetime
) -> bool:
    await connection.execute("DELETE FROM provider_states_used WHERE workspace = $1 AND until < $2", workspace, now)
    # In one order, so that two who bring the same state wait for each other and not both for ever.
    added = await connection.fetch(
        """
        INSERT INTO provider_states_used (workspace, hash, until)
        SELECT $1, hash, $3 FROM unnest($2::bytea[]) AS hash ORDER BY hash
        ON CONFLICT DO NOTHING RETURNING hash
        """,
        workspace,
        hashes,
        until,
    )
    return len(added) == len(hashes)


def _deed_of_logout(logout: Logout, session: str, member: str | None) -> Deed:
    return Deed(
        ActorKind.PERSON,
        "identity-provider",
        "sessions:end",
        f"session/{session}",
        member=member,
        details={"how": "provider", "issuer": logout.issuer},
    )
