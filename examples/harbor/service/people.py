"""Who exists: three tenants, their workspaces, people, roles and passwords. All made up, all in memory."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# 4,096 rounds cost about 20 ms: real hashing, and one sign-in a second stays near 2 % of a core. These passwords
# are printed in this file, so more rounds would protect nothing.
SCRYPT_ROUNDS = 2**12


class Role(StrEnum):
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    name: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Workspace:
    id: str
    tenant: str


WORKSPACES: tuple[Workspace, ...] = (
    Workspace("acme", "acme"),
    # A second room of the same tenant: being of the tenant is not yet being a member of the workspace.
    Workspace("acme-legal", "acme"),
    Workspace("globex", "globex"),
    Workspace("initech", "initech"),
)

MEMBERSHIPS: Mapping[str, Mapping[str, Role]] = {
    "acme": {
        "olivia@acme.example": Role.OWNER,
        "emil@acme.example": Role.EDITOR,
        "vera@acme.example": Role.VIEWER,
    },
    "acme-legal": {"olivia@acme.example": Role.OWNER, "lena@acme.example": Role.EDITOR},
    "globex": {
        "oscar@globex.example": Role.OWNER,
        "edith@globex.example": Role.EDITOR,
        "viktor@globex.example": Role.VIEWER,
    },
    "initech": {
        "otto@initech.example": Role.OWNER,
        "ella@initech.example": Role.EDITOR,
        "vito@initech.example": Role.VIEWER,
    },
}


def made_up_password(email: str) -> str:
    """Return the password of a made-up person: the traffic and the authorization suite sign in with it."""
    name, _, domain = email.partition("@")
    return f"{name}-moors-at-{domain.removesuffix('.example')}"


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=SCRYPT_ROUNDS, r=8, p=1)


class Directory:
    """People, workspaces and who holds which role where."""

    def __init__(self) -> None:
        emails = sorted({email for members in MEMBERSHIPS.values() for email in members})
        self._people = {email: _person(email) for email in emails}
        self._secrets = {email: _hashed(made_up_password(email), email.encode()) for email in emails}
        self._workspaces = {workspace.id: workspace for workspace in WORKSPACES}

    def find_person(self, email: str) -> Person | None:
        return self._people.get(email.lower())

    def is_password_of(self, email: str, password: str) -> bool:
        """Tell whether the password is right; an unknown address takes as long as a known one."""
        email = email.lower()
        kept = self._secrets.get(email, b"")
        return hmac.compare_digest(kept, _hashed(password, email.encode()))

    def find_workspace(self, workspace_id: str) -> Workspace | None:
        return self._workspaces.get(workspace_id)

    def role_in(self, workspace_id: str, person: Person) -> Role | None:
        return MEMBERSHIPS.get(workspace_id, {}).get(person.email)

    def roles_anywhere(self, person: Person) -> frozenset[Role]:
        held = (members.get(person.email) for members in MEMBERSHIPS.values())
        return frozenset(role for role in held if role is not None)

    def list_members(self, workspace_id: str) -> list[tuple[Person, Role]]:
        members = MEMBERSHIPS.get(workspace_id, {})
        return [(self._people[email], role) for email, role in sorted(members.items())]


def _person(email: str) -> Person:
    name, _, domain = email.partition("@")
    return Person(email=email, name=name.capitalize(), tenant=domain.removesuffix(".example"))
