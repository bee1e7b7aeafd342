"""What clients of ClickHouse's HTTP interface rely on: on the embedded engine, and on a server when there is one.

A server is named by TIDEGATE_TELEMETRY_URL (with user and password in it); what is checked there is the same.
"""

import asyncio
import gzip
import math
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import lz4.frame
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import EngineProcess

from tidegate.storage.engine.claims import CLAIM_HEADER, ENGINE_USER, Access, EngineKeys, sign_claim

FAR_FUTURE = 4_000_000_000
SERVER_URL = os.environ.get("TIDEGATE_TELEMETRY_URL", "")


@dataclass
class Target:
    """Somewhere that speaks the interface."""

    url: str
    user: str
    password: str
    headers: dict[str, str]

    def client(self, **options: Any) -> Client:
        parts = urlsplit(self.url)
        return clickhouse_connect.get_client(
            host=parts.hostname,
            port=parts.port,
            interface=parts.scheme,
            username=self.user,
            password=self.password,
            headers=self.headers,
            autogenerate_session_id=False,
            **options,
        )

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, auth=(self.user, self.password), headers=self.headers, timeout=30)


def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    process = EngineProcess(tmp_path_factory.mktemp("conformance"))
    asyncio.run(process.start())
    keys = EngineKeys.derive(process.secret)
    claim = sign_claim(keys.claim_key, (), Access.ADMIN, expires=FAR_FUTURE)
    yield Target(process.url, ENGINE_USER, keys.password, {CLAIM_HEADER: claim})
    process.stop()


def server() -> Target:
    parts = urlsplit(SERVER_URL)
    host = f"{parts.scheme}://{parts.hostname}:{parts.port or 8123}"
    return Target(host, parts.username or "default", parts.password or "", {})


@pytest.fixture(scope="module", params=["embedded", "server"] if SERVER_URL else ["embedded"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    if request.param == "server":
        yield server()
    else:
        yield from embedded(tmp_path_factory)


@pytest.fixture(scope="module")
def client(target: Target) -> Iterator[Client]:
    with target.client(compress=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def http(target: Target) -> Iterator[httpx.Client]:
    with target.http() as opened:
        yield opened


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    name = f"conformance_{secrets.token_hex(6)}"
    client.command(
        f"CREATE TABLE {name} (id UInt64, name String, at DateTime64(6, 'UTC'), score Nullable(Float64),"
        " tags Array(String), labels Map(String, String), kind LowCardinality(String), price Decimal(18, 4))"
        " ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100"
    )
    yield name
    client.command(f"DROP TABLE {name}")


AT = datetime(2026, 11, 21, 10, 46, 49, 123456, tzinfo=UTC)
ROW = [7, "it's\ta\nline\\", AT, None, ["a'b", "c,d"], {"k": "v\n"}, "x", Decimal("1.2345")]
COLUMNS = ["id", "name", "at", "score", "tags", "labels", "kind", "price"]


@pytest.mark.skipif(bool(SERVER_URL), reason="a server is checked as well")
def test_a_server_is_checked_as_well() -> None:
    pytest.skip("TIDEGATE_TELEMETRY_URL names no server: what follows was checked on the embedded engine only")


# -- reading ----------------------------------------------------------------------------------------------------------


def test_the_probes_answer(http: httpx.Client) -> None:
    assert http.get("/ping").text == "Ok.\n"
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert http.post("/", content="SELECT 1").text == "1\n"


def test_a_statement_may_stand_in_the_url_and_go_on_in_the_body(http: httpx.Client) -> None:
    assert http.post("/", params={"query": "SELECT 1 +"}, content="2").text == "3\n"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("toUInt8(255)", 255),
        ("toInt64(-9223372036854775808)", -(2**63)),
        ("toUInt64(18446744073709551615)", 2**64 - 1),
        ("toFloat64(0.1)", 0.1),
        ("'snow ☃'", "snow ☃"),
        ("NULL", None),
        ("[1, 2]::Array(UInt8)", [1, 2]),
        ("map('a', 1)", {"a": 1}),
        ("tuple(1, 'x')", (1, "x")),
        ("toDate('2026-01-02')", date(2026, 1, 2)),
        ("toDateTime64('2026-01-02 03:04:05.678901', 6, 'UTC')", datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)),
        ("toDecimal64('1.50', 2)", Decimal("1.50")),
        ("toLowCardinality('x')", "x"),
        ("CAST(NULL, 'Nullable(String)')", None),
        ("toBool(1)", True),
    ],
)
def test_values_come_back_as_they_are(client: Client, expression: str, value: object) -> None:
    row = client.query(f"SELECT {expression}", tz_mode="aware").result_rows[0]
    assert row[0] == value


def test_an_empty_result_still_names_its_columns(client: Client) -> None:
    result = client.query("SELECT 1 AS a, 'x' AS b, [1] AS c WHERE 0")
    assert result.result_rows == []
    assert result.column_names == ("a", "b", "c")


