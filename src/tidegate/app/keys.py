"""The keys of an installation: made once, kept in the data directory, readable by their owner alone."""

import os
import secrets
from pathlib import Path

from tidegate.audit import AuditKey
from tidegate.identity.model import SigningKey

_FILE = "credentials.key"
_AUDIT_FILE = "audit.key"
_CURSOR_FILE = "cursors.key"
_NAME = "k1"


def load_signing_key(data_dir: Path) -> SigningKey:
    """Return the key under which credentials are hashed; the first caller makes it, and two first callers agree."""
    return SigningKey(_NAME, _load(data_dir, _FILE))


def load_audit_key(data_dir: Path) -> AuditKey:
    """Return the key that signs the audit; made like the other."""
    return AuditKey(_load(data_dir, _AUDIT_FILE))


def load_cursor_key(data_dir: Path) -> bytes:
    """Return the key that binds cursors of lists to their workspace; made like the others."""
    return _load(data_dir, _CURSOR_FILE)


def _load(data_dir: Path, name: str) -> bytes:
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = folder / f"{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename, this never replaces a key that somebody already uses
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
