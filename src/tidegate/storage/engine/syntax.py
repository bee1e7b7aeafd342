"""The engine's own syntax tree of a statement, read back from the text that `EXPLAIN AST` prints."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(
    r"(?P<indent> *)(?P<kind>\S+)(?: (?P<rest>.*?))??(?: \(alias .*?\))?(?: \(children (?P<count>\d+)\))?"
)


class TreeError(Exception):
    """The text is no tree: a name in it carries line breaks, or the engine prints it in another way."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its kind, what stands behind it, and its children in order."""

    kind: str
    rest: str
    children: "tuple[Node, ...]"

    def walk(self) -> "Iterator[Node]":
        yield self
        for child in self.children:
            yield from child.walk()


def read_tree(text: str) -> Node:
    """Return the root of the printed tree.

    Counts and indentation must agree on every line: a line that a quoted name smuggled in would break them.

    Raises:
        TreeError: they do not.
    """
    lines = text.rstrip("\n").split("\n")
    node, used = _read(lines, 0, 0)
    if used != len(lines):
        raise TreeError("There are more lines than nodes.")
    return node


def _read(lines: list[str], index: int, depth: int) -> tuple[Node, int]:
    found = _LINE.fullmatch(lines[index]) if index < len(lines) else None
    if found is None or len(found["indent"]) != depth:
        raise TreeError(f"Line {index + 1} is no node at depth {depth}.")
    index += 1
    children = []
    for _ in range(int(found["count"] or 0)):
        child, index = _read(lines, index, depth + 1)
        children.append(child)
    return Node(found["kind"], found["rest"] or "", tuple(children)), index
