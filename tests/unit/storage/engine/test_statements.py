"""Which statements a claim may send, with the parser's answers given."""

import pytest

from tidegate.storage.engine.refusals import ACCESS_DENIED, EngineError
from tidegate.storage.engine.statements import Kind, Statement, check_tables, parse_statement

SELECT = "SelectWithUnionQuery (children 1)\n ExpressionList (children 1)\n  SelectQuery (children 1)\n   "


class GivenParser:
    """Prints what it is given, and one tree for everything."""

    def __init__(self, tree: str = SELECT + "ExpressionList") -> None:
        self.tree = tree
        self.asked: list[str] = []

    def print_statement(self, text: str) -> str:
        return text

    def print_tree(self, printed: str) -> str:
        self.asked.append(printed)
        return self.tree


def parse(text: str, tree: str = SELECT + "ExpressionList") -> Statement:
    return parse_statement(GivenParser(tree), text)


def test_a_select_is_taken_as_it_is_printed() -> None:
    statement = parse("SELECT 1")
    assert (statement.kind, statement.text, statement.refusal) == (Kind.SELECT, "SELECT 1", None)


def test_parameters_become_null_for_the_tree_and_stay_in_what_runs() -> None:
    parser = GivenParser()
    text = "SELECT {x:String}, '{y:String}', `{z:String}`, {at:DateTime64(6, 'UTC')}, '\\'{q:Int8}'"
    statement = parse_statement(parser, text)
    assert statement.text == text
    assert parser.asked == ["SELECT NULL, '{y:String}', `{z:String}`, NULL, '\\'{q:Int8}'"]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        pytest.param("SHOW TABLES", "ShowTables", id="show"),
        pytest.param("SELECT 1 PREWHERE 1", SELECT + "ExpressionList", id="prewhere"),
        pytest.param("SELECT {x:Identifier}", SELECT + "ExpressionList", id="identifier parameter"),
        pytest.param("SELECT `a\\nb`", SELECT + "ExpressionList", id="escape in a name"),
        pytest.param("SELECT file('x')", SELECT + "Function file", id="function that reads"),
        pytest.param("SELECT 1", SELECT + "Set", id="settings"),
        pytest.param("SELECT 1", SELECT + "ColumnsApplyTransformer", id="apply"),
        pytest.param("SELECT 1", SELECT + "SomethingNew", id="unknown node"),
        pytest.param("SELECT 1", SELECT + "TableExpression (children 1)\n    Function numbers", id="table function"),
        pytest.param("SELECT 1", "SelectQuery (children 1)\n Literal 'x'", id="outfile"),
        pytest.param("SELECT 1", "SelectQuery (children 1)\n Identifier Template", id="format"),
        pytest.param("SELECT 1", "ExplainQuery", id="no select after all"),
        pytest.param("SELECT 1", "A (children 3)", id="no tree"),
        pytest.param(
            "SELECT 1",
            SELECT + "Function in (children 1)\n    ExpressionList (children 2)\n     Identifier a\n     Identifier t",
            id="a name behind in",
        ),
        pytest.param("INSERT INTO t FORMAT JSONEachRow", "", id="insert without columns"),
        pytest.param("INSERT INTO t (a) FORMAT Values", "", id="rows that are expressions"),
        pytest.param("INSERT INTO t (a) FORMAT Template", "", id="rows by a template"),
        pytest.param("INSERT INTO other.t (a) FORMAT JSONEachRow", "", id="other database"),
        pytest.param("INSERT INTO FUNCTION file('x') SELECT 1", "", id="insert into a function"),
        pytest.param("INSERT INTO t (a) SETTINGS x = 1 FORMAT JSONEachRow", "", id="settings of an insert"),
    ],
)
def test_what_the_rules_do_not_know_is_refused_with_words(text: str, tree: str) -> None:
    refusal = parse(text, tree).refusal
    assert refusal
    assert refusal.endswith((".", ")", "depth 0.", "depth 1."))


def test_an_insert_is_taken_apart() -> None:
    statement = parse("INSERT INTO tidegate.runs (workspace, `n.a`) FORMAT JSONEachRow")
    assert statement.kind is Kind.INSERT_DATA
    assert statement.refusal is None
    assert statement.insert is not None
    assert (statement.insert.table, statement.insert.columns) == ("runs", ("workspace", "n.a"))


def test_the_select_of_an_insert_is_looked_at_as_any_select() -> None:
    statement = parse("INSERT INTO t (a) SELECT file('x')", SELECT + "Function file")
    assert statement.kind is Kind.INSERT_SELECT
    assert statement.refusal is not None


@pytest.mark.parametrize("name", ["tidegate.runs", "runs", "cte"])
def test_listed_tables_and_names_of_no_table_pass(name: str) -> None:
    statement = Statement("", Kind.SELECT, frozenset({name}), None, None)
    check_tables(statement, frozenset({"runs"}), frozenset({"runs", "hidden"}))


@pytest.mark.parametrize("name", ["tidegate.hidden", "hidden", "system.one", "tidegate.none", "a.tidegate.runs"])
def test_other_tables_are_refused(name: str) -> None:
    statement = Statement("", Kind.SELECT, frozenset({name}), None, None)
    with pytest.raises(EngineError) as caught:
        check_tables(statement, frozenset({"runs"}), frozenset({"runs", "hidden"}))
    assert caught.value.code == ACCESS_DENIED
    assert caught.value.status == 403
