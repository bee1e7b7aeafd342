"""The verbs of `tidegate ci`."""

import json
from typing import IO, Any

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, printable

_SHOWN = 10


@click.group()
def ci() -> None:
    """Report what CI found."""


@ci.command("report")
@click.argument("file", type=click.File("rb"))
@click.option("--suite", required=True, help="Name of the suite, for example unit or authz.")
@click.option("--commit", required=True, help="Commit that was tested, as the release names it.")
@click.option("--service", help="Service that was tested; left out, the report counts for the commit.")
@click.option("--run-id", help="Id of this run, so that a repeated report counts once.")
@json_option
def report(  # noqa: PLR0917 - one argument an option: click passes them by name
    file: IO[bytes],
    suite: str,
    commit: str,
    service: str | None,
    run_id: str | None,
    as_json: bool,  # noqa: FBT001 - the same
) -> None:
    """Report FILE: JUnit XML, or an AuthzRegressionRun in JSON; - reads stdin.

    Exit code 0 means that the report was received, whatever it says: the verdict is the gate's
    (`tidegate gate why`). 2: the file cannot be read; 6: this run was reported before with another file.
    """
    content = file.read()
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        received = _report_authz(content, suite=suite, commit=commit, service=service, run_id=run_id)
    else:
        about = {"suite": suite, "commit": commit, "service": service, "runId": run_id}
        received = api().post("/api/v1/ci/reports", content=content, content_type="application/xml", parameters=about)
    if as_json:
        print_json(received)
        return
    _print_summary(received)


def _report_authz(content: bytes, *, suite: str, commit: str, service: str | None, run_id: str | None) -> Any:  # noqa: ANN401 - JSON
    try:
        run = json.loads(content)
    except ValueError as error:
        raise click.UsageError(f"The file begins like JSON and is none: {error}.") from error
    said = {"suite": suite, "commit": commit, "service": service, "runId": run_id}
    for field, value in said.items():
        # What the command line says must be what the file says: a run of another commit never counts for this one.
        if value is not None and run.get(field) != value:
            raise click.UsageError(f"The file says {field} {run.get(field)!r}, the command line {value!r}.")
    return api().post("/release/authz-regression", content=content)


def _print_summary(received: dict[str, Any]) -> None:
    totals = received["totals"]
    failed = totals["failed"] + totals["error"]
    about = f"suite {printable(received['suite'])} at {printable(received['commit'])}"
    if received["service"]:
        about += f" of {printable(received['service'])}"
    click.echo(
        f"Received {about}: {totals['total']} cases, {totals['passed']} passed, {failed} failed, "
        f"{totals['skipped']} skipped."
    )
    if not totals["total"]:
        click.echo("There is no case in it: zero tests prove nothing, and gates hold.")
    bad = received.get("failures") or [
        case for case in received.get("cases", ()) if case["outcome"] in {"failed", "error"}
    ]
    for case in bad[:_SHOWN]:
        click.echo(f"  ✗ {printable(case['id'])}")
    if failed > _SHOWN:
        click.echo(f"  and {failed - _SHOWN} more")
    for warning in received.get("warnings", ()):
        click.echo(f"Note: {printable(warning)}", err=True)
