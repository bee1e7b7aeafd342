"""Keys of a real data directory: rotated with overlap, retired when nothing hangs on them, each change in the audit."""

from pathlib import Path

import pytest

from tidegate.app.backup.errors import BackupUnderWayError
from tidegate.app.keeping import only_one
from tidegate.app.keys import KeyFile, load_envelopes
from tidegate.app.operator import create_token, list_tokens, revoke_token, state
from tidegate.app.operator_keys import (
    KeyInUseError,
    KeyNotFoundError,
    Resealed,
    list_keys,
    reseal_secrets,
    retire_key,
    rotate_key,
)
from tidegate.deliveries.channels import purpose_of
from tidegate.identity.providers.model import SECRET_PURPOSE
from tidegate.kernel import WorkspaceId
from tidegate.prom_sources.service import purpose_of as source_purpose_of
from tidegate.storage.envelopes import envelope_head


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


async def set_secret(data_dir: Path, workspace: str, sealed: bytes) -> None:
    async with state(data_dir) as connection:
        await connection.execute(
            "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now()) ON CONFLICT DO NOTHING", workspace
        )
        await connection.execute(
            """
            INSERT INTO identity_providers (workspace, issuer, client_id, client_secret, redirect_uri, email_domains,
                groups_claim, group_roles, set_at, set_by)
            VALUES ($1, 'https://id.example', 'c', $2, 'https://t.example', '{}', 'groups', '{}', now(), 'x')
            """,
            workspace,
            sealed,
        )


async def set_channel(data_dir: Path, workspace: str, *sealed: bytes) -> None:
    async with state(data_dir) as connection:
        await connection.execute(
            """
            INSERT INTO channels (workspace, id, name, kind, settings, secret, secret_hint,
                previous_secret, previous_until, disabled_why, created_at, created_by, changed_at)
            VALUES ($1, 'chn_1', 'c', 'webhook', '{"url": "https://a.example"}', $2, '', $3,
                now(), '', now(), 'x', now())
            """,
            workspace,
            *sealed,
        )


async def set_source(data_dir: Path, workspace: str, sealed: bytes) -> None:
    async with state(data_dir) as connection:
        await connection.execute(
            """
            INSERT INTO prometheus_sources (workspace, name, url, user_name, secret, revision, created_at, changed_at,
                changed_by)
            VALUES ($1, 'ops', 'https://a.example', '', $2, 'rev_1', now(), now(), 'x')
            """,
            workspace,
            sealed,
        )


async def test_stored_secrets_go_over_to_a_new_key_and_the_old_one_stays_while_one_hangs_on_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    serving = load_envelopes(data_dir)  # as a server that runs all the time has it
    names = [WorkspaceId(f"w-{number}") for number in range(3)]
    for name in names:
        await set_secret(data_dir, name, serving.seal(name, SECRET_PURPOSE, b"of " + name.encode()))
    await set_secret(data_dir, "w-altered", serving.seal(names[0], SECRET_PURPOSE, b"moved"))
    purpose = purpose_of("chn_1")
    await set_channel(data_dir, names[0], *(serving.seal(names[0], purpose, each) for each in (b"now", b"before")))
    await set_source(data_dir, names[0], serving.seal(names[0], source_purpose_of("ops"), b"asked"))
    assert await rotate_key(data_dir, "envelopes") == "k2"
    with pytest.raises(KeyInUseError, match="7 stored secrets are sealed under it"):
        await retire_key(data_dir, "envelopes", "k1")
    assert [await reseal_secrets(data_dir) for _ in range(2)] == [Resealed(6, 1), Resealed(0, 1)]
    async with state(data_dir) as connection:
        rows = await connection.fetch("SELECT workspace, client_secret FROM identity_providers ORDER BY workspace")
        channel = await connection.fetchrow("SELECT secret, previous_secret FROM channels")
        source = await connection.fetchval("SELECT secret FROM prometheus_sources")
        await connection.execute("DELETE FROM identity_providers WHERE workspace = 'w-altered'")
    assert serving.open(names[0], source_purpose_of("ops"), source) == b"asked"
    assert [serving.open(names[0], purpose, each) for each in channel or ()] == [b"now", b"before"]
    for name, row in zip(names, rows, strict=False):
        assert row["client_secret"].startswith(envelope_head("k2"))
        assert serving.open(name, SECRET_PURPOSE, row["client_secret"]) == b"of " + name.encode()
    await retire_key(data_dir, "envelopes", "k1")
    assert serving.open(names[0], SECRET_PURPOSE, rows[0]["client_secret"]) == b"of w-0"
    used = {each.name: each.in_use for each in await list_keys(data_dir) if each.purpose == "envelopes"}
    assert used == {"k2": 6}
