"""No policy is loaded that was not validated: a typing error inside a forbid would be an Allow."""

import cedarpy
import pytest
from tests.authority import shipped_policies

from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity.policy import CedarAuthorizer, Policies, PoliciesInvalidError, load_policies
from tidegate.identity.policy.loading import shipped_texts
from tidegate.kernel import WorkspaceId

PERMIT_ALL = '@id("all") permit (principal, action, resource);\n'
VIEWER = Caller(WorkspaceId("acme"), Scope.ADMIN, "tok_1", by_session=False, member="usr_1", role=Role.VIEWER)
MISSPELT = '@id("no") forbid (principal, action, resource) when { principal.rol == Role::"viewer" };'


@pytest.mark.parametrize(
    ("forbid", "words"),
    [
        pytest.param(MISSPELT, "rol", id="an attribute that no principal has"),
        pytest.param(
            '@id("no") forbid (principal, action, resource) when { principal.role == Role::"viwer" };',
            "viwer",
            id="a role that does not exist",
        ),
        pytest.param(
            '@id("no") forbid (principal, action, resource) when { principal.role == "viewer" };',
            "String",
            id="a role as text",
        ),
        pytest.param(
            '@id("no") forbid (principal, action in [Action::"aprove"], resource);', "aprove", id="an unknown group"
        ),
        pytest.param(
            '@id("no") forbid (principal, action, resource) unless { action in [Action::"raed"] };',
            "raed",
            id="an unknown group in a condition",
        ),
        pytest.param('@id("no") forbid (principal is Persn, action, resource);', "Persn", id="an unknown kind"),
        pytest.param(
            '@id("no") forbid (principal, action, resource) when { principal has rol && principal.rol == "x" };',
            "has",
            id="has, which the validator lets pass",
        ),
        pytest.param(
            '@id("no") forbid (principal, action, resource) when { true && !(resource has autors) };',
            "has",
            id="has, deep inside",
        ),
        pytest.param('@id("no") forbid (principal, action, resource) when { context.mfa };', "mfa", id="the context"),
        pytest.param("forbid (principal, action, resource);", "@id", id="no name"),
        pytest.param('@id("") forbid (principal, action, resource);', "@id", id="an empty name"),
        pytest.param('@id("No One") forbid (principal, action, resource);', "No One", id="a name of other characters"),
        pytest.param('@id("all") forbid (principal, action, resource);', "all", id="a name twice"),
        pytest.param('@id("no") forbid (principal, action, resource', "read", id="no Cedar"),
        pytest.param('@id("no") forbid (principal == ?principal, action, resource);', "Templates", id="a template"),
    ],
)
def test_one_wrong_policy_refuses_all_of_them(forbid: str, words: str) -> None:
    with pytest.raises(PoliciesInvalidError, match=words):
        load_policies({"own.cedar": PERMIT_ALL + forbid})


def test_no_policies_at_all_are_refused() -> None:
    with pytest.raises(PoliciesInvalidError, match="no policy at all"):
        load_policies({"own.cedar": "// nothing\n"})


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(PoliciesInvalidError, match="cannot be read"):
        load_policies({"own.cedar": PERMIT_ALL}, schema_text="entity ;")


@pytest.mark.parametrize("file", sorted(shipped_texts()))
@pytest.mark.parametrize(("right", "wrong"), [("principal.role", "principal.rol"), ('"own"', '"owm"'), ("@id", "@ip")])
def test_a_typing_error_in_any_shipped_file_refuses_all(file: str, right: str, wrong: str) -> None:
    texts = shipped_texts()
    if right in texts[file]:
        with pytest.raises(PoliciesInvalidError):
            load_policies(texts | {file: texts[file].replace(right, wrong, 1)})


def test_the_engine_itself_lets_pass_what_a_misspelt_forbid_was_to_stop() -> None:
    """The trap: if this test fails, the engine has become safer, and the two above are not needed any more."""
    found = cedarpy.is_authorized(
        {
            "principal": {"type": "Person", "id": "usr_1"},
            "action": {"type": "Action", "id": "gates:approve"},
            "resource": {"type": "Target", "id": "it"},
            "context": {},
        },
        PERMIT_ALL + MISSPELT,
        [{"uid": {"type": "Person", "id": "usr_1"}, "attrs": {"role": "viewer"}, "parents": []}],
    )
    assert found.allowed
    assert found.diagnostics.errors


def test_policies_that_cannot_be_evaluated_deny_even_when_the_engine_allows() -> None:
    unvalidated = Policies(cedarpy.PolicySet.from_str(PERMIT_ALL + MISSPELT), shipped_policies().schema, {})
    ruling = CedarAuthorizer(unvalidated).decide(VIEWER, "gates:read")
    assert (ruling.is_allowed, ruling.policy_ids) == (False, ("evaluation-failed",))
    assert "could not be evaluated" in ruling.reason