def test_the_native_format_of_an_empty_result_is_a_header_block(http: httpx.Client) -> None:
    answer = http.post("/", content="SELECT 1 AS a WHERE 0 FORMAT Native").content
    assert answer == b"\x01\x00\x01a\x05UInt8"


def test_a_probe_of_columns_alone_is_answered(client: Client) -> None:
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")


def test_large_results_are_whole(client: Client) -> None:
    rows = client.query("SELECT number, toString(number) FROM numbers(200000)").result_rows
    assert len(rows) == 200_000
    assert rows[-1] == (199_999, "199999")


def test_results_can_be_streamed_in_blocks(client: Client) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(150000)") as blocks:
        assert sum(len(block) for block in blocks) == 150_000


@pytest.mark.parametrize(
    ("format_name", "text"),
    [
        ("TabSeparated", "1\ta\\tb\n"),
        ("JSONEachRow", '{"n":1,"s":"a\\tb"}\n'),
        ("JSONCompactEachRow", '[1, "a\\tb"]\n'),
        ("CSV", '1,"a\tb"\n'),
        ("RowBinaryWithNamesAndTypes", "\x02\x01n\x01s\x05UInt8\x06String\x01\x03a\tb"),
    ],
)
def test_formats_pass_through(http: httpx.Client, format_name: str, text: str) -> None:
    sql = "SELECT 1 AS n, 'a\\tb' AS s"
    assert http.post("/", content=f"{sql} FORMAT {format_name}").text == text
    assert http.post("/", params={"default_format": format_name}, content=sql).text == text
    assert http.post("/", headers={"X-ClickHouse-Format": format_name}, content=sql).text == text


@pytest.mark.parametrize("compression", ["gzip", "zstd", "lz4"])
def test_clients_that_ask_for_compression_are_served(target: Target, compression: str) -> None:
    with target.client(compress=compression) as client:
        assert client.query("SELECT sum(number) FROM numbers(10)").first_row == (45,)


async def test_the_async_client_reads(target: Target) -> None:
    parts = urlsplit(target.url)
    client = await clickhouse_connect.get_async_client(
        host=parts.hostname, port=parts.port, username=target.user, password=target.password, headers=target.headers
    )
    results = await asyncio.gather(*(client.query("SELECT {n:UInt8}", {"n": n}) for n in range(20)))
    await client.close()
    assert [result.first_row[0] for result in results] == list(range(20))


# -- parameters -------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    "\\'\"`\n\t\r\0{}:%&=+;-/*N", max_size=20
)
deadline_free = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@deadline_free
@given(texts)
def test_any_text_round_trips_as_a_parameter(client: Client, text: str) -> None:
    assert client.query("SELECT {x:String}", {"x": text}).first_row[0] == text


@deadline_free
@given(st.lists(texts, max_size=4), st.lists(st.lists(texts, max_size=2), max_size=2))
def test_arrays_of_any_text_round_trip(client: Client, array: list[str], nested: list[list[str]]) -> None:
    sql = "SELECT {a:Array(String)}, {n:Array(Array(String))}"
    assert client.query(sql, {"a": array, "n": nested}).first_row == (array, nested)


@deadline_free
@given(st.none() | texts, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans())
def test_nullables_and_numbers_round_trip(
    client: Client,
    text: str | None,
    number: int,
    real: float,
    flag: bool,  # noqa: FBT001 - hypothesis fills positional arguments
) -> None:
    sql = "SELECT {t:Nullable(String)}, {n:Int64}, {r:Float64}, {f:Bool}"
    row = client.query(sql, {"t": text, "n": number, "r": real, "f": flag}).first_row
    assert row[:2] == (text, number)
    assert math.isclose(row[2], real)
    assert row[3] is flag


@deadline_free
@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_moments_round_trip_to_the_microsecond(client: Client, at: datetime) -> None:
    text = f"{at:%Y-%m-%d %H:%M:%S.%f}"
    assert client.query("SELECT {t:DateTime64(6, 'UTC')}", {"t": text}, tz_mode="aware").first_row[0] == at


def test_parameters_too_long_for_a_url_round_trip(client: Client) -> None:
    text = "it's\n" * 100_000
    assert client.query("SELECT length({x:String}), {x:String}", {"x": text}).first_row == (len(text), text)


