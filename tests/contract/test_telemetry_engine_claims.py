"""The wall inside the engine, tried over bare HTTP, as if our own code in front of it were not there."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import EngineProcess

from tidegate.storage.engine.claims import CLAIM_HEADER, ENGINE_USER, Access, EngineKeys, sign_claim

MINE, OTHERS = "mine", "others"
SECRET = "canary-7c1e"
TABLE = """(workspace LowCardinality(String), n Int64, s String, v UInt64 DEFAULT 1)
ENGINE = ReplacingMergeTree(v) ORDER BY (n, workspace) PARTITION BY intDiv(n, 1000)
SETTINGS index_granularity = 8, non_replicated_deduplication_window = 1000"""
SETUP = [
    "CREATE DATABASE IF NOT EXISTS tidegate",
    f"CREATE TABLE tidegate.runs {TABLE}",
    f"CREATE TABLE tidegate.events {TABLE}",
    "CREATE TABLE tidegate.unscoped (s String) ENGINE = MergeTree ORDER BY s",
    "CREATE TABLE tidegate.merged (workspace LowCardinality(String), s String) ENGINE = Merge(tidegate, 'runs')",
    "CREATE TABLE tidegate.counts (workspace String, c UInt64) ENGINE = SummingMergeTree ORDER BY workspace",
    """CREATE MATERIALIZED VIEW tidegate.counting TO tidegate.counts AS
    SELECT workspace, count() AS c FROM tidegate.runs GROUP BY workspace""",
    "CREATE VIEW tidegate.seen AS SELECT * FROM tidegate.runs",
    "CREATE VIEW tidegate.posing AS SELECT 'mine' AS workspace, n, s FROM tidegate.runs",
    f"INSERT INTO tidegate.unscoped VALUES ('{SECRET}')",
]


@dataclass
class Door:
    """Bare HTTP to the engine."""

    http: httpx.Client
    keys: EngineKeys

    def claim(self, *workspaces: str, access: Access = Access.READ, life_s: int = 60) -> dict[str, str]:
        expires = int(time.time()) + life_s
        return {CLAIM_HEADER: sign_claim(self.keys.claim_key, workspaces, access, expires=expires)}

    def send(self, sql: str, headers: dict[str, str], body: str | bytes = "", **parameters: str) -> httpx.Response:
        return self.http.post("/", params={"query": sql, **parameters}, content=body, headers=headers)

    def read(self, sql: str, **parameters: str) -> httpx.Response:
        return self.send(sql, self.claim(MINE), **parameters)

    def write(self, sql: str, body: str | bytes = "", *workspaces: str, **parameters: str) -> httpx.Response:
        return self.send(sql, self.claim(*(workspaces or (MINE,)), access=Access.WRITE), body, **parameters)

    def admin(self, sql: str) -> str:
        response = self.send(sql, self.claim(access=Access.ADMIN))
        assert response.status_code == 200, response.text
        return response.text.strip()


def rows(workspace: str, numbers: range, text: str) -> str:
    return "\n".join(json.dumps({"workspace": workspace, "n": n, "s": text}) for n in numbers)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    process = EngineProcess(tmp_path_factory.mktemp("claims"))
    asyncio.run(process.start())
    keys = EngineKeys.derive(process.secret)
    with httpx.Client(base_url=process.url, auth=(ENGINE_USER, keys.password), timeout=30) as http:
        opened = Door(http, keys)
        for statement in SETUP:
            opened.admin(statement)
        for table in ("runs", "events"):
            insert = f"INSERT INTO {table} (workspace, n, s) FORMAT JSONEachRow"
            assert opened.write(insert, rows(MINE, range(1, 100, 2), "10")).status_code == 200
            foreign = rows(OTHERS, range(0, 100, 2), SECRET)
            assert opened.write(insert, foreign, OTHERS).status_code == 200
        yield opened
    process.stop()


def refused(response: httpx.Response, code: str = "497") -> bool:
    return response.status_code == 403 and response.headers["x-clickhouse-exception-code"] == code


# -- who asks ---------------------------------------------------------------------------------------------------------


def test_a_request_without_a_claim_is_refused_with_words(door: Door) -> None:
    response = door.send("SELECT 1", {})
    assert refused(response)
    assert CLAIM_HEADER in response.text


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda claim: claim[:-1] + ("0" if claim[-1] != "0" else "1"), id="signature changed"),
        pytest.param(lambda claim: claim.partition(".")[0], id="signature cut off"),
        pytest.param(lambda claim: "W10=" + claim[claim.index(".") :], id="content changed"),
        pytest.param(lambda _: "a.b.c", id="nonsense"),
        pytest.param(lambda _: "é.ü", id="no ASCII"),
    ],
)
def test_a_spoilt_claim_is_refused(door: Door, spoil: object) -> None:
    claim = spoil(door.claim(MINE)[CLAIM_HEADER])  # type: ignore[operator]
    assert refused(door.send("SELECT 1", {CLAIM_HEADER: claim.encode()}))  # type: ignore[dict-item]


def test_an_expired_claim_is_refused(door: Door) -> None:
    assert refused(door.send("SELECT 1", door.claim(MINE, life_s=-1)))


def test_a_claim_of_another_secret_is_refused(door: Door) -> None:
    other = EngineKeys.derive("f" * 64)
    claim = sign_claim(other.claim_key, [MINE], Access.ADMIN, expires=int(time.time()) + 60)
    assert refused(door.send("SELECT 1", {CLAIM_HEADER: claim}))


@pytest.mark.parametrize("access", [Access.READ, Access.WRITE])
def test_a_claim_for_no_workspace_is_refused(door: Door, access: Access) -> None:
    assert refused(door.send("SELECT 1", door.claim(access=access)))


def test_a_right_claim_with_a_wrong_password_is_refused(door: Door) -> None:
    response = door.http.post("/", content="SELECT 1", headers=door.claim(MINE), auth=(ENGINE_USER, "x"))
    assert refused(response, "516")


# -- what a read claim may say ----------------------------------------------------------------------------------------

REFUSED_READS = [
    "SELECT * FROM tidegate.unscoped",
    "SELECT * FROM unscoped",
    "WITH unscoped AS (SELECT 1) SELECT * FROM (WITH unscoped AS (SELECT 1) SELECT 1), unscoped",
    "SELECT * FROM tidegate.merged",
    "SELECT * FROM system.tables",
    "SELECT * FROM system.one",
    "SELECT * FROM `system`.`tables`",
    "SELECT * FROM INFORMATION_SCHEMA.TABLES",
    "SELECT * FROM information_schema.columns",
    "SELECT * FROM default.anything",
    "SELECT * FROM `tidegate.unscoped`",
    "SELECT n IN tidegate.unscoped FROM runs",
    "SELECT n IN unscoped FROM runs",
    "SELECT n GLOBAL NOT IN unscoped FROM runs",
    "SELECT in(s, unscoped) FROM runs",
    "SELECT * FROM merge('tidegate', 'runs')",
    "SELECT * FROM merge('runs')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
    "SELECT * FROM numbers(3)",
    "SELECT * FROM remote('127.0.0.1', tidegate.runs)",
    "SELECT * FROM cluster('default', tidegate.runs)",
    "SELECT * FROM view(SELECT * FROM tidegate.runs)",
    "SELECT * FROM viewIfPermitted(SELECT * FROM tidegate.unscoped ELSE null('s String'))",
    "SELECT * FROM mergeTreeIndex('tidegate', 'runs')",
    "SELECT * FROM loop('tidegate', 'runs')",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM executable('id', 'LineAsString', 's String')",
    "SELECT 1 FROM runs WHERE n IN (SELECT n FROM merge('tidegate', 'runs'))",
    "SELECT file('/etc/passwd')",
    "SELECT hostName()",
    "SELECT getSetting('readonly')",
    "SELECT getMacro('x')",
    "SELECT currentUser()",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('tidegate.unscoped', 's', 1)",
    "SELECT hasColumnInTable('tidegate', 'unscoped', 's')",
    "SELECT sleep(1)",
    "SELECT throwIf(1)",
    "SELECT formatRow('CSV', 1)",
    "SELECT addressToLine(1)",
    "SELECT aiGenerate('x')",
    "SELECT * APPLY(file) FROM runs",
    "SELECT * APPLY(x -> file(x)) FROM runs",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT * FROM runs SETTINGS additional_table_filters = {}",
    "SELECT * FROM (SELECT * FROM runs SETTINGS additional_table_filters = {})",
    "SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 1",
    "SELECT 1 FORMAT TSV SETTINGS readonly = 0",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 INTO OUTFILE '/tmp/x' FORMAT CSV",
    "SELECT 1 FORMAT Template",
    "SELECT 1 FORMAT Protobuf",
    "SELECT * FROM runs PREWHERE toInt64(s) > 0",
    "SELECT * FROM {t:Identifier}",
    "SELECT {t:Identifier} FROM runs",
    "INSERT INTO runs (workspace) SELECT 'mine'",
    "INSERT INTO FUNCTION file('/tmp/x') SELECT 1",
    "SHOW TABLES",
    "SHOW CREATE TABLE tidegate.runs",
    "DESCRIBE TABLE tidegate.runs",
    "EXISTS TABLE tidegate.unscoped",
    "EXPLAIN SELECT 1",
    "EXPLAIN AST SELECT 1",
    "SET readonly = 0",
    "USE system",
    "CREATE TABLE tidegate.x (n Int64) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (n Int64)",
    "DROP TABLE tidegate.runs",
    "TRUNCATE TABLE tidegate.runs",
    "ALTER TABLE tidegate.runs DELETE WHERE 1",
    "DELETE FROM tidegate.runs WHERE 1",
    "OPTIMIZE TABLE tidegate.runs FINAL",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "BACKUP TABLE tidegate.runs TO File('/tmp/x')",
    "RESTORE TABLE tidegate.runs FROM File('/tmp/x')",
    "ATTACH TABLE tidegate.y",
    "GRANT ALL ON *.* TO x",
]


@pytest.mark.parametrize("sql", REFUSED_READS)
def test_a_read_claim_may_not_say(door: Door, sql: str) -> None:
    response = door.read(sql, param_t="tidegate.unscoped")
    assert refused(response), response.text
    assert SECRET not in response.text


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE tidegate.runs", "SELECT 1;; SELECT 2"])
def test_a_second_statement_is_refused_and_does_not_run(door: Door, sql: str) -> None:
    assert door.read(sql).headers["x-clickhouse-exception-code"] == "62"
    assert door.admin("EXISTS TABLE tidegate.runs") == "1"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(), uniqExact(workspace), any(workspace) FROM runs",
        "SELECT count(), uniqExact(workspace), any(workspace) FROM tidegate.runs FINAL",
        "SELECT count(), uniqExact(r.workspace), any(r.workspace) FROM runs AS r",
        "SELECT count(), uniqExact(workspace), any(workspace) FROM seen",
        "WITH events AS (SELECT * FROM runs) SELECT count(), uniqExact(workspace), any(workspace) FROM events",
        "SELECT count(), uniqExact(workspace), any(workspace) FROM runs WHERE n IN (SELECT n FROM tidegate.events)",
        "SELECT count(), uniqExact(b.workspace), any(b.workspace) FROM runs AS a JOIN events AS b ON a.n = b.n",
        """SELECT count(), uniqExact(workspace), any(workspace)
        FROM (SELECT * FROM runs UNION DISTINCT SELECT * FROM events)""",
    ],
)
def test_a_read_sees_all_of_its_own_rows_and_no_others(door: Door, sql: str) -> None:
    assert door.read(sql).text == "50\t1\tmine\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'mine' AS workspace, s FROM runs WHERE n % 2 = 0",
        "SELECT workspace, s FROM (SELECT 'mine' AS workspace, n, s FROM runs) WHERE n % 2 = 0",
        "SELECT s FROM runs AS workspace WHERE n % 2 = 0",
        "SELECT s FROM runs AS `tidegate.unscoped` WHERE n % 2 = 0",
        "SELECT s FROM runs ARRAY JOIN ['mine'] AS workspace WHERE n % 2 = 0",
        "SELECT s, n AS workspace FROM runs WHERE n % 2 = 0 AND workspace < 1000",
        "WITH 'mine' AS workspace SELECT s FROM runs WHERE n % 2 = 0",
        "SELECT s FROM posing WHERE n % 2 = 0",
        "SELECT s FROM seen WHERE n % 2 = 0",
        "SELECT * FROM counts WHERE workspace != 'mine'",
        "SELECT * FROM counting WHERE workspace != 'mine'",
        "SELECT e.s FROM runs AS r FULL JOIN events AS e ON e.n = r.n + 1 WHERE e.n % 2 = 0 AND e.s != ''",
        "SELECT 1 FROM runs WHERE 0 IN (SELECT n FROM events)",
        "SELECT 1 WHERE (SELECT min(n) FROM runs) = 0",
        "SELECT 1 WHERE (0, 'others') IN (SELECT n, workspace FROM runs)",
        "SELECT n FROM runs WHERE workspace = 'others' OR 1 = 1 HAVING n % 2 = 0",
        "SELECT s FROM runs WHERE n % 2 = 0 OR NOT (workspace = 'mine')",
        "SELECT s FROM runs QUALIFY n % 2 = 0",
    ],
)
def test_no_foreign_row_comes_out(door: Door, sql: str) -> None:
    response = door.read(sql)
    assert response.text == "", response.text


@pytest.mark.parametrize(
    "condition",
    [
        "toInt64(s) > 0",
        "intDiv(1, n % 2) = 1",
        "toDate(s) > '2020-01-01'",
        "CAST(s, 'UInt64') = 10",
        "JSON_VALUE(s, s)=''",
    ],
)
@pytest.mark.parametrize("final", ["", "FINAL"])
def test_errors_tell_nothing_of_foreign_rows(door: Door, condition: str, final: str) -> None:
    for clause in ("WHERE {}", "GROUP BY {}", "ORDER BY {}", "HAVING {}"):
        response = door.read(f"SELECT 1 FROM runs {final} {clause.format(condition)}")
        assert SECRET not in response.text
        assert "division by zero" not in response.text


def test_a_condition_that_others_used_before_hides_nothing(door: Door) -> None:
    sql = "SELECT count() FROM runs WHERE s = '10'"
    for workspaces, count in (((OTHERS,), "0"), ((MINE,), "50"), ((MINE, OTHERS), "50")):
        assert door.send(sql, door.claim(*workspaces)).text.strip() == count


def test_names_with_quotes_and_backslashes_are_workspaces_like_others(door: Door) -> None:
    for name in ("o'brien", "back\\slash", "') OR 1=1 --", "\\', 'others", "ünï☃"):
        assert door.send("SELECT count() FROM runs", door.claim(name)).text == "0\n"


@pytest.mark.parametrize(
    "name", ["readonly", "additional_table_filters", "session_id", "allow_ddl", "format_schema", "x"]
)
def test_a_setting_that_is_not_listed_is_refused(door: Door, name: str) -> None:
    response = door.read("SELECT 1", **{name: "0"})
    assert response.headers["x-clickhouse-exception-code"] == "115"


def test_settings_of_one_request_are_not_seen_by_the_next(door: Door) -> None:
    sql = "SELECT toTypeName(b.n) FROM runs a LEFT JOIN events b ON a.n = b.n LIMIT 1"
    assert door.read(sql, join_use_nulls="1").text == "Nullable(Int64)\n"
    assert door.read(sql).text == "Int64\n"


def test_many_workspaces_fit_into_one_claim(door: Door) -> None:
    claim = door.claim(MINE, *(f"workspace-number-{n}" for n in range(500)))
    assert door.send("SELECT count() FROM runs", claim).text == "50\n"


# -- generated statements ---------------------------------------------------------------------------------------------

names = st.sampled_from(["n", "s", "workspace", "v"])
values = st.sampled_from(["0", "1", "2", "'mine'", "'others'", "'canary'", "n", "s", "workspace"])
conditions = st.recursive(
    st.one_of(
        st.builds("toString({}) = toString({})".format, names, values),
        st.builds("toString({}) != toString({})".format, names, values),
        st.builds("{} IN (SELECT {} FROM events)".format, st.just("n"), st.just("n")),
        st.just("1 = 1"),
        st.just("n % 2 = 0"),
    ),
    lambda inner: st.one_of(
        st.builds("({} OR {})".format, inner, inner),
        st.builds("({} AND {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
    ),
    max_leaves=4,
)
columns = st.sampled_from(
    [
        "n, s",
        "*",
        "'mine' AS workspace, n, s",
        "n AS workspace, s",
        "s AS n, workspace",
        "toString(n) AS s, workspace AS x, s AS y",
        "max(s), min(n)",
        "groupArray(s), groupArray(workspace)",
        "any(s) OVER (ORDER BY n)",
        "* EXCEPT workspace",
        "* REPLACE ('mine' AS workspace)",
        "COLUMNS('s')",
    ]
)
tables = st.sampled_from(
    [
        "runs",
        "tidegate.runs",
        "runs AS events",
        "runs AS workspace",
        "seen",
        "posing",
        "(SELECT * FROM runs) AS tidegate",
        "(SELECT n, s, workspace, v FROM events FINAL)",
        "(SELECT n, s, 'mine' AS workspace, v FROM runs)",
        "(SELECT * FROM runs UNION ALL SELECT * FROM events)",
        "runs AS a ANY LEFT JOIN events AS b USING (n)",
        "events AS b ANY RIGHT JOIN runs AS a USING (n)",
        "runs FINAL",
        "runs ARRAY JOIN ['mine', 'others'] AS w",
        "runs ARRAY JOIN ['mine'] AS workspace",
    ]
)
tails = st.sampled_from(["", "ORDER BY n", "LIMIT 5", "LIMIT 1 BY n", "ORDER BY s DESC LIMIT 3"])
prefixes = st.sampled_from(
    ["", "WITH 'mine' AS workspace ", "WITH events AS (SELECT * FROM runs) ", "WITH runs AS (SELECT * FROM events) "]
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prefix=prefixes, chosen=columns, table=tables, condition=conditions, tail=tails)
def test_generated_selects_bring_no_foreign_row(
    door: Door, prefix: str, chosen: str, table: str, condition: str, tail: str
) -> None:
    response = door.read(f"{prefix}SELECT {chosen} FROM {table} WHERE {condition} {tail}")
    assert SECRET not in response.text


# -- what a write claim may do ----------------------------------------------------------------------------------------

INSERT = "INSERT INTO runs (workspace, n, s) FORMAT JSONEachRow"


def count(door: Door, where: str) -> int:
    return int(door.admin(f"SELECT count() FROM tidegate.runs WHERE {where}"))


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(rows(OTHERS, range(5000, 5001), "x"), id="other workspace"),
        pytest.param('{"n": 5000, "s": "x"}', id="no workspace"),
        pytest.param('{"workspace": null, "n": 5000, "s": "x"}', id="null workspace"),
        pytest.param('{"workspace": "MINE", "n": 5000, "s": "x"}', id="other case"),
        pytest.param('{"workspace": "mine ", "n": 5000, "s": "x"}', id="trailing blank"),
        pytest.param('{"workspace": "mine", "workspace": "others", "n": 5000}', id="named twice"),
    ],
)
def test_one_foreign_row_refuses_the_whole_insert(door: Door, foreign: str) -> None:
    response = door.write(INSERT, f"{rows(MINE, range(5000, 5100), 'x')}\n{foreign}")
    assert response.status_code in {400, 403}
    assert count(door, "n >= 5000 AND n < 6000") == 0


def test_a_foreign_row_at_the_end_of_a_long_insert_leaves_nothing_behind(door: Door) -> None:
    body = f"{rows(MINE, range(6000, 6990), 'x' * 10)}\n" * 200 + rows(OTHERS, range(6000, 6001), "x")
    assert refused(door.write(INSERT, body))
    assert count(door, "n >= 6000 AND n < 7000") == 0


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO runs (n, s) FORMAT JSONEachRow",
        "INSERT INTO runs FORMAT JSONEachRow",
        "INSERT INTO unscoped (s) FORMAT JSONEachRow",
        "INSERT INTO system.runs (workspace) FORMAT JSONEachRow",
        "INSERT INTO runs (workspace, n) VALUES ('mine', 1)",
        "INSERT INTO runs (workspace, n) SETTINGS insert_deduplicate = 0 FORMAT JSONEachRow",
        "INSERT INTO runs (* EXCEPT n) FORMAT JSONEachRow",
        "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'workspace String') SELECT 'mine'",
        "INSERT INTO runs (workspace, n) FROM INFILE '/etc/passwd' FORMAT CSV",
        "INSERT INTO runs (workspace, n) SELECT 'others', 7000",
        "INSERT INTO runs (workspace, n) SELECT workspace, n FROM unscoped",
        "INSERT INTO runs (workspace, n) SELECT s, 7000 FROM file('/etc/passwd', 'LineAsString', 's String')",
        "INSERT INTO runs (workspace, n) SELECT 'mine' AS workspace, toInt64(getSetting('max_threads')) AS n",
        "INSERT INTO runs (workspace, n) SELECT 'others' AS n, 7000 AS workspace",
        "INSERT INTO runs (n, workspace) SELECT 7000 AS workspace, 'others' AS n",
        "INSERT INTO runs (workspace, s) SELECT 'mine', 'mine'",
        "INSERT INTO runs (workspace, n) SELECT if(number = 1, 'others', 'mine'), 7000 FROM numbers(2)",
        "INSERT INTO runs (workspace, n) SELECT 'mine', 7000 SETTINGS additional_table_filters = {}",
        "INSERT INTO runs (workspace, n) SELECT arrayJoin(['mine', 'others']), 7000",
        "SELECT 1",
        "DROP TABLE tidegate.runs",
    ],
)
def test_a_write_claim_may_not_say(door: Door, sql: str) -> None:
    assert refused(door.write(sql)), sql
    assert count(door, "n = 7000") == 0


def test_an_insert_select_reads_and_writes_its_own_rows_only(door: Door) -> None:
    sql = "INSERT INTO events (workspace, n, s) SELECT workspace, n + 100000, s FROM runs WHERE n < {top:Int64}"
    response = door.write(sql, param_top="100")
    assert response.status_code == 200, response.text
    assert door.admin("SELECT count(), any(workspace) FROM tidegate.events WHERE n > 99999") == "50\tmine"


@pytest.mark.parametrize("format_name", ["Native", "RowBinary", "TabSeparated", "JSONCompactEachRow", "CSV"])
def test_rows_in_other_formats_are_checked_as_well(door: Door, format_name: str) -> None:
    for workspace, status in ((OTHERS, 403), (MINE, 200)):
        data = door.send(
            f"SELECT '{workspace}' AS workspace, 8000::Int64 AS n, 'x' AS s FORMAT {format_name}", door.claim(MINE)
        ).content
        response = door.write(f"INSERT INTO runs (workspace, n, s) FORMAT {format_name}", data)
        assert response.status_code == status, response.text


def test_the_same_token_stores_once_and_another_again(door: Door) -> None:
    body = rows(MINE, range(9000, 9010), "x")
    for token in ("one", "one", "two", "one"):
        assert door.write(INSERT, body, insert_deduplication_token=token).status_code == 200
    parts = "SELECT sum(rows) FROM system.parts WHERE active AND table = 'runs' AND partition = '9'"
    assert door.admin(parts) in {"10", "20"}  # merged already, or not yet
    assert door.admin("SELECT c FROM tidegate.counts FINAL WHERE workspace = 'mine'") != ""


def test_a_refused_insert_does_not_use_up_its_token(door: Door) -> None:
    bad = f"{rows(MINE, range(10000, 10005), 'x')}\n{rows(OTHERS, range(10005, 10006), 'x')}"
    good = rows(MINE, range(10000, 10006), "x")
    assert refused(door.write(INSERT, bad, insert_deduplication_token="shared"))
    assert door.write(INSERT, good, insert_deduplication_token="shared").status_code == 200
    assert count(door, "n >= 10000 AND n < 11000") == 6


def test_columns_left_out_get_the_defaults_of_the_table(door: Door) -> None:
    assert door.write(INSERT, rows(MINE, range(11000, 11001), "x")).status_code == 200
    assert door.admin("SELECT v FROM tidegate.runs WHERE n = 11000") == "1"


def test_a_table_made_later_is_reachable_at_once(door: Door) -> None:
    door.admin(f"CREATE TABLE tidegate.later {TABLE}")
    assert door.write("INSERT INTO later (workspace, n) FORMAT JSONEachRow", '{"workspace":"mine","n":1}').is_success
    assert door.read("SELECT count() FROM later").text == "1\n"
    door.admin("DROP TABLE tidegate.later SYNC")
    assert door.read("SELECT count() FROM later").headers["x-clickhouse-exception-code"] == "60"


def test_get_only_reads(door: Door) -> None:
    response = door.http.get("/", params={"query": "DROP TABLE tidegate.runs"}, headers=door.claim(access=Access.ADMIN))
    assert response.headers["x-clickhouse-exception-code"] == "164"


# -- what an erase claim may say --------------------------------------------------------------------------------------


def erase(door: Door, sql: str, *workspaces: str, **parameters: str) -> httpx.Response:
    return door.send(sql, door.claim(*(workspaces or (MINE,)), access=Access.ERASE), **parameters)


def foreign_rows(door: Door) -> str:
    return door.admin("SELECT count() FROM tidegate.events WHERE workspace = 'others'")


@pytest.mark.parametrize(
    "condition",
    ["n = {n:Int64}", "1", "n = {n:Int64} OR workspace = 'others'", "workspace = 'others'", "1) OR (1"],
)
def test_an_erase_claim_deletes_rows_of_its_own_workspace_only(door: Door, condition: str) -> None:
    mine = rows(MINE, range(200_000, 200_003), condition)  # other rows each time: what is known is not stored again
    door.write("INSERT INTO events (workspace, n, s) FORMAT JSONEachRow", mine)
    before = foreign_rows(door)
    erase(door, f"DELETE FROM tidegate.events WHERE {condition}", param_n="200001")
    assert foreign_rows(door) == before
    seen = door.read("SELECT toUInt8(count() > 0) FROM events WHERE n = {n:Int64}", param_n="200001")
    assert seen.text.strip() == ("1" if condition in {"workspace = 'others'", "1) OR (1"} else "0")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM events",
        "INSERT INTO events (workspace, n, s) SELECT workspace, n, s FROM events",
        "DELETE FROM tidegate.unscoped WHERE 1",
        "DELETE FROM tidegate.merged WHERE 1",
        "DELETE FROM other.events WHERE 1",
        "DELETE FROM events WHERE n IN (SELECT n FROM tidegate.runs)",
        "DELETE FROM events WHERE n IN tidegate.unscoped",
        "DELETE FROM events WHERE n IN (SELECT 1)",
        "DELETE FROM events WHERE file('/etc/passwd') != ''",
        "DELETE FROM events WHERE sleep(3)",
        "DELETE FROM events WHERE 1 SETTINGS max_threads = 1",
        "DELETE FROM events IN PARTITION 0 WHERE 1",
        "ALTER TABLE tidegate.events DELETE WHERE 1",
        "TRUNCATE TABLE tidegate.events",
        "DROP TABLE tidegate.events",
        "DELETE FROM events WHERE 1; DELETE FROM events WHERE 1",
    ],
)
def test_an_erase_claim_may_do_nothing_else(door: Door, sql: str) -> None:
    response = erase(door, sql)
    assert response.status_code in {400, 403}, response.text


@pytest.mark.parametrize("access", [Access.READ, Access.WRITE])
def test_other_claims_delete_nothing(door: Door, access: Access) -> None:
    assert refused(door.send("DELETE FROM tidegate.events WHERE 1", door.claim(MINE, access=access)))


def test_a_delete_is_not_sent_by_get(door: Door) -> None:
    headers = door.claim(MINE, access=Access.ERASE)
    response = door.http.get("/", params={"query": "DELETE FROM tidegate.events WHERE 1"}, headers=headers)
    assert response.headers["x-clickhouse-exception-code"] == "164"
