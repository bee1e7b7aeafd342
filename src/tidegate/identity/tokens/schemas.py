"""Tokens on the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from tidegate.edge.caller import Role, Scope
from tidegate.edge.wire import Utc, WireModel
from tidegate.identity.model import Token
from tidegate.identity.tokens.model import DEFAULT_OVERLAP, MAX_OVERLAP, TokenWish
from tidegate.kernel import Page

MAX_NAMES = 100
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Names = Annotated[tuple[_Name, ...], Field(min_length=1, max_length=MAX_NAMES)]
TokenName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class TokenIn(WireModel):
    name: TokenName
    """For those who read the list."""
    scope: Scope
    member: Annotated[str, Field(max_length=64)] | None = None
    """A service account; left out: you."""
    services: Names | None = None
    """The services it is for; left out: all."""
    environments: Names | None = None
    expires_at: Utc | None = None
    """Left out: it works until it is revoked."""

    def wish(self) -> TokenWish:
        return TokenWish(
            scope=self.scope,
            name=self.name,
            member=self.member,
            services=None if self.services is None else frozenset(self.services),
            environments=None if self.environments is None else frozenset(self.environments),
            expires_at=self.expires_at,
        )


class RotationIn(WireModel):
    overlap_s: Annotated[int, Field(ge=0, le=int(MAX_OVERLAP.total_seconds()))] = int(DEFAULT_OVERLAP.total_seconds())
    """How long the old token works on; a day unless said."""


class TokenOut(WireModel):
    id: str
    name: str
    hint: str
    """How the token begins."""
    scope: Scope
    member: str | None
    """Whose it is; `null`: the operator's."""
    role: Role | None
    """Of the member: it bounds what the token may do."""
    services: tuple[str, ...] | None
    environments: tuple[str, ...] | None
    is_valid: bool
    created_at: Utc
    created_by: str | None
    expires_at: Utc | None
    revoked_at: Utc | None
    last_used_at: Utc | None
    """To the minute; `null`: never."""
    rotated_from: str | None
    overlap_ends_at: Utc | None
    """When a token that was rotated stops to work."""

    @classmethod
    def of(cls, token: Token, *, now: datetime) -> Self:
        return cls(
            id=token.id,
            name=token.name,
            hint=token.hint,
            scope=Scope(token.scope),
            member=token.holder.id if token.holder else None,
            role=token.holder.role if token.holder else None,
            services=None if token.services is None else tuple(sorted(token.services)),
            environments=None if token.environments is None else tuple(sorted(token.environments)),
            is_valid=token.is_valid_at(now),
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            last_used_at=token.last_used_at,
            rotated_from=token.rotated_from,
            overlap_ends_at=token.overlap_ends_at,
        )


class NewTokenOut(TokenOut):
    token: str
    """The secret, shown this once."""

    @classmethod
    def of_new(cls, token: Token, secret: str, *, now: datetime) -> Self:
        return cls(**dict(TokenOut.of(token, now=now)), token=secret)


class TokenPageOut(WireModel):
    items: tuple[TokenOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Token], *, now: datetime) -> Self:
        return cls(items=tuple(TokenOut.of(token, now=now) for token in page.items), next_cursor=page.next_cursor)
