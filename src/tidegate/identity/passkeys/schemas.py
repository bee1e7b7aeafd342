"""Passkeys on the wire."""

from typing import Self

from tidegate.edge.wire import Utc, WireModel
from tidegate.identity.passkeys.model import Passkey


class PasskeyOut(WireModel):
    id: str
    name: str
    created_at: Utc
    last_used_at: Utc | None

    @classmethod
    def of(cls, passkey: Passkey) -> Self:
        return cls(id=passkey.id, name=passkey.name, created_at=passkey.created_at, last_used_at=passkey.last_used_at)


class PasskeyListOut(WireModel):
    items: tuple[PasskeyOut, ...]
