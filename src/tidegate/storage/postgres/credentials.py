"""The passwords of the two roles, random, in one file that only the holder of the data directory reads."""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tidegate.storage.durable_files import write_durably

OWNER_ROLE = "tidegate_owner"
"""Superuser: makes the schema. Used by migrations and operator verbs, never to serve."""
SERVING_ROLE = "tidegate_serving"
"""Owns nothing, no superuser, no BYPASSRLS: what row-level security holds back."""

_PASSWORD_BYTES = 24  # 192 random bits


@dataclass(frozen=True, slots=True)
class PostgresCredentials:
    owner_password: str = field(repr=False)
    serving_password: str = field(repr=False)

    @classmethod
    def random(cls) -> Self:
        return cls(secrets.token_urlsafe(_PASSWORD_BYTES), secrets.token_urlsafe(_PASSWORD_BYTES))

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what `path` holds, or `None` when there is no such file."""
        try:
            entries = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        return cls(str(entries[OWNER_ROLE]), str(entries[SERVING_ROLE]))

    def write(self, path: Path) -> None:
        entries = {OWNER_ROLE: self.owner_password, SERVING_ROLE: self.serving_password}
        write_durably(path, json.dumps(entries, indent=2).encode() + b"\n")
