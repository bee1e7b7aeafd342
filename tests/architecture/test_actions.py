"""Every door's every operation is an action, every action stands in the schema, and the table says who may do it."""

import json
import re
from importlib import resources

import pytest
from fastapi.routing import APIRoute
from tests.architecture.test_documentation import generator
from tests.authority import shipped_authorizer

from tidegate.app.routers import ROUTERS
from tidegate.edge.authority import PROOF_GOOD_FOR_S
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity.policy.actions import ACTIONS, FRESH, GROUPS, OPERATIONS, PUBLIC
from tidegate.kernel import WorkspaceId
from tidegate.telemetry.grpc_door import _METHODS
from tidegate.telemetry.routes import PATHS

RAW = {f"POST {path}" for path in PATHS} | {f"GRPC {path}" for path in _METHODS.values()}

OWNER, ADMIN, MANAGER, APPROVER = Role.OWNER, Role.ADMIN, Role.RELEASE_MANAGER, Role.APPROVER
ENGINEER, VIEWER, AGENT = Role.ENGINEER, Role.VIEWER, Role.AGENT
# By group of actions: the roles that may, and the scopes of credentials that are enough.
EXPECTED: dict[str, tuple[set[Role], set[Scope]]] = {
    "self": (set(Role), {Scope.READ, Scope.WRITE, Scope.ADMIN}),
    "read": (set(Role), {Scope.READ, Scope.WRITE, Scope.ADMIN}),
    "send": ({OWNER, ADMIN, MANAGER, ENGINEER}, {Scope.INGEST, Scope.WRITE, Scope.ADMIN}),
    "write": ({OWNER, ADMIN, MANAGER, ENGINEER}, {Scope.WRITE, Scope.ADMIN}),
    "mint": ({OWNER, ADMIN, MANAGER, APPROVER, ENGINEER}, {Scope.WRITE, Scope.ADMIN}),
    "decide": ({OWNER, ADMIN, MANAGER}, {Scope.WRITE, Scope.ADMIN}),
    "approve": ({OWNER, ADMIN, APPROVER}, {Scope.WRITE, Scope.ADMIN}),
    "provision": ({OWNER, ADMIN}, {Scope.PROVISION, Scope.ADMIN}),
    "administer": ({OWNER, ADMIN}, {Scope.ADMIN}),
    "own": ({OWNER}, {Scope.ADMIN}),
    "never": (set(), set()),
}
# What an agent may do of a group whose other actions it may not do.
OF_AN_AGENT = {
    "alerts:acknowledge", "drills:rehearse", "evidence:attach", "handoffs:answer", "rollouts:pause", "runbooks:draft",
}  # fmt: skip
# By group: whether a token without a member may, given one of these scopes; and whether the operator may.
WITHOUT_MEMBER: dict[str, tuple[set[Scope], set[Scope]]] = {
    group: (scopes, scopes) for group, (_, scopes) in EXPECTED.items()
} | {"mint": ({Scope.ADMIN}, {Scope.WRITE, Scope.ADMIN}), "approve": (set(), set()), "own": (set(), {Scope.ADMIN})}


def caller_with(role: Role | None, scope: Scope, *, member: str | None, by_session: bool = False) -> Caller:
    return Caller(WorkspaceId("acme"), scope, "tok_1", by_session=by_session, member=member, role=role)


def served() -> set[str]:
    return {f"{method} {path}" for method, path, *_ in generator().routes()}


def test_every_operation_of_every_door_has_an_action_or_is_public() -> None:
    assert served() - set(OPERATIONS) - set(PUBLIC) == set()
    assert set(OPERATIONS) >= RAW


def test_every_row_is_an_operation_that_is_served() -> None:
    assert set(OPERATIONS) - served() - RAW == set()
    assert set(PUBLIC) - served() == set()
    assert set(PUBLIC) & set(OPERATIONS) == set()


def test_a_route_that_asks_nobody_is_public_and_no_other() -> None:
    asking = {f"{method} {path}" for method, path, scope, *_ in generator().routes() if scope != "none"}
    assert served() - asking == set(PUBLIC)


