"""Content encodings of OTLP bodies: opened up to one size, whatever their headers claim."""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from tidegate.telemetry.errors import BodyTooLargeError, ContentEncodingError, OtlpMalformedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["ACCEPTED", "MAX_EXPANDED_BYTES", "expand"]

MAX_EXPANDED_BYTES: Final = 64 * 2**20
ACCEPTED: Final = "gzip, deflate, zstd"
_MAX_MEMBERS: Final = 64  # each copies what follows it: a million empty ones of 16 MB would take hours
_LARGEST_WINDOW: Final = 26  # 64 MB, as much as may come out of it; levels of zstd for small bodies take 8 MB


def expand(body: bytes, encoding: str) -> bytes:
    """Return the body without its encoding; members or frames that follow one another are one body.

    Raises:
        ContentEncodingError: the encoding is none that is read here.
        BodyTooLargeError: it grows past the limit; reading stops there.
        OtlpMalformedError: it is cut off, or in no such encoding.
    """
    if encoding in {"", "identity"}:
        return body
    opened = _OPENED.get(encoding)
    if opened is None:
        raise ContentEncodingError(encoding, accepted=ACCEPTED)
    found, left = bytearray(), body
    for _ in range(_MAX_MEMBERS):
        expander = opened(left)
        try:
            found += expander.decompress(left, MAX_EXPANDED_BYTES + 1 - len(found))
        except (zlib.error, zstd.ZstdError) as error:
            raise OtlpMalformedError(f"its {encoding} is damaged.") from error
        if len(found) > MAX_EXPANDED_BYTES:
            raise BodyTooLargeError(limit_bytes=MAX_EXPANDED_BYTES, expanded=True)
        if not expander.eof:
            raise OtlpMalformedError(f"its {encoding} is cut off.")
        left = expander.unused_data
        if not left:
            return bytes(found)
    raise OtlpMalformedError(f"its {encoding} has more than {_MAX_MEMBERS} members.")


def _gzip(_: bytes) -> Any:  # noqa: ANN401 - the expanders of two libraries have no type in common
    return zlib.decompressobj(wbits=31)


def _deflate(body: bytes) -> Any:  # noqa: ANN401 - as above
    """`deflate` means zlib's format (RFC 9110 section 8.4.1.2); some senders leave its header of two bytes out."""
    is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
    return zlib.decompressobj(wbits=15 if is_zlib else -15)


def _zstd(_: bytes) -> Any:  # noqa: ANN401 - as above
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW})


# `x-gzip` is an old name of gzip (RFC 9110 section 8.4.1.3); a Collector calls zlib's format by either name.
_OPENED: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zlib": _deflate,
    "zstd": _zstd,
}
