"""The gates that come with the package, for workspaces that have applied none."""

from functools import cache
from importlib import resources

from tidegate.gates.gate_files import GateFile, parse_gate_file

__all__ = ["template_files"]


@cache
def template_files() -> tuple[GateFile, ...]:
    """Return the files of the package by id."""
    folder = resources.files("tidegate.gates") / "templates"
    texts = [file.read_bytes() for file in folder.iterdir() if file.name.endswith(".yaml")]
    return tuple(sorted((parse_gate_file(text) for text in texts), key=lambda file: file.id))
