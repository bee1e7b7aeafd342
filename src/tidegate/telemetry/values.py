"""OTLP attribute values as text, for logs and metric points. Pure."""

import base64
from collections.abc import Collection
from typing import Any, Final, Protocol

import msgspec

from tidegate.telemetry.content import without_secrets

MAX_ATTRIBUTES: Final = 1_024  # the SDKs' own default limit is 128
MAX_VALUE_CHARACTERS: Final = 8_192
MAX_NAME_CHARACTERS: Final = 512
_MAX_DEPTH: Final = 16  # of arrays and maps inside a value


class AttributePolicy(Protocol):
    """What may be kept of an attribute; the policy of content and secrets."""

    def attribute(self, key: str, value: str) -> str | None:
        """Return what is stored of `value`, `None` when nothing is."""
        ...


class TooManyAttributesError(ValueError):
    """A record carries more attributes than are read; it is refused alone."""


def attributes_of(pairs: Collection[Any]) -> dict[str, str]:
    """Return OTLP's key-value pairs as text.

    Raises:
        TooManyAttributesError: there are too many. All of them count, not the names: one that is sent a million times
            is no less work.
    """
    if len(pairs) > MAX_ATTRIBUTES:
        raise TooManyAttributesError
    attributes: dict[str, str] = {}
    for pair in pairs:
        value = pair.value
        # Any other kind answers with an empty text. Asking for the kind first costs as much again.
        text = value.string_value
        key = clean(pair.key, MAX_NAME_CHARACTERS)
        attributes[key] = clean(text, MAX_VALUE_CHARACTERS) if text else text_of(value, MAX_VALUE_CHARACTERS)
    return attributes


def kept_attributes(attributes: dict[str, str], policy: AttributePolicy) -> dict[str, str]:
    """Return what `policy` lets us store of `attributes`."""
    kept: dict[str, str] = {}
    for key, value in attributes.items():
        text = policy.attribute(key, value)
        if text is not None:
            kept[without_secrets(key)] = text
    return kept


def text_of(value: Any, limit: int) -> str:  # noqa: ANN401 - AnyValue, a generated protobuf message
    """Return one value as text: texts as they are, numbers in decimal, lists and maps as JSON."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return clean(value.string_value, limit)
    if kind == "int_value":
        return str(value.int_value)
    if kind is None:
        return ""
    plain = plain_of(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, int | float | str):
        return clean(str(plain), limit)
    return clean(msgspec.json.encode(plain).decode(), limit)


def clean(text: str, limit: int) -> str:
    """Cut `text`, and replace NUL: PostgreSQL cannot store it, and one tenant's name must not stop the evaluator."""
    if len(text) > limit:
        text = text[:limit]
    return text.replace("\0", "\ufffd") if "\0" in text else text


def plain_of(value: Any, depth: int = _MAX_DEPTH) -> Any:  # noqa: ANN401 - AnyValue in, JSON out
    """Return a value as JSON has it; what lies deeper than 16 levels is `None`."""
    kind = value.WhichOneof("value")
    if kind is None or depth == 0:
        return None
    if kind == "array_value":
        return [plain_of(item, depth - 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain_of(pair.value, depth - 1) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind)
