"""Which tables exist, which of them a claim may name, and the filter that keeps each claim to its rows."""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tidegate.storage.engine.quoting import identifier, string_list, string_literal
from tidegate.storage.engine.statements import DATABASE

WORKSPACE_COLUMN = "workspace"
_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COLUMNS_QUERY = f"""
SELECT t.name, t.engine, c.name, c.type, c.default_kind, c.default_expression
FROM system.tables AS t LEFT JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
WHERE t.database = '{DATABASE}' ORDER BY t.name, c.position FORMAT TSV
"""
# Engines that hold rows of their own, or read others through the same filters. Merge, Distributed, Buffer and the like
# reach tables under another name, where the filter would not find them.
_ENGINES = re.compile(r"\w*MergeTree|View|MaterializedView|Null|Memory")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is declared, for the structure of the rows that are inserted."""

    name: str
    declaration: str
    """Type and DEFAULT, as in CREATE TABLE."""
    is_insertable: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables of our database at one moment."""

    columns: Mapping[str, Mapping[str, Column]]
    """By table, then by name."""
    listed: frozenset[str]
    """The tables with a workspace column, in an engine that the filter reaches."""

    @property
    def existing(self) -> frozenset[str]:
        return frozenset(self.columns)

    def filters(self, workspaces: Iterable[str]) -> str:
        """Return the value of `additional_table_filters` that leaves only rows of `workspaces`."""
        condition = string_literal(f"{WORKSPACE_COLUMN} IN ({string_list(workspaces)})")
        return "{" + ", ".join(f"{string_literal(f'{DATABASE}.{t}')}: {condition}" for t in sorted(self.listed)) + "}"

    def structure(self, table: str, columns: Iterable[str]) -> str:
        """Return the declaration of `columns`, with their defaults, as `file()` takes it.

        Raises:
            KeyError: the table has no such column, or it cannot be inserted.
        """
        declared = self.columns[table]
        chosen = [declared[name] for name in columns]
        if not all(column.is_insertable for column in chosen):
            raise KeyError(table)
        return ", ".join(f"{identifier(column.name)} {column.declaration}" for column in chosen)


def read_catalog(rows: str) -> Catalog:
    """Return the catalog from the answer to the columns query."""
    tables: dict[str, dict[str, Column]] = {}
    listed: set[str] = set()
    for row in filter(None, rows.split("\n")):
        table, engine, name, kind, default_kind, default = (_unescape(cell) for cell in row.split("\t"))
        columns = tables.setdefault(table, {})
        if name:
            declaration = f"{kind} DEFAULT {default}" if default_kind == "DEFAULT" else kind
            columns[name] = Column(name, declaration, is_insertable=default_kind in {"", "DEFAULT", "EPHEMERAL"})
        if name == WORKSPACE_COLUMN and _ENGINES.fullmatch(engine) and _TABLE_NAME.fullmatch(table):
            listed.add(table)
    return Catalog(tables, frozenset(listed))


def _unescape(cell: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), cell)


class LiveCatalog:
    """The catalog, read again after a statement that may have changed it; safe between threads."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._current: Catalog | None = None
        self._changes = 0

    def current(self) -> Catalog:
        with self._lock:
            if self._current is not None:
                return self._current
            changes = self._changes
        catalog = read_catalog(self._answer(COLUMNS_QUERY))
        with self._lock:
            if changes == self._changes:
                self._current = catalog
        return catalog

    def forget(self) -> None:
        """Call before and after every statement that may change tables."""
        with self._lock:
            self._changes += 1
            self._current = None
