"""People and groups as a directory sees them, and the role that groups add up to. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tidegate.edge.proven import Role
from tidegate.identity.members.model import Member
from tidegate.identity.roles import is_within
from tidegate.identity.scim.filters import Values
from tidegate.kernel import digest_of

MAX_GROUPS: Final = 200
MAX_NAME_CHARACTERS: Final = 200
MAX_USER_NAME_CHARACTERS: Final = 254
MAX_EXTERNAL_ID_CHARACTERS: Final = 255
MAX_COUNT: Final = 200
MAX_OPERATIONS: Final = 1_000
MAX_MEMBERS: Final = 5_000  # of one request; a group may have more


@dataclass(frozen=True, slots=True)
class UserFacts:
    """What a directory says of somebody, as far as it is kept."""

    user_name: str
    email: str
    """In lower case; who somebody is, so that it is never changed."""
    is_active: bool = True
    external_id: str | None = None
    display_name: str | None = None
    formatted_name: str | None = None
    given_name: str | None = None
    family_name: str | None = None

    @property
    def name(self) -> str | None:
        """Return what the directory calls somebody, for people; `None` when it does not say."""
        both = " ".join(filter(None, (self.given_name, self.family_name)))
        return (self.display_name or self.formatted_name or both)[:MAX_NAME_CHARACTERS] or None


@dataclass(frozen=True, slots=True)
class GroupOf:
    """A group as its members show it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ScimUser:
    """A person of the workspace."""

    member: Member
    facts: UserFacts
    changed_at: datetime
    groups: tuple[GroupOf, ...] = ()

    @property
    def version(self) -> str:
        """Return a weak entity tag of all that is shown."""
        known, facts = self.member, self.facts
        names = (facts.display_name, facts.formatted_name, facts.given_name, facts.family_name)
        groups = (group.id for group in self.groups)
        return _tag([known.id, facts.user_name, facts.email, facts.is_active, facts.external_id, *names, *groups])

    @property
    def values(self) -> Values:
        """Return what filters ask."""
        facts = self.facts
        return {
            "id": (self.member.id,),
            "externalid": _present(facts.external_id),
            "username": (facts.user_name,),
            "displayname": _present(facts.display_name),
            "active": (facts.is_active,),
            **values_of_email(facts.email),
        }


@dataclass(frozen=True, slots=True)
class MemberOfGroup:
    """Somebody in a group."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ScimGroup:
    """A group that an admin mapped to a role."""

    id: str
    name: str
    role: Role
    created_at: datetime
    changed_at: datetime
    external_id: str | None = None
    members: tuple[MemberOfGroup, ...] = ()

    @property
    def member_ids(self) -> frozenset[str]:
        return frozenset(member.id for member in self.members)

    @property
    def version(self) -> str:
        return _tag([self.id, self.name, self.external_id, *sorted(self.member_ids)])

    @property
    def values(self) -> Values:
        """Return what filters ask."""
        members = tuple(sorted(self.member_ids))
        return {
            "id": (self.id,),
            "externalid": _present(self.external_id),
            "displayname": (self.name,),
            "members": members,
            "members.value": members,
        }


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What a directory may say of a group."""

    name: str
    external_id: str | None
    member_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ProvisioningWish:
    """How an admin wants provisioning to be."""

    default_role: Role
    group_roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provisioning:
    """How a workspace takes in what a directory says."""

    default_role: Role
    """Of who comes in, and of who is in no group any more."""
    group_roles: Mapping[str, Role] = field(default_factory=dict)
    set_at: datetime | None = None
    set_by: str = ""


def role_of(roles: Iterable[Role], *, default: Role) -> Role:
    """Return the highest of `roles`, or the default without any."""
    best: Role | None = None
    for role in roles:
        if best is None or is_within(best, role):
            best = role
    return best or default


def values_of_email(email: str) -> dict[str, tuple[str | bool, ...]]:
    """Return what filters ask of the one address that is kept."""
    return {"emails": (email,), "emails.value": (email,), "emails.type": ("work",), "emails.primary": (True,)}


def _present(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _tag(facts: Sequence[str | bool | None]) -> str:
    return f'W/"{digest_of(list(facts)).removeprefix("sha256:")[:32]}"'
