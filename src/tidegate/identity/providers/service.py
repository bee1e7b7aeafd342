"""Which provider a workspace has: for those who administer it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tidegate.audit.model import JsonValue
from tidegate.edge.caller import Role
from tidegate.egress import EgressRefusedError
from tidegate.identity.acting import Acting
from tidegate.identity.providers.discovery import Discovery, Metadata
from tidegate.identity.providers.errors import ProviderInvalidError, ProviderNotFoundError
from tidegate.identity.providers.id_tokens import ALGORITHMS
from tidegate.identity.providers.model import (
    MAX_DOMAINS,
    MAX_GROUP_CHARACTERS,
    MAX_GROUPS,
    MAX_ISSUER_CHARACTERS,
    SECRET_PURPOSE,
    Provider,
    ProviderWish,
    is_domain,
)
from tidegate.identity.providers.ports import Outside, ProviderStore
from tidegate.kernel import Clock, WorkspaceId
from tidegate.storage.envelopes import Envelopes

_MAX_CLIENT_CHARACTERS = 255
_MAX_SECRET_CHARACTERS = 1_024
_MAX_CLAIM_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """What a provider publishes, as far as signing in needs it."""

    metadata: Metadata
    key_count: int
    """Of keys that an ID token can be proven with."""


class ProviderService:
    """The provider of a workspace. Its client secret goes in and never comes out."""

    def __init__(
        self, *, store: ProviderStore, discovery: Discovery, egress: Outside, envelopes: Envelopes, clock: Clock
    ) -> None:
        self._store = store
        self._discovery = discovery
        self._egress = egress
        self._envelopes = envelopes
        self._clock = clock

    async def get_provider(self, workspace: WorkspaceId) -> Provider:
        """Return the provider.

        Raises:
            ProviderNotFoundError: the workspace has none.
        """
        found = await self._store.find_provider(workspace)
        if found is None:
            raise ProviderNotFoundError
        return found

    async def set_provider(self, workspace: WorkspaceId, wish: ProviderWish, *, by: Acting) -> Provider:
        """Set the provider. With another issuer, everybody has to be found anew.

        Raises:
            ProviderInvalidError: a setting cannot be.
            EgressRefusedError: the issuer may not be called.
            RoleTooHighError: a role is higher than that of who asks.
        """
        self._refuse_unfit(wish)
        for role in {wish.default_role, *wish.group_roles.values()} - {None}:
            _refuse_role(role, by)
        before = await self._store.find_provider(workspace)
        provider = Provider(
            issuer=wish.issuer,
            client_id=wish.client_id,
            client_secret=self._sealed(workspace, wish, before),
            redirect_uri=f"{wish.public_url.rstrip('/')}/sign-in/callback/{workspace}",
            email_domains=tuple(sorted(set(wish.email_domains))),
            default_role=wish.default_role,
            groups_claim=wish.groups_claim,
            group_roles=dict(wish.group_roles),
            set_at=self._clock.now(),
            set_by=by.name,
        )
        deed = by.deed(
            "identity-provider:set",
            f"workspace/{workspace}",
            before=None if before is None else _facts_of(before),
            after=_facts_of(provider),
            issuer=provider.issuer,
            defaultRole=provider.default_role,
            emailDomains=list(provider.email_domains[:5]),
            emailDomainCount=len(provider.email_domains),
        )
        await self._store.set_provider(workspace, provider, deed=deed)
        self._discovery.forget(provider.issuer)
        return provider

    async def remove_provider(self, workspace: WorkspaceId, *, by: Acting) -> None:
        """Remove the provider; sessions that began by it go on until they end.

        Raises:
            ProviderNotFoundError: the workspace has none.
        """
        deed = by.deed("identity-provider:remove", f"workspace/{workspace}")
        if not await self._store.delete_provider(workspace, deed=deed):
            raise ProviderNotFoundError

    async def try_provider(self, workspace: WorkspaceId) -> Trial:
        """Ask the provider now what it publishes.

        Raises:
            ProviderNotFoundError: the workspace has none.
            ProviderUnavailableError: it does not answer as it should.
        """
        provider = await self.get_provider(workspace)
        self._discovery.forget(provider.issuer)
        metadata = await self._discovery.metadata_of(provider.issuer)
        keys = await self._discovery.keys_of(provider.issuer)
        usable = [key for key in keys if key.get("kty") in ALGORITHMS.values() and key.get("use", "sig") == "sig"]
        return Trial(metadata, len(usable))

    def _sealed(self, workspace: WorkspaceId, wish: ProviderWish, before: Provider | None) -> bytes | None:
        if wish.client_secret:
            return self._envelopes.seal(workspace, SECRET_PURPOSE, wish.client_secret.encode())
        # A secret goes to the issuer that it was given for, and to no other.
        is_same = before is not None and (before.issuer, before.client_id) == (wish.issuer, wish.client_id)
        return before.client_secret if before is not None and is_same and wish.client_secret is None else None

    def _refuse_unfit(self, wish: ProviderWish) -> None:
        if len(wish.issuer) > MAX_ISSUER_CHARACTERS or "?" in wish.issuer or "#" in wish.issuer:
            raise ProviderInvalidError("An issuer is an address without `?` and `#`.", field="issuer")
        try:
            self._egress.check(wish.issuer, field="issuer")
        except EgressRefusedError as error:
            raise ProviderInvalidError(error.message, field="issuer") from error
        _refuse_text(wish.client_id, _MAX_CLIENT_CHARACTERS, "clientId")
        _refuse_text(wish.groups_claim, _MAX_CLAIM_CHARACTERS, "groupsClaim")
        if wish.client_secret:
            _refuse_text(wish.client_secret, _MAX_SECRET_CHARACTERS, "clientSecret")
        if not _is_origin(wish.public_url):
            raise ProviderInvalidError(
                "Write where people open tidegate, scheme, host and port alone: https://tidegate.example.com",
                field="publicUrl",
            )
        wrong = [domain for domain in wish.email_domains if not is_domain(domain)]
        if wrong or len(wish.email_domains) > MAX_DOMAINS:
            raise ProviderInvalidError(
                f"{wrong[0]!r} is no domain: example.com" if wrong else f"At most {MAX_DOMAINS} domains.",
                field="emailDomains",
            )
        if wish.default_role is not None and not wish.email_domains:
            raise ProviderInvalidError(
                "A role for everybody needs domains: name those whose people may come in.", field="defaultRole"
            )
        if len(wish.group_roles) > MAX_GROUPS or any(not _is_text(g, MAX_GROUP_CHARACTERS) for g in wish.group_roles):
            raise ProviderInvalidError(
                f"At most {MAX_GROUPS} groups, each of 1 to {MAX_GROUP_CHARACTERS} characters.", field="groupRoles"
            )


def _refuse_role(role: Role | None, by: Acting) -> None:
    if role is Role.OWNER:
        raise ProviderInvalidError("No provider makes an owner: owners are invited.", field="groupRoles")
    if role is not None:
        by.refuse_above(role)


def _refuse_text(text: str, most: int, field: str) -> None:
    if not _is_text(text, most):
        raise ProviderInvalidError(f"This has 1 to {most} characters that can be printed.", field=field)


def _is_text(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isprintable() and text == text.strip()


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    return is_whole and is_bare and text.isascii() and text.isprintable() and len(text) <= 300


def _facts_of(provider: Provider) -> dict[str, JsonValue]:
    """Return what digests are made of: all but the secret."""
    roles: dict[str, Any] = {group: str(role) for group, role in sorted(provider.group_roles.items())}
    return {
        "issuer": provider.issuer,
        "clientId": provider.client_id,
        "redirectUri": provider.redirect_uri,
        "emailDomains": list(provider.email_domains),
        "defaultRole": provider.default_role,
        "groupsClaim": provider.groups_claim,
        "groupRoles": roles,
    }
