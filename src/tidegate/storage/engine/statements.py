"""What a statement does, by the engine's own parser, and whether a claim may do it.

The text that was checked is the text that runs: the statement is parsed and printed again by the engine
(`formatQuerySingleLine`, which takes it as data and refuses a second statement), the printed form is looked at as a
syntax tree, and the printed form is executed. Anything the rules do not know is refused.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tidegate.storage.engine.functions import is_allowed_function, tests_membership
from tidegate.storage.engine.refusals import EngineError, refuse
from tidegate.storage.engine.syntax import Node, TreeError, read_tree

DATABASE = "tidegate"
MAX_STATEMENTS_KEPT = 512  # distinct statement texts of ours: values are bound, so few repeat with other words

_NAME = r"(?:`[A-Za-z_][A-Za-z0-9_.]*`|[A-Za-z_][A-Za-z0-9_.]*)"
_INSERT = re.compile(
    rf"INSERT INTO (?:`?{DATABASE}`?\.)?(?P<table>`?[A-Za-z_][A-Za-z0-9_]*`?) \((?P<columns>{_NAME}(?:, {_NAME})*)\)"
    r"(?: FORMAT (?P<format>\w+)| (?P<select>(?:SELECT|WITH|\() ?.*))",
    re.DOTALL,
)
_DELETE = re.compile(
    rf"DELETE FROM (?:`?{DATABASE}`?\.)?(?P<table>`?[A-Za-z_][A-Za-z0-9_]*`?) WHERE (?P<condition>.*)", re.DOTALL
)
_HARMLESS_NODES = frozenset({
    "ArrayJoin", "Asterisk", "ColumnsExceptTransformer", "ColumnsListMatcher", "ColumnsTransformerList",
    "ExpressionList", "Identifier", "InterpolateElement", "Literal", "OrderByElement", "QualifiedAsterisk",
    "SampleRatio", "SelectIntersectExceptQuery", "SelectQuery", "SelectWithUnionQuery", "Subquery",
    "TableExpression", "TableJoin", "TablesInSelectQuery", "TablesInSelectQueryElement", "WindowDefinition",
    "WindowListElement", "WithElement",
})  # fmt: skip
# The formats whose readers and writers look at nothing but the bytes (no schema files, no templates, no expressions).
FORMATS = frozenset({
    "Native", "JSON", "JSONCompact", "JSONStrings", "JSONColumns", "JSONEachRow", "JSONCompactEachRow",
    "JSONCompactEachRowWithNames", "JSONCompactEachRowWithNamesAndTypes", "JSONStringsEachRow", "RowBinary",
    "RowBinaryWithNames", "RowBinaryWithNamesAndTypes", "TabSeparated", "TabSeparatedRaw", "TabSeparatedWithNames",
    "TabSeparatedWithNamesAndTypes", "TSV", "TSVRaw", "TSVWithNames", "TSVWithNamesAndTypes", "CSV", "CSVWithNames",
    "CSVWithNamesAndTypes", "Arrow", "ArrowStream", "Parquet", "Null", "Values", "Vertical", "Pretty", "PrettyCompact",
})  # fmt: skip
_INSERT_FORMATS = FORMATS - {"Values", "Null", "Vertical", "Pretty", "PrettyCompact", "JSONStrings"}
# PREWHERE runs before the filter of the claim: an error in it would tell of foreign rows (measured: a failed
# conversion quotes their values). The tree does not show it, the printed text does.
_PREWHERE = re.compile(r"\bPREWHERE\b", re.IGNORECASE)
_IDENTIFIER_PARAMETER = re.compile(r"\{[^}]*:\s*Identifier\s*\}", re.IGNORECASE)
_ESCAPED_NAME = re.compile(r"`[^`']*\\")
# In printed text: strings and quoted names (left alone), or a parameter with its type.
_PARAMETER = re.compile(r"('(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)|\{\w+:(?:[^'`{}]|'(?:[^'\\]|\\.)*')*\}", re.DOTALL)


class Kind(StrEnum):
    """What the child does with a statement."""

    SELECT = "select"
    INSERT_DATA = "insert data"
    INSERT_SELECT = "insert select"
    DELETE = "delete"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Insert:
    """The head of an insert as the rules accept it."""

    table: str
    columns: tuple[str, ...]
    format: str
    """Empty for INSERT … SELECT."""
    select: str
    """Empty for rows in the body."""


@dataclass(frozen=True, slots=True)
class Delete:
    """A delete as the rules accept it: one table, and a condition on nothing but its own columns."""

    table: str
    condition: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, parsed once and kept by its text."""

    text: str
    """As the engine prints it, on one line; this is what runs."""
    kind: Kind
    tables: frozenset[str]
    """As written: `tidegate.spans`, or `spans` for a common table expression or a table."""
    insert: Insert | None
    refusal: str | None
    """Why no read or write claim may run it, whatever it names; `None`: ask for its tables."""
    delete: Delete | None = None


