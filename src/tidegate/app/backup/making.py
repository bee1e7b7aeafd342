"""Making a backup, of a running server or of one that is down.

Contract. PostgreSQL goes first, in one snapshot; then the counts of telemetry, then its raw rows. What was acknowledged
before the command began is in it; of what comes meanwhile, telemetry may hold more than the state knows of: restoring
has these seconds counted again (`reconciling`). The backup appears under its name by one rename, when every file of it
is on disk; a crash leaves a folder whose name begins with a dot, and nothing else.
"""

import asyncio
import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import asyncpg

from tidegate import __version__
from tidegate.app.backup.errors import (
    BackupRoomError,
    BackupTargetError,
    EngineOfYourOwnError,
    ErasureUnderWayError,
    InstallationMissingError,
)
from tidegate.app.backup.manifest import FORMAT, MANIFEST, NAME, Manifest, StoredFile, digest_of
from tidegate.app.backup.state_copy import OwnerConnection, Say, copy_state, list_erasures
from tidegate.app.backup.telemetry_copy import (
    bytes_of_telemetry,
    clear_leftovers,
    copy_telemetry,
    telemetry_migrations,
)
from tidegate.app.keeping import only_one
from tidegate.app.settings import disk_limit, external_database, external_telemetry
from tidegate.app.supervisor.engines import Engines, engines_alone
from tidegate.kernel import format_utc
from tidegate.storage.disk import measure
from tidegate.storage.durable_files import sync_folder, write_durably

__all__ = ["Draft", "back_up", "refuse_missing", "refuse_own_engines", "refuse_without_room"]

# Of this start of this cluster: a restored installation gets its own.
_NOT_KEPT: Final = frozenset({"postgres.json", "telemetry.json", "lock"})
_MARGIN: Final = 1.1  # archives have headers and padding; tables grow while they are copied


async def back_up(data_dir: Path, target: Path, *, say: Say) -> Manifest:
    """Write a backup of the installation to the folder `target`, which must not exist.

    Raises:
        InstallationMissingError: there is nothing to back up.
        EngineOfYourOwnError: an engine is not ours.
        BackupTargetError: something is there already, or the folder above is missing.
        BackupRoomError: it would not fit.
        ErasureUnderWayError: telemetry is being erased.
        BackupUnderWayError: another one is being made.
    """
    refuse_own_engines()
    refuse_missing(data_dir)
    with Draft(target) as draft, only_one(data_dir):
        clear_leftovers(data_dir / "telemetry")
        async with engines_alone(data_dir) as engines:
            manifest = await _copied(engines, data_dir, draft.folder, say=say)
        write_durably(draft.folder / MANIFEST, manifest.as_bytes())
        draft.keep()
    return manifest


async def _copied(engines: Engines, data_dir: Path, folder: Path, *, say: Say) -> Manifest:
    connection = await asyncpg.connect(engines.dsns.owner, timeout=10)
    try:
        await _refuse_unless_it_fits(engines, connection, data_dir, folder)
        state = await copy_state(connection, folder / "state", say=say)
        # After the state: a key that it needs was there before it.
        _copy_secrets(data_dir / "secrets", folder / "secrets")
        archives = await copy_telemetry(engines.telemetry, data_dir / "telemetry", folder / "telemetry", say=say)
        if await list_erasures(connection) != state.erasures:
            raise ErasureUnderWayError
    finally:
        await connection.close()
    say("digests")
    files = await asyncio.to_thread(_digests_of, folder)
    return Manifest(
        format=FORMAT,
        tidegate=__version__,
        created_at=format_utc(datetime.now(UTC)),
        snapshot_at=state.snapshot_at,
        state_migrations=dict(state.migrations),
        telemetry_migrations=await telemetry_migrations(engines.telemetry),
        tables=dict(state.tables),
        sequences=dict(state.sequences),
        archives=archives,
        files=files,
    )


def refuse_own_engines() -> None:
    """Let pass an installation whose engines are both embedded.

    Raises:
        EngineOfYourOwnError: one of them is not.
    """
    if external_database() is not None:
        raise EngineOfYourOwnError("TIDEGATE_DATABASE_URL")
    if external_telemetry() is not None:
        raise EngineOfYourOwnError("TIDEGATE_TELEMETRY_URL")


def refuse_missing(data_dir: Path) -> None:
    """Let pass a data directory in which a server was once.

    Raises:
        InstallationMissingError: there was none.
    """
    if not (data_dir / "postgres" / "PG_VERSION").is_file() or not (data_dir / "telemetry").is_dir():
        raise InstallationMissingError(data_dir)


class Draft:
    """A folder beside `target` that gets its name when it is kept, and goes when it is not."""

    def __init__(self, target: Path, *, may_be_empty: bool = False) -> None:
        self._target = target.absolute()
        self._may_be_empty = may_be_empty
        self.folder = self._target.with_name(f".{self._target.name}.{secrets.token_hex(4)}")
        self._is_kept = False

    def __enter__(self) -> Self:
        if self._target.is_mount():
            raise BackupTargetError(self._target, "is the root of a file system, so a folder cannot get its name")
        is_empty = self._may_be_empty and self._target.is_dir() and not any(self._target.iterdir())
        if self._target.is_symlink() or (self._target.exists() and not is_empty):
            raise BackupTargetError(self._target, "is there already")
        try:
            self.folder.mkdir(mode=0o700)
        except OSError as error:
            raise BackupTargetError(self._target, f"cannot be made: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_kept:
            shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self) -> None:
        """Rename it to its target, durably."""
        for folder in _folders_of(self.folder):
            sync_folder(folder)
        self.folder.rename(self._target)
        self._is_kept = True
        sync_folder(self._target.parent)


def refuse_without_room(folder: Path, needed_bytes: int, *, is_served: bool) -> None:
    """Let pass what fits into a file system; below the server's own limit intake would stop.

    Raises:
        BackupRoomError: it does not fit.
    """
    free, total = measure(folder)
    spared = disk_limit().bytes_of(total) if is_served else 0
    if free - spared < needed_bytes:
        raise BackupRoomError(folder, needed_bytes=needed_bytes, free_bytes=free - spared)


async def _refuse_unless_it_fits(engines: Engines, connection: OwnerConnection, data_dir: Path, folder: Path) -> None:
    telemetry = int(await bytes_of_telemetry(engines.telemetry) * _MARGIN)
    state = int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    is_same = _are_on_one_disk(folder, data_dir)
    refuse_without_room(folder, state + telemetry, is_served=engines.is_serving and is_same)
    if not is_same:  # the engine writes below its own folder first
        refuse_without_room(data_dir, telemetry, is_served=engines.is_serving)


def _are_on_one_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _copy_secrets(source: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        if path.name in _NOT_KEPT or path.name.startswith(".") or path.is_symlink() or not path.is_file():
            continue
        if NAME.fullmatch(f"secrets/{path.name}") is None:
            raise BackupTargetError(path, "has a name that a backup cannot hold")
        write_durably(folder / path.name, path.read_bytes())


def _digests_of(folder: Path) -> dict[str, StoredFile]:
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        path.chmod(0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        found[str(path.relative_to(folder))] = digest_of(path)
    return found


def _folders_of(folder: Path) -> list[Path]:
    return [folder, *(each for each in folder.iterdir() if each.is_dir())]
