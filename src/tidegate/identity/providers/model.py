"""A workspace's provider of identities, what it says of somebody, and whom that lets in. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from tidegate.edge.proven import Role
from tidegate.identity.roles import is_within

SIGN_IN_LENGTH = timedelta(minutes=10)
MAX_ISSUER_CHARACTERS = 1_024
MAX_SUBJECT_CHARACTERS = 255  # OpenID Connect Core, section 2
MAX_DOMAINS = 50
MAX_GROUPS = 200
MAX_GROUP_CHARACTERS = 200
SECRET_PURPOSE = "client secret of the identity provider"  # noqa: S105 - what an envelope is bound to
_MAX_NEXT_CHARACTERS = 512
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # a path of ours: printable ASCII, no backslash, no second slash


@dataclass(frozen=True, slots=True)
class Provider:
    """The one provider of a workspace."""

    issuer: str
    """As the provider writes itself, to the letter."""
    client_id: str
    redirect_uri: str
    """Where the provider sends people back to: an address of its own for each workspace."""
    email_domains: tuple[str, ...]
    """Domains whose members may be found by their e-mail address; of others only who is invited comes in."""
    default_role: Role | None
    """Of who comes in by a domain and has no group with a role; `None`: who is no member yet must be invited."""
    groups_claim: str
    group_roles: Mapping[str, Role]
    """Roles by group. Not empty: groups decide at each sign-in."""
    set_at: datetime
    set_by: str
    client_secret: bytes | None = field(default=None, repr=False)
    """Sealed; `None` for a public client."""

    @property
    def host(self) -> str:
        """The name that people see before they go there."""
        return urlsplit(self.issuer).hostname or self.issuer


@dataclass(frozen=True, slots=True)
class ProviderWish:
    """How somebody wants the provider to be."""

    issuer: str
    client_id: str
    public_url: str
    """Where people open tidegate: scheme, host and port."""
    client_secret: str | None = field(default=None, repr=False)
    """`None`: the one that is there, if issuer and client stay."""
    email_domains: tuple[str, ...] = ()
    default_role: Role | None = None
    groups_claim: str = "groups"
    group_roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a provider said of somebody, proven to come from it."""

    issuer: str
    subject: str
    email: str | None
    is_email_verified: bool
    name: str
    groups: frozenset[str]
    session: str | None = None
    """As the provider calls its own session, if it does."""
    proven_at: datetime | None = None
    """When it last saw a proof; `None` when it does not say."""


class Reason(StrEnum):
    """Why a sign-in was refused: for the audit."""

    STATE_MISSING = "state-missing"
    STATE_WRONG = "state-wrong"
    STATE_USED = "state-used"
    STATE_EXPIRED = "state-expired"
    PROVIDER_CHANGED = "provider-changed"
    PROVIDER_ERROR = "provider-error"
    ISSUER_WRONG = "issuer-wrong"
    CODE_MISSING = "code-missing"
    CODE_REFUSED = "code-refused"
    TOKEN_UNREADABLE = "token-unreadable"  # noqa: S105 - a word
    ALGORITHM_WRONG = "algorithm-wrong"
    KEY_UNKNOWN = "key-unknown"
    SIGNATURE_WRONG = "signature-wrong"
    AUDIENCE_WRONG = "audience-wrong"
    NONCE_WRONG = "nonce-wrong"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    SUBJECT_WRONG = "subject-wrong"
    NOT_FRESH = "not-fresh"
    NO_LOGOUT = "no-logout"
    EMAIL_UNVERIFIED = "email-unverified"
    NOT_ADMITTED = "not-admitted"
    LINKED_OTHERWISE = "linked-otherwise"
    NO_ROLE = "no-role"
    OWNER = "owner"
    DEACTIVATED = "deactivated"
    ELSEWHERE = "elsewhere"


def role_of(provider: Provider, groups: Collection[str], *, offered: Role | None = None) -> Role | None:
    """Return the highest role of `groups`, else what was `offered`, else the default."""
    best: Role | None = None
    for group in groups:
        role = provider.group_roles.get(group)
        if role is not None and (best is None or is_within(best, role)):
            best = role
    return best or offered or provider.default_role


def is_of_domain(provider: Provider, email: str) -> bool:
    """Return whether the address is of a permitted domain itself, not of one below it."""
    return email.rpartition("@")[2] in provider.email_domains


def is_domain(text: str) -> bool:
    return len(text) <= 253 and _DOMAIN.fullmatch(text) is not None


def own_path(wanted: str) -> str:
    """Return `wanted` when it is a path of this server, else that of the board: nobody is led elsewhere."""
    if len(wanted) <= _MAX_NEXT_CHARACTERS and _NEXT.fullmatch(wanted) and not wanted.startswith("/sign-in"):
        return wanted
    return "/"
