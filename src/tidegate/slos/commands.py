"""The verbs of `tidegate slo`."""

import sys
from collections.abc import Sequence
from typing import IO, Any
from urllib.parse import quote

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import EXIT_CODES, json_option, print_json, print_rows, printable

_YAML = "application/yaml"
_ROUTE = "/api/v1/objectives"
_WORDS = {"met": "MET", "exhausted": "EXHAUSTED", "no_data": "NO DATA"}


@click.group()
def slo() -> None:
    """Objectives: how much error budget is left, and how fast it burns.

    `show` and `burn` end with 3 when the budget is exhausted or burns too fast, and with 8 without data.
    """


@slo.command("list")
@click.option("--service", help="Only of this service.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the page before ended.")
@json_option
def list_(service: str | None, limit: int, cursor: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List objectives and how much of their budgets is left."""
    page = api().get(_ROUTE, {"service": service, "limit": limit, "cursor": cursor})
    if as_json:
        print_json(page)
        return
    rows = [
        {
            **own,
            "state": _WORDS[own["budget"]["state"]],
            "left": _percent(own["budget"]["leftShare"]),
            "reached": _percent(own["budget"]["reached"]),
            "target": _percent(own["target"]),
            "burning": ", ".join(sorted({one["severity"] for one in own["burning"]})),
        }
        for own in page["items"]
    ]
    print_rows(
        ("name", "service", "state", "left", "reached", "target", "window", "burning"),
        rows,
        empty="No objective yet. `tidegate slo apply FILE` sets some: docs/how-to/set-objectives.md.",
    )
    if page["nextCursor"]:
        click.echo(f"There are more: --cursor {page['nextCursor']}", err=True)


@slo.command("show")
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="Tenants, the worst first.")
@click.option("--cursor", help="Where the tenants of the page before ended.")
@click.option("--file", "as_file", is_flag=True, help="Print the file that `tidegate slo apply` takes, as JSON.")
@json_option
def show(  # noqa: PLR0917 - one argument an option: click passes them by name
    name: str,
    limit: int,
    cursor: str | None,
    as_file: bool,  # noqa: FBT001 - click passes it by name
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Show the objective NAME: its budget, its policy and its tenants."""
    found = _get(name, limit=limit, cursor=cursor)
    if as_file:
        print_json(found["file"])
        return
    if as_json:
        print_json(found)
    else:
        _print_head(found)
        click.echo(f"  policy: {found['policy']['state']}. {printable(found['policy']['reason'])}")
        _print_tenants(found)
    sys.exit(_exit_code(found))


@slo.command("burn")
@click.argument("name")
@json_option
def burn(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show how fast the objective NAME burns, window by window."""
    found = _get(name, limit=1)
    if as_json:
        print_json({"name": found["name"], "burns": found["budget"]["burns"], "burning": found["burning"]})
    else:
        _print_head(found)
        rows = [
            {**own, "burn": "no data" if own["burn"] is None else f"{own['burn']:.3g}"}
            for own in found["budget"]["burns"]
        ]
        print_rows(("window", "burn", "badCount", "totalCount", "from", "to"), rows, empty="")
        for one in found["pairs"]:
            if one["leftOutBecause"]:
                click.echo(f"{one['long']}/{one['short']} is left out: {one['leftOutBecause']}", err=True)
    for finding in found["burning"]:
        click.echo(f"{finding['severity']}  {printable(finding['sentence'])}", err=as_json)
    sys.exit(_exit_code(found))


@slo.command("check")
@click.argument("files", type=click.File("rb"), nargs=-1, required=True)
@json_option
def check(files: Sequence[IO[bytes]], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Check objective FILES without storing them; exit code 2 names file, line and field."""
    plans = _sent(files, "plan")
    if as_json:
        print_json(plans)
        return
    for file, plan in zip(files, plans, strict=True):
        click.echo(f"{printable(file.name)} is valid: {len(plan['changes'])} objectives")
        for change in plan["changes"]:
            for pair in change["pairs"]:
                if pair["leftOutBecause"]:
                    click.echo(f"  {printable(change['name'])}: {pair['long']}/{pair['short']} is left out: "
                               f"{pair['leftOutBecause']}", err=True)  # fmt: skip


@slo.command("plan")
@click.argument("files", type=click.File("rb"), nargs=-1, required=True)
@json_option
def plan(files: Sequence[IO[bytes]], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show what applying FILES would change."""
    _print_changes(_sent(files, "plan"), as_json=as_json)


@slo.command("apply")
@click.argument("files", type=click.File("rb"), nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@json_option
def apply(files: Sequence[IO[bytes]], dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Set the objectives in FILES, each file all or none; nothing is set while one of them is wrong.

    Objectives that no file names stay: `tidegate slo remove NAME`.
    """
    contents = [file.read() for file in files]
    plans = _sent(files, "plan", contents)
    _print_changes(plans if dry_run else _sent(files, "apply", contents), as_json=as_json)


@slo.command("remove")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def remove(name: str, dry_run: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Remove the objective NAME; its versions stay."""
    found = _get(name, limit=1)
    if dry_run:
        click.echo(f"{printable(name)} would be removed, at version {found['version']}.")
        return
    api().delete(f"{_ROUTE}/{quote(name, safe='')}")
    click.echo(f"{printable(name)} is removed. What it was: `tidegate audit list`; set it again with its file.")


@slo.command("freezes")
@click.argument("name")
@json_option
def freezes(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show whether the objective NAME freezes releases, since when and why, and what happened before.

    Ends with 3 while releases are frozen, and with 8 when nobody can tell.
    """
    found = api().get(f"{_ROUTE}/{quote(name, safe='')}/freezes")
    if as_json:
        print_json(found)
    else:
        since = f" since {found['since']}" if found["since"] else ""
        click.echo(f"{found['state'].upper()}{since}. {printable(found['reason'])}")
        for one in found["exceptions"]:
            click.echo(f"  exception {one['id']} of {one['by']} until {one['until']}: {printable(one['reason'])}")
        print_rows(("at", "kind", "words"), found["events"], empty="Nothing was ever frozen.")
    sys.exit(EXIT_CODES[{"frozen": "no_go", "unknown": "hold"}.get(found["state"], "go")])


@slo.command("except")
@click.argument("name")
@click.option("--reason", required=True, help="Why a release must not wait.")
@click.option("--until", required=True, help="When it ends, as `2026-12-24T18:00:00Z`; within 7 days.")
@json_option
def except_(name: str, reason: str, until: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Let releases through the freeze of the objective NAME for a while; for people of a role that its policy names."""
    made = api().post(f"{_ROUTE}/{quote(name, safe='')}/exceptions", {"reason": reason, "until": until})
    if as_json:
        print_json(made)
    else:
        click.echo(
            f"Exception {made['id']} lets releases through until {made['until']}, or until the freeze is lifted."
        )


@slo.command("end-exception")
@click.argument("name")
@click.argument("exception")
def end_exception(name: str, exception: str) -> None:
    """End EXCEPTION of the objective NAME before its time."""
    api().delete(f"{_ROUTE}/{quote(name, safe='')}/exceptions/{quote(exception, safe='')}")
    click.echo(f"Exception {printable(exception)} is over.")


def _get(name: str, *, limit: int, cursor: str | None = None) -> Any:  # noqa: ANN401 - JSON
    return api().get(f"{_ROUTE}/{quote(name, safe='')}", {"limit": limit, "cursor": cursor})


def _sent(files: Sequence[IO[bytes]], verb: str, contents: Sequence[bytes] | None = None) -> list[Any]:
    """Send each file; an error is preceded by the file's name, so that `file, line, field` stands in one line."""
    found = []
    for file, content in zip(files, contents if contents is not None else [f.read() for f in files], strict=True):
        try:
            found.append(api().post(f"{_ROUTE}/{verb}", content=content, content_type=_YAML))
        except CliError as error:
            raise CliError(f"{printable(file.name)}: {error.message}", exit_code=error.exit_code) from error
    return found


def _print_changes(plans: Sequence[Any], *, as_json: bool) -> None:
    if as_json:
        print_json(plans)
        return
    rows = [change for plan in plans for change in plan["changes"]]
    print_rows(("change", "name", "version"), rows, empty="Nothing changes.")


def _print_head(found: dict[str, Any]) -> None:
    budget = found["budget"]
    click.echo(
        f"{_WORDS[budget['state']]}  {printable(found['title'])} · {printable(found['name'])} · {found['window']}"
    )
    if budget["totalCount"]:
        click.echo(
            f"  {_percent(budget['leftShare'])} of the budget is left: {budget['badCount']:,} of "
            f"{budget['totalCount']:,} were bad, {budget['allowedCount']:,.6g} may be · {_ending(budget)}"
        )
    else:
        click.echo("  There are no data in this window: neither met nor missed.")
    if found["unknownCount"]:
        click.echo(f"  {found['unknownCount']:,} slices have no data, and are neither good nor bad.")


def _print_tenants(found: dict[str, Any]) -> None:
    population = found["population"]
    if population is None:
        return
    click.echo(
        f"  tenants: {population['withinCount']} within, {population['exhaustedCount']} exhausted, "
        f"{population['noDataCount']} without data"
    )
    rows = [{**own, "left": _percent(own["leftShare"]), "state": _WORDS[own["state"]]} for own in found["tenants"]]
    print_rows(("tenant", "state", "left", "badCount", "totalCount"), rows, empty="")
    if found["nextCursor"]:
        click.echo(f"There are more: --cursor {found['tenants']['nextCursor']}", err=True)


def _ending(budget: dict[str, Any]) -> str:
    if budget["exhaustion"] == "in":
        return f"exhausted in {budget['exhaustedInS'] / 3600:.3g} h at this burn"
    return {"exhausted": "exhausted", "not_at_this_burn": "lasts at this burn"}.get(
        budget["exhaustion"], "nobody knows how long it lasts"
    )


def _percent(share: float | None) -> str:
    return "no data" if share is None else f"{share * 100:.5g}%"


def _exit_code(found: dict[str, Any]) -> int:
    """Return 3 when budget is exhausted or burns fast, 8 without data: nobody knows is not good."""
    if found["budget"]["state"] == "exhausted" or any(one["severity"] == "P1" for one in found["burning"]):
        return EXIT_CODES["no_go"]
    return EXIT_CODES["hold"] if found["budget"]["state"] == "no_data" else EXIT_CODES["go"]
