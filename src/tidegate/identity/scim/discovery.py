"""What a directory asks first: what this server can, which resources it has, and their attributes. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from tidegate.identity.scim.model import MAX_COUNT
from tidegate.identity.scim.schemas import GROUP_URN, USER_URN

__all__ = ["provider_config", "resource_types", "schemas"]

_SCHEMA_URN: Final = "urn:ietf:params:scim:schemas:core:2.0:Schema"
_TYPE_URN: Final = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_CONFIG_URN: Final = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"


def provider_config(base: str) -> dict[str, Any]:
    """Return what this server can."""
    return {
        "schemas": [_CONFIG_URN],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_COUNT},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Token",
                "description": "A token of tidegate with the scope provision, as `Authorization: Bearer`.",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def resource_types(base: str) -> list[dict[str, Any]]:
    """Return the two kinds of resources."""
    return [
        {
            "schemas": [_TYPE_URN],
            "id": name,
            "name": name,
            "description": words,
            "endpoint": f"/{name}s",
            "schema": urn,
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }
        for name, urn, words in (
            ("User", USER_URN, "A person who is a member of the workspace"),
            ("Group", GROUP_URN, "A group that an admin mapped to a role"),
        )
    ]


def schemas(base: str) -> list[dict[str, Any]]:
    """Return the attributes that are kept or shown; `id`, `externalId` and `meta` belong to every resource."""
    return [
        {
            "schemas": [_SCHEMA_URN],
            "id": urn,
            "name": name,
            "description": words,
            "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{urn}"},
        }
        for urn, name, words, attributes in (
            (USER_URN, "User", "A person who is a member of the workspace", _USER),
            (GROUP_URN, "Group", "A group that an admin mapped to a role", _GROUP),
        )
    ]


def _attribute(name: str, words: str, kind: str = "string", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as RFC 7643 has it
    found: dict[str, Any] = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": words,
        "required": False,
        "mutability": "readWrite",
        "returned": "default",
    }
    if kind in {"string", "reference"}:
        found |= {"caseExact": kind == "reference", "uniqueness": "none"}
    return found | changes


_USER: Final[Sequence[dict[str, Any]]] = [
    _attribute(
        "userName", "What the directory calls somebody; no two are called so", required=True, uniqueness="server"
    ),
    _attribute(
        "name",
        "The parts of the name",
        "complex",
        subAttributes=[
            _attribute("formatted", "The whole name"),
            _attribute("givenName", "The given name"),
            _attribute("familyName", "The family name"),
        ],
    ),
    _attribute("displayName", "The name that is shown"),
    _attribute("active", "Whether the credentials of somebody work", "boolean"),
    _attribute(
        "emails",
        "The one address by which somebody is known; set when they are made",
        "complex",
        multiValued=True,
        mutability="immutable",
        subAttributes=[
            _attribute("value", "The address", mutability="immutable"),
            _attribute("type", "Always work", canonicalValues=["work"], mutability="immutable"),
            _attribute("primary", "Always true", "boolean", mutability="immutable"),
        ],
    ),
    _attribute(
        "groups",
        "Groups that somebody is in",
        "complex",
        multiValued=True,
        mutability="readOnly",
        subAttributes=[
            _attribute("value", "The id of the group", mutability="readOnly"),
            _attribute("$ref", "Where it is", "reference", mutability="readOnly", referenceTypes=["Group"]),
            _attribute("display", "Its name", mutability="readOnly"),
            _attribute("type", "Always direct", mutability="readOnly", canonicalValues=["direct"]),
        ],
    ),
]
_GROUP: Final[Sequence[dict[str, Any]]] = [
    _attribute(
        "displayName",
        "The name that an admin mapped to a role",
        required=True,
        mutability="immutable",
        uniqueness="server",
    ),
    _attribute(
        "members",
        "Who is in the group",
        "complex",
        multiValued=True,
        subAttributes=[
            _attribute("value", "The id of a user", mutability="immutable"),
            _attribute("$ref", "Where they are", "reference", mutability="immutable", referenceTypes=["User"]),
            _attribute("display", "Their name", mutability="readOnly"),
            _attribute("type", "Always User", mutability="immutable", canonicalValues=["User"]),
        ],
    ),
]
