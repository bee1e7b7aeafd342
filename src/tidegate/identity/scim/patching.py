"""What a body or a change of SCIM makes of what is known: whole resources and RFC 7644, section 3.5.2. Pure.

Directories do not all write alike: Entra ID sends `"False"` for a boolean, paths as names within a value, and `Add`
with a capital; Okta sends changes without a path. Attributes of the core and enterprise schemas that are not kept are
passed over; what nobody may set is refused; what no schema has is refused.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from tidegate.identity.errors import EmailInvalidError
from tidegate.identity.members.model import email_of
from tidegate.identity.scim.errors import (
    ScimNoTargetError,
    ScimPathInvalidError,
    ScimSyntaxInvalidError,
    ScimUnchangeableError,
    ScimValueInvalidError,
)
from tidegate.identity.scim.filters import (
    GROUP_ATTRIBUTES,
    USER_ATTRIBUTES,
    Filter,
    matches,
    parse_filter,
    unprefixed,
)
from tidegate.identity.scim.model import (
    MAX_EXTERNAL_ID_CHARACTERS,
    MAX_MEMBERS,
    MAX_NAME_CHARACTERS,
    MAX_OPERATIONS,
    MAX_USER_NAME_CHARACTERS,
    GroupFacts,
    UserFacts,
    values_of_email,
)

__all__ = ["Change", "Verb", "changed_group", "changed_user", "changes_of", "group_of", "user_of"]

_MAX_PATH_CHARACTERS: Final = 500
_PATH: Final = re.compile(
    r"(?P<name>[A-Za-z$][\w$-]*)(?:\[(?P<filter>.*)\])?(?:\.(?P<sub>[A-Za-z$][\w$-]*))?", re.ASCII
)
_EXTENSION: Final = "urn:ietf:params:scim:schemas:extension:"
_NOBODY_SETS: Final = {"roles", "entitlements", "owner", "role"}
_READ_ONLY: Final = {"id", "meta", "groups"}
_NOT_KEPT: Final = frozenset(
    {"schemas", "nickname", "profileurl", "title", "usertype", "preferredlanguage", "locale", "timezone"}
    | {"phonenumbers", "ims", "photos", "addresses", "x509certificates"}
    | {"employeenumber", "costcenter", "organization", "division", "department", "manager"}  # of the enterprise schema
)
_NAMES: Final = {
    "displayname": ("display_name", MAX_NAME_CHARACTERS),
    "externalid": ("external_id", MAX_EXTERNAL_ID_CHARACTERS),
    "name.formatted": ("formatted_name", MAX_NAME_CHARACTERS),
    "name.givenname": ("given_name", MAX_NAME_CHARACTERS),
    "name.familyname": ("family_name", MAX_NAME_CHARACTERS),
}
_NAME_PARTS_NOT_KEPT: Final = {"middlename", "honorificprefix", "honorificsuffix"}


class Verb(StrEnum):
    """What a change does."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Path:
    """Where a change takes place; names in lower case."""

    name: str
    filter_text: str | None = None
    sub: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one attribute."""

    verb: Verb
    path: Path
    value: Any
    is_whole: bool = False
    """Whether it is part of a whole resource: what is read only is passed over there, as the client read it before."""


def changes_of(body: Mapping[str, Any]) -> list[Change]:
    """Return the changes of a PATCH, those without a path as one for each name in their value.

    Raises:
        ScimSyntaxInvalidError, ScimPathInvalidError, ScimNoTargetError: it cannot be read.
    """
    operations = _get(body, "operations")
    if not isinstance(operations, list) or not 0 < len(operations) <= MAX_OPERATIONS:
        raise ScimSyntaxInvalidError(f"`Operations` is a list of 1 to {MAX_OPERATIONS} changes.")
    found = [change for operation in operations for change in _changes_of_one(operation)]
    if len(found) > MAX_OPERATIONS:
        raise ScimSyntaxInvalidError(f"At most {MAX_OPERATIONS} changes at once.")
    return found


def user_of(body: Mapping[str, Any], known: UserFacts | None) -> UserFacts:
    """Return what a whole user says; of what it leaves out, names end, and activity and address stay.

    Raises:
        ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError: it cannot be.
    """
    changes = [*_of_whole(body)]
    start = known and UserFacts(user_name=known.user_name, email=known.email, is_active=known.is_active)
    if start is None:
        start = UserFacts(user_name=_user_name(_get(body, "username")), email=_first_email(body))
    elif _get(body, "username") is None:
        raise ScimValueInvalidError("A user has a `userName`.", field="userName")
    return changed_user(start, changes)


def changed_user(known: UserFacts, changes: Iterable[Change]) -> UserFacts:
    """Return what is true of somebody after the changes.

    Raises:
        ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError, ScimNoTargetError: one of them cannot be.
    """
    for change in changes:
        known = _change_user(known, change)
    return known


def group_of(body: Mapping[str, Any], known: GroupFacts) -> GroupFacts:
    """Return what a whole group says; its name stays.

    Raises:
        ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError: it cannot be.
    """
    changes = [*_of_whole(body)]
    return changed_group(replace(known, external_id=None, member_ids=frozenset()), changes)


def changed_group(known: GroupFacts, changes: Iterable[Change]) -> GroupFacts:
    """Return what is true of a group after the changes.

    Raises:
        ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError, ScimNoTargetError: one of them cannot be.
    """
    for change in changes:
        known = _change_group(known, change)
    return known


def _change_user(known: UserFacts, change: Change) -> UserFacts:
    path = change.path
    name = f"{path.name}.{path.sub}" if path.sub and path.name == "name" else path.name
    if _is_passed_over(change, name):
        return known
    if name == "emails":
        _refuse_other_email(known, change)
        return known
    if path.filter_text is not None or (path.sub and path.name != "name"):
        raise ScimPathInvalidError(f"`{path.name}` has no parts.", field=path.name)
    value = None if change.verb is Verb.REMOVE else change.value
    if name == "name":
        return _change_names(known, change, value)
    if name == "username":
        return replace(known, user_name=_user_name(value))
    if name == "active":
        return replace(known, is_active=_boolean(value))
    if name in _NAMES:
        field, most = _NAMES[name]
        named: dict[str, Any] = {field: _text(value, most, name)}
        return replace(known, **named)
    raise ScimPathInvalidError(f"{name[:60]!r} is no attribute of a user here.", field=name[:60])


def _change_names(known: UserFacts, change: Change, value: object) -> UserFacts:
    if value is None:
        return replace(known, formatted_name=None, given_name=None, family_name=None)
    if not isinstance(value, dict):
        raise ScimValueInvalidError("`name` is an object.", field="name")
    for part, text in value.items():
        inner = Path("name", sub=str(part).lower())
        known = _change_user(known, replace(change, path=inner, value=text))
    return known


def _change_group(known: GroupFacts, change: Change) -> GroupFacts:
    path = change.path
    if path.name == "members":
        return replace(known, member_ids=_members_after(known.member_ids, change))
    if path.name == "displayname" and path.sub is None:
        if change.verb is Verb.REMOVE or change.value != known.name:
            raise ScimUnchangeableError(
                "A group is called as the admin calls it who mapped it to a role.", field="displayName"
            )
        return known
    if path.name == "externalid" and path.sub is None:
        value = None if change.verb is Verb.REMOVE else change.value
        return replace(known, external_id=_text(value, MAX_EXTERNAL_ID_CHARACTERS, "externalId"))
    if _is_passed_over(change, path.name):
        return known
    raise ScimPathInvalidError(f"{path.name[:60]!r} is no attribute of a group here.", field=path.name[:60])


def _members_after(known: frozenset[str], change: Change) -> frozenset[str]:
    path = change.path
    if path.filter_text is not None:
        if change.verb is not Verb.REMOVE:
            raise ScimPathInvalidError("Members are added by their ids, not by a filter.", field="members")
        wanted = parse_filter(path.filter_text, GROUP_ATTRIBUTES, prefix="members")
        found = {member for member in known if matches(wanted, {"members.value": (member,)})}
        if not found:
            raise ScimNoTargetError("No member of the group is meant.", field="members")
        return known - found
    if path.sub not in {None, "value"}:
        raise ScimPathInvalidError("Of a member, `value` alone is read.", field="members")
    named = frozenset(_member_ids(change.value))
    if change.verb is Verb.REMOVE:
        return known - named if change.value is not None else frozenset()
    return known | named if change.verb is Verb.ADD else named


def _member_ids(value: object) -> Iterator[str]:
    entries = value if isinstance(value, list) else [] if value is None else [value]
    if len(entries) > MAX_MEMBERS:
        raise ScimValueInvalidError(f"At most {MAX_MEMBERS} members at once.", field="members")
    for entry in entries:
        found = _get(entry, "value") if isinstance(entry, dict) else entry
        if not isinstance(found, str) or not 0 < len(found) <= MAX_NAME_CHARACTERS:
            raise ScimValueInvalidError("A member is named by the id of a user: `value`.", field="members")
        yield found


def _is_passed_over(change: Change, name: str) -> bool:
    """Tell whether nothing happens.

    Raises:
        ScimUnchangeableError: it is not a directory's to say.
    """
    if name in _NOBODY_SETS:
        if change.is_whole and change.value in (None, [], {}, ""):
            return True
        raise ScimUnchangeableError(
            "Roles come from the groups that an admin mapped to them, and from nothing else.", field=name
        )
    if name in _READ_ONLY:
        if change.is_whole or (name == "id" and change.verb is not Verb.REMOVE and isinstance(change.value, str)):
            return True  # the id that is meant is the one in the address
        raise ScimUnchangeableError(f"`{name}` is read only.", field=name)
    if name == "password":
        if change.is_whole:
            return True
        raise ScimUnchangeableError("No directory sets a password.", field=name)
    if change.path.name == "name" and change.path.sub in _NAME_PARTS_NOT_KEPT:
        return True
    return name in _NOT_KEPT or name.startswith(_EXTENSION)


def _refuse_other_email(known: UserFacts, change: Change) -> None:
    """Let pass what leaves the address as it is; others than the one are not kept.

    Raises:
        ScimUnchangeableError: it would be another.
    """
    path = change.path
    if path.sub not in {None, "value", "type", "primary", "display"}:
        raise ScimPathInvalidError(f"An address has no {path.sub!r}.", field="emails")
    is_meant = path.filter_text is None or matches(_email_filter(path.filter_text), values_of_email(known.email))
    if not is_meant:
        if change.verb is Verb.ADD:
            return
        raise ScimNoTargetError("No address is meant.", field="emails")
    if path.sub in {"type", "primary", "display"} and change.verb is not Verb.REMOVE:
        return
    given = [] if change.verb is Verb.REMOVE else [email for email, _ in _emails_in(change.value)]
    if change.is_whole and change.value in (None, []):
        return
    if known.email not in given:
        raise ScimUnchangeableError(
            "By the address we know who somebody is, so it stays. For another, make a new user.",
            field="emails",
        )


def _email_filter(text: str) -> Filter:
    return parse_filter(text, USER_ATTRIBUTES, prefix="emails")


def _first_email(body: Mapping[str, Any]) -> str:
    """Return the address that counts: the primary one, else one for work, else the first, else the user name."""
    emails = list(_emails_in(_get(body, "emails") or []))
    if emails:
        return min(emails, key=lambda entry: entry[1])[0]
    return _email(_get(body, "username"))


def _emails_in(value: object) -> Iterator[tuple[str, int]]:
    """Yield addresses and how far from the front they stand."""
    entries = value if isinstance(value, list) else [value]
    if len(entries) > 20:  # more than anybody has
        raise ScimValueInvalidError("At most 20 addresses.", field="emails")
    for entry in entries:
        address = _get(entry, "value") if isinstance(entry, dict) else entry
        if isinstance(entry, dict) and _is_true(_get(entry, "primary")):
            yield _email(address), 0
        else:
            yield _email(address), 1 if isinstance(entry, dict) and _get(entry, "type") == "work" else 2


def _email(value: object) -> str:
    if not isinstance(value, str):
        raise ScimValueInvalidError("A user has an e-mail address.", field="emails")
    try:
        return email_of(value)
    except EmailInvalidError as error:
        raise ScimValueInvalidError(error.message, field="emails") from error


def _user_name(value: object) -> str:
    found = _text(value, MAX_USER_NAME_CHARACTERS, "userName")
    if found is None:
        raise ScimValueInvalidError("A user has a `userName`.", field="userName")
    return found


def _text(value: object, most: int, field: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most or not value.isprintable() or not value.strip():
        raise ScimValueInvalidError(
            f"`{field}` is a text of at most {most} characters that can be printed.", field=field
        )
    return value.strip()


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ScimValueInvalidError("`active` is true or false.", field="active")


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _of_whole(body: Mapping[str, Any]) -> Iterator[Change]:
    for name, value in body.items():
        yield Change(Verb.REPLACE, _path_of(name), value, is_whole=True)


def _changes_of_one(operation: object) -> Iterator[Change]:
    if not isinstance(operation, dict):
        raise ScimSyntaxInvalidError("A change is an object with `op`, `path` and `value`.")
    word, path, value = (_get(operation, name) for name in ("op", "path", "value"))
    if not isinstance(word, str) or word.lower() not in set(Verb):
        raise ScimSyntaxInvalidError("`op` is add, replace or remove.", field="op")
    verb = Verb(word.lower())
    if path is not None:
        yield Change(verb, _path_of(path), value)
    elif verb is Verb.REMOVE:
        raise ScimNoTargetError("What is removed has a `path`.", field="path")
    elif not isinstance(value, dict):
        raise ScimSyntaxInvalidError("A change without a path has an object as its `value`.", field="value")
    else:
        for name, inner in value.items():
            yield Change(verb, _path_of(name), inner)


def _path_of(text: object) -> Path:
    if not isinstance(text, str) or len(text) > _MAX_PATH_CHARACTERS:
        raise ScimPathInvalidError(f"A path is a text of at most {_MAX_PATH_CHARACTERS} characters.", field="path")
    name = unprefixed(text.strip())
    if not name or name.lower().startswith(_EXTENSION):
        return Path(_EXTENSION)  # the whole enterprise extension, or one that nobody here knows: nothing of it is kept
    found = _PATH.fullmatch(name)
    if found is None:
        raise ScimPathInvalidError(f"{name[:60]!r} is no path.", field="path")
    return Path(found["name"].lower(), found["filter"], found["sub"].lower() if found["sub"] else None)


def _get(body: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - a value of JSON
    """Return what stands under `name`, written in whatever case: names of attributes have none."""
    return next((value for key, value in body.items() if key.lower() == name), None)