def test_parameters_work_in_conditions_limits_and_lists(client: Client) -> None:
    sql = "SELECT number FROM numbers(100) WHERE number IN {l:Array(UInt64)} AND number > {n:UInt64} LIMIT {k:UInt64}"
    assert client.query(sql, {"l": [1, 5, 9, 11], "n": 1, "k": 2}).result_rows == [(5,), (9,)]


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "code", "status"),
    [
        ("SELEC 1", 62, 400),
        ("SELECT 1; SELECT 2", 62, 400),
        ("SELECT nothing", 47, 404),
        ("SELECT * FROM no_such_table", 60, 404),
        ("SELECT no_such_function(1)", 46, 404),
        ("SELECT * FROM no_such_database.t", 81, 404),
        ("SELECT toInt64('x')", 6, 400),
        ("SELECT throwIf(1)", 395, 500),
        ("SELECT {x:String}", 456, 404),
        ("SELECT 1 FORMAT NoSuchFormat", 73, 404),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115, 404),
        ("SELECT count() FROM numbers(100000000000) SETTINGS max_execution_time = 0.2", 159, 408),
    ],
)
def test_errors_carry_codes_and_statuses(http: httpx.Client, sql: str, code: int, status: int) -> None:
    response = http.post("/", content=sql)
    assert response.headers["x-clickhouse-exception-code"] == str(code)
    assert response.status_code == status, response.text
    assert response.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "(version " in response.text


def test_the_client_names_the_error(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM no_such_table")
    assert caught.value.code == 60
    assert caught.value.name == "UNKNOWN_TABLE"


def test_a_wrong_password_is_refused(target: Target) -> None:
    response = httpx.post(target.url, content="SELECT 1", auth=(target.user, "wrong"), headers=target.headers)
    assert response.headers["x-clickhouse-exception-code"] == "516"
    assert response.status_code in {401, 403}


def test_credentials_may_stand_in_headers(target: Target) -> None:
    credentials = {"X-ClickHouse-User": target.user, "X-ClickHouse-Key": target.password}
    response = httpx.post(target.url, content="SELECT 1", headers={**target.headers, **credentials})
    assert response.text == "1\n"


def test_a_request_with_get_only_reads(http: httpx.Client) -> None:
    response = http.get("/", params={"query": "CREATE DATABASE never"})
    assert response.headers["x-clickhouse-exception-code"] == "164"


# -- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["", "gzip", "zstd", "lz4"])
def test_rows_of_the_client_come_back(target: Target, table: str, compression: str) -> None:
    with target.client(compress=compression or False) as client:
        summary = client.insert(table, [ROW], column_names=COLUMNS)
        assert summary.written_rows == 1
        assert client.query(f"SELECT * FROM {table}", tz_mode="aware").result_rows == [tuple(ROW)]


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("zstd", zstd.compress), ("lz4", lz4.frame.compress)]
)
def test_compressed_bodies_are_read(http: httpx.Client, client: Client, table: str, encoding: str, encode: Any) -> None:
    body = encode(b'{"id": 1}\n') + encode(b'{"id": 2}\n')  # several frames are one body
    sql = f"INSERT INTO {table} (id) FORMAT JSONEachRow"
    response = http.post("/", params={"query": sql}, content=body, headers={"Content-Encoding": encoding})
    assert response.status_code == 200, response.text
    assert client.command(f"SELECT sum(id) FROM {table}") == 3


@pytest.mark.parametrize(
    "body",
    [
        'INSERT INTO {t} (id) FORMAT JSONEachRow {{"id": 1}}',
        'INSERT INTO {t} (id) FORMAT JSONEachRow\n{{"id": 1}}\n',
        'insert into {t} (id) format JSONEachRow\r\n{{"id": 1}}',
        'INSERT /* FORMAT */ INTO {t} (id) -- SELECT\n FORMAT JSONEachRow\n{{"id": 1}}',
        "INSERT INTO {t} (id) FORMAT TabSeparated\n1\n",
        "INSERT INTO {t} (id) VALUES (1)",
        "INSERT INTO {t} (id) SELECT 1",
        "INSERT INTO {t} (id) FORMAT Values (1)",
    ],
)
def test_rows_may_follow_their_statement(http: httpx.Client, client: Client, table: str, body: str) -> None:
    response = http.post("/", content=body.format(t=table))
    assert response.status_code == 200, response.text
    assert client.command(f"SELECT sum(id) FROM {table}") == 1


def test_a_bad_row_stores_nothing_of_its_insert(http: httpx.Client, client: Client, table: str) -> None:
    body = '{"id": 1}\n' * 1000 + '{"id": "x"}'
    response = http.post("/", params={"query": f"INSERT INTO {table} (id) FORMAT JSONEachRow"}, content=body)
    assert response.headers["x-clickhouse-exception-code"] in {"6", "26", "27", "72"}
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_a_token_stores_once(client: Client, table: str) -> None:
    for token in ("a", "a", "b"):
        client.insert(table, [[1]], column_names=["id"], settings={"insert_deduplication_token": token})
    assert client.command(f"SELECT count() FROM {table}") == 2


def test_binary_rows_with_every_byte_are_stored(client: Client, table: str) -> None:
    data = bytes(range(256)) * 40
    client.insert(table, [[1, data]], column_names=["id", "name"])
    assert client.command(f"SELECT hex(name) FROM {table}") == data.hex().upper()
