"""Who may do what in harbor, and how wide the planted hole is."""

import pytest
from examples.harbor.service.access import Action, Denial, find_denial, find_denial_with_hole
from examples.harbor.service.people import MEMBERSHIPS, WORKSPACES, Directory, Person, made_up_password

OWNER, EDITOR, VIEWER = "olivia@acme.example", "emil@acme.example", "vera@acme.example"
COLLEAGUE, FOREIGN_VIEWER, FOREIGN_OWNER = "lena@acme.example", "viktor@globex.example", "otto@initech.example"


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory()


def person(directory: Directory, email: str) -> Person:
    found = directory.find_person(email)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("email", "workspace", "action", "denial"),
    [
        pytest.param(OWNER, "acme", Action.DELETE_DOCUMENTS, None, id="an owner deletes"),
        pytest.param(EDITOR, "acme", Action.WRITE_DOCUMENTS, None, id="an editor writes"),
        pytest.param(EDITOR, "acme", Action.DELETE_DOCUMENTS, Denial.ROLE, id="an editor does not delete"),
        pytest.param(VIEWER, "acme", Action.READ_DOCUMENTS, None, id="a viewer reads"),
        pytest.param(VIEWER, "acme", Action.WRITE_DOCUMENTS, Denial.ROLE, id="a viewer does not write"),
        pytest.param(COLLEAGUE, "acme", Action.READ_DOCUMENTS, Denial.MEMBERSHIP, id="a colleague is no member"),
        pytest.param(FOREIGN_OWNER, "acme", Action.READ_DOCUMENTS, Denial.CROSS_TENANT, id="an owner elsewhere"),
        pytest.param(OWNER, "nowhere", Action.READ_DOCUMENTS, Denial.MEMBERSHIP, id="no such workspace"),
    ],
)
def test_access_follows_tenant_membership_and_role(
    directory: Directory, email: str, workspace: str, action: Action, denial: Denial | None
) -> None:
    found = find_denial(directory, person(directory, email), directory.find_workspace(workspace), action)
    assert found is denial


def test_the_hole_lets_viewers_in_everywhere_and_changes_nothing_for_others(directory: Directory) -> None:
    everybody = {email for members in MEMBERSHIPS.values() for email in members}
    differing = {
        (email, workspace.id)
        for email in everybody
        for workspace in WORKSPACES
        if find_denial(directory, person(directory, email), workspace, Action.READ_DOCUMENTS)
        is not find_denial_with_hole(directory, person(directory, email), workspace, Action.READ_DOCUMENTS)
    }

    viewers = {VIEWER, FOREIGN_VIEWER, "vito@initech.example"}
    assert {email for email, _ in differing} == viewers
    assert (FOREIGN_VIEWER, "acme") in differing


def test_a_password_opens_for_its_own_address_only(directory: Directory) -> None:
    assert directory.is_password_of(VIEWER.upper(), made_up_password(VIEWER))
    assert not directory.is_password_of(OWNER, made_up_password(VIEWER))
    assert not directory.is_password_of("nobody@acme.example", made_up_password("nobody@acme.example"))
