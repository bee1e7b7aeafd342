"""A parsed filter as a condition of SQL: words of its own, values bound."""

from collections.abc import Mapping
from typing import Final

from tidegate.identity.scim.filters import All, Any, Comparison, Filter, Kind, Not, Operator

__all__ = ["condition_of"]

_COLUMNS: Final[Mapping[str, str]] = {
    "id": "u.id",
    "externalid": "u.external_id",
    "username": "u.user_name",
    "displayname": "u.display_name",
    "active": "u.is_active",
    "emails": "u.email",
    "emails.value": "u.email",
    "emails.type": "'work'",
    "emails.primary": "true",
}


def condition_of(wanted: Filter | None, parameters: list[str | bool]) -> str:
    """Return a condition over `u`; its values are added to `parameters`, the first of which is `$1`."""
    match wanted:
        case None:
            return "true"
        case All(parts):
            return "(" + " AND ".join(condition_of(part, parameters) for part in parts) + ")"
        case Any(parts):
            return "(" + " OR ".join(condition_of(part, parameters) for part in parts) + ")"
        case Not(part):
            return f"NOT {condition_of(part, parameters)}"
        case Comparison():
            return _compared(wanted, parameters)


def _compared(asked: Comparison, parameters: list[str | bool]) -> str:
    column = _COLUMNS[asked.attribute]
    if asked.operator is Operator.PR:
        return f"({column} IS NOT NULL)"
    assert asked.value is not None  # noqa: S101 - only `pr` has none
    parameters.append(asked.value)
    value = f"${len(parameters)}" + ("::boolean" if asked.kind is Kind.BOOLEAN else "::text")
    if asked.kind is Kind.TEXT:
        column, value = f"lower({column})", f"lower({value})"
    match asked.operator:
        case Operator.EQ:
            return f"coalesce({column} = {value}, false)"
        case Operator.NE:
            return f"({column} IS DISTINCT FROM {value})"
        case Operator.CO:
            return f"coalesce(strpos({column}, {value}) > 0, false)"
        case Operator.SW:
            return f"coalesce(starts_with({column}, {value}), false)"
