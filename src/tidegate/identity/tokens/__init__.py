"""Tokens of people and service accounts."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.tokens.model import TokenWish
    from tidegate.identity.tokens.service import TokenParts, TokenService
    from tidegate.identity.tokens.store import PostgresTokens
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.tokens.model": ("TokenWish",),
            "tidegate.identity.tokens.service": (
                "TokenParts",
                "TokenService",
            ),
            "tidegate.identity.tokens.store": ("PostgresTokens",),
        }
    )

__all__ = ["PostgresTokens", "TokenParts", "TokenService", "TokenWish"]
