"""What an agent is offered: tools, resources and prompts, as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["DRY_RUN", "REASON", "Json", "Prompt", "Resource", "Tool", "Toolbox"]

Json = Any
"""What `json.loads` returns."""
REASON: Final = "reason"
DRY_RUN: Final = "dryRun"


@dataclass(frozen=True, slots=True)
class Tool:
    """One operation of the API, as an agent sees it."""

    name: str
    title: str
    description: str
    """What it answers, and when to use it: two sentences."""
    operation: str
    """`GET /api/v1/gates/{gate_id}`: its parameters and answers are those of the OpenAPI."""
    headline: Callable[[Json], str]
    """From the answer to one sentence of our own words and numbers; nothing that somebody sent stands in it."""
    parameters: tuple[str, ...] = ()
    """Those of the operation that are offered; all of its path are."""
    required: tuple[str, ...] = ()
    """Parameters that the API can do without, and an agent should not."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that have one value here."""
    page: str = ""
    """Path of the page that shows the same, with the parameters in braces."""
    then: str = ""
    """What to call next."""
    is_direct: bool = True
    """Whether it is listed; the others are found by `search_tools` and called by `run_tool`."""
    is_writing: bool = False
    """It takes a `reason` and is a dry run unless told otherwise."""
    content: tuple[str, str] | None = None
    """Name of the argument that is the body, and its media type."""
    reason_as: str = ""
    """Field of a JSON body that the `reason` becomes; the body has no other."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that can be read by its address."""

    template: str
    """`tidegate://gates/{gate_id}`."""
    title: str
    description: str
    operation: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A task that people often ask an agent to do with these tools."""

    name: str
    title: str
    description: str
    arguments: Mapping[str, str]
    """What is asked for, by its name."""
    text: str
    """With the arguments in braces."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """All that is offered."""

    tools: Sequence[Tool]
    resources: Sequence[Resource] = ()
    prompts: Sequence[Prompt] = ()
    forbidden: frozenset[str] = frozenset()
    """Operations that no tool may ever be: a test holds it."""

    def find(self, name: str) -> Tool | None:
        return next((tool for tool in self.tools if tool.name == name), None)

    def direct(self, *, may_write: bool) -> list[Tool]:
        return [tool for tool in self.tools if tool.is_direct and (may_write or not tool.is_writing)]

    def search(self, words: str, *, may_write: bool) -> list[Tool]:
        """Return the tools behind `run_tool` that have one of `words` in name, title or description, best first."""
        wanted = words.lower().split()
        hidden = [tool for tool in self.tools if not tool.is_direct and (may_write or not tool.is_writing)]
        ranked = [(sum(word in _text(tool) for word in wanted), tool) for tool in hidden]
        found = [(rank, tool) for rank, tool in ranked if rank or not wanted]
        return [tool for _, tool in sorted(found, key=lambda each: -each[0])]


def _text(tool: Tool) -> str:
    return f"{tool.name.replace('_', ' ')} {tool.title} {tool.description}".lower()
