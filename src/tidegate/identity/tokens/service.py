"""Making, listing, rotating and revoking tokens."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from tidegate.edge.caller import Role, Scope
from tidegate.identity.acting import Acting
from tidegate.identity.lists import page_of, position_of
from tidegate.identity.members.errors import MemberNotFoundError
from tidegate.identity.members.model import MemberKind
from tidegate.identity.members.ports import MemberStore
from tidegate.identity.model import HINT_CHARACTERS, Holder, SigningKey, Token, new_token
from tidegate.identity.roles import scopes_of
from tidegate.identity.tokens.errors import (
    ExpiryPassedError,
    ScopeExceedsRoleError,
    TokenEndedError,
    TokenNotForTokensError,
    TokenNotFoundError,
    TokenOfOtherPersonError,
    TokenRotatedError,
    TokenTooWideError,
)
from tidegate.identity.tokens.model import DEFAULT_OVERLAP, TokenWish
from tidegate.identity.tokens.ports import TokenStore
from tidegate.kernel import Clock, Cursor, IdFactory, Page, TokenId, WorkspaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenParts:
    """What tokens are made with."""

    store: TokenStore
    members: MemberStore
    key: SigningKey
    ids: IdFactory
    clock: Clock
    on_taken_away: Callable[[], None]
    """Called when tokens were revoked, so that this process knows it at once."""


class TokenService:
    """Tokens of a workspace: one's own; for who administers it, all.

    A secret is given out once, to who makes or rotates a token, and never one that speaks for another person.
    """

    def __init__(self, parts: TokenParts) -> None:
        self._parts = parts

    async def list_tokens(
        self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None, by: Acting
    ) -> Page[Token]:
        if not by.is_admin and by.caller.member is None:
            return Page((), None)
        member = None if by.is_admin else by.caller.member
        after = position_of(cursor)
        found = await self._parts.store.list_tokens(workspace, member=member, after=after, limit=limit + 1)
        return page_of(found, limit, lambda token: (token.created_at, token.id))

    async def create(self, workspace: WorkspaceId, wish: TokenWish, *, by: Acting) -> tuple[Token, str]:
        """Make a token; return it and its secret.

        Raises:
            TokenNotForTokensError: who asks makes no tokens.
            MemberNotFoundError: the workspace has no such member.
            TokenOfOtherPersonError: the member is another person.
            RoleTooHighError: the member's role is higher than that of who asks.
            TokenTooWideError: it would be wider than the credential that makes it.
            ScopeExceedsRoleError: the member's role has no such scope.
            ExpiryPassedError: it would never work.
        """
        parts = self._parts
        _refuse_makers_of_none(by)
        now = parts.clock.now()
        holder = await self._holder(workspace, wish.member or by.caller.member, by=by)
        if not by.caller.may(wish.scope) and not (by.caller.by_session and wish.scope in _scopes_of(by)):
            raise TokenTooWideError(f"the scope `{wish.scope}`")
        if holder is not None and wish.scope not in scopes_of(holder.role):
            raise ScopeExceedsRoleError(wish.scope, holder.role)
        if wish.expires_at is not None and wish.expires_at <= now:
            raise ExpiryPassedError
        _refuse_wider(by, wish.services, wish.environments)
        secret = new_token(secrets.token_bytes(48))
        token = Token(
            id=TokenId(parts.ids.new_id("tok")),
            workspace=workspace,
            scope=wish.scope,
            hint=secret[:HINT_CHARACTERS],
            created_at=now,
            expires_at=wish.expires_at,
            revoked_at=None,
            name=wish.name,
            holder=holder,
            services=wish.services,
            environments=wish.environments,
            created_by=by.name,
        )
        deed = by.deed("tokens:create", f"token/{token.id}", name=token.name, scope=token.scope, of=_member_of(token))
        await parts.store.add_token(workspace, token, parts.key.hash_of(secret), deed=deed)
        return token, secret

    async def rotate(
        self, workspace: WorkspaceId, token_id: str, *, overlap: timedelta = DEFAULT_OVERLAP, by: Acting
    ) -> tuple[Token, str]:
        """Make a token in the place of another, which works on until `overlap` is over; return the new one.

        It lives as long as the old one was to live.

        Raises:
            TokenNotFoundError: there is none, or it is somebody else's.
            TokenEndedError: the old one does not work any more.
            TokenRotatedError: it was rotated before.
            TokenNotForTokensError, TokenOfOtherPersonError, RoleTooHighError, TokenTooWideError: as `create`.
        """
        parts = self._parts
        old = await self._get(workspace, token_id, by=by)
        _refuse_makers_of_none(by)
        if old.holder is None and by.caller.role not in {None, Role.OWNER}:
            raise TokenTooWideError("what the operator may")
        await self._holder(workspace, _member_of(old), by=by)
        if not by.caller.may(Scope(old.scope)) and not (by.caller.by_session and Scope(old.scope) in _scopes_of(by)):
            raise TokenTooWideError(f"the scope `{old.scope}`")
        _refuse_wider(by, old.services, old.environments)
        now = parts.clock.now()
        if old.overlap_ends_at is not None:
            raise TokenRotatedError
        if not old.is_valid_at(now):
            raise TokenEndedError
        secret = new_token(secrets.token_bytes(48))
        new = replace(
            old,
            id=TokenId(parts.ids.new_id("tok")),
            hint=secret[:HINT_CHARACTERS],
            created_at=now,
            expires_at=None if old.expires_at is None else now + (old.expires_at - old.created_at),
            created_by=by.name,
            last_used_at=None,
            rotated_from=old.id,
        )
        ending = replace(old, overlap_ends_at=now + overlap)
        deed = by.deed("tokens:rotate", f"token/{old.id}", to=new.id, overlapS=int(overlap.total_seconds()))
        await parts.store.rotate_token(workspace, ending, new, parts.key.hash_of(secret), deed=deed)
        return new, secret

    async def revoke(self, workspace: WorkspaceId, token_id: str, *, by: Acting) -> None:
        """Revoke a token; one that was revoked stays so.

        Raises:
            TokenNotFoundError: there is none, or it is somebody else's.
            RoleTooHighError: its member's role is higher than that of who asks.
        """
        found = await self._get(workspace, token_id, by=by)
        if found.holder is not None and not by.is_self(found.holder.id):
            by.refuse_above(found.holder.role)
        deed = by.deed("tokens:revoke", f"token/{found.id}", name=found.name)
        await self._parts.store.revoke_token(workspace, found.id, now=self._parts.clock.now(), deed=deed)
        self._parts.on_taken_away()

    async def get_token(self, workspace: WorkspaceId, token_id: str, *, by: Acting) -> Token:
        """Return a token of one's own; as an admin any.

        Raises:
            TokenNotFoundError: there is none, or it is somebody else's.
        """
        return await self._get(workspace, token_id, by=by)

    async def _get(self, workspace: WorkspaceId, token_id: str, *, by: Acting) -> Token:
        found = await self._parts.store.find_token(workspace, token_id)
        if found is None or not (by.is_admin or by.is_self(_member_of(found))):
            raise TokenNotFoundError(token_id)
        return found

    async def _holder(self, workspace: WorkspaceId, member_id: str | None, *, by: Acting) -> Holder | None:
        if member_id is None:
            return None
        member = await self._parts.members.find_member(workspace, member_id)
        if member is None or not (by.is_admin or by.is_self(member_id)):
            raise MemberNotFoundError(member_id)
        if member.kind is MemberKind.PERSON and not by.is_self(member_id):
            raise TokenOfOtherPersonError
        by.refuse_above(member.role)
        return Holder(member.id, member.role, is_active=member.is_active)


def _member_of(token: Token) -> str | None:
    return token.holder.id if token.holder else None


def _scopes_of(by: Acting) -> frozenset[Scope]:
    return frozenset(Scope) if by.caller.role is None else scopes_of(by.caller.role)


def _refuse_makers_of_none(by: Acting) -> None:
    """An agent hands nothing on, and a token of a smaller scope does not outlive itself by making another."""
    if by.caller.role is Role.AGENT or not (by.is_admin or by.caller.by_session):
        raise TokenNotForTokensError


def _refuse_wider(by: Acting, services: frozenset[str] | None, environments: frozenset[str] | None) -> None:
    for what, own, wanted in (
        ("services", by.caller.services, services),
        ("environments", by.caller.environments, environments),
    ):
        if own is not None and (wanted is None or not wanted <= own):
            raise TokenTooWideError(f"other {what} than {', '.join(sorted(own))}")
