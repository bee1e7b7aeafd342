"""Filters of SCIM: what they mean, what is refused, and that nothing else comes through."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.identity.scim.errors import ScimFilterInvalidError
from tidegate.identity.scim.filters import (
    MAX_COMPARISONS,
    MAX_DEPTH,
    USER_ATTRIBUTES,
    All,
    Any,
    Comparison,
    Filter,
    Kind,
    Not,
    Operator,
    matches,
    parse_filter,
)

JANE = {
    "id": ("usr_1",),
    "externalid": ("E-1",),
    "username": ("Jane@example.com",),
    "displayname": ("Jane Doe",),
    "active": (True,),
    "emails": ("jane@example.com",),
    "emails.value": ("jane@example.com",),
    "emails.type": ("work",),
    "emails.primary": (True,),
}
NOBODY = {"id": ("usr_2",), "username": ("x",), "active": (False,)}

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)


def comparisons() -> st.SearchStrategy[Comparison]:
    def of(name: str) -> st.SearchStrategy[Comparison]:
        kind = USER_ATTRIBUTES[name]
        if kind is Kind.BOOLEAN:
            asked = st.tuples(st.sampled_from([Operator.EQ, Operator.NE]), st.booleans())
        else:
            asked = st.tuples(st.sampled_from([Operator.EQ, Operator.NE, Operator.CO, Operator.SW]), TEXTS)
        present = st.just(Comparison(name, kind, Operator.PR))
        return asked.map(lambda pair: Comparison(name, kind, *pair)) | present

    return st.sampled_from(sorted(USER_ATTRIBUTES)).flatmap(of)


def filters() -> st.SearchStrategy[Filter]:
    return st.recursive(
        comparisons(),
        lambda parts: (
            st.lists(parts, min_size=2, max_size=3).map(lambda found: All(tuple(found)))
            | st.lists(parts, min_size=2, max_size=3).map(lambda found: Any(tuple(found)))
            | parts.map(Not)
        ),
        max_leaves=6,
    )


def written(wanted: Filter) -> str:
    match wanted:
        case All(parts):
            return " and ".join(f"({written(part)})" for part in parts)
        case Any(parts):
            return " or ".join(f"({written(part)})" for part in parts)
        case Not(part):
            return f"not ({written(part)})"
        case Comparison(name, _, Operator.PR):
            return f"{name} pr"
        case Comparison(name, _, operator, value):
            return f"{name} {operator} {json.dumps(value)}"


@given(filters())
def test_what_is_written_is_read_as_it_was_meant(wanted: Filter) -> None:
    assert parse_filter(written(wanted), USER_ATTRIBUTES) == wanted


@given(st.text(max_size=60) | st.text("()[]\"\\ andortpeqf.uURN:'%;-", max_size=60))
def test_any_other_text_is_refused_and_nothing_worse(text: str) -> None:
    try:
        found = parse_filter(text, USER_ATTRIBUTES)
    except ScimFilterInvalidError:
        return
    assert matches(found, JANE) in {True, False}


@pytest.mark.parametrize(
    ("text", "is_jane"),
    [
        ('userName eq "jane@EXAMPLE.com"', True),
        ('USERNAME EQ "jane@example.com"', True),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "jane@example.com"', True),
        ('externalId eq "e-1"', False),
        ('externalId eq "E-1"', True),
        ("active eq true", True),
        ('active eq "False"', False),
        ('emails[type eq "work" and value co "@example."]', True),
        ('emails[type eq "home"]', False),
        ('emails.value sw "jane"', True),
        ('displayName co "DOE"', True),
        ("not (displayName pr)", False),
        ('userName eq "x" or userName sw "jane" and active eq false', False),
        ('(userName eq "x" or userName sw "jane") and active eq true', True),
        ('userName ne "x"', True),
        (r'displayName eq "Jane \u0044oe"', True),
    ],
)
def test_filters_mean_what_the_standard_says(text: str, *, is_jane: bool) -> None:
    wanted = parse_filter(text, USER_ATTRIBUTES)
    assert matches(wanted, JANE) is is_jane


def test_what_is_not_there_differs_from_everything_and_is_not_present() -> None:
    assert matches(parse_filter('displayName ne "x"', USER_ATTRIBUTES), NOBODY)
    assert not matches(parse_filter("displayName pr", USER_ATTRIBUTES), NOBODY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        "userName eq",
        "userName eq jane",
        'userName gt "a"',
        'password eq "x"',
        'roles eq "owner"',
        'role eq "owner"',
        "active co true",
        'active eq "perhaps"',
        "active eq null",
        'userName eq "a" and',
        'userName eq "a" userName eq "b"',
        '(userName eq "a"',
        'userName eq "a")',
        "not userName pr",
        'emails[type eq "work"',
        'emails[emails[type eq "x"]]',
        'userName[value eq "x"]',
        'userName eq "a\x00"',
        'userName eq "\\u0000"',
        'userName eq "\\ud800"',
        "userName eq 'a'; DROP TABLE members",
        'userName eq "a" /* \' */',
        "(" * (MAX_DEPTH + 2) + "userName pr" + ")" * (MAX_DEPTH + 2),
        " and ".join(["id pr"] * (MAX_COMPARISONS + 1)),
        'userName eq "' + "a" * 2_000 + '"',
    ],
)
def test_what_cannot_be_asked_is_refused(text: str) -> None:
    with pytest.raises(ScimFilterInvalidError) as refused:
        parse_filter(text, USER_ATTRIBUTES)
    assert refused.value.scim_type == "invalidFilter"
