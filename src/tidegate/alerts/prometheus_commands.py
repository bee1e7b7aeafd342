"""`tidegate rule test` and `tidegate rule import`: rules and objectives of other tools, without a server."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from tidegate.edge.console import json_option, print_json, printable
from tidegate.kernel.errors import TidegateError

__all__ = ["import_rules", "rule", "test_rules"]


@click.group()
def rule() -> None:
    """Rules: test them, and read those of other tools."""


@rule.command("test")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def test_rules(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Run files of rule tests as `promtool test rules` does; exit code 1 when one fails."""
    results = []
    for file in files:
        failures = _failures(file)
        results.append({"file": str(file), "passed": not failures, "failures": failures})
        if not as_json:
            click.echo(f"Unit Testing:  {printable(file)}")
            click.echo("  FAILED:" if failures else "  SUCCESS")
            for failure in failures:
                click.echo("\n".join(map(printable, failure.split("\n"))) + "\n")
            click.echo()
    if as_json:
        print_json(results)
    sys.exit(0 if all(result["passed"] for result in results) else 1)


@rule.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["prometheus", "sloth", "pyrra", "openslo"]),
              help="Whose file it is; found out when it is left out.")  # fmt: skip
@click.option("--check", is_flag=True, required=True, help="Say what is taken and what is refused; store nothing.")
@json_option
def import_rules(file: Path, form: str | None, *, check: bool, as_json: bool) -> None:
    """Say for each rule of another tool's file whether it is taken; exit code 1 when one is not."""
    del check  # asked for in words, so that a later verb that stores is another one
    try:
        rows = list(_checked(file.read_bytes(), form))
    except TidegateError as error:
        rows = [_row("file", file.name, error)]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            words = printable(row["reason"] or row["detail"])
            click.echo(f"{row['verdict'].upper():9}{printable(row['kind']):11}{printable(row['name'])}: {words}")
        refused = sum(row["verdict"] == "refused" for row in rows)
        click.echo(f"{len(rows) - refused} taken, {refused} refused.", err=True)
    sys.exit(1 if any(row["verdict"] == "refused" for row in rows) else 0)


def _failures(file: Path) -> list[str]:
    """Return what fails in one file of tests; what cannot be read or is outside the subset fails as well."""
    from tidegate.promql.rule_files import Group, read_rule_file
    from tidegate.promql.rule_tests import run_test_file
    from tidegate.promql.testing_files import read_test_file

    try:
        tests = read_test_file(file.read_bytes())
        groups: list[Group] = []
        refusals = []
        for path in _rule_files(file, tests.rule_files):
            found = read_rule_file(path.read_bytes())
            groups.extend(found.groups)
            refusals += [f"    {path.name}: group {one.group}, rule {one.position}, {one.rule}: {one.error.message}"
                         for one in found.refusals]  # fmt: skip
        return refusals or run_test_file(tests, groups)
    except TidegateError as error:
        return [f"    {error.message}"]
    except OSError as error:
        return [f"    {error.filename}: {error.strerror}"]


def _rule_files(file: Path, patterns: Sequence[str]) -> Iterator[Path]:
    import glob

    for pattern in patterns:
        # Relative to the file of tests, as promtool has it.
        found = sorted(glob.glob(str(file.parent / pattern)))  # noqa: PTH207 - the pattern may be absolute
        if not found:
            click.echo(f"  WARNING: no file match pattern {printable(file.parent / pattern)}", err=True)
        yield from map(Path, found)


def _checked(content: bytes, form: str | None) -> Iterator[dict[str, Any]]:
    from tidegate.promql.objectives.reading import PROMETHEUS, find_format

    form = form or find_format(content)
    return _checked_rules(content) if form == PROMETHEUS else _checked_objectives(content, form)


def _checked_rules(content: bytes) -> Iterator[dict[str, Any]]:
    from tidegate.promql.rule_files import read_rule_file

    file = read_rule_file(content)
    for group in file.groups:
        for one in group.rules:
            yield _row("alert" if one.is_alert else "record", f"{group.name}/{one.name}", detail=one.source)
    for refusal in file.refusals:
        yield _row("rule", f"{refusal.group}/{refusal.rule}", refusal.error)


def _checked_objectives(content: bytes, form: str) -> Iterator[dict[str, Any]]:
    from tidegate.promql.objectives.reading import read_objectives

    imported = read_objectives(content, form)
    for objective in imported.objectives:
        generated = objective.generate(objective)
        yield _row("objective", objective.id, detail=_described(objective))
        refused = {refusal.name for refusal in generated.refusals}
        for one in (one for group in generated.groups for one in group.rules):
            if f"{objective.id} {one.name}" not in refused:
                yield _row("alert" if one.is_alert else "record", f"{objective.id}/{one.name}", detail=one.expression)
        for refusal in generated.refusals:
            yield _row("rule", refusal.name, refusal.error)
    for refusal in imported.refusals:
        yield _row("objective", refusal.name, refusal.error)


def _described(objective: Any) -> str:  # noqa: ANN401 - the package is loaded when the verb runs
    from tidegate.promql.durations import duration_of
    from tidegate.promql.numbers import exact_text

    rates = ", ".join(f"{exact_text(rate.factor)} over {duration_of(rate.long_ms)}" for rate in objective.burn_rates)
    return f"{exact_text(objective.target * 100)} % over {duration_of(objective.window_ms)}; burn rates {rates}"


def _row(kind: str, name: str, error: TidegateError | None = None, *, detail: str = "") -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "verdict": "taken" if error is None else "refused",
        "code": None if error is None else error.code,
        "reason": None if error is None else error.message,
        "detail": " ".join(detail.split()),
    }
