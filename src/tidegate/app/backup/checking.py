"""Is what is stored sound: pages and indexes, the wall around each table, parts, counts against rows, chains.

Reads only; nothing is repaired. A check that cannot be made is unknown, which is not good.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from tidegate.app.backup.chains import prove_chains
from tidegate.app.backup.making import refuse_missing, refuse_own_engines
from tidegate.app.backup.state_copy import OwnerConnection, Say, migrations_of
from tidegate.app.backup.telemetry_copy import tables_of, telemetry_migrations
from tidegate.app.doctor import Finding, Outcome
from tidegate.app.supervisor.engines import engines_alone
from tidegate.kernel import TidegateError, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.engine.quoting import identifier
from tidegate.storage.migrations import read_migrations
from tidegate.storage.telemetry import TelemetryEngine

__all__ = ["run_checks"]

_RESTORE: Final = "Stop the server and restore the newest backup: tidegate db restore."
_SAMPLE: Final = 200  # seconds of a workspace each; a statement reads them in tens of milliseconds
_MOST_TOUCHED: Final = 5_000  # they stand in the statement
_OPEN_TABLES: Final = """
    SELECT c.relname AS name FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations'
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity
            AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
    ORDER BY c.relname
"""
_ROLE_TOO_FREE: Final = """
    SELECT rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole
        OR EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)
    FROM pg_roles WHERE rolname = 'tidegate_serving'
"""
_BTREES: Final = """
    SELECT c.oid::regclass::text AS name, c.oid
    FROM pg_class c JOIN pg_am a ON a.oid = c.relam JOIN pg_index i ON i.indexrelid = c.oid
    WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace
        AND i.indisvalid AND i.indisready ORDER BY 1
"""
_HEAPS: Final = """
    SELECT oid::regclass::text AS name, oid FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1
"""
# Believable spans of seconds that are over and that nothing touched, each once, beside the newest published count.
_DIFFERING: Final = """
    WITH sampled AS (
        SELECT workspace, toUInt32(second) AS moment, uniqExact(trace_id, span_id) AS found FROM tidegate.raw_spans
        WHERE distrusted = 0 AND second > now() - INTERVAL 80 MINUTE AND second < now() - INTERVAL 2 MINUTE
            AND (workspace, toUInt32(second)) NOT IN ({touched})
        GROUP BY workspace, moment ORDER BY cityHash64(workspace, moment) LIMIT {limit}),
    published AS (
        SELECT workspace, toUInt32(second) AS moment, max(version) AS newest FROM tidegate.counts
        WHERE family = 'published' AND resolution = 1 AND version <= {watermark}
            AND (workspace, toUInt32(second)) IN (SELECT workspace, moment FROM sampled)
        GROUP BY workspace, moment),
    counted AS (
        SELECT c.workspace AS workspace, toUInt32(c.second) AS moment, sum(c.count) AS count
        FROM tidegate.counts AS c INNER JOIN published AS p ON p.workspace = c.workspace
            AND p.moment = toUInt32(c.second) AND p.newest = c.version
        WHERE c.family = 'span' AND c.resolution = 1 GROUP BY workspace, moment)
    SELECT count() AS seconds, countIf(s.found != coalesce(c.count, 0)) AS differing
    FROM sampled AS s INNER JOIN published AS p ON p.workspace = s.workspace AND p.moment = s.moment
    LEFT JOIN counted AS c ON c.workspace = s.workspace AND c.moment = s.moment
"""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the checks look at."""

    data_dir: Path
    state: OwnerConnection
    telemetry: TelemetryEngine
    serving_dsn: str = field(repr=False)


async def run_checks(data_dir: Path, *, say: Say) -> list[Finding]:
    """Return one finding a check.

    Raises:
        InstallationMissingError: there is nothing to check.
        EngineOfYourOwnError: an engine is not ours.
    """
    refuse_own_engines()
    refuse_missing(data_dir)
    async with engines_alone(data_dir) as engines:
        connection = await asyncpg.connect(engines.dsns.owner, timeout=10)
        try:
            stored = _Stored(data_dir, connection, engines.telemetry, engines.dsns.serving)
            findings: list[Finding] = []
            for name, check in _CHECKS.items():
                say(name)
                findings.append(await _examined(name, check, stored))
            return findings
        finally:
            await connection.close()


async def _examined(name: str, check: "_Check", stored: _Stored) -> Finding:
    try:
        found = await check(stored)
    except (TidegateError, asyncpg.PostgresError, OSError) as error:
        words = f"This could not be looked at: {str(error).splitlines()[0][:300]}"
        return Finding(name, Outcome.UNKNOWN, words, "Look into logs/, and run it again.")
    return Finding(name, *found)


_Found = tuple[Outcome, str] | tuple[Outcome, str, str]
_Check = Callable[[_Stored], Awaitable[_Found]]


