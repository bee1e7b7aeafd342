"""What the holder of the data directory does with its keys: look, rotate, retire. Each change is in every audit."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, TypeAlias

from tidegate.alerts.forwarding.service import purpose_of as alertmanager_purpose_of
from tidegate.alerts.oncall.fetching import purpose_of as schedule_purpose_of
from tidegate.app.keeping import only_one
from tidegate.app.keys import KeyFile, StoredKeys, load_envelopes
from tidegate.app.operator import OwnerConnection, state
from tidegate.audit import AuditKey, Deed, append_deed
from tidegate.deliveries.channels import purpose_of
from tidegate.identity.acting import deed_of_operator
from tidegate.identity.providers.model import SECRET_PURPOSE
from tidegate.kernel import ConflictError, Keyring, NotFoundError, WorkspaceId
from tidegate.prom_sources.service import purpose_of as source_purpose_of
from tidegate.storage.envelopes import EnvelopeInvalidError, Envelopes, envelope_head

__all__ = [
    "KeyFacts",
    "KeyInUseError",
    "KeyNotFoundError",
    "Resealed",
    "list_keys",
    "reseal_secrets",
    "retire_key",
    "rotate_key",
]

_KEY_BYTES = 32
# Who was about to use the old key when it was replaced has done so by then.
_TAKEN_UP = timedelta(seconds=60)
# A head that is being signed while the file is written bears the old key and a moment after it.
_LAST_HEADS = timedelta(seconds=10)


_BATCH = 100
# Each column that holds envelopes: what names its row beside the workspace, and what envelopes there are bound to.
_Column: TypeAlias = tuple[str, str, str, Callable[[str], str]]
_SEALED: Final[tuple[_Column, ...]] = (
    ("identity_providers", "client_secret", "''", lambda _: SECRET_PURPOSE),
    ("channels", "secret", "id", purpose_of),
    ("channels", "previous_secret", "id", purpose_of),
    ("oncall_schedules", "secret", "name", schedule_purpose_of),
    ("alertmanagers", "secret", "name", alertmanager_purpose_of),
    ("prometheus_sources", "secret", "name", source_purpose_of),
)


class KeyNotFoundError(NotFoundError):
    code: ClassVar[str] = "key_not_found"

    def __init__(self, purpose: str, name: str) -> None:
        super().__init__(f"There is no key {name!r} of {purpose}. `tidegate key list` shows those there are.")


class KeyInUseError(ConflictError):
    code: ClassVar[str] = "key_in_use"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"The key {name} stays: {why}")


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key, without the key."""

    purpose: str
    name: str
    is_current: bool
    made_at: datetime | None
    in_use: int | None
    """Live credentials, or stored secrets, that hang on it; `None` where nobody counts."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """What was done to stored secrets after a rotation."""

    count: int
    unopened_count: int
    """Those that do not open: altered, or sealed under a key that is gone."""


async def list_keys(data_dir: Path) -> list[KeyFacts]:
    """Return the keys of all purposes, the oldest of each first."""
    found: list[KeyFacts] = []
    async with state(data_dir) as connection:
        for purpose in ("credentials", "audit", "envelopes"):
            keys = KeyFile.of(data_dir, purpose).read()
            for name in keys.ring.keys:
                used = None
                if purpose == "credentials":
                    used = await _live_credentials(connection, keys, name)
                elif purpose == "envelopes":
                    used = await _sealed_secrets(connection, name)
                found.append(KeyFacts(purpose, name, name == keys.ring.current, keys.made_at[name], used))
    return found


async def rotate_key(data_dir: Path, purpose: str) -> str:
    """Put a new key in the place of the current one, which goes on to open and prove what it made; return its name.

    Raises:
        BackupUnderWayError: a backup, or another change, is under way.
    """
    with only_one(data_dir):
        file, now = KeyFile.of(data_dir, purpose), datetime.now(UTC)
        keys = file.read()
        secret = secrets.token_bytes(_KEY_BYTES)
        name = _next_name(keys)
        ring = Keyring(name, {**keys.ring.keys, name: secret})
        deed = deed_of_operator("keys:rotate", f"key/{purpose}", **{"from": keys.ring.current, "to": name})
        async with state(data_dir) as connection, connection.transaction():
            await _record(connection, deed, now)
        # Recorded first: after a crash in between it is done again, and none is made that nobody knows of.
        now = datetime.now(UTC)
        rotated = StoredKeys(ring, {**keys.made_at, name: now}, keys.handovers)
        if purpose == "audit":
            line = AuditKey(keys.ring.key).hand_over(AuditKey(secret), ends_at=now + _LAST_HEADS)
            rotated = replace(rotated, handovers=(*keys.handovers, line))
        file.write(rotated)
    return name


async def reseal_secrets(data_dir: Path) -> Resealed:
    """Seal everything that is sealed under an earlier key under the current one; doing it again changes nothing.

    A server that runs goes on meanwhile: a secret that is set at the same moment is left as it was set.
    """
    with only_one(data_dir):
        envelopes = load_envelopes(data_dir)
        head = envelope_head(KeyFile.of(data_dir, "envelopes").ring().current)
        resealed, unopened = 0, 0
        async with state(data_dir) as connection:
            for column in _SEALED:
                done, left = await _reseal_column(connection, column, envelopes, head)
                resealed, unopened = resealed + done, unopened + left
    return Resealed(resealed, unopened)


async def _reseal_column(
    connection: OwnerConnection, column: _Column, envelopes: Envelopes, head: bytes
) -> tuple[int, int]:
    """Seal one column anew; return how many were, and how many do not open."""
    table, name, row_id, purpose = column
    find = f"""
        SELECT workspace, {row_id} AS row_id, {name} AS sealed FROM {table}
        WHERE (workspace, {row_id}) > ($1, $2) AND {name} IS NOT NULL
            AND substring({name} from 1 for length($3::bytea)) <> $3
        ORDER BY workspace, row_id LIMIT $4
    """
    write = f"UPDATE {table} SET {name} = $4 WHERE workspace = $1 AND {row_id} = $2 AND {name} = $3"
    resealed, unopened, after = 0, 0, ("", "")
    while rows := await connection.fetch(find, *after, head, _BATCH):
        after = (rows[-1]["workspace"], rows[-1]["row_id"])
        async with connection.transaction():
            for row in rows:
                try:
                    new = envelopes.reseal(WorkspaceId(row["workspace"]), purpose(row["row_id"]), row["sealed"])
                except EnvelopeInvalidError:
                    unopened += 1
                    continue
                resealed += (
                    await connection.execute(write, row["workspace"], row["row_id"], row["sealed"], new) == "UPDATE 1"
                )
    return resealed, unopened


async def retire_key(data_dir: Path, purpose: str, name: str) -> None:
    """Forget a key for good.

    Raises:
        KeyNotFoundError: there is none of this name.
        KeyInUseError: it is the current one, or live credentials hang on it.
    """
    with only_one(data_dir):
        file, now = KeyFile.of(data_dir, purpose), datetime.now(UTC)
        keys = file.read()
        if name not in keys.ring.keys:
            raise KeyNotFoundError(purpose, name)
        if name == keys.ring.current:
            raise KeyInUseError(
                name, f"it is the current one. Put another in its place: tidegate key rotate {purpose}."
            )
        async with state(data_dir) as connection, connection.transaction():
            await _refuse_in_use(connection, keys, purpose, name)
            await _record(connection, deed_of_operator("keys:retire", f"key/{purpose}", name=name), now)
        left = {each: secret for each, secret in keys.ring.keys.items() if each != name}
        made = {each: moment for each, moment in keys.made_at.items() if each != name}
        file.write(StoredKeys(Keyring(keys.ring.current, left), made, keys.handovers))


async def _refuse_in_use(connection: OwnerConnection, keys: StoredKeys, purpose: str, name: str) -> None:
    if purpose == "audit":
        raise KeyInUseError(name, "heads of every chain are signed with it, and whoever checks the store needs it.")
    if purpose == "envelopes":
        sealed = await _sealed_secrets(connection, name)
        if sealed:
            raise KeyInUseError(
                name,
                f"{sealed:,} stored secrets are sealed under it. Seal them under a new key: tidegate key rotate "
                "envelopes. What was altered since does not open any more: set it anew, or remove it.",
            )
        return
    count = await _live_credentials(connection, keys, name)
    if count:
        raise KeyInUseError(
            name,
            f"{count:,} live credentials hang on it. A token goes over when it is used, a session ends after 12 hours; "
            "rotate or revoke the tokens that nobody uses: tidegate token list.",
        )


async def _live_credentials(connection: OwnerConnection, keys: StoredKeys, name: str) -> int:
    """Count what would die with a key: tokens by its name, the others by when they were made.

    Sessions, links and invitations do not say their key: all that were made before the next one was taken up count.
    """
    tokens = await connection.fetchval(
        """
        SELECT count(*) FROM tokens WHERE key_name = $1 AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now()) AND (overlap_ends_at IS NULL OR overlap_ends_at > now())
        """,
        name,
    )
    end = keys.end_of(name)
    until = datetime.max.replace(tzinfo=UTC) if end is None else end + _TAKEN_UP
    others = await connection.fetchval(
        """
        SELECT (SELECT count(*) FROM sessions WHERE created_at < $1 AND ended_at IS NULL AND expires_at > now())
            + (SELECT count(*) FROM sign_in_links WHERE created_at < $1 AND used_at IS NULL AND expires_at > now())
            + (SELECT count(*) FROM invitations WHERE created_at < $1 AND used_at IS NULL AND withdrawn_at IS NULL
                AND expires_at > now())
        """,
        until,
    )
    return int(tokens) + int(others)


async def _sealed_secrets(connection: OwnerConnection, name: str) -> int:
    head, count = envelope_head(name), 0
    for table, column, *_ in _SEALED:
        statement = f"SELECT count(*) FROM {table} WHERE substring({column} from 1 for length($1::bytea)) = $1"
        count += await connection.fetchval(statement, head)
    return count


async def _record(connection: OwnerConnection, deed: Deed, at: datetime) -> None:
    rows = await connection.fetch("SELECT id FROM workspaces WHERE state <> 'deleted' ORDER BY id")
    for row in rows:
        await connection.execute("SELECT set_config('tidegate.workspace', $1, true)", row["id"])
        await append_deed(WorkspaceId(row["id"]), deed, within=connection, recorded_at=at)


def _next_name(keys: StoredKeys) -> str:
    """Return a name that no key had: names of retired ones may stand in what is stored."""
    used: Mapping[str, bytes] = keys.ring.keys
    return f"k{max(int(name.removeprefix('k')) for name in used) + 1}"
