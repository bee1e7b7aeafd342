"""The verbs of `tidegate freeze`."""

from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.gates.approvals.moments import moment_of

__all__ = ["freeze"]


@click.group()
def freeze() -> None:
    """Freezes: when nothing goes out, and what may all the same."""


@freeze.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the next page begins.")
@json_option
def list_(limit: int, cursor: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List freezes, newest first."""
    page = api().get("/api/v1/freezes", {"limit": str(limit), "cursor": cursor})
    if as_json:
        print_json(page)
        return
    rows = [
        {**one, "state": "lifted" if one["liftedAt"] else "in force" if one["isInForce"] else "not in force",
         "exceptions": ", ".join(f"{each['id']} {'accepted' if each['acceptedAt'] else 'waits'}"
                                 for each in one["exceptions"])}
        for one in page["items"]
    ]  # fmt: skip
    print_rows(("id", "title", "startsAt", "endsAt", "state", "exceptions"), rows, empty="No freeze was set.")
    if page["nextCursor"]:
        click.echo(f"More: --cursor {printable(page['nextCursor'])}", err=True)


@freeze.command("set")
@click.argument("title", metavar="TITLE")
@click.option("--from", "start", default="0s", help="A moment with an offset, or a duration from now.")
@click.option("--until", required=True, help="A moment with an offset, or a duration from now.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of the calendar that it stands in.")
@click.option("--reason", required=True)
@json_option
def set_(title: str, start: str, until: str, zone: str, reason: str, as_json: bool) -> None:  # noqa: FBT001, PLR0917 - click passes them by name
    """Freeze all releases from one moment to another."""
    wish = {"title": title, "reason": reason, "zone": zone, "endsAt": moment_of(until)}
    made = api().post("/api/v1/freezes", wish | {"startsAt": moment_of(start, "--from")})
    if as_json:
        print_json(made)
        return
    click.echo(
        f"{made['id']}: frozen from {made['startsAt']} to {made['endsAt']}. Undo: tidegate freeze lift {made['id']}"
    )


@freeze.command("lift")
@click.argument("freeze_id", metavar="FREEZE")
def lift(freeze_id: str) -> None:
    """Lift FREEZE before its time."""
    lifted = api().delete(f"/api/v1/freezes/{quote(freeze_id, safe='')}")
    click.echo(f"{lifted['id']} is lifted.")


@freeze.command("except")
@click.argument("freeze_id", metavar="FREEZE")
@click.option("--reason", required=True, help="Why it goes out all the same.")
@click.option("--until", required=True, help="A moment with an offset, or a duration from now.")
@click.option("--release", help="Name or id of a release; the candidate unless said.")
@json_option
def except_(freeze_id: str, reason: str, until: str, release: str | None, as_json: bool) -> None:  # noqa: FBT001, PLR0917 - click passes them by name
    """Ask that one release goes out in FREEZE; another person has to accept it."""
    wish = {"reason": reason, "expiresAt": moment_of(until)} | ({"release": release} if release else {})
    asked = api().post(f"/api/v1/freezes/{quote(freeze_id, safe='')}/exceptions", wish)
    if as_json:
        print_json(asked)
        return
    click.echo(f"{asked['id']} waits for a second person until {asked['expiresAt']}.")
