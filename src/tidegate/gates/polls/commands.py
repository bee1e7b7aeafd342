"""The verbs of `tidegate poll`."""

from typing import Any
from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["poll"]


@click.group()
def poll() -> None:
    """Launch polls: go, hold or no-go, role by role."""


@poll.command("open")
@click.option("--gate", "gate_id", default="ga-launch", show_default=True)
@click.option("--check", help="The check that asks for a poll, where the gate has several.")
@click.option("--release", help="Name or id of a release; the candidate unless said.")
@click.option("--for", "lasting", default="30m", show_default=True, help="How long it takes answers: 1m to 24h.")
@json_option
def open_(gate_id: str, check: str | None, release: str | None, lasting: str, as_json: bool) -> None:  # noqa: FBT001, PLR0917 - click passes them by name
    """Open a launch poll over what the gate says now."""
    wish = {"gate": gate_id, "lasting": lasting}
    wish |= {name: said for name, said in (("check", check), ("release", release)) if said}
    opened = api().post("/api/v1/polls", wish)
    if as_json:
        print_json(opened)
        return
    click.echo(f"{opened['id']} is open until {opened['closesAt']} for {', '.join(map(printable, opened['roles']))}")
    click.echo(f"People answer on {api().url}/launch/poll", err=True)


@poll.command("answer")
@click.argument("role", metavar="ROLE")
@click.argument("said", metavar="ANSWER", type=click.Choice(["go", "hold", "no-go"]))
def answer(role: str, said: str) -> None:
    """Print where a person who speaks for ROLE says ANSWER: a token proves nobody."""
    click.echo(f"{api().url}/launch/poll?role={quote(role, safe='')}&answer={said.replace('-', '_')}")
    click.echo("Open it as a person who may approve, and confirm.", err=True)


@poll.command("close")
@click.argument("poll_id", metavar="[POLL]", required=False)
@json_option
def close(poll_id: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Close POLL, or the newest one: it takes no answer any more."""
    closed = api().post(f"/api/v1/polls/{quote(poll_id or _newest()['id'], safe='')}/close")
    if as_json:
        print_json(closed)
        return
    _show(closed)


@poll.command("show")
@click.argument("poll_id", metavar="[POLL]", required=False)
@json_option
def show(poll_id: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show POLL, or the newest one, with all that was said."""
    found = api().get(f"/api/v1/polls/{quote(poll_id, safe='')}") if poll_id else _newest()
    if as_json:
        print_json(found)
        return
    _show(found)


@poll.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the next page begins.")
@json_option
def list_(limit: int, cursor: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List launch polls, newest first."""
    page = api().get("/api/v1/polls", {"limit": str(limit), "cursor": cursor})
    if as_json:
        print_json(page)
        return
    rows = [{**one, "state": _state(one)} for one in page["items"]]
    print_rows(("id", "gate", "release", "state", "openedAt", "closesAt"), rows, empty="No poll was held.")
    if page["nextCursor"]:
        click.echo(f"More: --cursor {printable(page['nextCursor'])}", err=True)


def _newest() -> dict[str, Any]:
    items: list[dict[str, Any]] = api().get("/api/v1/polls", {"limit": "1"})["items"]
    if not items:
        raise click.ClickException("No poll was held. `tidegate poll open` opens one.")
    return items[0]


def _state(found: dict[str, Any]) -> str:
    if not found["isIntact"]:
        return "altered"
    return "lapsed" if found["isLapsed"] else "open" if found["isOpen"] else "closed"


def _show(found: dict[str, Any]) -> None:
    click.echo(f"{found['id']} · release {printable(found['release'])} · {_state(found)} · until {found['closesAt']}")
    print_rows(("role", "answer", "name", "saidAt", "note"), found["answers"], empty="Nobody answered yet.")
