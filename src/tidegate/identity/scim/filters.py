"""The filters of RFC 7644, section 3.4.2.2, as far as they speak of what is kept: parsed, bounded, evaluated. Pure.

Attributes are a closed list, values are only ever compared: `store` turns a parsed filter into a condition whose words
are its own and whose values are bound.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidegate.identity.scim.errors import ScimFilterInvalidError

__all__ = [
    "GROUP_ATTRIBUTES",
    "USER_ATTRIBUTES",
    "All",
    "Any",
    "Comparison",
    "Filter",
    "Kind",
    "Not",
    "Operator",
    "Values",
    "matches",
    "parse_filter",
    "unprefixed",
]

MAX_CHARACTERS: Final = 1_000  # a userName has 254, and clients ask for one or two of them
MAX_DEPTH: Final = 10
MAX_COMPARISONS: Final = 50
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<mark>[()\[\]])|(?P<text>"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")|(?P<word>[A-Za-z$][\w:.$/-]*))',
    re.ASCII,
)
_URN: Final = re.compile(
    r"urn:ietf:params:scim:schemas:(?:core|extension:enterprise):2\.0:(?:User|Group)(?::|$)", re.IGNORECASE
)


class Kind(StrEnum):
    """How values of an attribute are compared."""

    TEXT = "text"
    """Upper and lower case are the same."""
    EXACT = "exact"
    BOOLEAN = "boolean"


class Operator(StrEnum):
    """What a comparison asks."""

    EQ = "eq"
    NE = "ne"
    CO = "co"
    SW = "sw"
    PR = "pr"


USER_ATTRIBUTES: Final[Mapping[str, Kind]] = {
    "id": Kind.EXACT,
    "externalid": Kind.EXACT,
    "username": Kind.TEXT,
    "displayname": Kind.TEXT,
    "active": Kind.BOOLEAN,
    "emails": Kind.TEXT,
    "emails.value": Kind.TEXT,
    "emails.type": Kind.TEXT,
    "emails.primary": Kind.BOOLEAN,
}
GROUP_ATTRIBUTES: Final[Mapping[str, Kind]] = {
    "id": Kind.EXACT,
    "externalid": Kind.EXACT,
    "displayname": Kind.TEXT,
    "members": Kind.EXACT,
    "members.value": Kind.EXACT,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One attribute, by its name in lower case, beside one value."""

    attribute: str
    kind: Kind
    operator: Operator
    value: str | bool | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """One part holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter = Comparison | All | Any | Not
Values = Mapping[str, Sequence[str | bool]]
"""What a resource has, by the names of attributes in lower case."""


def parse_filter(text: str, attributes: Mapping[str, Kind], *, prefix: str = "") -> Filter:
    """Return what `text` asks; attributes stand below `prefix`, as within the brackets of a path.

    Raises:
        ScimFilterInvalidError: it is no filter, is too large, or speaks of what cannot be asked for.
    """
    if len(text) > MAX_CHARACTERS:
        raise ScimFilterInvalidError(f"A filter has at most {MAX_CHARACTERS} characters.")
    parser = _Parser(_tokens_of(text), attributes)
    found = parser.either(prefix, depth=0)
    parser.end()
    return found


def matches(wanted: Filter, values: Values) -> bool:
    """Return whether a resource with these values is one of those `wanted`."""
    match wanted:
        case All(parts):
            return all(matches(part, values) for part in parts)
        case Any(parts):
            return any(matches(part, values) for part in parts)
        case Not(part):
            return not matches(part, values)
        case Comparison():
            return _holds(wanted, values.get(wanted.attribute, ()))


def unprefixed(name: str) -> str:
    """Return an attribute's name without the name of its schema before it."""
    return _URN.sub("", name, count=1)


def _holds(asked: Comparison, values: Sequence[str | bool]) -> bool:
    if asked.operator is Operator.PR:
        return bool(values)
    if asked.operator is Operator.NE:
        return not any(_folded(asked, value) == _folded(asked, asked.value) for value in values)
    for value in values:
        have, want = _folded(asked, value), _folded(asked, asked.value)
        if asked.operator is Operator.EQ and have == want:
            return True
        if isinstance(have, str) and isinstance(want, str):
            if asked.operator is Operator.CO and want in have:
                return True
            if asked.operator is Operator.SW and have.startswith(want):
                return True
    return False


