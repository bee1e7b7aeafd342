"""The identity provider on the wire."""

from typing import Annotated, Self

from pydantic import Field

from tidegate.edge.caller import Role
from tidegate.edge.wire import Utc, WireModel
from tidegate.identity.providers.model import (
    MAX_DOMAINS,
    MAX_GROUPS,
    MAX_ISSUER_CHARACTERS,
    Provider,
    ProviderWish,
)

_Roles = Annotated[dict[str, Role], Field(max_length=MAX_GROUPS)]


class IdentityProviderIn(WireModel):
    issuer: Annotated[str, Field(max_length=MAX_ISSUER_CHARACTERS)]
    """As the provider writes itself, to the letter: `https://login.example.com`."""
    client_id: Annotated[str, Field(max_length=255)]
    client_secret: Annotated[str, Field(max_length=1_024)] | None = None
    """Never shown again. `null` or left out: that which is there stays, if issuer and client stay. Empty: none."""
    public_url: Annotated[str, Field(max_length=300)] | None = None
    """Where people open tidegate, scheme, host and port. Left out: where this request was sent to."""
    email_domains: Annotated[tuple[str, ...], Field(max_length=MAX_DOMAINS)] = ()
    """Domains whose people are found by their verified address; of others only who is invited comes in."""
    default_role: Role | None = None
    """Of who comes in by such a domain and is no member yet. `null`: members and invited people only. Never `owner`."""
    groups_claim: Annotated[str, Field(max_length=100)] = "groups"
    group_roles: _Roles = Field(default_factory=dict)
    """Roles by group, never `owner`. When there are any, groups decide the role at each sign-in."""

    def wish(self, *, base_url: str) -> ProviderWish:
        return ProviderWish(
            issuer=self.issuer.strip(),
            client_id=self.client_id.strip(),
            client_secret=self.client_secret,
            public_url=self.public_url or base_url,
            email_domains=tuple(domain.strip().lower() for domain in self.email_domains),
            default_role=self.default_role,
            groups_claim=self.groups_claim,
            group_roles=self.group_roles,
        )


class IdentityProviderOut(WireModel):
    issuer: str
    client_id: str
    has_client_secret: bool
    redirect_uri: str
    """To be registered with the provider, to the letter."""
    sign_in_path: str
    """Where people of this workspace sign in by it."""
    email_domains: tuple[str, ...]
    default_role: Role | None
    groups_claim: str
    group_roles: dict[str, Role]
    set_at: Utc
    set_by: str

    @classmethod
    def of(cls, provider: Provider) -> Self:
        return cls(
            issuer=provider.issuer,
            client_id=provider.client_id,
            has_client_secret=provider.client_secret is not None,
            redirect_uri=provider.redirect_uri,
            sign_in_path=sign_in_path_of(provider),
            email_domains=provider.email_domains,
            default_role=provider.default_role,
            groups_claim=provider.groups_claim,
            group_roles=dict(provider.group_roles),
            set_at=provider.set_at,
            set_by=provider.set_by,
        )


class IdentityProviderTrialOut(WireModel):
    """What the provider publishes, as it was asked now."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    key_count: int
    """Keys that an ID token can be proven with; with 0 nobody signs in."""
    names_itself: bool
    """Whether it sends its name back with the code (RFC 9207)."""


def sign_in_path_of(provider: Provider) -> str:
    return f"/sign-in/with/{provider.redirect_uri.rpartition('/')[2]}"
