"""What every operation of harbor must answer to every kind of caller: the expectations of the authorization suite.

The operations themselves come from the running service's OpenAPI; one that has no entry here fails the suite.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from examples.harbor.service.people import made_up_password

HOME = "acme"
"""The workspace that all attempts are made on, unless they say otherwise."""


class Actor(StrEnum):
    ANONYMOUS = "anonymous"
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"
    COLLEAGUE = "colleague"
    """Of the same tenant, no member of the workspace."""
    FOREIGN_VIEWER = "foreign_viewer"
    FOREIGN_OWNER = "foreign_owner"
    EXPIRED = "expired_session"


EMAILS: Mapping[Actor, str] = {
    Actor.OWNER: "olivia@acme.example",
    Actor.EDITOR: "emil@acme.example",
    Actor.VIEWER: "vera@acme.example",
    Actor.COLLEAGUE: "lena@acme.example",
    Actor.FOREIGN_VIEWER: "viktor@globex.example",
    Actor.FOREIGN_OWNER: "otto@initech.example",
    Actor.EXPIRED: "vera@acme.example",
}

FOREIGN = frozenset({Actor.FOREIGN_VIEWER, Actor.FOREIGN_OWNER})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call and the answer it must get: a status, with the code of the error body or what the session says."""

    operation_id: str
    actor: Actor
    expected: str
    body: Mapping[str, object] | None = None
    workspace: str = HOME
    """The workspace in the path. The document in the path is always one of `HOME`."""
    variant: str = ""
    """What tells this case from another one of the same operation and actor."""

    @property
    def id(self) -> str:
        return ".".join(part for part in (self.operation_id, self.actor, self.variant) if part)

    @property
    def is_cross_tenant_negative(self) -> bool:
        return self.actor in FOREIGN and not self.expected.startswith("2")


REFUSED: Mapping[Actor, str] = {
    Actor.ANONYMOUS: "401 unauthenticated",
    Actor.EXPIRED: "401 session_expired",
    Actor.COLLEAGUE: "403 not_a_member",
    Actor.FOREIGN_VIEWER: "403 cross_tenant",
    Actor.FOREIGN_OWNER: "403 cross_tenant",
}
TOO_LOW = "403 role_too_low"
NEW_DOCUMENT = {"title": "Authorization case", "body": "Written by the authorization suite."}
WRONG_PASSWORD = {"email": EMAILS[Actor.VIEWER], "password": "not-the-password"}
RIGHT_PASSWORD = {"email": EMAILS[Actor.VIEWER], "password": made_up_password(EMAILS[Actor.VIEWER])}


def _guarded(
    operation_id: str, *, owner: str, editor: str, viewer: str, body: Mapping[str, object] | None = None
) -> list[Attempt]:
    """Return a case for every actor: roles answer as said, everybody else is refused."""
    answers = {Actor.OWNER: owner, Actor.EDITOR: editor, Actor.VIEWER: viewer, **REFUSED}
    return [Attempt(operation_id, actor, expected, body) for actor, expected in answers.items()]


def _through_own_workspace(operation_id: str, body: Mapping[str, object] | None = None) -> Attempt:
    """Return the case of an owner who names a foreign document in the path of the own workspace."""
    return Attempt(
        operation_id,
        Actor.FOREIGN_OWNER,
        "404 document_not_found",
        body,
        workspace="initech",
        variant="through_own_workspace",
    )


ATTEMPTS: tuple[Attempt, ...] = (
    Attempt("readHealth", Actor.ANONYMOUS, "200"),
    # One wrong password a run: refused sign-ins are what the rule `auth_unauthorized_spike` counts.
    Attempt("login", Actor.ANONYMOUS, "401 invalid_credentials", WRONG_PASSWORD, variant="wrong_password"),
    Attempt("login", Actor.ANONYMOUS, "200 signed_in", RIGHT_PASSWORD, variant="right_password"),
    Attempt("readSession", Actor.ANONYMOUS, "200 signed_out"),
    Attempt("readSession", Actor.EXPIRED, "200 signed_out"),
    Attempt("readSession", Actor.VIEWER, "200 signed_in"),
    *_guarded("listDocuments", owner="200", editor="200", viewer="200"),
    *_guarded("createDocument", owner="201", editor="201", viewer=TOO_LOW, body=NEW_DOCUMENT),
    *_guarded("readDocument", owner="200", editor="200", viewer="200"),
    _through_own_workspace("readDocument"),
    *_guarded("updateDocument", owner="200", editor="200", viewer=TOO_LOW, body={"title": "Changed"}),
    _through_own_workspace("updateDocument", {"title": "Changed"}),
    *_guarded("deleteDocument", owner="204", editor=TOO_LOW, viewer=TOO_LOW),
    _through_own_workspace("deleteDocument"),
    *_guarded("listMembers", owner="200", editor="200", viewer=TOO_LOW),
    *_guarded("createRun", owner="201", editor="201", viewer="201", body={"question": "What may a hotel cost?"}),
    Attempt("logout", Actor.ANONYMOUS, "204"),
    # Last, because this session is over afterwards; the token is tried once more.
    Attempt("logout", Actor.COLLEAGUE, "204 signed_out"),
)
