"""Signing in with a password, and sessions."""

from tidegate.identity.sessions.service import Credentials, SessionService, SignInParts
from tidegate.identity.sessions.store import PostgresSessions

__all__ = ["Credentials", "PostgresSessions", "SessionService", "SignInParts"]
