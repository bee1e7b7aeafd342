"""One call of a tool: checked, asked, recorded, told. Knows nothing of the protocol."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.edge.mcp.calls import Answer, Api, call_of
from tidegate.edge.mcp.model import DRY_RUN, REASON, Tool, Toolbox
from tidegate.edge.mcp.rendering import cleaned, error_text, text_of

__all__ = ["RUN_TOOL", "SEARCH_TOOLS", "Asking", "Catalogue", "Noted", "Told"]

SEARCH_TOOLS: Final = "search_tools"
RUN_TOOL: Final = "run_tool"
Noted = Callable[[Tool, Mapping[str, Any], bool], Awaitable[None]]
"""Records that a tool was called with these arguments, and whether that was good; before anything is told."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tools with what they take and answer."""

    toolbox: Toolbox
    takes: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent is told."""

    text: str
    data: Any = None
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """Calls tools in somebody's name."""

    catalogue: Catalogue
    api: Api
    may_write: bool
    origin: str
    """`https://tidegate.example`, for links to pages."""
    noted: Noted

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Told:
        """Call a tool that is listed, or one of the two that lead to the others."""
        if name == SEARCH_TOOLS:
            return self._search(str(arguments.get("query", "")))
        if name == RUN_TOOL:
            wanted, inner = arguments.get("name"), arguments.get("arguments") or {}
            if not isinstance(wanted, str) or not isinstance(inner, dict):
                return _wrong("`name` is the name of a tool and `arguments` an object.")
            return await self._run(wanted, inner)
        return await self._run(name, arguments)

    async def _run(self, name: str, arguments: Mapping[str, Any]) -> Told:
        tool = self.catalogue.toolbox.find(name)
        if tool is None or (tool.is_writing and not self.may_write):
            return _wrong(
                f"There is no tool {name!r} for this token. `{SEARCH_TOOLS}` finds those that are not listed; "
                "tools that write are served at `/mcp?write=true` to tokens with the scope `write`."
            )
        problem = _problem(self.catalogue.takes[name], arguments)
        if problem:
            return _wrong(problem)
        asked = {key: value for key, value in arguments.items() if key not in {REASON, DRY_RUN}}
        if tool.is_writing and arguments.get(DRY_RUN, True):
            call = call_of(tool, asked, reason=arguments[REASON])
            await self.noted(tool, arguments, True)
            return Told(
                f"Dry run: nothing was done. It would be `{call.method} {call.path}`. "
                f"Call `{name}` again with `{DRY_RUN}` false to do it.",
                {"dryRun": True, "method": call.method, "path": call.path, "query": dict(call.query)},
            )
        answer = await self.api.ask(call_of(tool, asked, reason=arguments.get(REASON, "")))
        await self.noted(tool, arguments, answer.is_good)
        return self._told(tool, answer, asked)

    def _told(self, tool: Tool, answer: Answer, arguments: Mapping[str, Any]) -> Told:
        if not answer.is_good:
            return Told(error_text(answer), is_error=True)
        shown = Answer(answer.status, cleaned(answer.body))
        return Told(text_of(tool, shown, arguments, origin=self.origin), shown.body)

    def _search(self, words: str) -> Told:
        found = self.catalogue.toolbox.search(words, may_write=self.may_write)
        if not found:
            return Told("No tool speaks of that. Call it with an empty query to see all.", {"tools": []})
        rows = [f"- `{tool.name}`: {tool.description}" for tool in found]
        data = [
            {"name": tool.name, "description": tool.description, "inputSchema": self.catalogue.takes[tool.name]}
            for tool in found
        ]
        return Told("\n".join([f"{len(found)} tools, called by `{RUN_TOOL}`:", *rows]), {"tools": data})


def _wrong(words: str) -> Told:
    return Told(f"Error `invalid_input` (422).\n{words}", is_error=True)


def _problem(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """Return what is wrong with `arguments`, with the field named; empty for nothing."""
    from jsonschema import Draft202012Validator

    known = ", ".join(f"`{name}`" for name in schema["properties"]) or "none"
    unknown = sorted(set(arguments) - set(schema["properties"]))
    if unknown:
        return f"There is no argument {unknown[0]!r}. Known are: {known}."
    error = next(iter(Draft202012Validator(schema).iter_errors(dict(arguments))), None)
    if error is None:
        return ""
    field = ".".join(map(str, error.absolute_path))
    return f"{f'`{field}`: ' if field else ''}{error.message[:300]}. Arguments are: {known}."
