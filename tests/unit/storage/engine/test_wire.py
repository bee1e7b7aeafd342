"""Requests taken apart without an engine."""

import gzip
import zlib

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tidegate.storage.engine import wire
from tidegate.storage.engine.refusals import EngineError
from tidegate.storage.engine.wire import data_offset, expand, read_words


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"INSERT INTO t (a) FORMAT JSONEachRow {}", b"{}"),
        (b"INSERT INTO t (a) FORMAT JSONEachRow\n{}", b"{}"),
        (b"INSERT INTO t (a) FORMAT JSONEachRow \r\n\n{}", b"\n{}"),
        (b"insert into t (a) format CSV\n\x00\xff", b"\x00\xff"),
        (b"INSERT INTO t (`format`, 'select') FORMAT TSV\nx", b"x"),
        (b"INSERT INTO t (format) FORMAT TSV\nx", b"x"),
        (b"/* SELECT */ INSERT -- FORMAT x\n INTO t FORMAT TSV\nx", b"x"),
        (b"INSERT INTO t (a) FORMAT TSV", b""),
    ],
)
def test_rows_begin_behind_the_format(body: bytes, rows: bytes) -> None:
    words = read_words(b"", {}, body)
    assert words.rows is not None
    assert bytes(words.rows) == rows
    assert words.text.upper().rstrip().endswith(("JSONEACHROW", "CSV", "TSV"))


@pytest.mark.parametrize(
    "body",
    [
        b"SELECT 1 FORMAT TSV",
        b"INSERT INTO t SELECT 1 FORMAT TSV",
        b"INSERT INTO t VALUES (1)",
        b"INSERT INTO t FORMAT Values (1)",
        b"INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x",
        b"",
        b"   ",
        b"INSERT",
    ],
)
def test_statements_without_rows_are_left_whole(body: bytes) -> None:
    assert data_offset(body) is None
    assert read_words(b"", {}, body).text == body.decode()


@given(st.binary(max_size=200))
def test_no_body_breaks_the_search_for_rows(body: bytes) -> None:
    at = data_offset(b"INSERT " + body)
    assert at is None or at > 0


def test_a_statement_in_the_url_makes_the_body_rows() -> None:
    words = read_words(b"query=INSERT+INTO+t+(a)+FORMAT+TSV&param_x=%0A&max_threads=1", {}, b"1\n")
    assert words.text == "INSERT INTO t (a) FORMAT TSV"
    assert words.rows == b"1\n"
    assert words.parameters["param_x"] == "\n"


def test_bytes_that_are_no_text_are_refused_in_a_statement() -> None:
    with pytest.raises(EngineError, match="UTF-8"):
        read_words(b"", {}, b"SELECT '\xff'")


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)]
)
def test_bodies_are_expanded_and_no_further_than_the_limit(
    encoding: str, encode: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = encode(b"x" * 1000)  # type: ignore[operator]
    assert expand(small, encoding) == b"x" * 1000
    monkeypatch.setattr(wire, "MAX_BODY_BYTES", 999)
    with pytest.raises(EngineError) as caught:
        expand(small, encoding)
    assert caught.value.status == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4", "br"])
@pytest.mark.parametrize("body", [b"no such thing", b"\x1f\x8b"])
def test_bodies_in_another_encoding_are_refused(encoding: str, body: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        expand(body, encoding)
    assert caught.value.status == 400


def test_a_cut_body_is_refused() -> None:
    with pytest.raises(EngineError, match="middle"):
        expand(gzip.compress(b"x" * 1000)[:-4], "gzip")


def test_forms_carry_statements_and_parameters() -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1\n\r\n'
        b'--B\r\nContent-Disposition: form-data; name="param_x"\r\n\r\n\xc3\xbc\\n\r\n--B--\r\n'
    )
    words = read_words(b"database=d", {b"content-type": b"multipart/form-data; boundary=B"}, body)
    assert words.text == "SELECT 1\n"
    assert words.parameters["param_x"] == "ü\\n"
    assert words.parameters["database"] == "d"


def test_external_tables_are_refused() -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--B--\r\n'
    with pytest.raises(EngineError, match="External"):
        read_words(b"", {b"content-type": b"multipart/form-data; boundary=B"}, body)


def test_rows_follow_a_select_that_reads_them() -> None:
    body = b"INSERT INTO t (a) SELECT a FROM input('a String') FORMAT JSONEachRow\n{}"
    assert body[data_offset(body) :] == b"\n{}"
    assert data_offset(b"INSERT INTO t (a) SELECT a FROM u FORMAT Native") is None
