"""Whether variables are as a schema asks, and whether environments are alike. Pure; values go in, none comes out."""

import hmac
import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from tidegate.evidence.environments.model import Parity, Problem, Schema, Type, Variable

__all__ = ["check_environment", "compare_environments", "unknown_names"]

_MAX_MATCHED = 4_096  # a pattern that goes back and forth takes minutes over more
_BOOLEANS: Final = frozenset({"true", "false", "1", "0", "yes", "no", "on", "off"})
_NUMBER: Final = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?")
_INTEGER: Final = re.compile(r"[+-]?\d{1,300}")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]{1,63}(\.[^@\s.]{1,63}){1,8}")
_PLACEHOLDERS: Final = frozenset({"changeme", "change-me", "change_me", "todo", "fixme", "xxx", "secret", "password",
                                  "example", "replace-me", "replaceme", "placeholder"})  # fmt: skip


def check_environment(schema: Schema, values: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what is wrong, in the order of the schema."""
    found = (_problem(variable, values.get(variable.name)) for variable in schema.variables)
    return tuple(problem for problem in found if problem is not None)


def unknown_names(schema: Schema, values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(set(values) - schema.names))


def _problem(variable: Variable, value: str | None) -> Problem | None:
    if value is None or not value:
        if not variable.is_required:
            return None
        return Problem(variable.name, "missing" if value is None else "empty", "required")
    if variable.is_sensitive and _is_placeholder(variable, value):
        return Problem(variable.name, "placeholder", "a secret of its own, not what the schema gives as an example")
    kind = variable.type
    if not _IS[kind.name](kind, value):
        return Problem(variable.name, "choice" if kind.name == "enum" else "type", expected(kind))
    return Problem(variable.name, "pattern", expected(kind)) if not _matches(kind, value) else None


def _is_placeholder(variable: Variable, value: str) -> bool:
    return value == variable.example or value.strip().lower().strip("<>") in _PLACEHOLDERS


def _matches(kind: Type, value: str) -> bool:
    pattern = kind.option("matches")
    return pattern is None or (len(value) <= _MAX_MATCHED and re.search(pattern, value) is not None)


def expected(kind: Type) -> str:
    """Return what a type asks, in words; an example of its pattern is no value of a variable."""
    if kind.name == "enum":
        return f"one of {', '.join(kind.choices)}"
    options = ", ".join(f"{name} {value}" for name, value in kind.options)
    return f"{kind.name} ({options})" if options else kind.name


def _is_string(kind: Type, value: str) -> bool:
    least, most, exact = (kind.option(name) for name in ("minLength", "maxLength", "isLength"))
    return (
        (least is None or len(value) >= int(least))
        and (most is None or len(value) <= int(most))
        and (exact is None or len(value) == int(exact))
        and value.startswith(kind.option("startsWith") or "")
        and value.endswith(kind.option("endsWith") or "")
    )


def _is_number(kind: Type, value: str) -> bool:
    pattern = _INTEGER if kind.name != "number" or kind.option("isInt") == "true" else _NUMBER
    if not pattern.fullmatch(value) or not value.isascii():
        return False
    least, most = kind.option("min"), kind.option("max")
    return (least is None or float(value) >= float(least)) and (most is None or float(value) <= float(most))


def _is_port(kind: Type, value: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}", value)) and 1 <= int(value) <= 65_535 and _is_number(kind, value)


def _is_url(kind: Type, value: str) -> bool:
    try:
        parts = urlsplit(value if kind.option("prependHttps") != "true" or "://" in value else f"https://{value}")
        return bool(parts.scheme and parts.hostname) and (parts.port or 1) > 0 and not re.search(r"\s", value)
    except ValueError:
        return False


def _is_ip(_kind: Type, value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_uuid(_kind: Type, value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


_IS: Final[Mapping[str, Callable[[Type, str], bool]]] = {
    "string": _is_string,
    "number": _is_number,
    "integer": _is_number,
    "boolean": lambda _kind, value: value.lower() in _BOOLEANS,
    "port": _is_port,
    "url": _is_url,
    "email": lambda _kind, value: bool(_EMAIL.fullmatch(value)),
    "ip": _is_ip,
    "uuid": _is_uuid,
    "enum": lambda kind, value: value in kind.choices,
}


def compare_environments(schema: Schema, environments: Mapping[str, Mapping[str, str]]) -> tuple[Problem, ...]:
    """Return where environments differ that should not, and share what they should not.

    A variable that one environment has and another lacks differs either way, be it one that the schema does not know.
    """
    found: list[Problem] = []
    known = {variable.name: variable for variable in schema.variables}
    names = [*known, *sorted({name for values in environments.values() for name in values} - known.keys())]
    for name in names:
        having = {environment for environment, values in environments.items() if values.get(name)}
        if having:
            found += [Problem(name, "missing", "what the other environments have", environment)
                      for environment in environments if environment not in having]  # fmt: skip
        variable = known.get(name)
        if variable is not None:
            found += _compare(variable, {one: environments[one][name] for one in environments if one in having})
    return tuple(found)


def _compare(variable: Variable, values: Mapping[str, str]) -> list[Problem]:
    """Compare the values in memory: neither they nor digests of them are kept, printed or sent."""
    found: list[Problem] = []
    seen: list[tuple[str, bytes]] = []
    for environment, value in values.items():
        own = value.encode("utf-8", "surrogateescape")
        is_known = any(hmac.compare_digest(own, other) for _, other in seen)
        if variable.parity is Parity.DIFFERENT and is_known:
            found.append(Problem(variable.name, "shared", "another value in each environment", environment))
        if variable.parity is Parity.SAME and seen and not is_known:
            found.append(Problem(variable.name, "differs", "the same value in each environment", environment))
        seen.append((environment, own))
    return found
