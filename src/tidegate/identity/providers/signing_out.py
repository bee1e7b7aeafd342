"""Signing out at the provider ends what it began here (OpenID Connect Back-Channel Logout 1.0).

The provider says so itself, by a token that it signed: which person, or which of its sessions. What of that workspace's
sessions it began ends with it, and is refused by every process within two seconds; sessions that began otherwise stay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from tidegate.identity.model import SigningKey
from tidegate.identity.providers.discovery import Discovery
from tidegate.identity.providers.errors import ProviderNotFoundError, ProviderSignInRefusedError
from tidegate.identity.providers.id_tokens import Expected, verify_logout
from tidegate.identity.providers.model import Reason
from tidegate.identity.providers.ports import ProviderStore
from tidegate.identity.providers.sign_in import proving_key
from tidegate.kernel import Clock, WorkspaceId

__all__ = ["ProviderSignOut"]

_REMEMBERED_FOR = timedelta(minutes=20)  # a token is taken for fifteen, and a minute of another clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSignOut:
    """Ends sessions as the provider of a workspace says."""

    store: ProviderStore
    discovery: Discovery
    key: SigningKey
    clock: Clock
    on_taken_away: Callable[[], None]

    async def sign_out(self, workspace: WorkspaceId, token: str) -> None:
        """End what `token` says; when nothing of it is open, that is fine.

        Raises:
            ProviderNotFoundError: the workspace has no provider.
            ProviderSignInRefusedError: the token proves nothing, or was used before.
            ProviderUnavailableError: the provider does not show its keys.
        """
        provider = await self.store.find_provider(workspace)
        if provider is None:
            raise ProviderNotFoundError
        now = self.clock.now()
        expected = Expected(provider.issuer, provider.client_id, "", now)
        logout = verify_logout(token, await proving_key(self.discovery, provider.issuer, token), expected)
        done = await self.store.end_sessions(
            workspace,
            logout,
            self.key.hashes_of(f"logout {logout.issuer} {logout.token_id}"),
            now=now,
            until=now + _REMEMBERED_FOR,
        )
        if not done:
            raise ProviderSignInRefusedError(Reason.STATE_USED)
        self.on_taken_away()
