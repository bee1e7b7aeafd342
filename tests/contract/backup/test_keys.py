"""Keys of a real data directory: rotated with overlap, retired when nothing hangs on them, each change in the audit."""

from pathlib import Path

import pytest

from tidegate.app.backup.errors import BackupUnderWayError
from tidegate.app.keeping import only_one
from tidegate.app.keys import KeyFile
from tidegate.app.operator import create_token, list_tokens, revoke_token, state
from tidegate.app.operator_keys import KeyInUseError, KeyNotFoundError, list_keys, retire_key, rotate_key


async def test_a_key_stays_while_a_live_token_hangs_on_it_and_goes_afterwards(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    await create_token(data_dir, workspace="default", scope="read")
    assert await rotate_key(data_dir, "credentials") == "k2"
    await create_token(data_dir, workspace="default", scope="read")
    facts = {each.name: each for each in await list_keys(data_dir) if each.purpose == "credentials"}
    assert {name: (each.is_current, each.in_use) for name, each in facts.items()} == {"k1": (False, 1), "k2": (True, 1)}
    with pytest.raises(KeyInUseError, match="1 live credentials"):
        await retire_key(data_dir, "credentials", "k1")
    [old, _] = await list_tokens(data_dir, workspace="default")
    await revoke_token(data_dir, workspace="default", token_id=old.id)
    await retire_key(data_dir, "credentials", "k1")
    assert list(KeyFile.of(data_dir, "credentials").ring().keys) == ["k2"]
    async with state(data_dir) as connection:
        rows = await connection.fetch("SELECT action, target, details FROM audit_records WHERE action LIKE 'keys:%'")
    assert [(row["action"], row["target"]) for row in rows] == [
        ("keys:rotate", "key/credentials"),
        ("keys:retire", "key/credentials"),
    ]


@pytest.mark.parametrize(
    ("purpose", "name", "error"),
    [
        ("credentials", "k1", KeyInUseError),
        ("audit", "k1", KeyInUseError),
        ("credentials", "k7", KeyNotFoundError),
    ],
)
async def test_a_current_or_unknown_key_is_not_retired(
    tmp_path: Path, purpose: str, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await retire_key(tmp_path / "data", purpose, name)


async def test_keys_do_not_change_while_a_backup_is_made(tmp_path: Path) -> None:
    before = KeyFile.of(tmp_path, "audit").ring()
    with only_one(tmp_path), pytest.raises(BackupUnderWayError):
        await rotate_key(tmp_path, "audit")
    assert KeyFile.of(tmp_path, "audit").ring() == before
