"""What directories write, as Entra ID and Okta write it, and what nobody may."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.identity.scim.errors import (
    ScimNoTargetError,
    ScimPathInvalidError,
    ScimSyntaxInvalidError,
    ScimUnchangeableError,
    ScimValueInvalidError,
)
from tidegate.identity.scim.model import GroupFacts, UserFacts
from tidegate.identity.scim.patching import changed_group, changed_user, changes_of, group_of, user_of
from tidegate.kernel import TidegateError

JANE = UserFacts("jane@example.com", "jane@example.com", external_id="e1", display_name="Jane Doe", given_name="Jane")
GROUP = GroupFacts("Engineers", None, frozenset({"usr_1", "usr_2"}))


def patched(*operations: dict[str, Any]) -> UserFacts:
    return changed_user(JANE, changes_of({"schemas": [], "Operations": list(operations)}))


def regrouped(*operations: dict[str, Any]) -> frozenset[str]:
    return changed_group(GROUP, changes_of({"Operations": list(operations)})).member_ids


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({"op": "Replace", "path": "active", "value": "False"}, id="Entra ID, a text"),
        pytest.param({"op": "replace", "value": {"active": False}}, id="Okta, without a path"),
        pytest.param({"op": "replace", "path": "active", "value": False}, id="as the standard has it"),
        pytest.param({"op": "Add", "path": "active", "value": "false"}, id="added"),
        pytest.param({"OP": "Replace", "Value": {"ACTIVE": "FALSE"}}, id="names in any case"),
        pytest.param(
            {"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": False},
            id="with its schema",
        ),
    ],
)
def test_who_leaves_is_deactivated_however_it_is_written(operation: dict[str, Any]) -> None:
    assert not patched(operation).is_active


def test_a_change_without_a_path_holds_paths_as_entra_id_writes_them() -> None:
    changed = patched(
        {
            "op": "Add",
            "value": {
                "name.givenName": "Janet",
                'emails[type eq "work"].value': "JANE@example.com",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Sales",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": "x"},
                "title": "Lead",
                'phoneNumbers[type eq "work"].value': "1",
            },
        }
    )
    assert (changed.given_name, changed.email, changed.display_name) == ("Janet", "jane@example.com", "Jane Doe")


def test_names_are_added_replaced_and_removed() -> None:
    assert patched({"op": "replace", "path": "name", "value": {"familyName": "Roe"}}).family_name == "Roe"
    assert patched({"op": "remove", "path": "name.givenName"}).given_name is None
    assert patched({"op": "remove", "path": "displayName"}).display_name is None
    assert patched({"op": "remove", "path": "name"}).given_name is None
    assert patched({"op": "replace", "path": "userName", "value": "JD"}).user_name == "JD"
    assert patched({"op": "replace", "path": "externalId", "value": "e2"}).external_id == "e2"


@pytest.mark.parametrize("name", ["roles", "entitlements", "owner", "role", "groups", "meta", "password", "Roles"])
@pytest.mark.parametrize("verb", ["add", "replace", "remove"])
def test_what_no_directory_may_set_is_refused(name: str, verb: str) -> None:
    value = [{"value": "owner", "primary": True}]
    for operation in (
        {"op": verb, "path": name, "value": value},
        {"op": verb, "path": f'{name}[primary eq "True"].value', "value": "admin"},
        {"op": "replace", "value": {"active": True, name: value}},
        {"op": "replace", "value": {f"urn:ietf:params:scim:schemas:core:2.0:User:{name}": value}},
    ):
        with pytest.raises(ScimUnchangeableError) as refused:
            patched(operation)
        assert refused.value.scim_type == "mutability"


@pytest.mark.parametrize("name", ["roles", "entitlements"])
def test_a_whole_user_brings_no_role_either(name: str) -> None:
    body = {"userName": "jane@example.com", name: [{"value": "owner"}]}
    for known in (JANE, None):
        with pytest.raises(ScimUnchangeableError):
            user_of(body, known)
    assert user_of({"userName": "jane@example.com", name: [], "groups": [{"value": "g"}], "id": "x"}, JANE).is_active


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "boss@example.com"},
        {"op": "replace", "path": "emails", "value": [{"value": "boss@example.com", "primary": True}]},
        {"op": "remove", "path": "emails"},
        {"op": "remove", "path": 'emails[type eq "work"]'},
        {"op": "add", "value": {"emails.value": "boss@example.com"}},
    ],
)
def test_nobody_is_given_the_address_of_somebody_else(operation: dict[str, Any]) -> None:
    with pytest.raises(ScimUnchangeableError):
        patched(operation)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "remove"}, ScimNoTargetError),
        ({"op": "replace", "path": 'emails[type eq "home"].value', "value": "x@example.com"}, ScimNoTargetError),
        ({"op": "jump", "path": "active", "value": True}, ScimSyntaxInvalidError),
        ({"op": "replace", "value": "x"}, ScimSyntaxInvalidError),
        ({"op": "replace", "path": "favouriteColour", "value": "x"}, ScimPathInvalidError),
        ({"op": "replace", "path": "active.deep", "value": True}, ScimPathInvalidError),
        ({"op": "replace", "path": "]][[", "value": True}, ScimPathInvalidError),
        ({"op": "replace", "path": "active", "value": "perhaps"}, ScimValueInvalidError),
        ({"op": "remove", "path": "active"}, ScimValueInvalidError),
        ({"op": "remove", "path": "userName"}, ScimValueInvalidError),
        ({"op": "replace", "path": "userName", "value": {"a": 1}}, ScimValueInvalidError),
        ({"op": "replace", "path": "displayName", "value": "a\x1b[31m"}, ScimValueInvalidError),
        ({"op": "replace", "path": "externalId", "value": "x" * 300}, ScimValueInvalidError),
    ],
)
def test_what_cannot_be_is_refused_with_the_word_of_the_standard(
    operation: dict[str, Any], error: type[TidegateError]
) -> None:
    with pytest.raises(error):
        patched(operation)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["active", "work", "False"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.none() | st.text(max_size=20) | st.sampled_from(["active", "name", "emails", 'emails[type eq "work"].value'])


@given(
    st.lists(
        st.fixed_dictionaries({"op": st.sampled_from(["add", "Replace", "remove"]), "path": PATHS, "value": JSON}),
        max_size=3,
    )
)
def test_whatever_is_sent_address_and_owner_stay(operations: list[dict[str, Any]]) -> None:
    try:
        changed = patched(*operations)
    except TidegateError:
        return
    assert changed.email == JANE.email
    assert changed.user_name
    assert all(value is None or (isinstance(value, str) and value.isprintable()) for value in (changed.display_name,))


def test_a_new_user_has_the_address_that_is_primary_else_for_work_else_its_name() -> None:
    emails = [{"value": "a@example.com"}, {"value": "B@example.com", "type": "work"}]
    assert user_of({"userName": "jd", "emails": emails}, None).email == "b@example.com"
    primary = [*emails, {"value": "c@example.com", "primary": "True"}]
    assert user_of({"userName": "jd", "emails": primary}, None).email == "c@example.com"
    assert user_of({"userName": "Jane@example.com"}, None).email == "jane@example.com"
    with pytest.raises(ScimValueInvalidError):
        user_of({"userName": "jd"}, None)


def test_a_whole_user_ends_what_it_leaves_out_but_for_activity_and_address() -> None:
    left = user_of({"userName": "jd", "active": "False"}, JANE)
    assert left == UserFacts("jd", "jane@example.com", is_active=False)
    assert user_of({"userName": "jd"}, left) == left


def test_members_are_added_removed_and_replaced_as_directories_write_it() -> None:
    assert regrouped({"op": "Add", "path": "members", "value": [{"value": "usr_3"}]}) == {"usr_1", "usr_2", "usr_3"}
    assert regrouped({"op": "add", "value": {"members": [{"value": "usr_3"}]}}) == {"usr_1", "usr_2", "usr_3"}
    assert regrouped({"op": "Remove", "path": "members", "value": [{"value": "usr_1"}]}) == {"usr_2"}
    assert regrouped({"op": "remove", "path": 'members[value eq "usr_1"]'}) == {"usr_2"}
    assert regrouped({"op": "remove", "path": "members"}) == set()
    assert regrouped({"op": "replace", "path": "members", "value": [{"value": "usr_9"}]}) == {"usr_9"}
    assert regrouped({"op": "replace", "value": {"id": "grp_1", "displayName": "Engineers"}}) == {"usr_1", "usr_2"}
    assert group_of({"displayName": "Engineers", "members": []}, GROUP).member_ids == set()


def test_a_group_keeps_its_name_and_brings_no_role() -> None:
    for operation in (
        {"op": "replace", "path": "displayName", "value": "Admins"},
        {"op": "replace", "value": {"roles": ["admin"]}},
        {"op": "add", "path": "role", "value": "owner"},
    ):
        with pytest.raises(ScimUnchangeableError):
            regrouped(operation)
    with pytest.raises(ScimNoTargetError):
        regrouped({"op": "remove", "path": 'members[value eq "usr_9"]'})
    with pytest.raises(ScimValueInvalidError):
        regrouped({"op": "add", "path": "members", "value": [{"display": "no id"}]})
