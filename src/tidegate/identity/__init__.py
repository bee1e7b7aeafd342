"""Who: workspaces, members, tokens, passwords, sign-in links and sessions."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.model import SigningKey
    from tidegate.identity.service import IdentityService
    from tidegate.identity.store import PostgresCredentialStore
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.model": ("SigningKey",),
            "tidegate.identity.service": ("IdentityService",),
            "tidegate.identity.store": ("PostgresCredentialStore",),
        }
    )

__all__ = ["IdentityService", "PostgresCredentialStore", "SigningKey"]
