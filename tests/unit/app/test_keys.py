"""Key files: made once, closed to others, several keys after a rotation, taken up at once."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate.app.keys import (
    KeyFile,
    KeyFileError,
    StoredKeys,
    audit_public_texts,
    load_audit_key,
    load_envelopes,
    load_signing_key,
)
from tidegate.kernel import Keyring, WorkspaceId
from tidegate.storage.envelopes import envelope_head

MADE = datetime(2026, 11, 21, 10, tzinfo=UTC)


def rotate(data_dir: Path, purpose: str) -> None:
    file = KeyFile.of(data_dir, purpose)
    keys = file.read()
    ring = Keyring("k2", {**keys.ring.keys, "k2": b"n" * 32})
    file.write(StoredKeys(ring, {**keys.made_at, "k2": MADE}))


def test_the_first_key_is_32_bytes_that_nobody_else_reads_and_stays(tmp_path: Path) -> None:
    first = load_signing_key(tmp_path)
    file = tmp_path / "secrets/credentials.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == 32
    assert load_signing_key(tmp_path).hash_of("x") == first.hash_of("x")
    assert [each.name for each in (tmp_path / "secrets").iterdir()] == ["credentials.key"]


def test_who_holds_a_key_takes_up_another_at_once(tmp_path: Path) -> None:
    held, audit = load_signing_key(tmp_path), load_audit_key(tmp_path)
    before, public = held.hash_of("x"), audit.current().public_text
    rotate(tmp_path, "credentials")
    rotate(tmp_path, "audit")
    assert held.name == "k2"
    assert held.hash_of("x") != before
    assert held.hashes_of("x") == [held.hash_of("x"), before]
    assert audit_public_texts(tmp_path) == [public, audit.current().public_text]


def test_a_key_that_was_replaced_says_until_when_it_was_the_current_one(tmp_path: Path) -> None:
    rotate(tmp_path, "envelopes")
    keys = KeyFile.of(tmp_path, "envelopes").read()
    assert (keys.end_of("k1"), keys.end_of("k2")) == (MADE, None)
    assert load_envelopes(tmp_path).seal(WorkspaceId("w"), "p", b"x").startswith(envelope_head("k2"))
    assert "6e6e" not in repr(keys)  # the second key


@pytest.mark.parametrize("content", [b"", b"{}", b"k" * 31, b'{"current": "k1", "keys": [], "handovers": []}'])
def test_a_file_that_holds_no_keys_is_said_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secrets/credentials.key"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(KeyFileError, match="Put it back from a backup"):
        load_signing_key(tmp_path)
    assert file.read_bytes() == content
