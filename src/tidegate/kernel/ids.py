"""Typed ids, and where new ones come from."""

import secrets
from typing import NewType, Protocol

WorkspaceId = NewType("WorkspaceId", str)
"""An account of tidegate, for example `default`: the isolation boundary. Slugs are never reused."""
TokenId = NewType("TokenId", str)
ReleaseId = NewType("ReleaseId", str)
AlertId = NewType("AlertId", str)
GateId = NewType("GateId", str)
"""Chosen by people in a gate file: `auth-shell`."""
DecisionId = NewType("DecisionId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32: no i, l, o, u to misread
_OF_BYTES = (
    _ALPHABET * 8
).encode()  # each of the 32 stands for eight bytes: all are as likely; choosing took 30 µs an id
_ID_CHARACTERS = 20  # 100 random bits: no collision is expected before 10^15 ids


class IdFactory(Protocol):
    """Makes ids that nobody can guess."""

    def new_id(self, prefix: str) -> str:
        """Return a fresh id such as `alr_3k9…`; `prefix` is three letters without the underscore."""
        ...


class RandomIds:
    """Ids from the operating system's randomness."""

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_bytes(_ID_CHARACTERS).translate(_OF_BYTES).decode()}"
