"""Runs one request: checks the statement against the claim, sets what the claim may not change, executes.

Inserts never stream into the engine (under memory pressure that acknowledged batches that were not stored): the rows go
through a memory file that the engine reads itself, and every row's workspace is looked at on the way.
"""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tidegate.storage.engine.catalog import WORKSPACE_COLUMN, Catalog, LiveCatalog
from tidegate.storage.engine.claims import Access, Claim
from tidegate.storage.engine.library import Answer, Handle, Library
from tidegate.storage.engine.memory_files import MemoryFiles, Rows
from tidegate.storage.engine.quoting import identifier, string_list, string_literal
from tidegate.storage.engine.refusals import NO_SUCH_COLUMN_IN_TABLE, READONLY, EngineError, refuse
from tidegate.storage.engine.rules import admin_settings, check_settings, claimed_settings, erase_settings
from tidegate.storage.engine.statements import (
    DATABASE,
    MAX_STATEMENTS_KEPT,
    Delete,
    Insert,
    Kind,
    Statement,
    check_tables,
    parse_statement,
)

_NEEDED = {
    Kind.SELECT: Access.READ,
    Kind.INSERT_DATA: Access.WRITE,
    Kind.INSERT_SELECT: Access.WRITE,
    Kind.DELETE: Access.ERASE,
}
_THROWN = 395  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: a claim cannot call throwIf, so it is the child's own
_FOREIGN_ROW = "A row is of a workspace that the claim does not name; nothing was stored."
_INPUT = re.compile(r"(?<= FROM )input\(")
_FORMAT_CLAUSE = re.compile(r" FORMAT (\w+)(?: SETTINGS [^']*)?$")  # at the end of a printed statement


@dataclass(frozen=True, slots=True)
class Request:
    """What came over HTTP, taken apart."""

    claim: Claim
    text: str
    rows: Rows | None
    """The data of an INSERT … FORMAT, without its statement."""
    parameters: Mapping[str, str]
    """Of the statement, as the HTTP interface has them: tab-separated escapes."""
    settings: Mapping[str, str]
    database: str | None
    output_format: str
    may_change: bool
    """False for GET, which only reads."""


class Execution:
    """Executes requests, from several threads at once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._catalog = LiveCatalog(library.answer)
        self._files = MemoryFiles()
        self._lock = threading.Lock()
        self._statements: OrderedDict[str, Statement] = OrderedDict()
        self._columns: OrderedDict[str, list[tuple[str, str]]] = OrderedDict()

    def run(self, request: Request) -> Answer:
        """Return the answer to `request`.

        Raises:
            EngineError: it is refused, or the engine says no.
        """
        check_settings(request.settings, request.claim.access)
        statement = self._statement(request.text)
        if not request.may_change and statement.kind is not Kind.SELECT:
            raise EngineError(READONLY, "Requests with the method GET only read: send this one with POST.")
        if request.claim.access is Access.ADMIN:
            return self._run_admin(request, statement)
        if statement.refusal is not None:
            raise refuse(statement.refusal)
        if _NEEDED.get(statement.kind) is not request.claim.access:
            raise refuse(f"A claim to {request.claim.access} may not {statement.kind}.")
        catalog = self._catalog.current()
        check_tables(statement, catalog.listed, catalog.existing)
        try:
            return self._run_claimed(request, statement, catalog)
        except EngineError as error:
            raise refuse(_FOREIGN_ROW) if error.code == _THROWN else error from error

    def _statement(self, text: str) -> Statement:
        with self._lock:
            if text in self._statements:
                self._statements.move_to_end(text)
                return self._statements[text]
        statement = parse_statement(self._library, text)
        with self._lock:
            self._statements[text] = statement
            if len(self._statements) > MAX_STATEMENTS_KEPT:
                self._statements.popitem(last=False)
        return statement

    def _run_claimed(self, request: Request, statement: Statement, catalog: Catalog) -> Answer:
        filters = catalog.filters(request.claim.workspaces)
        if statement.delete is not None:
            return self._delete(request, statement.delete, catalog)
        if statement.insert is None:
            with self._library.reader(DATABASE, claimed_settings(request.settings, filters, inserting=False)) as handle:
                return self._read(handle, statement.text, statement, request)
        settings = claimed_settings(request.settings, filters, inserting=True)
        position = _workspace_position(statement.insert, catalog)
        if statement.insert.select:
            columns = self._result_columns(request, statement.insert.select, filters)
            text = _checked_select(statement.insert, columns, position, request.claim.workspaces)
            with self._library.open() as handle:
                handle.configure(DATABASE, settings)
                return handle.run(text, "Null", request.parameters)
        with self._library.open() as handle, self._files.holding(request.rows or b"") as path:
            handle.configure(DATABASE, settings)
            return handle.run(_checked_rows(statement.insert, catalog, path, request.claim.workspaces), "Null")

    def _delete(self, request: Request, delete: Delete, catalog: Catalog) -> Answer:
        """Delete rows of the claim's workspaces.

        The engine rewrites parts in the background, where the filters of a query do not reach: the workspace stands
        in the statement itself, before a condition that was parsed as one expression.
        """
        if delete.table not in catalog.listed:
            raise refuse(f"The table {delete.table} is not among those a claim may delete from.")
        mine = f"{identifier(WORKSPACE_COLUMN)} IN ({string_list(request.claim.workspaces)})"
        text = f"DELETE FROM {identifier(DATABASE)}.{identifier(delete.table)} WHERE {mine} AND ({delete.condition})"
        with self._library.open() as handle:
            handle.configure(DATABASE, erase_settings(request.settings))
            return handle.run(text, "Null", request.parameters)

    def _read(self, handle: Handle, text: str, statement: Statement, request: Request) -> Answer:
        answer = handle.run(text, request.output_format, request.parameters)
        clause = _FORMAT_CLAUSE.search(statement.text)
        output_format = clause[1] if clause else request.output_format
        if answer.body or output_format != "Native" or statement.kind is not Kind.SELECT:
            return answer
        columns = self._described(handle, _FORMAT_CLAUSE.sub("", statement.text), request.parameters)
        return replace(answer, body=_native_header(columns))

    def _described(self, handle: Handle, select: str, parameters: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the columns of a SELECT: it is planned for that once, not with each answer without rows."""
        with self._lock:
            known = self._columns.get(select)
        if known is None:
            known = _describe(handle, select, parameters)
            with self._lock:
                self._columns[select] = known
                if len(self._columns) > MAX_STATEMENTS_KEPT:
                    self._columns.popitem(last=False)
        return known

    def _result_columns(self, request: Request, select: str, filters: str) -> list[str]:
        """Return the names of a SELECT's columns; asked read-only, which refuses what reads outside a second time."""
        with self._library.reader(DATABASE, claimed_settings(request.settings, filters, inserting=False)) as handle:
            return [name for name, _ in self._described(handle, select, request.parameters)]

    def _forget_tables(self) -> None:
        self._catalog.forget()
        with self._lock:
            self._columns.clear()

    def _run_admin(self, request: Request, statement: Statement) -> Answer:
        inserting = request.text.lstrip()[:6].upper() == "INSERT"
        changing = statement.kind is Kind.OTHER
        if changing:
            self._forget_tables()
        try:
            with self._library.open() as handle, self._files.holding(request.rows or b"") as path:
                handle.configure(request.database, admin_settings(request.settings, inserting=inserting))
                if request.rows is not None and inserting:
                    printed = self._library.print_statement(request.text)
                    return handle.run(_with_rows(printed, path), "Null", request.parameters)
                return self._read(handle, request.text, statement, request)
        finally:
            if changing:
                self._forget_tables()


