"""Secrets that came in by every door come out by none: each is looked for in all that a server writes and answers."""

import json
from collections.abc import Iterator

import asyncpg
import pytest
from tests.e2e.canaries import Planted, environments_of, files_of, open_browser, plant, walk
from tests.e2e.server import Server

from tidegate.app.supervisor.engines import engines_alone


@pytest.fixture(scope="module")
def planted(server: Server) -> Iterator[Planted]:
    with open_browser(server.url) as browser:
        found = plant(server, browser)
        walk(found)
        yield found


def test_no_answer_holds_a_secret_that_was_handed_out_before(planted: Planted) -> None:
    asked = [name for name in planted.answers if not name.startswith("bad ")]
    assert len([name for name in asked if name.endswith("-> 200")]) > 45
    found = planted.found_in(planted.answers)
    assert found == []


def test_nothing_that_an_operator_looks_at_holds_a_secret(planted: Planted) -> None:
    said = {}
    for verb in (("doctor", "--json"), ("doctor",), ("status",), ("token", "list", "--workspace", planted.workspace)):
        ran = planted.server.cli(*verb)
        said[" ".join(verb)] = ran.stdout + ran.stderr
    assert planted.found_in(said) == []


def test_no_file_outside_of_the_secrets_folder_holds_a_secret(planted: Planted) -> None:
    files = dict(files_of(planted.server.data_dir))
    assert {"logs/edge.log", "logs/postgres.log", "logs/engine.log"} <= set(files)
    assert planted.workspace.encode() in b"".join(files.values())
    assert planted.found_in(files | {"serve.log": planted.server.log}) == []


async def test_no_row_of_either_engine_holds_a_secret(planted: Planted) -> None:
    rows: dict[str, str] = {}
    async with engines_alone(planted.server.data_dir) as engines:
        owner = await asyncpg.connect(engines.dsns.owner)
        try:
            tables = await owner.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
            for table in (each["name"] for each in tables):
                found = await owner.fetch(f"SELECT t::text AS row FROM {table} t")
                rows[f"state {table}"] = "\n".join(each["row"] for each in found)
        finally:
            await owner.close()
        tables = await engines.telemetry.admin(
            "SELECT DISTINCT table FROM system.columns WHERE database = 'tidegate' AND name = 'workspace'"
        )
        for table in (each["table"] for each in tables):
            found = await engines.telemetry.admin(
                f"SELECT * FROM tidegate.{table} WHERE workspace = '{planted.workspace}'"
            )
            rows[f"telemetry {table}"] = str(found)
    assert "[redacted]" in "".join(rows.values())
    assert planted.found_in(rows) == []


def test_no_process_holds_a_secret_that_is_not_for_it(planted: Planted) -> None:
    server = planted.server
    processes = environments_of(server.pid)
    assert len(processes) > 4
    assert planted.found_in(processes) == []
    passwords = json.loads((server.data_dir / "secrets" / "postgres.json").read_text())
    of_engines = {name: text for name, text in processes.items() if "engine" in name or "postgres" in name}
    assert of_engines
    assert not [name for name, text in of_engines.items() for each in passwords.values() if each in text]
