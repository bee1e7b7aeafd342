import pytest
from tests.authority import shipped_authorizer

from tidegate.audit import ActorKind
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity.acting import Acting, deed_of_operator
from tidegate.identity.errors import RoleTooHighError
from tidegate.identity.roles import is_within, narrowed, scopes_of, widest
from tidegate.kernel import WorkspaceId

W = WorkspaceId("w")


@pytest.mark.parametrize("role", list(Role))
def test_everybody_stands_within_the_owner_the_operator_and_themselves(role: Role) -> None:
    assert is_within(role, None)
    assert is_within(role, Role.OWNER)
    assert is_within(role, role)
    assert is_within(Role.VIEWER, role)


def test_an_owner_stands_within_an_owner_alone() -> None:
    assert [role for role in Role if is_within(Role.OWNER, role)] == [Role.OWNER]


@pytest.mark.parametrize("role", list(Role))
def test_lowering_a_role_never_widens_a_scope(role: Role) -> None:
    for scope in Scope:
        left = narrowed(scope, role)
        assert left is None or left in scopes_of(role)
        assert scope not in {Scope.INGEST, Scope.PROVISION} or left in {None, scope}
        assert scope is not Scope.READ or left is Scope.READ


def test_only_owners_and_admins_administer() -> None:
    assert [role for role in Role if widest(role) is Scope.ADMIN] == [Role.OWNER, Role.ADMIN]


@pytest.mark.parametrize(
    ("member", "role", "by_session", "kind"),
    [
        ("usr_1", Role.OWNER, True, ActorKind.PERSON),
        ("usr_1", Role.OWNER, False, ActorKind.PERSON),
        ("svc_1", Role.ENGINEER, False, ActorKind.TOKEN),
        ("svc_1", Role.AGENT, False, ActorKind.AGENT),
        (None, None, False, ActorKind.TOKEN),
        (None, None, True, ActorKind.OPERATOR),
    ],
)
def test_the_record_says_what_kind_acted(
    member: str | None,
    role: Role | None,
    by_session: bool,  # noqa: FBT001 - a case of the list
    kind: ActorKind,
) -> None:
    by = Acting(Caller(W, Scope.ADMIN, "tok_1", by_session=by_session, member=member, role=role), "req-1")
    deed = by.deed("tokens:revoke", "token/tok_2", before="a", name="x")
    assert (deed.actor_kind, deed.actor, deed.member, deed.request_id) == (kind, "tok_1", member, "req-1")
    assert (deed.before or "").startswith("sha256:")
    assert deed.after is None


def test_who_stands_lower_is_refused() -> None:
    by = Acting(Caller(W, Scope.ADMIN, "ses_1", by_session=True, member="usr_1", role=Role.ADMIN))
    by.refuse_above(Role.ADMIN)
    with pytest.raises(RoleTooHighError):
        by.refuse_above(Role.OWNER)


def test_the_operator_is_named_in_the_record() -> None:
    assert deed_of_operator("workspace:suspend", "workspace/w").actor_kind is ActorKind.OPERATOR


@pytest.mark.parametrize("role", Role)
def test_nobody_holds_a_token_for_sending_whom_the_policies_refuse_to_send(role: Role) -> None:
    caller = Caller(WorkspaceId("acme"), Scope.INGEST, "tok_1", by_session=False, member="usr_1", role=role)
    assert (Scope.INGEST in scopes_of(role)) is shipped_authorizer().decide(caller, "POST /v1/traces").is_allowed
