"""An installation of before there was an audit: the first migrations of both engines, with rows in every table."""

import json
from typing import Any

import asyncpg
from tests.api.identity.people import KEY

from tidegate.storage.migrations import Migration, read_migrations
from tidegate.storage.telemetry import TelemetryEngine

STATE: tuple[Migration, ...] = tuple(each for each in read_migrations("state") if each.name < "0012")
TELEMETRY: tuple[Migration, ...] = tuple(each for each in read_migrations("telemetry") if each.name < "0005")
SECOND = 1_700_000_000
TOKEN = "tg_" + "t" * 37
# Columns that are moments are left out: each gets one of now.
_ROWS: dict[str, dict[str, Any]] = {
    "tokens": {"id": "tok_1", "hint": "tg_tttt", "scope": "write", "hash": KEY.hash_of(TOKEN), "key_name": "k1"},
    "sign_in_links": {"hash": KEY.hash_of("link")},
    "sessions": {"hash": KEY.hash_of("session")},
    "telemetry_touches": {"flush_id": "flu_1", "writer": "w", "state": "pending", "seconds": [SECOND]},
    "alerts": {
        "id": "alr_1",
        "code": "c",
        "family": "auth",
        "severity": "P1",
        "service": "api",
        "subject": b"s",
        "state": "firing",
        "threshold": 0.5,
        "count": 7,
        "sentence": "Sign-ins fail.",
        "runbook": "r",
        "transition_count": 1,
    },
    "alert_transitions": {
        "alert_id": "alr_1",
        "sequence": 1,
        "from_state": "inactive",
        "to_state": "firing",
        "cause": "{}",
    },
    "releases": {"id": "rel_1", "name": "1.0", "environment": "prod", "services": "[]"},
    "authz_runs": {
        "run_id": "run_1",
        "service": "api",
        "commit": "c0ffee",
        "suite": "isolation",
        "body": b"{}",
        "digest": "d",
    },
    "authz_subjects": {"service": "api", "commit": "c0ffee", "suite": "isolation", "latest_seq": 1},
    "ci_reports": {
        "id": "ci_1",
        "suite": "unit",
        "commit": "c0ffee",
        "service": "api",
        "run_id": "1",
        "source_digest": "d",
        "body": b"{}",
        "digest": "d",
    },
    "ci_subjects": {"commit": "c0ffee", "suite": "unit", "service": "api", "latest_seq": 1},
    "gates": {"id": "g", "version": 1, "body": b"{}", "policy_digest": "d"},
    "decisions": {
        "id": "dec_1",
        "gate_id": "g",
        "gate_version": 1,
        "policy_digest": "d",
        "release_id": "rel_1",
        "verdict": "hold",
        "sentence": "2 checks are missing.",
        "checks": "[]",
        "steps": "[]",
        "fingerprint": "f",
        "digest": "d",
    },
    "decisions_in_force": {"gate_id": "g", "release_id": "rel_1", "decision_id": "dec_1", "fingerprint": "f"},
    "recounts": {"id": "rec_1", "reason": "reprice", "state": "done"},
    "retention": {"raw_days": 3, "minute_days": 35, "hour_days": 400},
    "price_overrides": {"version": 1, "body": b"{}", "digest": "d"},
    "erasures": {
        "id": "era_1",
        "kind": "trace",
        "subject": "aa",
        "reason": "asked",
        "requested_by": "tok_1",
        "state": "over",
        "found": "{}",
    },
}
_MOMENTS = """
    SELECT attname FROM pg_attribute a
    WHERE attrelid = $1::text::regclass AND atttypid = 'timestamptz'::regtype AND attnotnull
"""
_FILLS = {
    "raw_spans": "workspace, trace_id, span_id, second, received_ns, name",
    "raw_logs": "workspace, second, received_ns",
    "raw_points": "workspace, second, received_ns",
    "counts": "workspace, family, resolution, second, version, written, count",
    "ai_runs": "workspace, second, trace_id, span_id, version, written",
}
_VALUES = {
    "workspace": "'default'",
    "trace_id": "toString(number)",
    "span_id": "'a'",
    "second": f"toDateTime({SECOND} + number % 60, 'UTC')",
    "received_ns": f"({SECOND} + number) * 1000000000",
    "name": "concat('span ', toString(number))",
    "version": "3 + number % 5",
    "family": "'span'",
    "resolution": "1",
    "written": f"toDateTime({SECOND}, 'UTC')",
    "count": "number",
}


async def fill_state(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Put a row into every table that is empty at first."""
    for table, given in _ROWS.items():
        row = {"workspace": "default", **given}
        moments = [each["attname"] for each in await connection.fetch(_MOMENTS, table)]
        bound = [f"${place}" for place in range(1, len(row) + 1)]
        later = ["now() + interval '1 day'" if name == "expires_at" else "now()" for name in moments]
        await connection.execute(
            f"INSERT INTO {table} ({', '.join([*row, *moments])}) VALUES ({', '.join([*bound, *later])})",
            *row.values(),
        )
    await connection.execute("UPDATE rollup_watermark SET version = 5")
    await connection.execute("SELECT setval('rollup_version', 5)")


async def fill_telemetry(engine: TelemetryEngine, *, rows: int = 300) -> None:
    for table, columns in _FILLS.items():
        values = ", ".join(_VALUES[name] for name in columns.split(", "))
        await engine.admin(f"INSERT INTO tidegate.{table} ({columns}) SELECT {values} FROM numbers({rows})")


async def counts_of_state(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    return {row["name"]: await connection.fetchval(f"SELECT count(*) FROM {row['name']}") for row in rows}


async def sums_of_telemetry(engine: TelemetryEngine) -> dict[str, Any]:
    found = {}
    for table, columns in _FILLS.items():
        sql = f"SELECT count() AS rows, toString(sum(cityHash64({columns}))) AS sum FROM tidegate.{table}"
        found[table] = await engine.admin(sql)
    return found


async def walls_of(connection: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
    """Return every fact of the catalogue that keeps workspaces apart."""
    tables = await connection.fetch(
        """
        SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        """
    )
    policies = await connection.fetch(
        "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies"
    )
    roles = await connection.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolname AS role FROM pg_roles WHERE rolname LIKE 'tidegate_%'"
    )
    return {json.dumps([*row.values()], default=str) for row in (*tables, *policies, *roles)}
