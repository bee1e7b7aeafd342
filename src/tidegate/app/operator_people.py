"""What the holder of the data directory does to people, in every workspace at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from tidegate.app.operator import OwnerConnection, acting, state
from tidegate.identity.acting import deed_of_operator
from tidegate.identity.passwords import Passwords
from tidegate.kernel import NotFoundError


class PersonNotFoundError(NotFoundError):
    code: ClassVar[str] = "person_not_found"

    def __init__(self, email: str) -> None:
        super().__init__(f"Nobody has the address {email!r} here.")


async def set_password(data_dir: Path, email: str, password: str) -> None:
    """Set the password of who lost it; all sessions of the person end.

    Raises:
        PersonNotFoundError: nobody has this address.
        PasswordUnfitError: the password is not good enough.
    """
    kept = await Passwords().hash_of(password, never=(email, "tidegate"))
    person, workspaces = await _find(data_dir, email)
    now = datetime.now(UTC)
    for workspace in workspaces:
        async with acting(data_dir, workspace) as (connection, record):
            await connection.execute("UPDATE people SET password_hash = $2 WHERE id = $1", person, kept)
            await _end_sessions(connection, workspace, person, now)
            await record(deed_of_operator("passwords:change", f"member/{person}"))


async def set_active(data_dir: Path, email: str, *, is_active: bool) -> None:
    """Refuse a person everywhere, or let them in again.

    Raises:
        PersonNotFoundError: nobody has this address.
    """
    person, workspaces = await _find(data_dir, email)
    now = datetime.now(UTC)
    action = "people:activate" if is_active else "people:deactivate"
    for workspace in workspaces:
        async with acting(data_dir, workspace) as (connection, record):
            await connection.execute(
                "UPDATE people SET deactivated_at = $2 WHERE id = $1", person, None if is_active else now
            )
            if not is_active:
                await _end_sessions(connection, workspace, person, now)
            await record(deed_of_operator(action, f"member/{person}"))


async def _find(data_dir: Path, email: str) -> tuple[str, list[str]]:
    async with state(data_dir) as connection:
        person = await connection.fetchval("SELECT id FROM people WHERE email = $1", email.strip().lower())
        rows = await connection.fetch(
            "SELECT workspace FROM members WHERE id = $1 AND removed_at IS NULL ORDER BY workspace", person
        )
    if person is None or not rows:
        raise PersonNotFoundError(email)
    return person, [row["workspace"] for row in rows]


async def _end_sessions(connection: OwnerConnection, workspace: str, person: str, now: datetime) -> None:
    await connection.execute(
        "UPDATE sessions SET ended_at = $3 WHERE workspace = $1 AND member = $2 AND ended_at IS NULL",
        workspace,
        person,
        now,
    )