def _folded(asked: Comparison, value: str | bool | None) -> str | bool | None:  # noqa: FBT001 - a value, not a switch
    return value.lower() if isinstance(value, str) and asked.kind is Kind.TEXT else value


def _tokens_of(text: str) -> list[str]:
    found, position, end = [], 0, len(text.rstrip())
    while position < end:
        token = _TOKEN.match(text, position)
        if token is None:
            raise ScimFilterInvalidError(f"The filter cannot be read from character {position + 1} on.")
        found.append(token[0].strip())
        position = token.end()
    return found


class _Parser:
    """Reads tokens from the left; what binds closer lies deeper: or, and, not."""

    def __init__(self, tokens: Sequence[str], attributes: Mapping[str, Kind]) -> None:
        self._tokens = tokens
        self._attributes = attributes
        self._place = 0
        self._comparison_count = 0

    def either(self, prefix: str, *, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise ScimFilterInvalidError(f"A filter is nested at most {MAX_DEPTH} deep.")
        parts = [self._both(prefix, depth=depth)]
        while self._takes("or"):
            parts.append(self._both(prefix, depth=depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def end(self) -> None:
        if self._place < len(self._tokens):
            raise ScimFilterInvalidError(f"The filter goes on where it should end: {self._tokens[self._place][:40]!r}.")

    def _both(self, prefix: str, *, depth: int) -> Filter:
        parts = [self._one(prefix, depth=depth)]
        while self._takes("and"):
            parts.append(self._one(prefix, depth=depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, prefix: str, *, depth: int) -> Filter:
        if self._takes("not"):
            self._needs("(")
            part = self.either(prefix, depth=depth + 1)
            self._needs(")")
            return Not(part)
        if self._takes("("):
            part = self.either(prefix, depth=depth + 1)
            self._needs(")")
            return part
        return self._compared(prefix, depth=depth)

    def _compared(self, prefix: str, *, depth: int) -> Filter:
        name = unprefixed(self._next("an attribute")).lower()
        attribute = f"{prefix}.{name}" if prefix else name
        if not prefix and self._takes("["):
            part = self.either(name, depth=depth + 1)
            self._needs("]")
            return part
        kind = self._attributes.get(attribute)
        if kind is None:
            known = ", ".join(self._attributes)
            raise ScimFilterInvalidError(f"{name[:60]!r} cannot be asked for. What can be: {known}.")
        self._comparison_count += 1
        if self._comparison_count > MAX_COMPARISONS:
            raise ScimFilterInvalidError(f"A filter has at most {MAX_COMPARISONS} comparisons.")
        operator = self._operator()
        if operator is Operator.PR:
            return Comparison(attribute, kind, operator)
        return Comparison(attribute, kind, operator, self._value(kind, operator))

    def _operator(self) -> Operator:
        word = self._next("eq, ne, co, sw or pr").lower()
        try:
            return Operator(word)
        except ValueError as error:
            raise ScimFilterInvalidError(f"{word[:40]!r} is none of eq, ne, co, sw, pr.") from error

    def _value(self, kind: Kind, operator: Operator) -> str | bool:
        token = self._next("a value")
        text = json.loads(token) if token.startswith('"') else token
        if kind is not Kind.BOOLEAN:
            if not token.startswith('"') or "\x00" in text or any("\ud800" <= each <= "\udfff" for each in text):
                raise ScimFilterInvalidError("A text stands between double quotes.")
            return str(text)
        if operator not in {Operator.EQ, Operator.NE} or text.lower() not in {"true", "false"}:
            raise ScimFilterInvalidError("Of what is true or false, ask `eq true` or `eq false`.")
        return bool(text.lower() == "true")

    def _takes(self, wanted: str) -> bool:
        is_it = self._place < len(self._tokens) and self._tokens[self._place].lower() == wanted
        self._place += is_it
        return is_it

    def _needs(self, wanted: str) -> None:
        if not self._takes(wanted):
            raise ScimFilterInvalidError(f"The filter lacks a {wanted!r}.")

    def _next(self, wanted: str) -> str:
        if self._place >= len(self._tokens) or self._tokens[self._place] in "()[]":
            raise ScimFilterInvalidError(f"The filter lacks {wanted}.")
        self._place += 1
        return self._tokens[self._place - 1]