def _with_rows(printed: str, path: str) -> str:
    """Return an INSERT that reads its rows from `path`: the library has no body that `input()` could read."""
    form = _FORMAT_CLAUSE.search(printed)
    if form is not None and _INPUT.search(printed):
        source = f"file({string_literal(path)}, {string_literal(form[1])}, "
        return _INPUT.sub(lambda _: source, _FORMAT_CLAUSE.sub("", printed), count=1)
    return _FORMAT_CLAUSE.sub(rf" FROM INFILE {string_literal(path)}\g<0>", printed)


def _describe(handle: Handle, select: str, parameters: Mapping[str, str]) -> list[tuple[str, str]]:
    lines = handle.run(f"DESCRIBE TABLE ({select})", "JSONCompactEachRow", parameters).body.splitlines()
    return [(row[0], row[1]) for row in map(json.loads, lines)]


def _native_header(columns: list[tuple[str, str]]) -> bytes:
    """Return the block without rows that a server sends for an empty result; the library sends nothing."""
    block = bytearray(_varint(len(columns)) + _varint(0))
    for words in columns:
        for word in words:
            block += _varint(len(word.encode())) + word.encode()
    return bytes(block)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _workspace_position(insert: Insert, catalog: Catalog) -> int:
    if insert.table not in catalog.listed:
        raise refuse(f"The table {insert.table} is not among those a claim may write.")
    if WORKSPACE_COLUMN not in insert.columns:
        raise refuse(f"An insert names the column {WORKSPACE_COLUMN}, so that every row can be checked.")
    return insert.columns.index(WORKSPACE_COLUMN)


def _checked(column: str, workspaces: tuple[str, ...]) -> str:
    """Return an expression that is `column`, and that fails on a foreign row.

    It is a column of the result and no condition: conditions are pushed down to rows that filters would remove.
    """
    foreign = f"{identifier(column)} NOT IN ({string_list(workspaces)})"
    return f"if(throwIf({foreign}, {string_literal(_FOREIGN_ROW)}), '', {identifier(column)})"


def _insert_into(insert: Insert) -> str:
    columns = ", ".join(identifier(name) for name in insert.columns)
    return f"INSERT INTO {identifier(DATABASE)}.{identifier(insert.table)} ({columns})"


def _checked_rows(insert: Insert, catalog: Catalog, path: str, workspaces: tuple[str, ...]) -> str:
    try:
        structure = catalog.structure(insert.table, insert.columns)
    except KeyError as error:
        message = f"The table {insert.table} does not take all of these columns: {', '.join(insert.columns)}."
        raise EngineError(NO_SUCH_COLUMN_IN_TABLE, message) from error
    # Everything but the workspace by a star: naming 66 columns is 6 of the 24 CPU-ms that an insert of 512 spans takes.
    checked = f"{_checked(WORKSPACE_COLUMN, workspaces)} AS {identifier(WORKSPACE_COLUMN)}"
    source = f"file({string_literal(path)}, {string_literal(insert.format)}, {string_literal(structure)})"
    return f"{_insert_into(insert)} SELECT * REPLACE ({checked}) FROM {source}"


def _checked_select(insert: Insert, names: list[str], position: int, workspaces: tuple[str, ...]) -> str:
    if len(names) != len(insert.columns) or names.count(names[position]) != 1:
        raise refuse("The SELECT of an insert gives as many columns as are named, each under a name of its own.")
    column = names[position]
    replaced = f"* REPLACE ({_checked(column, workspaces)} AS {identifier(column)})"
    return f"{_insert_into(insert)} SELECT {replaced} FROM ({insert.select})"
