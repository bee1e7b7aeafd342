"""The schema in the comments of an `.env.example` or `.env.schema`: decorators as @env-spec writes them. Pure.

A decorator that is not known is refused: `@requierd` would make a variable optional without a word.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from tidegate.evidence.environments.dotenv import Entry, read_entries
from tidegate.evidence.environments.model import EnvFileError, Parity, Schema, Type, Variable

__all__ = ["TYPES", "read_schema"]

TYPES: Final[dict[str, frozenset[str]]] = {
    "string": frozenset({"minLength", "maxLength", "isLength", "startsWith", "endsWith", "matches"}),
    "number": frozenset({"min", "max", "isInt"}),
    "integer": frozenset({"min", "max"}),
    "boolean": frozenset(),
    "port": frozenset({"min", "max"}),
    "url": frozenset({"prependHttps", "matches"}),
    "email": frozenset(),
    "ip": frozenset(),
    "uuid": frozenset(),
    "enum": frozenset(),
}
"""Types, and the options of each."""
_WHOLE: Final = frozenset({"minLength", "maxLength", "isLength"})
_NUMBERS: Final = frozenset({"min", "max"})
_FLAGS: Final = frozenset({"isInt", "prependHttps"})
# Decorators that other tools read, and that say nothing about values.
_OTHERS: Final = frozenset({"example", "docs", "docsUrl", "icon", "deprecated", "see", "description"})
_OTHER_ROOTS: Final = frozenset({"currentEnv", "envFlag", "generateTypes", "redactLogs", "preventLeaks"})
_VALUE: Final = r'"(?:[^"\\]|\\.)*+"|\'[^\']*\'|/(?:[^/\\]|\\.)+/|[^\s,()]+'
_DECORATOR: Final = re.compile(rf'@([A-Za-z]+)(?:=({_VALUE})(?:\(((?:{_VALUE}|[^()"\'/])*)\))?|\(([^)]*)\))?(?=\s|\Z)')
_OPTION: Final = re.compile(rf"\s*(?:([A-Za-z]+)\s*=\s*)?({_VALUE})\s*(?:,|\Z)")


def read_schema(content: bytes, *, file: str) -> Schema:
    """Return what a file asks of variables.

    Raises:
        EnvFileError: it is no such file, or says something that is not understood.
    """
    entries, header = read_entries(content, file=file)
    if not entries:
        raise EnvFileError(f"{file} names no variable: there is nothing to check.")
    roots = dict(_decorators(header, f"{file}, header"))
    defaults = {name: _flag(roots.pop(name, None), f"{file}, @{name}", default=True)
                for name in ("defaultRequired", "defaultSensitive")}  # fmt: skip
    unknown = sorted(set(roots) - _OTHER_ROOTS)
    if unknown:
        raise EnvFileError(f"{file}, header: the decorator @{unknown[0]} is not understood.")
    variables = tuple(
        _variable(entry, file, is_required=defaults["defaultRequired"], is_sensitive=defaults["defaultSensitive"])
        for entry in entries
    )
    return Schema(variables, f"sha256:{hashlib.sha256(content).hexdigest()}")


def _variable(entry: Entry, file: str, *, is_required: bool, is_sensitive: bool) -> Variable:
    where = f"{file}, line {entry.line}: {entry.name}"
    said = dict(_decorators(entry.comments, where))
    type_ = _type(said.pop("type", None), where)
    for name, opposite in (("required", "optional"), ("sensitive", "public")):
        if name in said and opposite in said:
            raise EnvFileError(f"{where} is @{name} and @{opposite}.")
    is_required = _either(said, "required", "optional", where, default=is_required)
    is_sensitive = _either(said, "sensitive", "public", where, default=is_sensitive)
    asked = said.pop("parity", None)
    if asked is not None and asked not in set(Parity):
        raise EnvFileError(f"{where}: @parity is one of {', '.join(Parity)}.")
    unknown = sorted(set(said) - _OTHERS)
    if unknown:
        raise EnvFileError(f"{where}: the decorator @{unknown[0]} is not understood.")
    parity = Parity(asked) if asked else Parity.DIFFERENT if is_sensitive else Parity.ANY
    return Variable(
        entry.name, type_, is_required=is_required, is_sensitive=is_sensitive, parity=parity, example=entry.value,
        line=entry.line,
    )  # fmt: skip


def _either(said: dict[str, str | None], name: str, opposite: str, where: str, *, default: bool) -> bool:
    if opposite in said:
        return not _flag(said.pop(opposite), f"{where}: @{opposite}", default=True)
    return _flag(said.pop(name), f"{where}: @{name}", default=True) if name in said else default


def _decorators(comments: Sequence[str], where: str) -> list[tuple[str, str | None]]:
    """Return the decorators of the lines that begin with one; other comments are for people."""
    found: list[tuple[str, str | None]] = []
    for comment in comments:
        rest = comment
        while rest.startswith("@"):
            one = _DECORATOR.match(rest)
            if one is None:
                raise EnvFileError(f"{where}: a decorator is not understood.")
            name, value, options, _ = one.groups()
            if any(name == other for other, _ in found):
                raise EnvFileError(f"{where} has @{name} twice.")
            found.append((name, value if options is None else f"{value}({options})"))
            rest = rest[one.end() :].lstrip()
    return found


def _flag(value: str | None, where: str, *, default: bool) -> bool:
    if value is None:
        return default
    if value not in {"true", "false"}:
        raise EnvFileError(f"{where} is neither true nor false.")
    return value == "true"


def _type(text: str | None, where: str) -> Type:
    if text is None:
        return Type()
    name, _, rest = text.partition("(")
    if name not in TYPES:
        raise EnvFileError(f"{where}: the type {name[:40]!r} is none of {', '.join(TYPES)}.")
    pairs = _options(rest.removesuffix(")"), where)
    if name == "enum":
        choices = tuple(value for key, value in pairs if key is None)
        if not choices or len(choices) != len(pairs):
            raise EnvFileError(f"{where}: an enum lists its values: @type=enum(a, b).")
        return Type(name, choices=choices)
    options = tuple((key or "", _checked(key, value, name, where)) for key, value in pairs)
    return Type(name, options)


def _options(text: str, where: str) -> list[tuple[str | None, str]]:
    pairs: list[tuple[str | None, str]] = []
    position = 0
    while position < len(text.rstrip()):
        one = _OPTION.match(text, position)
        if one is None:
            raise EnvFileError(f"{where}: the options of its type are not understood.")
        pairs.append((one.group(1), _unquoted(one.group(2))))
        position = one.end()
    return pairs


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].replace('\\"', '"') if text[0] == '"' else text[1:-1]
    return text


def _checked(key: str | None, value: str, name: str, where: str) -> str:
    if key is None or key not in TYPES[name]:
        raise EnvFileError(f"{where}: {name} has no option {key or value[:40]!r}.")
    if key in _WHOLE and not (value.isascii() and value.isdigit()):
        raise EnvFileError(f"{where}: {key} is a whole number.")
    if key in _NUMBERS and not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value):
        raise EnvFileError(f"{where}: {key} is a number.")
    if key in _FLAGS and value not in {"true", "false"}:
        raise EnvFileError(f"{where}: {key} is true or false.")
    if key == "matches":
        value = value[1:-1] if len(value) > 1 and value.startswith("/") and value.endswith("/") else value
        try:
            re.compile(value)
        except (re.error, RecursionError, OverflowError):
            raise EnvFileError(f"{where}: its pattern is no regular expression.") from None
    return value
