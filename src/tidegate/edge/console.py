"""How CLI verbs print: a table for a terminal, tab-separated values for a pipe, the API's object with `--json`."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

__all__ = ["EXIT_CODES", "GLYPHS", "exit_with_verdict", "json_option", "print_json", "print_rows", "printable"]

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_CODES = {"go": 0, "no_go": 3, "hold": 8}
GLYPHS = {
    "go": "●",
    "hold": "◐",
    "no_go": "■",
    "passed": "✓",
    "warned": "!",
    "waived": "~",
    "failed": "✗",
    "missing": "◌",
    "stale": "◌",
    "pending": "◌",
    "inconclusive": "◌",
    "error": "◌",
}
# Control characters, and those that turn the direction of text or end its line, so that no name poses as another one.
_DECEPTIVE = (*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_CONTROL = dict.fromkeys(_DECEPTIVE)
_ESCAPED = {code: f"\\u{code:04x}" for code in _DECEPTIVE if code > 31}  # below, JSON itself escapes


def json_option(command: Command) -> Command:
    """Add `--json`: the API object on stdout, nothing else."""
    return click.option("as_json", "--json", is_flag=True, help="Print the API object as JSON.")(command)


def print_json(value: object) -> None:
    """Print `value` as JSON; what a terminal would obey stands escaped, which reads back the same."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).translate(_ESCAPED))


def print_rows(columns: Sequence[str], rows: Sequence[Mapping[str, object]], *, empty: str) -> None:
    """Print `rows`: aligned under a header for a terminal; tab-separated, complete and without header for a pipe."""
    cells = [[printable(row.get(column)) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for line in cells:
            click.echo("\t".join(line))
        if not cells and empty:
            click.echo(empty, err=True)  # no line is an answer as well, and a person wants to know that it is one
        return
    if not cells:
        click.echo(empty)
        return
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    click.secho("  ".join(c.upper().ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip(), bold=True)
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def printable(value: object) -> str:
    """Return `value` as text of one line; control characters from telemetry never reach a terminal."""
    if value is None:
        return "-"
    return str(value).translate(_CONTROL)


def exit_with_verdict(verdict: str) -> None:
    """End the process with the exit code of `verdict`: 0 GO, 3 NO-GO, 8 HOLD."""
    sys.exit(EXIT_CODES[verdict])
