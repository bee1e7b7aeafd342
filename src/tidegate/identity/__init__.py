"""Who: workspaces, members, tokens, passwords, sign-in links and sessions."""

from tidegate.identity.model import SigningKey
from tidegate.identity.service import IdentityService
from tidegate.identity.store import PostgresCredentialStore

__all__ = ["IdentityService", "PostgresCredentialStore", "SigningKey"]
