"""Signing in with a password, and sessions."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.sessions.failures import SignInFailures
    from tidegate.identity.sessions.service import Credentials, SessionService, SignInParts
    from tidegate.identity.sessions.store import PostgresSessions
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.sessions.failures": ("SignInFailures",),
            "tidegate.identity.sessions.service": (
                "Credentials",
                "SessionService",
                "SignInParts",
            ),
            "tidegate.identity.sessions.store": ("PostgresSessions",),
        }
    )

__all__ = ["Credentials", "PostgresSessions", "SessionService", "SignInFailures", "SignInParts"]
