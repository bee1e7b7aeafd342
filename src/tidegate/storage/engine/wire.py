"""HTTP requests taken apart: parameters, bodies and their encodings, and the data behind an INSERT."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from typing import Protocol
from urllib.parse import parse_qsl

from tidegate.storage.engine.refusals import BAD_ARGUMENTS, TOO_LARGE, EngineError

MAX_BODY_BYTES = 80 * 1024 * 1024  # bodies are at most 64 MB expanded; joined ones 4 MB
_MAX_HEAD_BYTES = 64 * 1024  # the statement before the rows: a few hundred columns
_TOKEN = re.compile(
    rb"""\s+|--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"|\w+|.""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Words:
    """The statement of a request, its rows, and the parameters of URL and form."""

    text: str
    rows: memoryview | None
    parameters: Mapping[str, str]


def read_words(query_string: bytes, headers: Mapping[bytes, bytes], body: bytes | bytearray) -> Words:
    """Return what the request says, wherever it says it.

    Raises:
        EngineError: the body is too large or not in its encoding.
    """
    try:
        url = dict(parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict"))
    except UnicodeError as error:
        raise EngineError(BAD_ARGUMENTS, "The URL is not UTF-8.") from error
    body = expand(body, headers.get(b"content-encoding", b"").decode("latin-1"))
    if headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
        url |= _read_form(headers[b"content-type"], bytes(body))
        body = b""
    query = url.get("query", "")
    if query and body:
        if query.lstrip()[:6].upper() == "INSERT":
            return Words(query, memoryview(body), url)
        return Words(f"{query}\n{_decode(body)}", None, url)
    if query:
        return Words(query, None, url)
    at = data_offset(body)
    if at is None:
        return Words(_decode(body), None, url)
    return Words(_decode(body[:at]), memoryview(body)[_skip_line_end(body, at) :], url)


def data_offset(body: bytes | bytearray) -> int | None:
    """Return where `INSERT … FORMAT name` ends in `body`; `None` when no rows follow a statement.

    After `INSERT … SELECT` rows follow only where it reads them by `input()`.
    """
    depth, words, before = 0, 0, b""
    takes_rows = True
    for token in _TOKEN.finditer(body, 0, _MAX_HEAD_BYTES):
        word = token[0]
        if word.isspace() or word.startswith((b"--", b"/*")):
            continue
        words += 1
        depth += (word == b"(") - (word == b")")
        upper = word.upper()
        if (words == 1 and upper != b"INSERT") or (depth == 0 and upper in {b"VALUES", b";"}):
            return None
        if depth == 0 and upper in {b"SELECT", b"WITH"}:
            takes_rows = False
        takes_rows = takes_rows or upper == b"INPUT"
        if depth == 0 and before == b"FORMAT" and words > 2:
            return None if upper == b"VALUES" or not takes_rows else token.end()
        before = upper if depth == 0 else b""
    return None


def _skip_line_end(body: bytes | bytearray, at: int) -> int:
    """Skip what a server skips between the format's name and the rows: blanks, then one line end."""
    found = re.compile(rb"[ \t\f]*\r?\n?").match(body, at)
    return found.end() if found else at


def _decode(body: bytes | bytearray) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise EngineError(BAD_ARGUMENTS, "The statement is not UTF-8: bind values instead.") from error


def _read_form(content_type: bytes, body: bytes) -> dict[str, str]:
    message = message_from_bytes(b"Content-Type: " + content_type + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if part.is_multipart() or name is None:
            continue
        if part.get_filename() is not None:
            raise EngineError(BAD_ARGUMENTS, "External tables are not offered.")
        content = part.get_payload(decode=True)
        fields[str(name)] = _decode(content if isinstance(content, bytes) else b"")
    return fields


class _Expander(Protocol):
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def expand(body: bytes | bytearray, encoding: str) -> bytes | bytearray:
    """Return `body` without its compression, never more than the limit.

    Raises:
        EngineError: it expands too far, or is not in `encoding`.
    """
    if encoding in {"", "identity"}:
        return body
    out = bytearray()
    left = bytes(body)
    try:
        while left:  # frames and members may follow one another
            expander = _expander(encoding)
            out += expander.decompress(left, MAX_BODY_BYTES + 1 - len(out))
            if len(out) > MAX_BODY_BYTES:
                raise EngineError(TOO_LARGE, f"The body expands to more than {MAX_BODY_BYTES} bytes.")
            if not getattr(expander, "eof", True):
                raise EngineError(BAD_ARGUMENTS, f"The body ends in the middle of its {encoding} encoding.")
            left = getattr(expander, "unused_data", b"") or b""
    except EngineError:
        raise
    except Exception as error:  # each library has an error class of its own
        raise EngineError(BAD_ARGUMENTS, f"The body is not in the encoding {encoding}: {error}") from error
    return out


def _expander(encoding: str) -> _Expander:
    if encoding in {"gzip", "deflate"}:
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    if encoding == "zstd":
        from backports import zstd

        return zstd.ZstdDecompressor()
    if encoding == "lz4":
        from lz4 import frame  # type: ignore[import-untyped]  # the wheel has no types

        decompressor: _Expander = frame.LZ4FrameDecompressor()
        return decompressor
    raise EngineError(BAD_ARGUMENTS, f"The content encoding {encoding!r} is not offered: gzip, deflate, zstd or lz4.")
