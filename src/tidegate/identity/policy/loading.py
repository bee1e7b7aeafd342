"""Policies as they were loaded, and what is asked of them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import cedarpy

from tidegate.identity.policy.errors import PoliciesInvalidError

__all__ = ["POLICY_FILES", "Policies", "PolicyText", "load_policies", "read_policies", "shipped_texts"]

POLICY_FILES: Final = ("floor.cedar", "narrowing.cedar", "roles.cedar")
_SCHEMA_FILE: Final = "tidegate.cedarschema"
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One policy as it is written."""

    id: str
    effect: str
    """`permit` or `forbid`."""
    text: str
    reason: str
    """What its author says to whoever it refuses; empty when the answer follows from the question."""


@dataclass(frozen=True, slots=True)
class Policies:
    """A validated set of policies; only `load_policies` makes one for use."""

    parsed: cedarpy.PolicySet
    schema: cedarpy.Schema
    by_id: Mapping[str, PolicyText]


def shipped_texts() -> dict[str, str]:
    """Return the policies of the package, by file."""
    folder = resources.files("tidegate.identity.policy")
    return {name: (folder / name).read_text(encoding="utf-8") for name in POLICY_FILES}


def read_policies() -> Policies:
    """Return the policies of the package.

    Raises:
        PoliciesInvalidError: they are not valid.
    """
    return load_policies(shipped_texts())


def load_policies(texts: Mapping[str, str], *, schema_text: str | None = None) -> Policies:
    """Return policies that were read, validated and named, all of them.

    The engine skips a policy that cannot be evaluated: with a typing error in a `forbid`, the answer is Allow. So one
    error in one policy refuses all.

    Raises:
        PoliciesInvalidError: a file is not Cedar, a policy does not fit the schema, asks with `has`, or has no `@id` of
            its own. The message names the policy.
    """
    if schema_text is None:
        folder = resources.files("tidegate.identity.policy")
        schema_text = (folder / _SCHEMA_FILE).read_text(encoding="utf-8")
    text = "\n".join(texts.values())
    try:
        schema = cedarpy.Schema.from_str(schema_text)
        parsed = cedarpy.PolicySet.from_str(text)
        document = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PoliciesInvalidError(f"The policies cannot be read: {error}") from error
    by_id = dict(_named(document))
    found = cedarpy.validate_policies(text, schema)
    if not found.validation_passed:
        names = found.id_annotations_by_policy_id
        first = found.errors[0]
        raise PoliciesInvalidError(
            f"The policy {names.get(first.policy_id, first.policy_id)!r} is wrong: {first.error}"
        )
    return Policies(parsed, schema, by_id)


def _named(document: Mapping[str, Any]) -> Iterator[tuple[str, PolicyText]]:
    if document.get("templates") or document.get("templateLinks"):
        raise PoliciesInvalidError("Templates are not used here: write each policy out.")
    seen: set[str] = set()
    for position, policy in document["staticPolicies"].items():
        name = policy.get("annotations", {}).get("id") or ""
        if not _ID.fullmatch(name):
            raise PoliciesInvalidError(f"{position} has no `@id` of lower-case letters, digits and `-`: {name!r}.")
        if name in seen:
            raise PoliciesInvalidError(f"Two policies are called {name!r}.")
        if _asks_has(policy["conditions"]):
            raise PoliciesInvalidError(
                f"The policy {name!r} asks with `has`, where a typing error is no error. Every attribute is there."
            )
        seen.add(name)
        yield (
            name,
            PolicyText(
                id=name,
                effect=policy["effect"],
                text=parsed_text(policy),
                reason=policy["annotations"].get("reason") or "",
            ),
        )
    if not seen:
        raise PoliciesInvalidError("There is no policy at all.")


def parsed_text(policy: Mapping[str, Any]) -> str:
    """Return one policy as Cedar."""
    one = {"staticPolicies": {"policy0": policy}, "templates": {}, "templateLinks": []}
    return cedarpy.format_policies(cedarpy.policies_from_json_str(json.dumps(one)), line_width=100).strip()


def _asks_has(part: Any) -> bool:  # noqa: ANN401 - JSON
    if isinstance(part, dict):
        return "has" in part or any(map(_asks_has, part.values()))
    return isinstance(part, list) and any(map(_asks_has, part))
