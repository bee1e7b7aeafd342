"""`tidegate db`: backups of the embedded engines, and whether their data are sound."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from tidegate.app.options import data_dir_option, run_operator
from tidegate.edge.console import json_option, print_json, printable

__all__ = ["db"]


@click.group()
def db() -> None:
    """The engines of this data directory: back up, restore, check (operator)."""


@db.command("backup")
@click.argument("path", type=click.Path(path_type=Path))
@data_dir_option
@json_option
def backup(path: Path, data_dir: Path, *, as_json: bool) -> None:
    """Write a backup of everything to the new folder PATH, with the server up or down.

    It holds all secrets: keep it as you keep the data directory.
    """
    from tidegate.app.backup.making import back_up

    made = run_operator(back_up(data_dir, path, say=_say))
    size = sum(each.bytes for each in made.files.values())
    rows = sum(each.rows for each in made.tables.values())
    stored = sum(count for archive in made.archives.values() for count in archive.values())
    if as_json:
        print_json({
            "path": str(path.absolute()), "createdAt": made.created_at, "bytes": size,
            "stateRows": rows, "telemetryRows": stored, "tidegate": made.tidegate,
        })  # fmt: skip
        return
    click.echo(printable(f"Wrote {path}: {size / 1e6:,.1f} MB, {rows:,} rows of state, {stored:,} of telemetry."))
    click.echo(f"To use it: tidegate db restore {path} --data-dir NEW", err=True)


@db.command("restore")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@data_dir_option
@json_option
def restore(path: Path, data_dir: Path, *, as_json: bool) -> None:
    """Make the installation of the backup PATH again, in an empty or absent data directory."""
    from tidegate.app.backup.restoring import restore as put_back

    made = run_operator(put_back(path, data_dir, say=_say))
    if as_json:
        print_json({"dataDir": str(data_dir.absolute()), "createdAt": made.created_at, "tidegate": made.tidegate})
        return
    click.echo(printable(f"Restored {data_dir} as of {made.created_at}."))
    click.echo(f"Next: tidegate db check --data-dir {data_dir}, then tidegate serve --data-dir {data_dir}", err=True)


@db.command("check")
@data_dir_option
@json_option
def check(data_dir: Path, *, as_json: bool) -> None:
    """Read all that is stored and say whether it is sound: 0 when it is, 1 when not. With the server up or down."""
    from tidegate.app.backup.checking import run_checks

    findings = run_operator(run_checks(data_dir, say=_say))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(printable(f"{finding.outcome.upper():8}{finding.name}: {finding.sentence}"))
            if finding.outcome != "ok" and finding.fix:
                click.echo(printable(f"        {finding.fix}"))
    sys.exit(1 if any(finding.outcome in {"fail", "unknown"} for finding in findings) else 0)


def _say(words: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"… {words}", err=True)
