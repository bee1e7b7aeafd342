"""Tokens of people and service accounts."""

from tidegate.identity.tokens.service import TokenParts, TokenService, TokenWish
from tidegate.identity.tokens.store import PostgresTokens

__all__ = ["PostgresTokens", "TokenParts", "TokenService", "TokenWish"]
