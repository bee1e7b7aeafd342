"""`tidegate alertmanager`: Alertmanagers that alerts are sent to."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["alertmanager"]

_COLUMNS = ("name", "url", "firingCount", "sentAt", "problem")


@click.group()
def alertmanager() -> None:
    """Alertmanagers that alerts are sent to."""


@alertmanager.command("list")
@json_option
def list_alertmanagers(*, as_json: bool) -> None:
    """List them, and what became of the last try."""
    found = api().get("/api/v1/alertmanagers")
    if as_json:
        print_json(found)
        return
    print_rows(_COLUMNS, found["items"], empty="Alerts are sent to no Alertmanager.")


@alertmanager.command("show")
@click.argument("name")
@json_option
def show_alertmanager(name: str, *, as_json: bool) -> None:
    """Show one of them."""
    _show(api().get(_path(name)), as_json=as_json)


@alertmanager.command("set")
@click.argument("name")
@click.argument("url")
@click.option("--matcher", "matchers", multiple=True, help="Which alerts, as 'severity=\"P1\"'; all of them fit.")
@click.option("--user", default="", help="Of basic authentication.")
@click.option("--secret-file", type=click.Path(path_type=Path, dir_okay=False), help="Holds the password or token.")
@json_option
def set_alertmanager(
    name: str, url: str, *, matchers: tuple[str, ...], user: str, secret_file: Path | None, as_json: bool
) -> None:
    """Send alerts to the Alertmanager at URL. A secret that is left out stays."""
    secret = None if secret_file is None else secret_file.read_text("utf-8").strip()
    body = {"url": url, "matchers": list(matchers), "user": user, "secret": secret}
    content = json.dumps(body).encode()
    _show(api().put(_path(name), content=content, content_type="application/json"), as_json=as_json)


@alertmanager.command("remove")
@click.argument("name")
def remove_alertmanager(name: str) -> None:
    """Send nothing there any more."""
    api().delete(_path(name))
    click.echo(f"Removed {printable(name)}. What fires there ends by itself within four minutes.")


def _path(name: str) -> str:
    return f"/api/v1/alertmanagers/{quote(name, safe='')}"


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.secho(f"{printable(found['name'])}  {printable(found['url'])}", bold=True)
    click.echo(f"  {found['firingCount']} firing, all taken at {found['sentAt'] or 'no time yet'}")
    if found["problem"]:
        click.echo(f"  {printable(found['problem'])}")
