"""Text as ClickHouse reads it: string literals, identifiers, and values of query parameters."""

import re
from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": r"\\", "'": r"\'", "\0": r"\0", "\n": r"\n", "\t": r"\t", "\r": r"\r"})
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def string_literal(text: str) -> str:
    return f"'{text.translate(_ESCAPES)}'"


def string_list(texts: Iterable[str]) -> str:
    return ", ".join(string_literal(text) for text in texts)


def identifier(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return f"`{name}`"
    return "`" + name.replace("\\", r"\\").replace("`", r"\`") + "`"


def parameter_value(text: str) -> str:
    """Return `text` as the value of `{name:String}`: the engine reads values as tab-separated text."""
    return text.translate(_ESCAPES)
