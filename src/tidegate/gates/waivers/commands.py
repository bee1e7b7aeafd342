"""The verbs of `tidegate gate` about waivers."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.kernel import InvalidInputError, parse_duration

__all__ = ["waive", "waivers"]

_COLUMNS = ("id", "gate", "check", "for", "owner", "expiresAt", "state", "reason")


@click.command("waive")
@click.argument("gate_id", metavar="GATE")
@click.argument("check", metavar="CHECK")
@click.option("--reason", required=True, help="Why it may go out all the same.")
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--until", required=True, help="When it blocks again: a moment with an offset, or a duration like 3d.")
@click.option("--release", help="For this release alone; every release unless said.")
@click.option("--tenant", help="For a check that asks about this tenant.")
def waive(  # noqa: PLR0913, PLR0917 - click passes them by name
    gate_id: str, check: str, reason: str, owner: str, until: str, release: str | None, tenant: str | None
) -> None:
    """Print where a person waives CHECK of GATE, with the form filled in.

    A token proves nobody: the person opens the page, proves who they are, and gives the waiver there.
    """
    gate = api().get(f"/api/v1/gates/{quote(gate_id, safe='')}")
    known = [one["id"] for one in gate["checks"]]
    if check not in known:
        raise click.BadParameter(f"the gate has no check {check!r}. It has: {', '.join(known)}", param_hint="CHECK")
    query = {"check": check, "reason": reason, "owner": owner, "expiresAt": _moment(until)}
    query |= {name: value for name, value in (("release", release), ("tenant", tenant)) if value}
    click.echo(f"{api().url}/gates/{quote(gate_id, safe='')}/waive?{urlencode(query)}")
    click.echo("Open it as a person who may waive, and confirm.", err=True)


@click.command("waivers")
@click.argument("gate_id", metavar="[GATE]", required=False)
@click.option("--state", type=click.Choice(["in_force", "over"]), help="Only those in force, or those that are over.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the next page begins.")
@json_option
def waivers(  # noqa: PLR0917 - click passes them by name
    gate_id: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,  # noqa: FBT001 - the same
) -> None:
    """List the waivers of GATE, or of all gates, newest first."""
    path = f"/api/v1/gates/{quote(gate_id, safe='')}/waivers" if gate_id else "/api/v1/waivers"
    page = api().get(path, {"state": state, "limit": str(limit), "cursor": cursor})
    if as_json:
        print_json(page)
        return
    rows = [
        {
            **one,
            "for": one["release"] or one["tenant"] or "every release",
            "state": "in force" if one["isInForce"] else "ended" if one["endedAt"] else "over",
        }
        for one in page["items"]
    ]
    print_rows(_COLUMNS, rows, empty="No waiver.")
    if page["nextCursor"]:
        click.echo(f"More: --cursor {printable(page['nextCursor'])}", err=True)


def _moment(until: str) -> str:
    """Return the end with its offset; a duration counts from now."""
    try:
        return (datetime.now(UTC) + parse_duration(until, field="until")).isoformat(timespec="seconds")
    except InvalidInputError:
        pass
    try:
        moment = datetime.fromisoformat(until)
    except ValueError as error:
        raise click.BadParameter(
            "write 2026-03-01T12:00:00+01:00, or a duration like 3d", param_hint="--until"
        ) from error
    if moment.tzinfo is None:
        raise click.BadParameter("the moment needs an offset: Z, or like +01:00", param_hint="--until")
    return moment.isoformat()
