"""How doors read documents that people write: YAML or JSON, bounded, nothing that expands, nothing said twice."""

from typing import Any

import yaml

__all__ = ["DocumentUnreadableError", "load_document"]


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
