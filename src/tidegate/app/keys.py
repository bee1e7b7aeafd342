"""The keys of an installation: made once, kept in the data directory, readable by their owner alone, several at a time.

A file of 32 bytes holds one key, named k1. After a rotation it is JSON: every key that still proves something, by name.
Whoever serves looks at the file with each use (2 us) and so takes up a new key at once.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from tidegate.audit import AuditKey
from tidegate.identity.model import SigningKey
from tidegate.kernel import Keyring, TidegateError, format_utc, parse_utc
from tidegate.storage.durable_files import sync_folder, write_durably
from tidegate.storage.envelopes import Envelopes

__all__ = [
    "KEY_FILES",
    "KeyFile",
    "KeyFileError",
    "LiveAuditKey",
    "StoredKeys",
    "audit_public_texts",
    "load_audit_key",
    "load_cursor_key",
    "load_envelopes",
    "load_signing_key",
]

KEY_FILES: Final = {
    "credentials": "credentials.key",
    "audit": "audit.key",
    "envelopes": "envelopes.key",
    "packets": "packets.key",
}
_FIRST: Final = "k1"
_BYTES: Final = 32


class KeyFileError(TidegateError):
    code: ClassVar[str] = "key_file_unreadable"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no keys that can be read. Put it back from a backup: nothing else has them.")


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The keys of one purpose, and since when each of them is."""

    ring: Keyring
    made_at: Mapping[str, datetime | None]
    """`None` for the first, which came with the installation."""
    handovers: tuple[Mapping[str, Any], ...] = ()
    """Of the audit: how one key vouched for the next."""

    def as_bytes(self) -> bytes:
        keys = [
            {"name": name, "secret": secret.hex(), "madeAt": format_utc(made) if (made := self.made_at[name]) else None}
            for name, secret in self.ring.keys.items()
        ]
        content = {"current": self.ring.current, "keys": keys, "handovers": [dict(each) for each in self.handovers]}
        return json.dumps(content, indent=2).encode() + b"\n"

    def end_of(self, name: str) -> datetime | None:
        """Return when another key took the place of `name`; `None` for the current one."""
        names = list(self.ring.keys)
        after = names[names.index(name) + 1 :]
        return self.made_at[after[0]] if after else None


@dataclass(slots=True)
class KeyFile:
    """One file in `secrets`; the first caller makes it, and two first callers agree."""

    path: Path
    _seen: tuple[int, int, int] | None = None
    _keys: StoredKeys | None = field(default=None, repr=False)

    @classmethod
    def of(cls, data_dir: Path, purpose: str) -> "KeyFile":
        return cls(data_dir / "secrets" / KEY_FILES[purpose])

    def read(self) -> StoredKeys:
        """Return what the file holds now.

        Raises:
            KeyFileError: it holds something else.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            _make(self.path)
            found = self.path.stat()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._keys is None or seen != self._seen:
            self._keys, self._seen = _parsed(self.path), seen
        return self._keys

    def ring(self) -> Keyring:
        return self.read().ring

    def write(self, keys: StoredKeys) -> None:
        """Replace the file, durably; the caller holds the lock of key changes."""
        write_durably(self.path, keys.as_bytes())
        self._keys = None


@dataclass(slots=True)
class LiveAuditKey:
    """The key that signs the audit now; keeps the promise of `AuditKeySource`."""

    file: KeyFile
    _made: tuple[StoredKeys, AuditKey] | None = field(default=None, repr=False)

    def current(self) -> AuditKey:
        keys = self.file.read()
        if self._made is None or self._made[0] is not keys:
            self._made = (keys, AuditKey(keys.ring.key, handovers=keys.handovers))
        return self._made[1]


def load_signing_key(data_dir: Path) -> SigningKey:
    """Return the keys under which credentials are hashed."""
    file = KeyFile.of(data_dir, "credentials")
    return SigningKey.of(file.ring)


def load_audit_key(data_dir: Path) -> LiveAuditKey:
    """Return the key that signs the audit."""
    file = KeyFile.of(data_dir, "audit")
    file.read()
    return LiveAuditKey(file)


def load_envelopes(data_dir: Path) -> Envelopes:
    """Return what seals secrets of workspaces, under the key that is current with each use."""
    return Envelopes(KeyFile.of(data_dir, "envelopes").ring)


def load_cursor_key(data_dir: Path) -> bytes:
    """Return the key that binds cursors of lists to their workspace; a new one only ends lists that are open."""
    return KeyFile(data_dir / "secrets" / "cursors.key").ring().key


def audit_public_texts(data_dir: Path) -> list[str]:
    """Return the public keys of the audit, the current one last."""
    return [AuditKey(secret).public_text for secret in KeyFile.of(data_dir, "audit").ring().keys.values()]


def _parsed(path: Path) -> StoredKeys:
    content = path.read_bytes()
    if len(content) == _BYTES:
        return StoredKeys(Keyring(_FIRST, {_FIRST: content}), {_FIRST: None})
    try:
        found = json.loads(content)
        keys = {str(each["name"]): bytes.fromhex(each["secret"]) for each in found["keys"]}
        made = {
            str(each["name"]): parse_utc(each["madeAt"]) if each["madeAt"] is not None else None
            for each in found["keys"]
        }
        if not keys or any(len(secret) != _BYTES for secret in keys.values()):
            raise KeyFileError(path)
        return StoredKeys(Keyring(str(found["current"]), keys), made, tuple(found["handovers"]))
    except (ValueError, KeyError, TypeError, TidegateError) as error:
        raise KeyFileError(path) from error


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename, this never replaces a key that somebody already uses
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(path.parent)
