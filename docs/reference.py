# ruff: noqa: INP001 - a script beside the pages that it writes
"""Writes the generated parts of `docs/reference`: `python docs/reference.py`.

Words are written by hand. Between `<!-- generated … -->` and `<!-- end -->` stands what the code says by itself: verbs
and options, routes and scopes. A test fails when the pages and the code disagree.
"""

import ast
import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.dependencies.models import Dependant
    from fastapi.routing import APIRoute

    from tidegate.edge.caller import Scope

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tidegate"
PAGES = ROOT / "docs" / "reference"
_PART = re.compile(r"(<!-- generated: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FORMATTING = re.compile(r"\s+")


def cli_commands() -> list[tuple[str, click.Command]]:
    """Return every verb of `tidegate` with its words, by name."""
    from tidegate.app.cli import cli

    def walk(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found is not None:
                    yield from walk(f"{words} {name}", found)
        else:
            yield words, command

    return [("tidegate", cli), *walk("tidegate", cli)]


def cli_part() -> str:
    return "\n".join(_command_text(words, command) for words, command in cli_commands())


def _command_text(words: str, command: click.Command) -> str:
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    usage = " ".join([words, *(each.make_metavar(click.Context(command)) for each in arguments)])
    heading = "Every verb" if words == "tidegate" else words
    lines = [f"## {heading}", "", _prose(command.help or ""), ""]
    if words != "tidegate":
        lines += ["```", f"{usage} [OPTIONS]", "```", ""]
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        lines += ["| option | meaning | unless given |", "|---|---|---|"]
        lines += [_option_row(each) for each in options]
        lines.append("")
    return "\n".join(lines)


def _prose(text: str) -> str:
    """Return a docstring as Markdown; a paragraph that opens with a backspace keeps its lines."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        marked = re.match(r"\s*(\x08|\\b)\s*\n", paragraph)
        if marked is not None:
            kept = "\n".join(line.strip() for line in paragraph[marked.end() :].splitlines())
            paragraphs.append(f"```\n{kept}\n```")
        else:
            paragraphs.append(_FORMATTING.sub(" ", paragraph.strip()))
    return "\n\n".join(paragraphs)


def _option_row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    words = [option.help or ""]
    if isinstance(option.type, click.Choice):
        words.append("One of " + ", ".join(f"`{each}`" for each in option.type.choices) + ".")
    if isinstance(option.type, click.IntRange):
        words.append(_bounds_of(option.type))
    if option.envvar:
        words.append(f"Also `{option.envvar}`.")
    meaning = " ".join(filter(None, words)).replace("|", "\\|")
    return f"| {names} | {meaning} | {_default_of(option)} |"


def _bounds_of(numbers: click.IntRange) -> str:
    if numbers.max is None:
        return f"At least {numbers.min}."
    return f"At most {numbers.max}." if numbers.min is None else f"{numbers.min} to {numbers.max}."


def _default_of(option: click.Option) -> str:
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return option.show_default
    default = option.to_info_dict()["default"]
    is_plain = isinstance(default, str | int) and not isinstance(default, bool)
    return f"`{default}`" if is_plain else ""


@cache
def application() -> "FastAPI":
    """Return the HTTP application with every router and nothing behind it."""
    from tidegate.app.routers import ROUTERS
    from tidegate.edge.http import build_http_app

    built = build_http_app(version="0", authenticator=None, authorizer=None, services={})  # type: ignore[arg-type]  # nobody calls it
    for router in ROUTERS:
        built.include_router(router)
    return built


@cache
def routes() -> list[tuple[str, str, str, str, bool]]:
    """Return method, path, scope, words and whether it is in the OpenAPI, for every route in the order of the code."""
    from fastapi.routing import APIRoute

    from tidegate.app.routers import ROUTERS

    document = application().openapi()["paths"]
    found = []
    for router in ROUTERS:
        for route in (each for each in router.routes if isinstance(each, APIRoute)):
            for method in sorted(route.methods or ()):
                words = _FORMATTING.sub(
                    " ", (route.description or f"{route.name.replace('_', ' ').capitalize()}.").strip()
                )
                described = document.get(route.path_format, {}).get(method.lower(), {})
                words += _query_of(described.get("parameters", ()))
                found.append((method, route.path_format, _scope_of(route), words, bool(described)))
    return found


def _query_of(parameters: Iterable[Mapping[str, str]]) -> str:
    asked = [f"`{each['name']}`" for each in parameters if each["in"] == "query"]
    return f" Query: {', '.join(asked)}." if asked else ""


def _scope_of(route: "APIRoute") -> str:
    scopes = sorted({str(scope) for call in _calls(route.dependant) if (scope := _asked_scope(call)) is not None})
    return ", ".join(f"`{scope}`" for scope in scopes) or "none"


def _calls(dependant: "Dependant") -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


def _asked_scope(call: object) -> "Scope | None":
    """Return the scope that a dependency made by `requires` asks for."""
    from tidegate.edge.caller import Scope

    cells = getattr(call, "__closure__", None) or ()
    return next((cell.cell_contents for cell in cells if isinstance(cell.cell_contents, Scope)), None)


def api_part() -> str:
    rows = [row for row in routes() if row[4]]
    return _route_table(rows)


def pages_part() -> str:
    return _route_table([row for row in routes() if not row[4]])


def _route_table(rows: list[tuple[str, str, str, str, bool]]) -> str:
    lines = ["| route | scope | what it does |", "|---|---|---|"]
    lines += [f"| `{method} {path}` | {scope} | {words} |" for method, path, scope, words, _ in rows]
    return "\n".join(lines) + "\n"


@cache
def error_classes() -> list[type[Any]]:
    """Return every error of ours that carries a code of its own, by code."""
    found = []
    for file in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _has_code(node)]
        if names:
            parts = file.relative_to(SOURCE.parent).with_suffix("").parts
            module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
            found += [getattr(module, name) for name in names]
    return sorted(found, key=lambda each: str(each.code))


def _has_code(node: ast.ClassDef) -> bool:
    """Tell whether a class that is an error sets `code`, annotated or not."""
    if not node.name.endswith("Error"):
        return False
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Constant):
            targets = [statement.target]
        if any(isinstance(target, ast.Name) and target.id == "code" for target in targets):
            return True
    return False


def signals_part() -> str:
    """Return every family with its figures, dimensions and rules."""
    from tidegate.alerts import load_rules
    from tidegate.signals.explore import CATALOGUE

    lines: list[str] = []
    for family, entry in CATALOGUE.items():
        lines += [
            f"## `{family}`",
            "",
            f"{entry.title}. {entry.question} Comes from {entry.comes_from}.",
            "",
            "| figure | unit | means |",
            "|---|---|---|",
        ]
        lines += [f"| `{figure.name}` | {figure.unit} | {figure.label} |" for figure in entry.figures]
        splits = ", ".join(f"`{split.name}`" for split in entry.splits)
        lines += ["", f"Split by: {splits}.", ""]
        timed = ", ".join(f"`{split.name}`" for split in entry.splits if split.dimension in entry.timed_by)
        lines += [f"Durations by: {timed}.", ""] if timed else []
        rules = [rule for rule in load_rules() if rule.family is family]
        watched = ", ".join(f"[`{rule.code}`](alert-rules.md)" for rule in rules)
        lines += [f"Rules: {watched or 'none'}.", ""]
    return "\n".join(lines)


def metrics_part() -> str:
    from tidegate.signals.exposition import exposition_of
    from tidegate.signals.model import Family, Totals, figures_of
    from tidegate.signals.service import SPLITS, RetainedFamily

    lines = ["| metric | meaning |", "|---|---|"]
    for family in Family:
        shown = RetainedFamily(
            family,
            figures_of(family, Totals(count=1, priced_count=1)),
            {dimension: {"one": 1} for _, dimension in SPLITS[family]},
        )
        text = exposition_of([shown]).decode()
        for name, words in re.findall(r"^# HELP (tidegate_\w+) (.*)$", text, re.MULTILINE):
            full = name if name.endswith("_total") else f"{name}_total"
            label = f"; label `{name.partition('_by_')[2].removesuffix('_total')}`" if "_by_" in name else ""
            lines.append(f"| `{full}` | {words}{label} |")
    return "\n".join(lines)


def series_part() -> str:
    """Return the metrics that Prometheus's clients see, those with the same labels together."""
    from tidegate.signals.prometheus.model import CATALOGUE

    groups: dict[tuple[str, ...], list[str]] = {}
    for metric in CATALOGUE.values():
        groups.setdefault((metric.reading.family, metric.type, *metric.labels), []).append(metric.name)
    lines = ["| family | type | metrics | labels |", "|---|---|---|---|"]
    for (family, kind, *labels), names in groups.items():
        metrics, marked = (", ".join(f"`{one}`" for one in each) for each in (names, labels))
        lines.append(f"| {family} | {kind} | {metrics} | {marked} |")
    return "\n".join(lines)


def tools_part() -> str:
    from tidegate.app.tools import TOOLBOX

    lines = ["| tool | listed | writes | operation | what it does |", "|---|---|---|---|---|"]
    lines += [
        f"| `{tool.name}` | {'yes' if tool.is_direct else 'by search'} | {'yes' if tool.is_writing else 'no'} "
        f"| `{tool.operation}` | {tool.description} |"
        for tool in TOOLBOX.tools
    ]
    return "\n".join(lines) + "\n"


PARTS = {
    "cli": cli_part,
    "api": api_part,
    "pages": pages_part,
    "signals": signals_part,
    "metrics": metrics_part,
    "series": series_part,
    "tools": tools_part,
}


def rendered(text: str) -> str:
    """Return a page with its generated parts as the code says them now."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part['name']]()}\n{part[3]}", text)


def main() -> None:
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        new = rendered(text)
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")  # noqa: T201 - a script for people


if __name__ == "__main__":
    main()
