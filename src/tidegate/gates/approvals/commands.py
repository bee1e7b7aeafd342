"""The verbs of `tidegate gate` about approvals and overrides, and those of `tidegate function`."""

import json
from urllib.parse import quote, urlencode

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.gates.approvals.moments import moment_of

__all__ = ["approvals", "approve", "function", "override", "overrides"]


@click.command("approve")
@click.argument("gate_id", metavar="GATE")
@click.argument("check", metavar="[CHECK]", required=False)
@click.option("--role", help="For whom you speak.")
@click.option("--release", help="Name or id of a release; the candidate unless said.")
def approve(gate_id: str, check: str | None, role: str | None, release: str | None) -> None:
    """Print where a person approves a release at GATE.

    A token proves nobody: the person opens the page, proves who they are, and approves there.
    """
    path = f"/gates/{quote(gate_id, safe='')}/approve"
    desk = api().get(f"/api/v1/gates/{quote(gate_id, safe='')}/approvals", {"release": release})
    known = [one["check"] for one in desk["asked"]]
    if check is not None and check not in known:
        asked = ", ".join(known) or "none"
        raise click.BadParameter(f"no check {check!r} asks for approvals: {asked}", param_hint="CHECK")
    query = {name: said for name, said in (("check", check), ("role", role), ("release", release)) if said}
    click.echo(f"{api().url}{path}{'?' if query else ''}{urlencode(query)}")
    click.echo("Open it as a person who may approve, and confirm.", err=True)


@click.command("approvals")
@click.argument("gate_id", metavar="GATE")
@click.option("--release", help="Name or id of a release; the candidate unless said.")
@json_option
def approvals(gate_id: str, release: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show who is asked to approve at GATE, and who did."""
    desk = api().get(f"/api/v1/gates/{quote(gate_id, safe='')}/approvals", {"release": release})
    if as_json:
        print_json(desk)
        return
    for one in desk["asked"]:
        roles = ", ".join(printable(role) for role in one["roles"])
        click.echo(f"{printable(one['title'])} ({one['check']}): {one['quorum']} of each: {roles}")
    rows = [{**one, "state": "stands" if one["stands"] else "counts no more"} for one in desk["items"]]
    print_rows(("id", "check", "role", "name", "givenAt", "state", "note"), rows, empty="Nobody approved.")


@click.command("override")
@click.argument("gate_id", metavar="GATE")
@click.option("--reason", required=True, help="Why it goes out all the same.")
@click.option("--until", required=True, help="At most 24h: a moment with an offset, or a duration like 4h.")
@click.option("--release", help="Name or id of a release; the candidate unless said.")
@json_option
def override(gate_id: str, reason: str, until: str, release: str | None, as_json: bool) -> None:  # noqa: FBT001, PLR0917 - click passes them by name
    """Ask that GATE is overridden; another person has to confirm it on the page of its approvals."""
    wish = {"reason": reason, "expiresAt": moment_of(until)} | ({"release": release} if release else {})
    asked = api().post(f"/api/v1/gates/{quote(gate_id, safe='')}/overrides", wish)
    if as_json:
        print_json(asked)
        return
    checks = ", ".join(f"{one['check']} ({one['outcome']})" for one in asked["checks"])
    click.echo(f"{asked['id']} waits for a second person until {asked['expiresAt']}. It lets through: {checks}")
    click.echo(f"Another person confirms it: {api().url}/gates/{quote(gate_id, safe='')}/approve", err=True)


@click.command("overrides")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the next page begins.")
@json_option
def overrides(limit: int, cursor: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List the overrides of all gates, newest first."""
    page = api().get("/api/v1/overrides", {"limit": str(limit), "cursor": cursor})
    if as_json:
        print_json(page)
        return
    columns = ("id", "gate", "release", "state", "requestedName", "confirmedName", "expiresAt", "reason")
    print_rows(columns, page["items"], empty="No gate was overridden.")
    if page["nextCursor"]:
        click.echo(f"More: --cursor {printable(page['nextCursor'])}", err=True)


@click.group()
def function() -> None:
    """Functions: for whom people speak when they approve."""


@function.command("list")
@json_option
def list_(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List the functions that somebody holds."""
    found = api().get("/api/v1/functions")
    if as_json:
        print_json(found)
        return
    rows = [{"function": one["function"], "members": ", ".join(one["members"])} for one in found["items"]]
    print_rows(("function", "members"), rows, empty="Nobody holds a function. `tidegate function set` names them.")


@function.command("set")
@click.argument("name", metavar="FUNCTION")
@click.argument("members", metavar="MEMBER...", nargs=-1)
@json_option
def set_(name: str, members: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Make each MEMBER (`usr_…`) a holder of FUNCTION, and nobody else; none leave it to nobody."""
    content = json.dumps({"members": list(members)}).encode()
    found = api().put(f"/api/v1/functions/{quote(name, safe='')}", content=content, content_type="application/json")
    if as_json:
        print_json(found)
        return
    click.echo(f"{printable(found['function'])}: {', '.join(found['members']) or 'nobody'}")
