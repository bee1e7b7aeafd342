"""The key under which credentials are hashed: made once, kept in the data directory, readable by its owner alone."""

import os
import secrets
from pathlib import Path

from tidegate.identity.model import SigningKey

_FILE = "credentials.key"
_NAME = "k1"


def load_signing_key(data_dir: Path) -> SigningKey:
    """Return the installation's key; the first caller makes it, and two first callers agree."""
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _FILE
    if not path.exists():
        draft = folder / f"{_FILE}.{os.getpid()}"
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
    return SigningKey(_NAME, path.read_bytes())