async def _versions(stored: _Stored) -> _Found:
    for engine, applied in (
        ("state", await migrations_of(stored.state)),
        ("telemetry", await telemetry_migrations(stored.telemetry)),
    ):
        ours = {each.name: each.digest for each in read_migrations(engine)}
        foreign = sorted(name for name, digest in applied.items() if ours.get(name) != digest)
        if foreign:
            fix = "Run the version of tidegate that served here last."
            return (
                Outcome.FAIL,
                f"{engine.capitalize()} has the migration {foreign[0]}, which this program has not.",
                fix,
            )
        waiting = len(ours) - len(applied)
        if waiting:
            return Outcome.WARN, f"{waiting} migrations of {engine} wait.", "The next start applies them."
    return Outcome.OK, "Both engines have the schema of this program."


async def _wall(stored: _Stored) -> _Found:
    fix = f"Do not serve from it. {_RESTORE}"
    lax = [row["name"] for row in await stored.state.fetch(_OPEN_TABLES)]
    if lax:
        return Outcome.FAIL, f"Row-level security is not forced on {', '.join(lax)}.", fix
    if await stored.state.fetchval(_ROLE_TOO_FREE) is not False:
        return Outcome.FAIL, "The serving role is missing, owns tables, or passes row-level security.", fix
    return Outcome.OK, "Every table forces row-level security, and the serving role cannot pass it."


async def _pages_of_state(stored: _Stored) -> _Found:
    bad: list[str] = []
    transaction = stored.state.transaction()
    await transaction.start()
    try:
        # Made for this look and gone with it: nothing is committed.
        await stored.state.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        heaps, trees = await stored.state.fetch(_HEAPS), await stored.state.fetch(_BTREES)
        for heap in heaps:
            rows = await stored.state.fetch("SELECT msg FROM verify_heapam($1::oid::regclass) LIMIT 1", heap["oid"])
            bad += [f"{heap['name']}: {row['msg']}" for row in rows]
        for tree in trees:
            try:
                async with stored.state.transaction():
                    await stored.state.execute("SELECT bt_index_check($1::oid::regclass, true)", tree["oid"])
            except asyncpg.PostgresError as error:
                bad.append(f"{tree['name']}: {error}")
    finally:
        await transaction.rollback()
    if bad:
        return Outcome.FAIL, f"{len(bad)} tables or indexes are damaged, the first: {bad[0][:300]}", _RESTORE
    return Outcome.OK, f"All pages of {len(heaps)} tables and {len(trees)} indexes are sound."


async def _parts_of_telemetry(stored: _Stored) -> _Found:
    parts = 0
    for table in await tables_of(stored.telemetry):
        rows = await stored.telemetry.admin(
            f"CHECK TABLE tidegate.{identifier(table)} SETTINGS check_query_single_value_result = 0"
        )
        parts += len(rows)
        bad = [row for row in rows if not int(row["is_passed"])]
        if bad:
            words = f"{len(bad)} parts of {table} are damaged, the first: {str(bad[0]['part_path'])[:100]}."
            return Outcome.FAIL, words, _RESTORE
    return Outcome.OK, f"All {parts} parts are sound."


async def _counts(stored: _Stored) -> _Found:
    rows = await stored.state.fetch(
        "SELECT DISTINCT workspace, unnest(seconds) AS moment FROM telemetry_touches LIMIT $1", _MOST_TOUCHED
    )
    if len(rows) == _MOST_TOUCHED:
        words = f"Over {_MOST_TOUCHED:,} seconds wait to be counted: their counts are not compared with rows now."
        return Outcome.WARN, words, "Run it again when the server has caught up."
    # Workspace ids are checked by the table: letters, digits and dashes.
    touched = ", ".join(f"('{row['workspace']}', {row['moment']})" for row in rows) or "('', 0)"
    watermark = await stored.state.fetchval("SELECT version FROM rollup_watermark")
    found: Any = await stored.telemetry.admin(
        _DIFFERING.format(touched=touched, limit=_SAMPLE, watermark=int(watermark))
    )
    seconds, differing = int(found[0]["seconds"]), int(found[0]["differing"])
    if differing:
        fix = (
            "Run it again in a minute: late rows may be counted just now. If it stays: "
            "tidegate price reprice counts again."
        )
        return Outcome.FAIL, f"Counts of {differing} of {seconds} sampled seconds are not those of their rows.", fix
    return Outcome.OK, f"Counts of {seconds} sampled seconds of the last hour are those of their rows."


async def _chains(stored: _Stored) -> _Found:
    workspaces = [WorkspaceId(row["id"]) for row in await stored.state.fetch("SELECT id FROM workspaces ORDER BY id")]
    database = await Database.connect(stored.serving_dsn, size=1)
    try:
        proven = await prove_chains(database, workspaces, stored.data_dir)
    finally:
        await database.close()
    if proven.problem is not None:
        return Outcome.FAIL, proven.problem, "Export it and compare with a head kept elsewhere: tidegate audit verify."
    return (
        Outcome.OK,
        f"{proven.record_count:,} records in {proven.chain_count:,} chains follow from each other as signed.",
    )


_CHECKS: Final[dict[str, _Check]] = {
    "versions": _versions,
    "wall": _wall,
    "state": _pages_of_state,
    "telemetry": _parts_of_telemetry,
    "counts": _counts,
    "audit": _chains,
}
