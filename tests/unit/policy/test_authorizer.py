"""What the policies of the package decide, and what becomes of a refusal."""

import json
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.authority import KeptDenials, shipped_authorizer

from tidegate.audit import ActorKind, Outcome
from tidegate.edge.authority import UNNAMED, NotPermittedError, Target
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity.policy import CedarAuthorizer, load_policies
from tidegate.identity.policy.actions import ACTIONS, GROUPS, OPERATIONS
from tidegate.identity.policy.loading import shipped_texts
from tidegate.kernel import WorkspaceId

ACME = WorkspaceId("acme")
NAMES = st.frozensets(st.sampled_from(["pay", "harbor", "staging", "prod", UNNAMED, "", "päy\n"]), max_size=3)
ROLES = st.sampled_from(list(Role))
FLOOR = {"decide", "approve", "administer", "own", "mint", "never", "provision"}


def member(role: Role, scope: Scope = Scope.ADMIN, *, id_: str = "usr_1", by_session: bool = False) -> Caller:
    return Caller(ACME, scope, "ses_1" if by_session else "tok_1", by_session=by_session, member=id_, role=role)


callers = st.builds(
    Caller,
    workspace=st.just(ACME),
    scope=st.sampled_from(list(Scope)),
    actor=st.just("tok_1"),
    by_session=st.booleans(),
    member=st.sampled_from(["usr_1", "svc_1"]),
    role=ROLES,
    services=st.none() | NAMES,
    environments=st.none() | NAMES,
) | st.builds(
    Caller,
    workspace=st.just(ACME),
    scope=st.sampled_from(list(Scope)),
    actor=st.just("tok_1"),
    by_session=st.booleans(),
    services=st.none() | NAMES,
    environments=st.none() | NAMES,
)
targets = st.builds(
    Target,
    workspace=st.none() | st.just(ACME),
    services=NAMES,
    environments=NAMES,
    authors=st.frozensets(st.sampled_from(["usr_1", "usr_2"])),
)


@given(caller=callers, on=targets, action=st.sampled_from(sorted(ACTIONS)), extra=NAMES)
def test_a_narrower_credential_may_never_do_more(
    caller: Caller, on: Target, action: str, extra: frozenset[str]
) -> None:
    decide = shipped_authorizer().decide
    wider = [replace(caller, services=None), replace(caller, environments=None), replace(caller, scope=Scope.ADMIN)]
    if caller.services is not None:
        wider.append(replace(caller, services=caller.services | extra))
    if caller.scope is Scope.READ:
        wider.append(replace(caller, scope=Scope.WRITE))
    if decide(caller, action, on).is_allowed:
        assert all(decide(each, action, on).is_allowed for each in wider)


@cache
def widened() -> CedarAuthorizer:
    return CedarAuthorizer(
        load_policies(shipped_texts() | {"own.cedar": '@id("all") permit (principal, action, resource);'})
    )


@given(caller=callers, on=targets, action=st.sampled_from(sorted(ACTIONS)))
def test_a_permit_for_everybody_overrules_no_forbid(caller: Caller, on: Target, action: str) -> None:
    before, after = shipped_authorizer().decide(caller, action, on), widened().decide(caller, action, on)
    if before.policy_ids != ("default-deny",):
        assert after.is_allowed is before.is_allowed


@given(caller=callers, on=targets, action=st.sampled_from(sorted(ACTIONS)))
def test_nobody_acts_in_another_workspace(caller: Caller, on: Target, action: str) -> None:
    ruling = shipped_authorizer().decide(caller, action, replace(on, workspace=WorkspaceId("other")))
    assert not ruling.is_allowed
    assert "floor-own-workspace" in ruling.policy_ids


@pytest.mark.parametrize("action", GROUPS["approve"])
def test_whoever_made_it_cannot_approve_it_by_any_credential(action: str) -> None:
    on = Target(authors=frozenset({"usr_1", "usr_2"}))
    for caller in (member(Role.OWNER), member(Role.APPROVER, Scope.WRITE, by_session=True), member(Role.ADMIN)):
        ruling = shipped_authorizer().decide(caller, action, on)
        assert not ruling.is_allowed
        assert "floor-not-ones-own" in ruling.policy_ids
    other = member(Role.APPROVER, id_="usr_3", by_session=True)
    assert shipped_authorizer().decide(other, action, on, since_proof_s=0).is_allowed


@pytest.mark.parametrize("action", GROUPS["approve"])
def test_only_people_approve(action: str) -> None:
    no_people = [
        member(Role.OWNER, id_="svc_1"),
        Caller(ACME, Scope.ADMIN, "tok_1", by_session=False),
        Caller(ACME, Scope.ADMIN, "ses_1", by_session=True),
    ]
    for caller in no_people:
        assert "floor-person-approves" in shipped_authorizer().decide(caller, action).policy_ids


@pytest.mark.parametrize("role", Role)
def test_nobody_edits_the_audit(role: Role) -> None:
    assert "floor-audit-stays" in shipped_authorizer().decide(member(role), "audit:edit").policy_ids


def test_an_agent_stays_below_the_floor_whatever_it_is_permitted() -> None:
    widened = CedarAuthorizer(
        load_policies(
            {
                "floor.cedar": shipped_texts()["floor.cedar"],
                "own.cedar": '@id("all") permit (principal, action, resource);',
            }
        )
    )
    agent = member(Role.AGENT, by_session=True)
    refused = {action for action in ACTIONS if not widened.decide(agent, action, since_proof_s=0).is_allowed}
    assert refused == {action for group in FLOOR for action in GROUPS[group]} | {"alerts:silence", "deliveries:replay"}


