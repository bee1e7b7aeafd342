"""Where in a file something stands."""

from collections.abc import Sequence

import yaml

__all__ = ["Lines"]


class Lines:
    """Lines of a document that was read without trouble before; read again only when something in it is wrong."""

    def __init__(self, text: bytes) -> None:
        self._root = yaml.compose(text.decode("utf-8"), Loader=yaml.SafeLoader)

    def of(self, path: Sequence[int | str]) -> int:
        """Return the line of what stands at `path`, or of the nearest thing around it; the first line is 1."""
        node = self._root
        line = 1 if node is None else node.start_mark.line + 1
        for part in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            elif isinstance(node, yaml.MappingNode):
                found = next((one for one in node.value if one[0].value == str(part)), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            else:
                break
        return line
