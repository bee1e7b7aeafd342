"""Bodies out of their encodings, and what is refused before it fills the memory."""

import contextlib
import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.telemetry.encodings import ACCEPTED, MAX_EXPANDED_BYTES, expand
from tidegate.telemetry.errors import BodyTooLargeError, ContentEncodingError, OtlpMalformedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zlib": zlib.compress,
    "zstd": zstd.compress,
}
EVERY = pytest.mark.parametrize("encoding", ENCODERS)


@EVERY
def test_a_body_is_opened(encoding: str) -> None:
    assert expand(ENCODERS[encoding](b"hello"), encoding) == b"hello"


@given(body=st.binary(max_size=2_000))
def test_deflate_without_its_header_is_opened_as_well(body: bytes) -> None:
    assert expand(raw_deflate(body), "deflate") == body
    assert expand(zlib.compress(body), "deflate") == body


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_a_body_without_an_encoding_stays_what_it_is(encoding: str) -> None:
    body = b"hello"
    assert expand(body, encoding) is body


@EVERY
def test_members_that_follow_one_another_are_one_body(encoding: str) -> None:
    pack = ENCODERS[encoding]
    assert expand(pack(b"one, ") + pack(b"") + pack(b"two"), encoding) == b"one, two"


@EVERY
def test_a_bomb_is_stopped_at_the_limit(encoding: str) -> None:
    eighth = ENCODERS[encoding](b"\0" * (MAX_EXPANDED_BYTES // 8))
    assert len(expand(eighth * 8, encoding)) == MAX_EXPANDED_BYTES
    with pytest.raises(BodyTooLargeError):
        expand(eighth * 8 + ENCODERS[encoding](b"\0"), encoding)


def test_a_gigabyte_in_a_few_kilobytes_takes_no_more_memory_than_the_limit() -> None:
    frame = zstd.compress(b"\0" * 2**27)
    tracemalloc.start()
    with pytest.raises(BodyTooLargeError):
        expand(frame * 8, "zstd")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * MAX_EXPANDED_BYTES


@EVERY
def test_a_flood_of_empty_members_ends_early(encoding: str) -> None:
    with pytest.raises(OtlpMalformedError, match="more than 64 members"):
        expand(ENCODERS[encoding](b"") * 200_000, encoding)


def test_a_window_larger_than_the_limit_is_refused() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    packer = zstd.ZstdCompressor(options=options)
    with pytest.raises(OtlpMalformedError):
        expand(packer.compress(b"hello") + packer.flush(), "zstd")


@EVERY
def test_what_is_damaged_or_cut_off_is_refused(encoding: str) -> None:
    whole = ENCODERS[encoding](b"hello, hello, all the same")
    for body in (b"", whole[:-3], b"\xff no such format", whole + b"\xff more"):
        with pytest.raises(OtlpMalformedError):
            expand(body, encoding)


@pytest.mark.parametrize("encoding", ["br", "snappy", "lz4", "gzip, zstd"])
def test_another_encoding_is_refused_by_name_with_what_is_read(encoding: str) -> None:
    with pytest.raises(ContentEncodingError, match=f"'{encoding}'.*{ACCEPTED}"):
        expand(b"", encoding)


@EVERY
@given(body=st.binary(max_size=200))
def test_any_bytes_are_opened_or_refused(encoding: str, body: bytes) -> None:
    with contextlib.suppress(OtlpMalformedError):
        expand(body, encoding)
