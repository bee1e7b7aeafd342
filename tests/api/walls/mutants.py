"""What each condition, policy and claim is worth: removed one and two at a time, over statements that really ran.

The statements and their values are recorded while generated requests run. Each is run again as an empty workspace, with
all other values as they were, and rolled back: with and without the condition, with and without the engine's wall.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from tests.api.walls.judging import Judge, collect
from tests.api.walls.requests import Generator
from tests.api.walls.unwalled import (
    open_database,
    predicates_of,
    recording_telemetry,
    unscoped,
    unwalled_telemetry,
)
from tests.api.walls.world import Installation, document_of

from tidegate.kernel import TidegateError, UnavailableError, WorkspaceId
from tidegate.storage.database import _prepare

_MOST_VALUES = 40  # of one statement: more say nothing new
_TABLES = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(?:ONLY\s+)?([a-z_]+)", re.IGNORECASE)


_NOBODY = WorkspaceId("w-nobody")
"""A workspace without anything, as which statements run again: every row that they give is somebody else's."""
_UNREACHED = "not counted: with the values that ran it finds nothing any more, whoever asks"


def shown(statement: str) -> str:
    """Return a statement so short that it can stand in a table."""
    return " ".join(statement.split())[:110]


@dataclass
class Recorded:
    """Statements by their text, each with the values that it ran with."""

    state: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    telemetry: dict[str, list[Mapping[str, object]]] = field(default_factory=lambda: defaultdict(list))

    def note(self, statement: str, values: tuple[Any, ...]) -> None:
        known = self.state[statement]
        if len(known) < _MOST_VALUES and values not in known:
            known.append(values)

    def note_telemetry(self, statement: str, values: Mapping[str, object]) -> None:
        if len(self.telemetry[statement]) < _MOST_VALUES:
            self.telemetry[statement].append(values)


@dataclass(frozen=True, slots=True)
class Mutant:
    """What was removed, and what showed."""

    kind: str
    what: str
    caught_by: str
    """Empty: nothing noticed."""
    reason: str = ""
    """Why it changes nothing, of one that is equivalent."""


async def record(installation: Installation, *, count: int, seed: int) -> Recorded:
    """Send generated requests with all walls, and keep every statement that they lead to."""
    recorded = Recorded()
    telemetry = recording_telemetry(installation.telemetry, recorded.note_telemetry)
    async with (
        open_database(installation.dsns.serving, note=recorded.note) as database,
        installation.doors(database=database, telemetry=telemetry) as doors,
    ):
        generator = Generator(installation, document_of(doors), seed=seed)
        await collect(doors, installation, generator)
        await Judge(installation).run(doors, generator, count=count, pairs=0)
    return recorded


