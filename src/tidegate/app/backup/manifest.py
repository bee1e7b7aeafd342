"""The form of a backup: a folder of plain files, and `manifest.json`, which says what each of them must be.

Nothing in it is executed when it is restored: tables are made by the migrations of the program, and filled from rows
(PostgreSQL) and parts (telemetry). So a backup of an earlier version restores under a later one, never the reverse.
"""

import hashlib
import json
import os
import re
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from tidegate.app.backup.errors import BackupAlteredError, BackupNewerError

__all__ = ["FORMAT", "Manifest", "StoredFile", "TableCopy", "archived_rows", "digest_of", "read_backup"]

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_MANIFEST_BYTES: Final = 4 * 1024 * 1024  # a hundred tables are 30 kB
NAME: Final = re.compile(r"(?:state|telemetry|secrets)/[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
_MEMBER: Final = re.compile(r"(?:\.backup|(?:data|metadata)/tidegate/[A-Za-z0-9_./%-]+)")
_ROWS: Final = re.compile(r"data/tidegate/([a-z_][a-z0-9_]*)/[A-Za-z0-9_-]+/count\.txt")
_CHUNK: Final = 1024 * 1024


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class StoredFile(_Shape):
    bytes: int
    sha256: str


class TableCopy(_Shape):
    """One table of PostgreSQL: rows as COPY writes them, compressed with gzip."""

    file: str
    columns: list[str]
    rows: int


class Manifest(_Shape):
    """What a backup is."""

    format: int
    tidegate: str
    created_at: str
    snapshot_at: float
    """Unix seconds: PostgreSQL as of then, telemetry of a little later."""
    state_migrations: dict[str, str]
    telemetry_migrations: dict[str, str]
    tables: dict[str, TableCopy]
    sequences: dict[str, int]
    archives: dict[str, dict[str, int]]
    """Rows by table and archive."""
    files: dict[str, StoredFile]

    def as_bytes(self) -> bytes:
        content = self.model_dump()
        return json.dumps({**content, "digest": _digest(content)}, indent=2).encode() + b"\n"


def read_backup(folder: Path) -> Manifest:
    """Return the manifest of a backup, having read every file that it names.

    Raises:
        BackupAlteredError: a file is missing, cut, changed, a link, or not in the manifest; its name is said.
        BackupNewerError: a later version made it in another form.
    """
    manifest = _read_manifest(folder)
    for name, stored in manifest.files.items():
        if NAME.fullmatch(name) is None:
            raise BackupAlteredError(MANIFEST, f"{name[:80]!r} is no name of a file in a backup")
        _check_file(folder, name, stored)
    named = {each.file for each in manifest.tables.values()} | set(manifest.archives)
    if not named <= set(manifest.files):
        raise BackupAlteredError(MANIFEST, "it names files without their digests")
    strangers = sorted(set(_files_in(folder)) - set(manifest.files) - {MANIFEST})
    if strangers:
        raise BackupAlteredError(strangers[0], "it is not in the manifest")
    for name, rows in manifest.archives.items():
        if archived_rows(folder / name) != rows:
            raise BackupAlteredError(name, "it does not hold the rows that the manifest says")
    return manifest


def _read_manifest(folder: Path) -> Manifest:
    try:
        with _opened(folder / MANIFEST) as file:
            content = json.loads(file.read(_MANIFEST_BYTES))
    except FileNotFoundError as error:
        raise BackupAlteredError(MANIFEST, f"there is none in {folder}") from error
    except (ValueError, OSError) as error:
        raise BackupAlteredError(MANIFEST, "it cannot be read") from error
    if not isinstance(content, dict):
        raise BackupAlteredError(MANIFEST, "it is no manifest")
    version, digest = content.get("format"), content.pop("digest", None)
    if type(version) is int and version > FORMAT:
        raise BackupNewerError(f"format {version} of {MANIFEST}", str(content.get("tidegate"))[:40])
    if version != FORMAT or digest != _digest(content):
        raise BackupAlteredError(MANIFEST, "it was changed, or its end is missing")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise BackupAlteredError(MANIFEST, "it has not the shape of a manifest") from error


def digest_of(path: Path) -> StoredFile:
    """Return the size and digest of a file of ours."""
    found, size = hashlib.sha256(), 0
    with _opened(path) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            size += len(chunk)
    return StoredFile(bytes=size, sha256=found.hexdigest())


def archived_rows(path: Path) -> dict[str, int]:
    """Return the rows by table of an archive that the telemetry engine wrote.

    Raises:
        BackupAlteredError: it holds a link, or a name that leads out of it.
    """
    found: dict[str, int] = {}
    try:
        with _opened(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if not (member.isfile() and _MEMBER.fullmatch(member.name)) or ".." in member.name.split("/"):
                    raise BackupAlteredError(path.name, f"it holds {member.name[:80]!r}, which does not belong there")
                part = _ROWS.fullmatch(member.name)
                content = archive.extractfile(member) if part else None
                if part and content is not None:
                    found[part[1]] = found.get(part[1], 0) + int(content.read(20))
    except (tarfile.TarError, ValueError) as error:
        raise BackupAlteredError(path.name, "it cannot be read as an archive") from error
    return found


def _check_file(folder: Path, name: str, stored: StoredFile) -> None:
    path = folder / name
    if path.parent.is_symlink():
        raise BackupAlteredError(name, "its folder is a link")
    try:
        found = digest_of(path)
    except FileNotFoundError as error:
        raise BackupAlteredError(name, "it is missing") from error
    except OSError as error:
        raise BackupAlteredError(name, "it is a link, or no file, or cannot be read") from error
    if found.bytes != stored.bytes:
        raise BackupAlteredError(name, f"it has {found.bytes:,} bytes instead of {stored.bytes:,}")
    if found != stored:
        raise BackupAlteredError(name, "its contents were changed")


def _files_in(folder: Path) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        for name in (*files, *(each for each in folders if (Path(root) / each).is_symlink())):
            yield str((Path(root) / name).relative_to(folder))


def _opened(path: Path) -> BinaryIO:
    """Open a plain file, and nothing that a link leads to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("no plain file")
    return os.fdopen(descriptor, "rb")


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
