"""The verbs of `tidegate gate` about recorded decisions."""

from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["diff", "history"]


@click.command("history")
@click.argument("gate_id", metavar="GATE")
@click.option("--release", help="Name or id of a release; all of them unless said.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@click.option("--cursor", help="Where the next page begins.")
@json_option
def history(gate_id: str, release: str | None, limit: int, cursor: str | None, as_json: bool) -> None:  # noqa: FBT001, PLR0917 - click passes them by name
    """List what GATE decided, newest first."""
    path = f"/api/v1/gates/{quote(gate_id, safe='')}/decisions"
    page = api().get(path, {"release": release, "limit": str(limit), "cursor": cursor})
    if as_json:
        print_json(page)
        return
    rows = [{**one, "release": one["release"] or "-"} for one in page["items"]]
    print_rows(("id", "decidedAt", "verdict", "release", "sentence"), rows, empty="No decision was recorded yet.")
    if page["nextCursor"]:
        click.echo(f"More: --cursor {printable(page['nextCursor'])}", err=True)


@click.command("diff")
@click.argument("gate_id", metavar="GATE")
@click.argument("decision", metavar="[DECISION]", required=False)
@click.option("--against", help="Id of the decision to compare with; the one before of the same release unless said.")
@json_option
def diff(gate_id: str, decision: str | None, against: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Say what changed since: between DECISION, the newest unless named, and an earlier one."""
    base = f"/api/v1/gates/{quote(gate_id, safe='')}/decisions"
    if decision is None:
        newest = api().get(base, {"limit": "1"})["items"]
        if not newest:
            raise click.ClickException("The gate has decided nothing yet.")
        decision = str(newest[0]["id"])
    found = api().get(f"{base}/{quote(decision, safe='')}/diff", {"against": against})
    if as_json:
        print_json(found)
        return
    click.echo(printable(found["sentence"]))
    for side in ("before", "after"):
        one = found[side]
        click.echo(f"  {side:6} {one['id']}  {one['decidedAt']}  {printable(one['sentence'])}")
    for change in found["changes"]:
        click.echo(f"  {', '.join(change['kinds'])}: {printable(change['sentence'])}")
    click.echo(f"  {found['sameCount']} unchanged")
