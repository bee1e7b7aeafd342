"""How files of other tools are read: YAML of maps, lists and text, bounded, nothing that expands.

Numbers stay the text that was written: a label `tier: 2.0` is `2.0`, as the tools that own these formats read it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias, Union

import yaml

from tidegate.promql.durations import parse_duration
from tidegate.promql.errors import ExpressionError, RuleFileError

__all__ = ["Node", "flag", "items", "mapping", "milliseconds", "number", "read_documents", "text", "texts"]

Node: TypeAlias = Union[str, Sequence["Node"], Mapping[str, "Node"]]  # noqa: UP007 - `|` cannot name what is not there yet

_LARGEST: Final = 4 << 20  # 20 KB of rules, two objectives of Sloth, are read in 23 ms (benchmarks/promql.py)


def read_documents(content: bytes, *, limit_bytes: int = _LARGEST) -> list[Node]:
    """Return the documents in `content`, which is YAML or JSON; empty ones are left out.

    Raises:
        RuleFileError: it is too large, not UTF-8, or no YAML.
    """
    if len(content) > limit_bytes:
        raise RuleFileError(f"The file has {len(content)} bytes; {limit_bytes} are the most.")
    try:
        found = list(yaml.load_all(content.decode(), Loader=_TextLoader))
    except UnicodeDecodeError as error:
        raise RuleFileError("The file is not UTF-8.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RuleFileError(f"The file cannot be read: {_sentence(error)}") from error
    return [document for document in found if document not in ("", None)]


class _TextLoader(yaml.BaseLoader):
    """Every scalar as it is written; no aliases, which a few lines let grow to gigabytes; no key twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave the parser out
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not read", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                words = f"the key {getattr(key, 'value', '')!r} stands twice or is no text"
                raise yaml.constructor.ConstructorError(None, None, words, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _sentence(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}."
    return f"{(str(error) or type(error).__name__).splitlines()[0][:300]}."


def mapping(node: Node | None, known: Collection[str] | None, field: str) -> Mapping[str, Node]:
    """Return the map `node`; nothing is an empty one. `known`: the keys it may have, `None` for any.

    Raises:
        RuleFileError: it is no map, or has a key that its format does not have.
    """
    if node is None or node == "":
        return {}
    if not isinstance(node, Mapping):
        raise RuleFileError(f"{field} is no map of keys and values.", field=field)
    for key in node:
        if known is not None and key not in known:
            raise RuleFileError(f"{field} has no key {key!r}. Its keys are: {', '.join(sorted(known))}.", field=field)
    return node


def items(node: Node | None, field: str) -> Sequence[Node]:
    if node is None or node == "":
        return ()
    if isinstance(node, str | Mapping):
        raise RuleFileError(f"{field} is no list.", field=field)
    return node


def text(node: Node | None, field: str, *, default: str | None = None) -> str:
    """Return the text `node`; `default` if there is none.

    Raises:
        RuleFileError: it is no text, or missing without a default.
    """
    if node is None and default is not None:
        return default
    if not isinstance(node, str):
        raise RuleFileError(f"{field} is missing." if node is None else f"{field} is no text.", field=field)
    return node


def texts(node: Node | None, field: str) -> dict[str, str]:
    """Return a map of texts, like labels."""
    return {key: text(value, f"{field}.{key}") for key, value in mapping(node, None, field).items()}


def number(node: Node | None, field: str) -> float:
    """Return the number `node`, also `NaN`, `+Inf` and YAML's `.inf`."""
    written = text(node, field).strip()
    bare = written.removeprefix("+").removeprefix("-")
    try:
        if "_" in written:
            raise ValueError(written)
        return float(written.replace(bare, bare.removeprefix(".")) if bare.lower() in {".inf", ".nan"} else written)
    except ValueError as error:
        raise RuleFileError(f"{field} is no number: {written!r}.", field=field) from error


def flag(node: Node | None, field: str, *, default: bool) -> bool:
    written = text(node, field, default="true" if default else "false").lower()
    if written not in {"true", "false"}:
        raise RuleFileError(f"{field} is neither true nor false: {written!r}.", field=field)
    return written == "true"


def milliseconds(node: Node | None, field: str, *, default: int = 0) -> int:
    """Return the duration `node` in milliseconds."""
    if node is None or node == "":
        return default
    try:
        return parse_duration(text(node, field).strip())
    except ExpressionError as error:
        raise RuleFileError(f"{field}: {error.message}", field=field) from error
