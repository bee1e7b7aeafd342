"""Putting a backup back, into an empty or absent data directory: as a whole or not at all.

Everything of the backup is read and proven first. The installation is then made in a folder beside and renamed. Tables
come from the migrations of this program, up to those that the backup names; the next start applies the rest.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg

from tidegate.app.backup.errors import BackupNewerError, DataDirectoryOccupiedError
from tidegate.app.backup.making import Draft, refuse_own_engines, refuse_without_room
from tidegate.app.backup.manifest import Manifest, read_backup
from tidegate.app.backup.reconciling import reconcile
from tidegate.app.backup.state_copy import Say, fill_state
from tidegate.app.backup.telemetry_copy import fill_telemetry
from tidegate.app.lock import DataDirectory
from tidegate.app.supervisor.engines import engines_started
from tidegate.storage.durable_files import write_durably
from tidegate.storage.migrations import Migration, migrate_state, migrate_telemetry, read_migrations

__all__ = ["restore"]

_CLUSTER_BYTES = 100_000_000  # an empty cluster has 47 MB, and its log as much


async def restore(backup: Path, data_dir: Path, *, say: Say) -> Manifest:
    """Make the installation of `backup` in `data_dir`, with its keys and passwords.

    Raises:
        BackupAlteredError: a file is not what was backed up.
        BackupNewerError: a later version made it.
        DataDirectoryOccupiedError: something is in the data directory.
        BackupRoomError: it would not fit.
    """
    refuse_own_engines()
    _refuse_occupied(data_dir)
    say("reading every file of the backup")
    manifest = await asyncio.to_thread(read_backup, backup)
    state = _known("state", manifest.state_migrations, by=manifest.tidegate)
    telemetry = _known("telemetry", manifest.telemetry_migrations, by=manifest.tidegate)
    stored = sum(each.bytes for each in manifest.files.values())
    _make_parent(data_dir, 3 * stored + _CLUSTER_BYTES)
    with Draft(data_dir, may_be_empty=True) as draft:
        directory = DataDirectory(draft.folder)
        with directory.lock():
            _put_secrets(backup, draft.folder, manifest)
            await _fill(backup, draft.folder, manifest, state=state, telemetry=telemetry, say=say)
        for name in ("run", "logs"):
            shutil.rmtree(draft.folder / name, ignore_errors=True)
        await asyncio.to_thread(os.sync)
        draft.keep()
    return manifest


def _refuse_occupied(data_dir: Path) -> None:
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise DataDirectoryOccupiedError(data_dir)


def _make_parent(data_dir: Path, needed_bytes: int) -> None:
    parent = data_dir.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    refuse_without_room(parent, needed_bytes, is_served=False)


async def _fill(
    backup: Path,
    folder: Path,
    manifest: Manifest,
    *,
    state: Sequence[Migration],
    telemetry: Sequence[Migration],
    say: Say,
) -> None:
    for name in ("logs", "run"):
        (folder / name).mkdir(mode=0o700)
    async with engines_started(folder) as engines:
        await migrate_state(engines.dsns.owner, state)
        await migrate_telemetry(engines.dsns.owner, engines.telemetry, telemetry)
        connection = await asyncpg.connect(engines.dsns.owner, timeout=10)
        try:
            await fill_state(connection, backup, manifest.tables, manifest.sequences, say=say)
            await fill_telemetry(engines.telemetry, folder / "telemetry", backup, manifest.archives, say=say)
            say("agreeing on what is to be counted again")
            await reconcile(connection, engines.telemetry, snapshot_at=manifest.snapshot_at)
        finally:
            await connection.close()


def _known(engine: str, applied: Mapping[str, str], *, by: str) -> list[Migration]:
    """Return our migrations of these names, which must be the first of ours, with the same contents."""
    ours = [each for each in read_migrations(engine) if each.name in applied]
    strangers = sorted(set(applied) - {each.name for each in ours})
    if strangers:
        raise BackupNewerError(f"the migration {strangers[0]}", by)
    changed = [each.name for each in ours if each.digest != applied[each.name]]
    if changed:
        raise BackupNewerError(f"other contents of the migration {changed[0]}", by)
    return ours


def _put_secrets(backup: Path, folder: Path, manifest: Manifest) -> None:
    (folder / "secrets").mkdir(mode=0o700)
    for name in manifest.files:
        if name.startswith("secrets/"):
            write_durably(folder / name, (backup / name).read_bytes())
