"""Telemetry as the engine's own archives of parts, which it writes and reads in a folder of its own.

What is derived goes before the raw rows, so that no count of a backup stands for a row that it does not hold.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.app.backup.errors import BackupAlteredError, BackupFailedError
from tidegate.app.backup.manifest import archived_rows
from tidegate.app.backup.state_copy import LEDGER, Say, make_folder
from tidegate.storage.engine.library import BACKUP_FOLDER
from tidegate.storage.engine.quoting import identifier, string_literal
from tidegate.storage.telemetry import TelemetryEngine

__all__ = [
    "bytes_of_telemetry",
    "clear_leftovers",
    "copy_telemetry",
    "fill_telemetry",
    "tables_of",
    "telemetry_migrations",
]

_DERIVED: Final = ("counts", "ai_runs")
_POLL_S: Final = 0.1


async def telemetry_migrations(engine: TelemetryEngine) -> dict[str, str]:
    rows = await engine.admin(f"SELECT name, digest FROM tidegate.{LEDGER} ORDER BY name")
    return {str(row["name"]): str(row["digest"]) for row in rows}


async def tables_of(engine: TelemetryEngine) -> list[str]:
    """Return the tables that hold rows, without the ledger of migrations."""
    rows = await engine.admin(
        "SELECT name FROM system.tables WHERE database = 'tidegate' AND engine LIKE '%MergeTree' "
        f"AND name != '{LEDGER}' ORDER BY name"
    )
    return [str(row["name"]) for row in rows]


async def bytes_of_telemetry(engine: TelemetryEngine) -> int:
    rows = await engine.admin(
        "SELECT sum(bytes_on_disk) AS size FROM system.parts WHERE database = 'tidegate' AND active"
    )
    return int(rows[0]["size"] or 0)


async def copy_telemetry(
    engine: TelemetryEngine, telemetry: Path, folder: Path, *, say: Say
) -> dict[str, dict[str, int]]:
    """Have the engine write its tables into `folder`; return the rows by table and archive.

    `telemetry` is the folder of the engine.

    Raises:
        BackupFailedError: the engine says no, for example for want of room.
    """
    make_folder(folder)
    tables = await tables_of(engine)
    archives: dict[str, dict[str, int]] = {}
    for name, wanted in (
        ("derived.tar", [each for each in tables if each in _DERIVED]),
        ("raw.tar", [each for each in tables if each not in _DERIVED]),
    ):
        if not wanted:
            continue
        draft = telemetry / BACKUP_FOLDER / f"{secrets.token_hex(8)}.tar"
        try:
            await _run(engine, _Work("BACKUP", wanted, "TO", draft), say=say)
            draft.chmod(0o600)
            await asyncio.to_thread(_move, draft, folder / name)
        finally:
            draft.unlink(missing_ok=True)
        archives[f"{folder.name}/{name}"] = await asyncio.to_thread(archived_rows, folder / name)
    return archives


async def fill_telemetry(
    engine: TelemetryEngine, telemetry: Path, backup: Path, archives: Mapping[str, Mapping[str, int]], *, say: Say
) -> None:
    """Have the engine read archives into the empty tables that the migrations made.

    Raises:
        BackupAlteredError: an archive does not hold what it should.
        BackupFailedError: the engine says no.
    """
    known = set(await tables_of(engine))
    await engine.admin("SYSTEM STOP MERGES")  # so that rows can be counted; it holds until this engine ends
    for name, rows in archives.items():
        if not set(rows) <= known:
            raise BackupAlteredError(name, "it holds tables that its version does not have")
        if not rows:
            continue
        draft = telemetry / BACKUP_FOLDER / f"{secrets.token_hex(8)}.tar"
        try:
            await asyncio.to_thread(_link, backup / name, draft)
            await _run(engine, _Work("RESTORE", sorted(rows), "FROM", draft), say=say)
        finally:
            draft.unlink(missing_ok=True)
        found = await engine.admin(
            "SELECT table, sum(rows) AS rows FROM system.parts WHERE database = 'tidegate' AND active GROUP BY table"
        )
        counted = {str(row["table"]): int(row["rows"]) for row in found}
        if any(counted.get(table, 0) != count for table, count in rows.items()):
            raise BackupAlteredError(name, "not all of its rows could be read")


def clear_leftovers(telemetry: Path) -> None:
    """Remove what a backup that was killed left behind; the caller makes sure that none is under way."""
    folder = telemetry / BACKUP_FOLDER
    for draft in folder.glob("*.tar") if folder.is_dir() else ():
        draft.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Work:
    verb: str
    tables: list[str]
    preposition: str
    archive: Path

    @property
    def statement(self) -> str:
        listed = ", ".join(f"TABLE tidegate.{identifier(name)}" for name in self.tables)
        # The tables are ours, made by the same migrations: another version of the engine may print their definition
        # with other words, which is no other table. Files that are alike are written each time: the rows of a part
        # are read from a file of its own.
        is_backup = self.verb == "BACKUP"
        settings = "deduplicate_files = 0" if is_backup else "create_table = 0, allow_different_table_def = 1"
        # The folder as the engine knows it, whatever links lead to the data directory.
        where = f"File({string_literal(str(self.archive.parent.resolve() / self.archive.name))})"
        return f"{self.verb} {listed} {self.preposition} {where} SETTINGS {settings} ASYNC"


async def _run(engine: TelemetryEngine, work: _Work, *, say: Say) -> None:
    """Have the engine do it in the background: an answer may take longer than any request may."""
    say(f"telemetry: {', '.join(work.tables)}")
    await engine.admin(work.statement)
    question = f"SELECT status, error FROM system.backups WHERE position(name, {string_literal(work.archive.name)}) > 0"
    while True:
        rows = await engine.admin(question)
        if not rows:
            raise BackupFailedError("it was started again meanwhile, and does not know of it any more.")
        status = str(rows[0]["status"])
        if status in {"BACKUP_CREATED", "RESTORED"}:
            return
        if "FAILED" in status or "CANCELLED" in status:
            raise BackupFailedError(str(rows[0]["error"]).partition(", Stack trace")[0][:400])
        await asyncio.sleep(_POLL_S)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or somebody else's file
        shutil.copyfile(source, target)


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
        target.chmod(0o600)