class Parser(Protocol):
    """The engine's parser; neither method executes what it is given."""

    def print_statement(self, text: str) -> str:
        """Return the one statement in `text` on one line; raises `EngineError` for two statements or none."""
        ...

    def print_tree(self, printed: str) -> str:
        """Return the syntax tree of what `print_statement` returned."""
        ...


def parse_statement(parser: Parser, text: str) -> Statement:
    """Return what `text` does.

    Raises:
        EngineError: the engine cannot parse it, or it is more than one statement.
    """
    printed = parser.print_statement(text)
    head = printed.lstrip("(").split(" ", 1)[0]
    if head == "INSERT":
        return _parse_insert(parser, printed)
    if head == "DELETE":
        return _parse_delete(parser, printed)
    if head not in {"SELECT", "WITH"}:
        return Statement(printed, Kind.OTHER, frozenset(), None, f"{head} is not for a read or write claim.")
    return _parse_select(parser, printed, Kind.SELECT, insert=None)


def _parse_insert(parser: Parser, printed: str) -> Statement:
    found = _INSERT.fullmatch(printed)
    if found is None:
        refusal = (
            "An insert has the form INSERT INTO table (columns) FORMAT name, or INSERT INTO table (columns) SELECT."
        )
        return Statement(printed, Kind.OTHER, frozenset(), None, refusal)
    columns = tuple(name.strip("`") for name in found["columns"].split(", "))
    insert = Insert(found["table"].strip("`"), columns, found["format"] or "", found["select"] or "")
    if insert.select:
        return _parse_select(parser, insert.select, Kind.INSERT_SELECT, insert)
    problem = None if insert.format in _INSERT_FORMATS else f"Rows in the format {insert.format} are not accepted."
    return Statement(printed, Kind.INSERT_DATA, frozenset(), insert, problem)


def _parse_delete(parser: Parser, printed: str) -> Statement:
    """Return what a DELETE does; its condition is held to the rules of a SELECT, and may read no second table."""
    found = _DELETE.fullmatch(printed)
    if found is None:
        refusal = "A delete has the form DELETE FROM table WHERE condition."
        return Statement(printed, Kind.OTHER, frozenset(), None, refusal)
    delete = Delete(found["table"].strip("`"), found["condition"])
    try:
        select = parser.print_statement(f"SELECT 1 FROM {DATABASE}.`{delete.table}` WHERE ({delete.condition})")
        root = read_tree(parser.print_tree(_PARAMETER.sub(lambda match: match[1] or "NULL", select)))
        refusal_found = _refusal_by_text(select) or _refusal_by_tree(root, may_format=False) or _refusal_by_reach(root)
    except (TreeError, RecursionError) as error:
        refusal_found = f"The condition has a shape that cannot be checked: {error}"
    except EngineError as error:
        refusal_found = f"The condition cannot be explained: {error.message}"
    return Statement(printed, Kind.DELETE, frozenset({delete.table}), None, refusal_found, delete)