@pytest.mark.parametrize("operation", ["GET /api/v1/secrets", "", "gates:delete", "get /api/v1/gates", "viewer"])
def test_an_operation_that_no_action_is_known_of_is_refused(operation: str) -> None:
    ruling = shipped_authorizer().decide(member(Role.OWNER), operation)
    assert (ruling.is_allowed, ruling.action, ruling.policy_ids) == (False, "", ("unknown-operation",))


@pytest.mark.parametrize(
    "caller",
    [
        pytest.param(Caller(ACME, Scope.ADMIN, "tok_1", by_session=True, member="usr_1"), id="a member without a role"),
        pytest.param(
            Caller(ACME, Scope.ADMIN, "tok_1", by_session=True, member="x", role=Role.OWNER), id="no member id"
        ),
        pytest.param(
            Caller(ACME, Scope.ADMIN, "tok_1", by_session=True, member="usr_1", role="root"),  # type: ignore[arg-type]
            id="a role that does not exist",
        ),
    ],
)
def test_who_is_nobody_the_policies_know_may_nothing(caller: Caller) -> None:
    assert not any(shipped_authorizer().decide(caller, action).is_allowed for action in ACTIONS)


@pytest.mark.parametrize(
    ("caller", "on", "words"),
    [
        (member(Role.VIEWER), Target(),
         "one of the roles `owner`, `admin`, `release-manager`, `engineer`; yours is `viewer`"),
        (member(Role.OWNER, Scope.READ), Target(), "needs the scope `write`; the credential has `read`"),
        (replace(member(Role.OWNER), services=frozenset({"pay"})), Target(services=frozenset({"harbor"})),
         "narrowed to the services `pay`; this is about `harbor`"),
        (replace(member(Role.OWNER), services=frozenset({"pay"})), Target(services=frozenset({UNNAMED})),
         "narrowed to the services `pay`; this names no service"),
        (replace(member(Role.OWNER), environments=frozenset({"staging"})), Target(environments=frozenset({"prod"})),
         "narrowed to the environments `staging`; this is about `prod`"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_missing(caller: Caller, on: Target, words: str) -> None:
    ruling = shipped_authorizer().decide(caller, "releases:create", on)
    assert not ruling.is_allowed
    assert words in ruling.reason


async def test_a_refusal_is_recorded_with_its_policies_before_it_is_raised() -> None:
    denials = KeptDenials()
    on = Target(services=frozenset({"harbor"}))
    with pytest.raises(NotPermittedError) as refused:
        await shipped_authorizer(denials).authorize(member(Role.AGENT), "POST /api/v1/gates", on, request_id="r-1")
    ((workspace, deed),) = denials.deeds
    assert (workspace, deed.outcome, deed.actor_kind) == (ACME, Outcome.DENIED, ActorKind.AGENT)
    assert (deed.actor, deed.member, deed.action) == ("tok_1", "usr_1", "gates:define")
    assert (deed.policy_ids, deed.request_id) == (("agent-no-more",), "r-1")
    assert deed.details["operation"] == "POST /api/v1/gates"
    assert (deed.details["role"], deed.details["services"]) == ("agent", ["harbor"])
    assert refused.value.ruling.policy_ids == ("agent-no-more",)


async def test_what_is_allowed_is_not_recorded() -> None:
    denials = KeptDenials()
    ruling = await shipped_authorizer(denials).authorize(member(Role.VIEWER), "GET /api/v1/gates")
    assert (ruling.action, ruling.policy_ids, denials.deeds) == ("gates:read", ("viewer",), [])


async def test_a_refusal_that_cannot_be_recorded_is_a_refusal() -> None:
    with pytest.raises(NotPermittedError):
        await shipped_authorizer(KeptDenials(is_away=True)).authorize(member(Role.VIEWER), "POST /api/v1/gates")


@pytest.mark.parametrize(
    ("caller", "knows"),
    [
        (member(Role.OWNER, Scope.READ), True),
        (member(Role.ADMIN, Scope.INGEST), True),
        (member(Role.RELEASE_MANAGER), False),
        (member(Role.VIEWER), False),
        (member(Role.AGENT), False),
        (Caller(ACME, Scope.ADMIN, "tok_1", by_session=False, services=frozenset({"pay"})), True),
        (Caller(ACME, Scope.WRITE, "tok_1", by_session=False), False),
    ],
)
async def test_only_owners_and_admins_are_told_the_policies(caller: Caller, knows: bool) -> None:  # noqa: FBT001
    with pytest.raises(NotPermittedError) as refused:
        await shipped_authorizer().authorize(caller, "audit:edit")
    assert bool(refused.value.policy_ids) is knows


@given(names=st.frozensets(st.text(max_size=600), max_size=40))
async def test_a_record_stays_small_whatever_is_named(names: frozenset[str]) -> None:
    denials = KeptDenials()
    with pytest.raises(NotPermittedError):
        await shipped_authorizer(denials).authorize(member(Role.VIEWER), "gates:define", Target(services=names))
    ((_, deed),) = denials.deeds
    assert len(json.dumps(dict(deed.details))) < 4_000


def test_every_operation_is_decided_for_every_role() -> None:
    decide = shipped_authorizer().decide
    for operation, action in OPERATIONS.items():
        for role in Role:
            assert decide(member(role), operation).action == action