class Probes:
    """Runs recorded statements again, each in a transaction that is rolled back."""

    def __init__(self, installation: Installation, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._installation, self._connection = installation, connection

    async def outcome(
        self, statement: str, values: Sequence[Any], *, walled: bool, lax_tables: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return what a statement of the caller's workspace gives: rows, or how many it changes."""
        connection, own = self._connection, self._installation.own.id
        values = [_NOBODY if each == own else each for each in values]
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(
                "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now()) ON CONFLICT DO NOTHING", _NOBODY
            )
            for table in lax_tables:
                await connection.execute(f"ALTER POLICY own_workspace ON {table} USING (true) WITH CHECK (true)")
            if walled:
                await connection.execute("SET LOCAL ROLE tidegate_serving")
            await connection.execute("SELECT set_config('tidegate.workspace', $1, true)", _NOBODY)
            if re.search(r"^\s*(SELECT|WITH)\b|\bRETURNING\b", statement):
                return tuple(sorted(str(row) for row in await connection.fetch(statement, *values)))
            return (await connection.execute(statement, *values),)
        except asyncpg.PostgresError as error:
            return (f"refused: {type(error).__name__}",)
        finally:
            await transaction.rollback()

    async def differs(self, statement: str, mutated: str, values: Sequence[Sequence[Any]], **how: Any) -> bool:
        """Return whether any of `values` gives something else without the condition."""
        for each in values:
            before = await self.outcome(statement, each, walled=how["walled"])
            if before != await self.outcome(mutated, each, **how):
                return True
        return False


async def state_mutants(installation: Installation, recorded: Recorded) -> list[Mutant]:
    """Remove each condition of each statement: alone, and together with the wall of its tables."""
    connection = await asyncpg.connect(installation.dsns.owner)
    await _prepare(connection)
    found: list[Mutant] = []
    try:
        probes = Probes(installation, connection)
        walled = await _walled_tables(connection)
        for statement, values in sorted(recorded.state.items()):
            own = [each for each in values if installation.own.id in each]
            predicates = predicates_of(statement)
            for predicate in predicates:
                is_seen = await probes.differs(statement, predicate.without(), own, walled=True)
                held = "" if is_seen else "row-level security: the same rows without it"
                found.append(Mutant("a condition", f"{predicate.text} in {shown(statement)}", held))
            tables = sorted(walled.intersection(_TABLES.findall(statement)))
            if not predicates or not tables:
                continue
            what = f"{shown(statement)}, and the policies of {', '.join(tables)}"
            is_seen = await probes.differs(statement, unscoped(statement), own, walled=True, lax_tables=tables)
            found.append(Mutant(
                "conditions and policies", what, "other rows: the statement's probe" if is_seen else "",
                "" if is_seen else _UNREACHED,
            ))  # fmt: skip
    finally:
        await connection.close()
    return found


async def _walled_tables(connection: "asyncpg.Connection[asyncpg.Record]") -> frozenset[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_policies WHERE policyname = 'own_workspace'")
    return frozenset(row["tablename"] for row in rows)


async def policy_mutants(installation: Installation, recorded: Recorded) -> list[Mutant]:
    """Make the policy of each table let everything through: alone, and with all conditions of its statements gone."""
    connection = await asyncpg.connect(installation.dsns.owner)
    await _prepare(connection)
    found = []
    try:
        probes = Probes(installation, connection)
        for table in sorted(await _walled_tables(connection)):
            about = [(statement, values) for statement, values in recorded.state.items()
                     if table in _TABLES.findall(statement) and predicates_of(statement)]  # fmt: skip
            alone = both = False
            for statement, values in about:
                own = [each for each in values if installation.own.id in each]
                alone |= await probes.differs(statement, statement, own, walled=True, lax_tables=[table])
                both |= await probes.differs(statement, unscoped(statement), own, walled=True, lax_tables=[table])
            found.append(Mutant("a policy", table, "" if alone else "the conditions, and the catalogue test"))
            seen = "other rows: the probe of its statements" if both else ""
            found.append(Mutant("a policy and all conditions", table, seen, "" if both else _UNREACHED))
    finally:
        await connection.close()
    return found


async def telemetry_mutants(installation: Installation, recorded: Recorded) -> list[Mutant]:
    """Remove each condition of each statement on telemetry: alone, and with a claim for everybody."""
    engine = installation.telemetry
    everyone = unwalled_telemetry(engine, [each.id for each in installation.workspaces])
    found = []
    for statement, values in sorted(_alike(recorded.telemetry).items()):
        predicates, telling = predicates_of(statement), values[-_MOST_TRIED:]
        for predicate in predicates:
            is_seen = await _differs(installation, (engine, statement), (engine, predicate.without()), telling)
            held = "" if is_seen else "the claim: the same rows without it"
            found.append(Mutant("a condition", f"{predicate.text} in {shown(statement)}", held))
        if not predicates:
            continue
        is_seen = await _differs(installation, (engine, statement), (everyone, unscoped(statement)), telling)
        found.append(Mutant(
            "conditions and claim", shown(statement), "other rows: the statement's probe" if is_seen else "",
            "" if is_seen else _UNREACHED,
        ))  # fmt: skip
    return found


_MOST_TRIED = 12


def _alike(recorded: Mapping[str, list[Mapping[str, object]]]) -> dict[str, list[Mapping[str, object]]]:
    """Return one statement for all that are put together alike: from other columns, with the same conditions."""
    found: dict[tuple[object, ...], tuple[str, list[Mapping[str, object]]]] = {}
    for statement, values in recorded.items():
        key = (tuple(_TABLES.findall(statement)), tuple(each.text for each in predicates_of(statement)))
        if key not in found or len(values) > len(found[key][1]):
            found[key] = (statement, values)
    return dict(found.values())


async def _differs(
    installation: Installation, one: tuple[Any, str], other: tuple[Any, str], values: Sequence[Mapping[str, object]]
) -> bool:
    for each in values:
        before, after = [await _rows(engine, installation, sql, each) for engine, sql in (one, other)]
        if before != after and _AWAY not in {*before, *after}:
            return True
    return False


_AWAY = "the engine did not answer"


async def _rows(engine: Any, installation: Installation, statement: str, values: Mapping[str, object]) -> list[str]:
    asked = {name: _NOBODY if value == installation.own.id else value for name, value in values.items()}
    try:
        return sorted(map(str, await engine.select([_NOBODY], statement, asked)))
    except UnavailableError:
        return [_AWAY]  # a busy machine proves nothing
    except TidegateError as error:
        return [type(error).__name__]
