"""How doors read bodies whose size or reading matters: bounded, then validated with the field named."""

from collections.abc import Collection
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from tidegate.kernel import InvalidInputError, TooLargeError, UnsupportedMediaError

__all__ = ["JSON", "MAX_BODY_BYTES", "XML", "YAML", "field_of", "parse_json", "read_body"]

JSON = ("application/json",)
XML = ("application/xml", "text/xml")
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")

MAX_BODY_BYTES = 16 * 1024 * 1024  # SECURITY section 2: request bodies hold 16 MB

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, accepts: Collection[str], *, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return the body, and stop reading as soon as it is larger than the limit.

    Raises:
        UnsupportedMediaError: its content type is none of those that this door `accepts`.
        TooLargeError: it is too large, whatever `Content-Length` said.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in accepts:
        raise UnsupportedMediaError(
            f"The content type {media or 'none'!r} is not read here. Send {' or '.join(sorted(accepts))}."
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaError("Compressed bodies are not read here. Send it without `Content-Encoding`.")
    said = request.headers.get("content-length", "")
    if (
        said.isascii() and said.isdigit() and int(said[:20]) > limit_bytes
    ):  # it says itself that none of it will be read
        raise TooLargeError(f"The body is larger than {limit_bytes // 1024:,} kB, which is the limit here.")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit_bytes:
            raise TooLargeError(f"The body is larger than {limit_bytes // 1024:,} kB, which is the limit here.")
        parts.append(part)
    return b"".join(parts)


def parse_json(model: type[Model], body: bytes) -> Model:
    """Return `body` as a `model`.

    FastAPI's own reading goes through a parser that accepts NaN and lone surrogates; this one refuses both.

    Raises:
        InvalidInputError: it is no JSON, or a field is wrong; the first such field is named.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = field_of(first["loc"]) or "body"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise InvalidInputError(f"{field}: {first['msg']}{more}", field=field) from error


def field_of(location: tuple[int | str, ...]) -> str:
    """Return where in the body something is wrong, dotted: `services.0.commit`."""
    return ".".join(str(part) for part in location)