def _refusal_by_reach(root: Node) -> str | None:
    """Refuse a condition that looks beyond the rows it stands over; the SELECT around it is one, with one table."""
    kinds = [node.kind for node in root.walk()]
    if "Subquery" in kinds or kinds.count("SelectQuery") != 1 or kinds.count("TableIdentifier") != 1:
        return "The condition of a delete reads no other table: write lists and parameters."
    return None


def _parse_select(parser: Parser, printed: str, kind: Kind, insert: Insert | None) -> Statement:
    text = printed if insert is None else f"INSERT {insert.table}"
    refusal = _refusal_by_text(printed)
    tables: frozenset[str] = frozenset()
    if refusal is None:
        try:
            # The parser wants values for parameters; none of the rules looks at a value.
            root = read_tree(parser.print_tree(_PARAMETER.sub(lambda found: found[1] or "NULL", printed)))
            refusal = _refusal_by_tree(root, may_format=insert is None)
            tables = frozenset(node.rest for node in root.walk() if node.kind == "TableIdentifier")
        except (TreeError, RecursionError) as error:
            refusal = f"The statement has a shape that cannot be checked: {error}"
        except EngineError as error:
            refusal = f"The statement cannot be explained: {error.message}"
    return Statement(text, kind, tables, insert, refusal)


def _refusal_by_text(printed: str) -> str | None:
    if _PREWHERE.search(printed):
        return "PREWHERE is refused, WHERE does the same after the workspace's own filter."
    if _IDENTIFIER_PARAMETER.search(printed):
        return "Parameters of the type Identifier are refused: names stand in the statement."
    if _ESCAPED_NAME.search(printed):
        return "Quoted names with backslashes are refused."
    return None


def _refusal_by_tree(root: Node, *, may_format: bool) -> str | None:
    if root.kind not in {"SelectWithUnionQuery", "SelectQuery", "SelectIntersectExceptQuery"}:
        return f"{root.kind} is not a SELECT."
    top = [child for child in root.children if child.kind in {"Identifier", "Literal", "Set"}]
    formats = [child.rest for child in top if child.kind == "Identifier"]
    if len(formats) != len(top):
        return "SETTINGS and INTO OUTFILE are refused."
    if formats and not (may_format and formats[0] in FORMATS):
        return f"The format {formats[0]} is not offered."
    return _refusal_by_nodes(root)


def _refusal_by_nodes(root: Node) -> str | None:
    for node in root.walk():
        if node.kind == "TableExpression" and any(child.kind == "Function" for child in node.children):
            return f"Table functions are refused: {node.children[0].rest}."
        if node.kind == "Function":
            refusal = _refusal_by_function(node)
            if refusal is not None:
                return refusal
        elif node.kind == "Set":
            return "A SETTINGS clause is refused."
        elif node.kind == "TableIdentifier":
            continue
        elif node.kind not in _HARMLESS_NODES:
            return f"{node.kind} {node.rest}".strip() + " is refused: it is not among what telemetry needs."
    return None


def _refusal_by_function(node: Node) -> str | None:
    if not is_allowed_function(node.rest):
        return f"The function {node.rest} is not among those that only compute."
    arguments = node.children[0].children if node.children else ()
    if tests_membership(node.rest) and len(arguments) > 1 and arguments[1].kind == "Identifier":
        return f"`{node.rest} {arguments[1].rest}` may name a table: write a list, a parameter or (SELECT …)."
    return None


def check_tables(statement: Statement, listed: frozenset[str], existing: frozenset[str]) -> None:
    """Refuse `statement` unless it reads listed tables of ours, or names that are no table at all.

    Raises:
        EngineError: it names another table, or another database.
    """
    for written in statement.tables:
        database, dot, name = written.rpartition(".")
        name = name if dot else written
        if dot and database != DATABASE:
            raise refuse(f"The table {written} is not among those a claim may read.")
        if name not in listed and (dot or name in existing):
            raise refuse(f"The table {written} is not among those a claim may read.")
