"""`tidegate rule test`: files of rule tests, without a server."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from tidegate.edge.console import json_option, print_json, printable
from tidegate.kernel.errors import TidegateError

__all__ = ["rule", "test_rules"]


@click.group()
def rule() -> None:
    """Rules: test them."""


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
