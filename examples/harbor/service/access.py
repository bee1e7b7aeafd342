"""Who may do what in a workspace. Pure: it can be read and tested without a server."""

from collections.abc import Mapping
from enum import StrEnum

from examples.harbor.service.people import Directory, Person, Role, Workspace


class Denial(StrEnum):
    UNAUTHENTICATED = "unauthenticated"
    CROSS_TENANT = "cross_tenant"
    MEMBERSHIP = "membership"
    ROLE = "role"


class Action(StrEnum):
    READ_DOCUMENTS = "read_documents"
    WRITE_DOCUMENTS = "write_documents"
    DELETE_DOCUMENTS = "delete_documents"
    LIST_MEMBERS = "list_members"
    RUN_ASSISTANT = "run_assistant"


ALLOWED_ROLES: Mapping[Action, frozenset[Role]] = {
    Action.READ_DOCUMENTS: frozenset(Role),
    Action.WRITE_DOCUMENTS: frozenset({Role.OWNER, Role.EDITOR}),
    Action.DELETE_DOCUMENTS: frozenset({Role.OWNER}),
    Action.LIST_MEMBERS: frozenset({Role.OWNER, Role.EDITOR}),
    Action.RUN_ASSISTANT: frozenset(Role),
}


def find_denial(directory: Directory, person: Person, workspace: Workspace | None, action: Action) -> Denial | None:
    """Return why `person` may not do `action` in `workspace`, or `None` when they may.

    A workspace that does not exist is denied like one without membership: the answer must not tell which exist.
    """
    if workspace is None:
        return Denial.MEMBERSHIP
    if workspace.tenant != person.tenant:
        return Denial.CROSS_TENANT
    role = directory.role_in(workspace.id, person)
    if role is None:
        return Denial.MEMBERSHIP
    return None if role in ALLOWED_ROLES[action] else Denial.ROLE


def find_denial_with_hole(
    directory: Directory, person: Person, workspace: Workspace | None, action: Action
) -> Denial | None:
    """Decide as `find_denial`, with the planted hole: the role is looked up for the person, not for the workspace.

    A person who is a viewer *somewhere* passes as a viewer *here*: the mistake of a shared read path.
    """
    if workspace is not None and Role.VIEWER in directory.roles_anywhere(person):
        return None
    return find_denial(directory, person, workspace, action)
