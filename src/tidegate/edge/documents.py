"""How doors read documents that people write: YAML or JSON, bounded, nothing that expands, nothing said twice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

__all__ = ["Document", "DocumentUnreadableError", "load_document", "load_documents"]


class DocumentUnreadableError(ValueError):
    """The text is no document; the message is a sentence with line and column."""


def load_document(text: bytes, *, limit_bytes: int) -> Any:  # noqa: ANN401 - what a document holds is the caller's to check
    """Return what stands in `text`, which is YAML or JSON.

    Raises:
        DocumentUnreadableError: it is too large, not UTF-8, or no document.
    """
    if len(text) > limit_bytes:
        raise DocumentUnreadableError(f"it is larger than {limit_bytes // 1024} KB.")
    try:
        return yaml.load(text.decode("utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader that refuses more
    except UnicodeDecodeError as error:
        raise DocumentUnreadableError("it is not UTF-8.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DocumentUnreadableError(f"it cannot be read: {_sentence(error)}") from error


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file that may hold several."""

    value: Any
    lines: Mapping[tuple[str | int, ...], int]
    """By the place of a field, the line that it stands in; the first is 1, and the document itself is at ()."""

    def line_of(self, place: tuple[str | int, ...]) -> int:
        """Return the line of a field, or of what it would stand in."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def load_documents(text: bytes, *, limit_bytes: int, limit_count: int) -> list[Document]:
    """Return the documents in `text`, with the line of each field; empty ones are left out.

    Raises:
        DocumentUnreadableError: it is too large or too many, not UTF-8, or no document.
    """
    if len(text) > limit_bytes:
        raise DocumentUnreadableError(f"it is larger than {limit_bytes // 1024} KB.")
    found: list[Document] = []
    try:
        loader = _StrictLoader(text.decode("utf-8"))
        while loader.check_node():
            node = loader.get_node()
            value = loader.construct_document(node)
            if node is not None and value is not None:
                found.append(Document(value, dict(_lines_of(node, ()))))
            if len(found) > limit_count:
                raise DocumentUnreadableError(f"it holds more than {limit_count} documents.")
    except UnicodeDecodeError as error:
        raise DocumentUnreadableError("it is not UTF-8.") from error
    except DocumentUnreadableError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DocumentUnreadableError(f"it cannot be read: {_sentence(error)}") from error
    return found


def _lines_of(node: yaml.Node, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _lines_of(value, (*place, key.value))
                yield (*place, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _lines_of(item, (*place, position))


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without aliases (a few of them expand to gigabytes) and without repeated keys (the last would win)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave the parser out
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not read", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _sentence(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}."
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
