"""A backup is read whole before anything is restored, and what is wrong with it is said by the name of the file."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.app.backup.errors import BackupAlteredError, BackupNewerError
from tidegate.app.backup.manifest import MANIFEST, Manifest, archived_rows, digest_of, read_backup

MEMBERS = {"data/tidegate/raw_spans/2026_1_1_0/count.txt": b"12", "data/tidegate/raw_spans/2026_1_1_0/data.bin": b"x"}


def write_archive(path: Path, members: dict[str, bytes], *links: str) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)


def write_manifest(folder: Path, **changes: Any) -> None:
    files = {
        str(path.relative_to(folder)): digest_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    content = {
        "format": 1,
        "tidegate": "0.1",
        "created_at": "2026-11-21T10:00:00Z",
        "snapshot_at": 1.0,
        "state_migrations": {"0001_identity": "d"},
        "telemetry_migrations": {"0001_spans": "d"},
        "tables": {},
        "sequences": {},
        "archives": {"telemetry/raw.tar": {"raw_spans": 12}},
        "files": files,
    }
    (folder / MANIFEST).write_bytes(Manifest.model_validate({**content, **changes}).as_bytes())


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    for name in ("state", "telemetry", "secrets"):
        (folder / name).mkdir(parents=True)
    (folder / "state" / "tokens.copy.gz").write_bytes(b"rows")
    (folder / "secrets" / "audit.key").write_bytes(b"k" * 32)
    write_archive(folder / "telemetry" / "raw.tar", MEMBERS)
    write_manifest(folder)
    return folder


def cut(folder: Path) -> str:
    file = folder / "state/tokens.copy.gz"
    file.write_bytes(file.read_bytes()[:-1])
    return "state/tokens.copy.gz"


def change(folder: Path) -> str:
    (folder / "secrets/audit.key").write_bytes(b"l" * 32)
    return "secrets/audit.key"


def lose(folder: Path) -> str:
    (folder / "telemetry/raw.tar").unlink()
    return "telemetry/raw.tar"


def add(folder: Path) -> str:
    (folder / "secrets/more.key").write_bytes(b"m")
    return "secrets/more.key"


def link_a_file(folder: Path) -> str:
    file = folder / "secrets/audit.key"
    file.rename(folder.parent / "elsewhere")
    file.symlink_to(folder.parent / "elsewhere")
    return "secrets/audit.key"


def link_a_folder(folder: Path) -> str:
    shutil.move(folder / "secrets", folder.parent / "elsewhere")
    (folder / "secrets").symlink_to(folder.parent / "elsewhere")
    return "secrets/audit.key"


def change_the_manifest(folder: Path) -> str:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"snapshot_at": 1.0', '"snapshot_at": 2.0'))
    return MANIFEST


def cut_the_manifest(folder: Path) -> str:
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes()[:-40])
    return MANIFEST


def name_a_file_outside(folder: Path) -> str:
    (folder.parent / "outside").write_bytes(b"o")
    write_manifest(folder, files={"state/../../outside": digest_of(folder.parent / "outside")}, archives={})
    return MANIFEST


def forget_a_digest(folder: Path) -> str:
    write_manifest(folder, archives={"telemetry/other.tar": {}})
    return MANIFEST


def count_other_rows(folder: Path) -> str:
    write_manifest(folder, archives={"telemetry/raw.tar": {"raw_spans": 13}})
    return "telemetry/raw.tar"


def lead_out_of_the_archive(folder: Path) -> str:
    write_archive(folder / "telemetry/raw.tar", MEMBERS | {"data/tidegate/../../../x": b"x"})
    write_manifest(folder)
    return "raw.tar"


def link_in_the_archive(folder: Path) -> str:
    write_archive(folder / "telemetry/raw.tar", MEMBERS, "data/tidegate/raw_spans/2026_1_1_0/link")
    write_manifest(folder)
    return "raw.tar"


def put_something_else(folder: Path) -> str:
    (folder / "telemetry/raw.tar").write_bytes(b"no archive at all" * 100)
    write_manifest(folder)
    return "raw.tar"


def test_a_backup_that_is_whole_is_read(backup: Path) -> None:
    manifest = read_backup(backup)
    assert manifest.archives == {"telemetry/raw.tar": {"raw_spans": 12}}
    assert archived_rows(backup / "telemetry/raw.tar") == {"raw_spans": 12}


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        change,
        lose,
        add,
        link_a_file,
        link_a_folder,
        change_the_manifest,
        cut_the_manifest,
        name_a_file_outside,
        forget_a_digest,
        count_other_rows,
        lead_out_of_the_archive,
        link_in_the_archive,
        put_something_else,
    ],
    ids=lambda spoil: spoil.__name__.replace("_", " "),
)
def test_a_backup_that_is_not_as_it_was_made_is_refused_by_name(backup: Path, spoil: Callable[[Path], str]) -> None:
    name = spoil(backup)
    with pytest.raises(BackupAlteredError) as refused:
        read_backup(backup)
    assert refused.value.name == name


def test_a_backup_in_a_later_form_is_refused_with_the_version_that_made_it(backup: Path) -> None:
    content = json.loads((backup / MANIFEST).read_bytes())
    (backup / MANIFEST).write_text(json.dumps(content | {"format": 2, "tidegate": "9.9", "more": True}))
    with pytest.raises(BackupNewerError, match=r"9\.9"):
        read_backup(backup)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupAlteredError, match=r"manifest\.json: there is none"):
        read_backup(tmp_path)
