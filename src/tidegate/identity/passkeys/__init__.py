"""Passkeys: registering them, listing and removing them, and proving with one who somebody is."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.passkeys.model import RelyingParty, relying_party_of
    from tidegate.identity.passkeys.service import PasskeyParts, PasskeyService
    from tidegate.identity.passkeys.store import PostgresPasskeys
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.passkeys.model": ("RelyingParty", "relying_party_of"),
            "tidegate.identity.passkeys.service": ("PasskeyParts", "PasskeyService"),
            "tidegate.identity.passkeys.store": ("PostgresPasskeys",),
        }
    )

__all__ = ["PasskeyParts", "PasskeyService", "PostgresPasskeys", "RelyingParty", "relying_party_of"]