def test_no_route_is_served_beside_the_list_of_routers() -> None:
    listed = {
        f"{method} {route.path_format}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert listed == served()


def test_the_schema_has_the_same_actions_and_groups_as_the_table() -> None:
    text = (resources.files("tidegate.identity.policy") / "tidegate.cedarschema").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for names, group in re.findall(r'^action ("[^;{]+?)\s+in \["([\w-]+)"\] appliesTo', text, re.MULTILINE):
        found.setdefault(group, set()).update(json.loads(f"[{names}]"))
    assert found == {group: set(actions) for group, actions in GROUPS.items()}
    assert sum(map(len, GROUPS.values())) == len(ACTIONS)


def test_every_action_of_the_table_is_known() -> None:
    assert set(OPERATIONS.values()) <= ACTIONS


# Who says who comes in could come in as anybody.
OF_PEOPLE = frozenset({"identity-provider:remove", "identity-provider:set", "provisioning:set"})


@pytest.mark.parametrize("group", GROUPS)
def test_roles_and_scopes_may_what_the_table_says(group: str) -> None:
    decide = shipped_authorizer().decide
    roles, scopes = EXPECTED[group]
    for action in GROUPS[group]:
        for role in Role:
            for scope in Scope:
                may = scope in scopes and (role in roles or (role is AGENT and action in OF_AN_AGENT))
                for member in ("usr_1", "svc_1"):
                    is_for_people = group == "approve" or action in OF_PEOPLE
                    expected = may and (not is_for_people or member == "usr_1")
                    caller = caller_with(role, scope, member=member, by_session=member == "usr_1")
                    ruling = decide(caller, action, since_proof_s=0)
                    assert ruling.is_allowed is expected, (action, role, scope, member, ruling)


@pytest.mark.parametrize("group", GROUPS)
def test_who_has_no_member_may_what_the_table_says(group: str) -> None:
    decide = shipped_authorizer().decide
    for by_session, scopes in zip((False, True), WITHOUT_MEMBER[group], strict=True):
        for action in GROUPS[group]:
            for scope in Scope:
                ruling = decide(caller_with(None, scope, member=None, by_session=by_session), action, since_proof_s=0)
                assert ruling.is_allowed is (scope in scopes), (action, scope, by_session, ruling)


def test_every_action_is_permitted_to_somebody_and_denied_to_somebody() -> None:
    for group, (roles, scopes) in EXPECTED.items():
        assert (roles and scopes) or group == "never"
        assert roles != set(Role) or scopes != set(Scope)


def test_every_refusal_names_a_policy() -> None:
    decide = shipped_authorizer().decide
    for action in ACTIONS:
        for role in Role:
            for scope in Scope:
                ruling = decide(caller_with(role, scope, member="usr_1"), action)
                assert ruling.policy_ids
                assert "default-deny" not in ruling.policy_ids, (action, role, scope)
                assert ruling.is_allowed or ruling.reason


@pytest.mark.parametrize("scope", Scope)
def test_a_route_and_its_policies_ask_for_the_same_scope(scope: Scope) -> None:
    """Two walls: each must hold when the other is taken away, so neither may be wider than it says."""
    decide = shipped_authorizer().decide
    operator = caller_with(None, scope, member=None, by_session=True)
    owner = caller_with(OWNER, scope, member="usr_1", by_session=True)
    for method, path, asked, *_ in generator().routes():
        operation = f"{method} {path}"
        if operation in PUBLIC:
            continue
        caller = owner if OPERATIONS[operation] in GROUPS["approve"] else operator  # only a person approves
        first = Scope(asked.split(",")[0].strip("`"))
        if OPERATIONS[operation] in GROUPS["approve"]:  # which are for people alone
            person = caller_with(OWNER, scope, member="usr_1", by_session=True)
            assert decide(person, operation, since_proof_s=0).is_allowed is person.may(first), (operation, asked)
            continue
        may = caller.may(first) or (first is Scope.INGEST and caller.may(Scope.WRITE))
        assert decide(caller, operation, since_proof_s=0).is_allowed is may, (operation, asked)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_what_needs_a_fresh_proof_is_what_the_table_says(action: str) -> None:
    """For a person in a session: allowed within ten minutes, invited to prove it later; for all else neither counts."""
    decide = shipped_authorizer().decide
    owner = caller_with(OWNER, Scope.ADMIN, member="usr_1", by_session=True)
    for age_s in (0, PROOF_GOOD_FOR_S):
        assert decide(owner, action, since_proof_s=age_s).is_allowed is (action != "audit:edit")
    stale = decide(owner, action, since_proof_s=PROOF_GOOD_FOR_S + 1)
    assert stale.needs_proof is (action in FRESH)
    assert stale.is_allowed is (action not in FRESH and action != "audit:edit")


@pytest.mark.parametrize("action", sorted(FRESH))
def test_who_may_not_do_it_at_all_is_not_asked_for_a_proof(action: str) -> None:
    for role in set(Role) - {OWNER}:
        person = caller_with(role, Scope.ADMIN, member="usr_1", by_session=True)
        fresh = shipped_authorizer().decide(person, action, since_proof_s=0)
        stale = shipped_authorizer().decide(person, action, since_proof_s=PROOF_GOOD_FOR_S + 1)
        assert stale.needs_proof is fresh.is_allowed
        assert fresh.is_allowed or stale.reason == fresh.reason


# What administers by program is asked for a proof in a browser, and of a token its scope.
_BY_TOKEN_TOO = frozenset({"tokens:make-admin"})


@pytest.mark.parametrize("action", sorted(FRESH - _BY_TOKEN_TOO))
def test_a_token_of_a_person_never_stands_for_a_proof(action: str) -> None:
    by_token = caller_with(OWNER, Scope.ADMIN, member="usr_1")
    ruling = shipped_authorizer().decide(by_token, action, since_proof_s=0)
    assert (ruling.is_allowed, ruling.needs_proof, ruling.policy_ids) == (False, False, ("floor-token-proves-nobody",))
