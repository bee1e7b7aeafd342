"""`python -m examples.harbor`: plant and remove faults, run the authorization suite, fix what `make run` planted."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import click

from examples.harbor.authz_reports import ReportError, describe_run, report_run, write_junit
from examples.harbor.authz_suite import SuiteError, run_suite
from examples.harbor.board import EXIT_CODES, SHOWN, keep_loopback_off_proxies, print_board, wait_for_go
from examples.harbor.commit import find_commit
from examples.harbor.faults import MEANINGS, NONE_ON, Fault, FaultFileError, read_faults, write_faults
from examples.harbor.places import DEFAULT_DATA_DIR, HARBOR_PORT, LOOPBACK, TIDEGATE_PORT, fault_file
from examples.harbor.record import RunRecord, find_record

# Harbor's auth gate wants one quiet minute; two are what the whole path from fix to GO may take.
GO_DEADLINE_S = 120.0

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DATA_DIR,
    help="The data directory of the run. Default: .tidegate in the repository.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Work with a running harbor."""
    keep_loopback_off_proxies()


@cli.group()
def fault() -> None:
    """Plant faults in the running service, or take them away."""


@fault.command("list")
@data_dir_option
def list_faults(*, data_dir: Path) -> None:
    """Show every fault and whether it is on."""
    try:
        switches = read_faults(fault_file(data_dir))
    except FaultFileError as error:
        raise click.ClickException(str(error)) from error
    for one in Fault:
        click.echo(f"{one.value}\t{'on' if switches[one] else 'off'}\t{MEANINGS[one]}")


@fault.command("set")
@click.argument("name", type=click.Choice([one.value for one in Fault]))
@click.argument("state", type=click.Choice(["on", "off"]))
@data_dir_option
def set_fault(*, name: str, state: str, data_dir: Path) -> None:
    """Switch one fault on or off; the running service notices at its next request."""
    path = fault_file(data_dir)
    try:
        switches = dict(read_faults(path))
    except FaultFileError as error:
        raise click.ClickException(str(error)) from error
    switches[Fault(name)] = state == "on"
    write_faults(path, switches)
    undo = "off" if state == "on" else "on"
    click.echo(f"{name} is {state}. Undo: python -m examples.harbor fault set {name} {undo}")


@cli.command()
@click.option("--url", help="Harbor. Default: the one that `make run` started.")
@click.option("--commit", help="The commit that is tested. Default: the one of `make run`, else of the checkout.")
@click.option("--report", "is_reported", is_flag=True, help="Send it to tidegate (TIDEGATE_URL, TIDEGATE_TOKEN).")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the cases as JUnit XML too.")
@data_dir_option
def check(*, url: str | None, commit: str | None, is_reported: bool, junit: Path | None, data_dir: Path) -> None:
    """Run the authorization suite against the running service; exit code 1 when a case does not pass."""
    record = find_record(data_dir)
    url = url or (record.harbor_url if record else f"http://{LOOPBACK}:{HARBOR_PORT}")
    commit = commit or (record.commit if record else find_commit())
    try:
        run = asyncio.run(run_suite(url, commit=commit))
        click.echo(describe_run(run))
        if junit is not None:
            write_junit(run, junit)
        if is_reported:
            tidegate_url, token = _where_to_report(record)
            asyncio.run(report_run(run, tidegate_url=tidegate_url, token=token))
            click.echo(f"Reported to {tidegate_url} as {run.run_id}.")
    except (SuiteError, ReportError) as error:
        raise click.ClickException(str(error)) from error
    if run.failures:
        sys.exit(1)


@cli.command()
@data_dir_option
def fix(*, data_dir: Path) -> None:
    """Take the planted faults away, run the suite again for the same commit, report it, and wait for GO."""
    record = find_record(data_dir)
    if record is None:
        raise click.ClickException("Nothing to fix: no run is under way. Start one with `make run`.")
    started = time.monotonic()
    write_faults(fault_file(data_dir), NONE_ON)
    click.echo("Planted faults are off.")
    try:
        run = asyncio.run(run_suite(record.harbor_url, commit=record.commit))
        click.echo(describe_run(run))
        asyncio.run(report_run(run, tidegate_url=record.tidegate_url, token=record.token))
    except (SuiteError, ReportError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Reported to {record.tidegate_url}. Waiting for the board (at most {GO_DEADLINE_S:.0f} s) …")
    verdict = asyncio.run(wait_for_go(record, deadline_s=GO_DEADLINE_S))
    _print_board(record)
    click.echo(f"{SHOWN[verdict]} after {time.monotonic() - started:.1f} s.")
    sys.exit(EXIT_CODES[verdict])


def _print_board(record: RunRecord) -> None:
    try:
        print_board(record)
    except (OSError, subprocess.TimeoutExpired) as error:
        click.echo(f"The board could not be printed: {error}", err=True)


def _where_to_report(record: RunRecord | None) -> tuple[str, str]:
    default_url = record.tidegate_url if record else f"http://{LOOPBACK}:{TIDEGATE_PORT}"
    token = os.environ.get("TIDEGATE_TOKEN") or (record.token if record else None)
    if token is None:
        raise ReportError("Set TIDEGATE_TOKEN to a token with the scope `write`: `tidegate token create`.")
    return os.environ.get("TIDEGATE_URL", default_url), token


if __name__ == "__main__":
    cli(prog_name="python -m examples.harbor")
