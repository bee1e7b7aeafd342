"""The engine's printed trees, read back without being fooled by names."""

import pytest

from tidegate.storage.engine.syntax import TreeError, read_tree

PRINTED = """SelectWithUnionQuery (children 2)
 ExpressionList (children 1)
  SelectQuery (children 2)
   ExpressionList (children 1)
    Function count (alias c) (children 1)
     ExpressionList
   TablesInSelectQuery (children 1)
    TablesInSelectQueryElement (children 1)
     TableExpression (children 1)
      TableIdentifier tidegate.runs (alias r)
 Identifier Native
"""


def test_kinds_names_and_children_are_read() -> None:
    root = read_tree(PRINTED)
    assert [(node.kind, node.rest) for node in root.walk() if node.rest] == [
        ("Function", "count"),
        ("TableIdentifier", "tidegate.runs"),
        ("Identifier", "Native"),
    ]
    assert [child.kind for child in root.children] == ["ExpressionList", "Identifier"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("A (children 1)\n", id="a child is missing"),
        pytest.param("A\nB\n", id="two roots"),
        pytest.param("A (children 1)\n B\n B\n", id="one child too many"),
        pytest.param("A (children 1)\n  B\n", id="a level is missing"),
        pytest.param(" A\n", id="a root that is indented"),
        pytest.param("A (children 2)\n Identifier x\n Literal 1\n Identifier y\n", id="a line inside a name"),
        pytest.param("A (children 2)\n Identifier x (children 1)\n Identifier y\n", id="a count inside a name"),
    ],
)
def test_what_does_not_add_up_is_no_tree(text: str) -> None:
    with pytest.raises(TreeError):
        read_tree(text)


def test_an_alias_that_looks_like_a_count_stays_an_alias() -> None:
    node = read_tree("Identifier n (alias x) (children 5))")
    assert node.children == ()
    assert node.rest == "n"
