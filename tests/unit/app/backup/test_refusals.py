"""What is refused before anything is written, and that nothing is left behind."""

from pathlib import Path

import pytest
from tests.unit.app.backup.test_manifest import write_manifest

from tidegate.app.backup.checking import run_checks
from tidegate.app.backup.errors import (
    BackupAlteredError,
    BackupNewerError,
    BackupRoomError,
    BackupTargetError,
    DataDirectoryOccupiedError,
    EngineOfYourOwnError,
    InstallationMissingError,
)
from tidegate.app.backup.making import Draft, back_up, refuse_without_room
from tidegate.app.backup.restoring import restore


def quiet(_: str) -> None:
    """Say nothing."""


def names_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "audit.key").write_bytes(b"k" * 32)
    write_manifest(folder, archives={}, state_migrations={"0999_later": "d"})
    return folder


async def test_a_backup_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallationMissingError):
        await back_up(tmp_path / "data", tmp_path / "backup", say=quiet)
    with pytest.raises(InstallationMissingError):
        await run_checks(tmp_path / "data", say=quiet)
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TIDEGATE_DATABASE_URL", "postgresql://u@db/tidegate"), ("TIDEGATE_TELEMETRY_URL", "http://u@ch:8123")],
)
async def test_engines_of_ones_own_are_left_to_their_own_tools(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    for refused in (
        back_up(tmp_path / "data", tmp_path / "new", say=quiet),
        restore(backup, tmp_path / "data", say=quiet),
        run_checks(tmp_path / "data", say=quiet),
    ):
        with pytest.raises(EngineOfYourOwnError, match=f"{variable}.*pg_dump"):
            await refused


async def test_a_backup_of_a_later_version_is_refused_and_nothing_is_made(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupNewerError, match="0999_later"):
        await restore(backup, tmp_path / "data", say=quiet)
    assert names_in(tmp_path) == {"backup"}


async def test_a_backup_that_was_altered_leaves_an_empty_folder_as_it_is(backup: Path, tmp_path: Path) -> None:
    (backup / "secrets" / "audit.key").write_bytes(b"l" * 32)
    (tmp_path / "data").mkdir()
    with pytest.raises(BackupAlteredError):
        await restore(backup, tmp_path / "data", say=quiet)
    assert names_in(tmp_path / "data") == set()


async def test_a_folder_that_holds_anything_is_not_restored_into(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lock").touch()
    with pytest.raises(DataDirectoryOccupiedError):
        await restore(backup, tmp_path / "data", say=quiet)


def test_a_draft_that_is_not_kept_goes_and_one_that_is_kept_gets_its_name(tmp_path: Path) -> None:
    with Draft(tmp_path / "lost"):
        pass
    with Draft(tmp_path / "kept") as draft:
        (draft.folder / "file").touch()
        draft.keep()
    assert names_in(tmp_path) == {"kept"}
    with pytest.raises(BackupTargetError), Draft(tmp_path / "kept"):
        pass


def test_a_link_is_no_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BackupTargetError), Draft(tmp_path / "link"):
        pass


def test_what_does_not_fit_is_refused_and_a_served_disk_keeps_what_the_server_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackupRoomError, match="are needed"):
        refuse_without_room(tmp_path, 2**62, is_served=False)
    refuse_without_room(tmp_path, 1, is_served=False)
    monkeypatch.setenv("TIDEGATE_DISK_MIN_FREE", "900000GB")
    with pytest.raises(BackupRoomError):
        refuse_without_room(tmp_path, 1, is_served=True)
