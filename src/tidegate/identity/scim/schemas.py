"""How people, groups and answers look to a directory (RFC 7643), and the mapping to an admin."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import Field

from tidegate.edge.caller import Role
from tidegate.edge.wire import Utc, WireModel
from tidegate.identity.scim.model import (
    MAX_GROUPS,
    MAX_NAME_CHARACTERS,
    Provisioning,
    ProvisioningWish,
    ScimGroup,
    ScimUser,
)
from tidegate.kernel import format_utc

USER_URN: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_URN: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST_URN: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR_URN: Final = "urn:ietf:params:scim:api:messages:2.0:Error"

_ALWAYS: Final = {"id", "schemas"}


class ProvisioningIn(WireModel):
    default_role: Role
    """Of who comes in, and of who is in no group any more. Never `owner`."""
    groups: Annotated[dict[Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)], Role], Field(max_length=MAX_GROUPS)]
    """Roles by group, never `owner`. The directory sees these groups and no others."""

    def wish(self) -> ProvisioningWish:
        return ProvisioningWish(self.default_role, self.groups)


class ProvisioningOut(WireModel):
    default_role: Role | None
    """`null`: nobody set any, and nobody comes in."""
    groups: dict[str, Role]
    scim_path: str
    """What a directory is told, below the address of this server."""
    set_at: Utc | None
    set_by: str | None

    @classmethod
    def of(cls, provisioning: Provisioning | None) -> Self:
        return cls(
            default_role=provisioning and provisioning.default_role,
            groups=dict(provisioning.group_roles) if provisioning else {},
            scim_path="/scim/v2",
            set_at=provisioning and provisioning.set_at,
            set_by=provisioning and provisioning.set_by,
        )


def user_out(user: ScimUser, *, base: str) -> dict[str, Any]:
    facts = user.facts
    name = {"formatted": facts.formatted_name, "givenName": facts.given_name, "familyName": facts.family_name}
    shown: dict[str, Any] = {
        "schemas": [USER_URN],
        "id": user.member.id,
        "externalId": facts.external_id,
        "userName": facts.user_name,
        "name": _present(name) or None,
        "displayName": facts.display_name,
        "active": facts.is_active,
        "emails": [{"value": facts.email, "type": "work", "primary": True}],
        "groups": [
            {"value": group.id, "display": group.name, "$ref": f"{base}/Groups/{group.id}", "type": "direct"}
            for group in user.groups
        ],
        "meta": {
            "resourceType": "User",
            "created": format_utc(user.member.added_at),
            "lastModified": format_utc(user.changed_at),
            "location": f"{base}/Users/{user.member.id}",
            "version": user.version,
        },
    }
    return _present(shown)


def group_out(group: ScimGroup, *, base: str) -> dict[str, Any]:
    return _present(
        {
            "schemas": [GROUP_URN],
            "id": group.id,
            "externalId": group.external_id,
            "displayName": group.name,
            "members": [
                {"value": member.id, "display": member.name, "$ref": f"{base}/Users/{member.id}", "type": "User"}
                for member in group.members
            ],
            "meta": {
                "resourceType": "Group",
                "created": format_utc(group.created_at),
                "lastModified": format_utc(group.changed_at),
                "location": f"{base}/Groups/{group.id}",
                "version": group.version,
            },
        }
    )


def list_out(resources: list[dict[str, Any]], *, total: int, start: int = 1) -> dict[str, Any]:
    return {
        "schemas": [LIST_URN],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }


def error_out(status: int, detail: str, scim_type: str | None) -> dict[str, Any]:
    return _present({"schemas": [ERROR_URN], "status": str(status), "scimType": scim_type, "detail": detail})


def projected(resource: dict[str, Any], *, only: str | None, without: str | None) -> dict[str, Any]:
    """Return what was asked for of a resource: `only` these attributes, or all `without` those."""
    if only:
        return _kept(resource, _names_in(only), is_asked=True)
    return _kept(resource, _names_in(without), is_asked=False) if without else resource


def _kept(resource: Mapping[str, Any], names: Iterable[str], *, is_asked: bool) -> dict[str, Any]:
    whole, parts = set(), dict[str, set[str]]()
    for name in names:
        first, _, sub = name.partition(".")
        if sub:
            parts.setdefault(first, set()).add(sub)
        else:
            whole.add(first)
    found: dict[str, Any] = {}
    for key, value in resource.items():
        name = key.lower()
        if key in _ALWAYS or ((name in whole) is is_asked and name not in parts):
            found[key] = value
        elif name in parts and not (name in whole and not is_asked):
            found[key] = _parts_of(value, parts[name], is_asked=is_asked)
    return found


def _parts_of(value: object, names: set[str], *, is_asked: bool) -> object:
    if isinstance(value, list):
        return [_parts_of(each, names, is_asked=is_asked) for each in value]
    if isinstance(value, dict):
        return {key: inner for key, inner in value.items() if (key.lower() in names) is is_asked}
    return value


def _names_in(text: str) -> list[str]:
    names = (name.strip().lower() for name in text.split(","))
    return [name.removeprefix(f"{USER_URN.lower()}:").removeprefix(f"{GROUP_URN.lower()}:") for name in names if name]


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
