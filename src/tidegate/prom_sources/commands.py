"""`tidegate prometheus source`: Prometheus-compatible servers that rules may ask."""

import json
from typing import IO, Any
from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["prometheus"]

_COLUMNS = ("name", "url", "user", "hasSecret", "changedAt")
_JSON = "application/json"


@click.group()
def prometheus() -> None:
    """Prometheus-compatible servers of others."""


@prometheus.group()
def source() -> None:
    """Servers that rules may ask."""


@source.command("list")
@json_option
def list_sources(*, as_json: bool) -> None:
    """List them."""
    found = api().get("/api/v1/prometheus-sources")
    if as_json:
        print_json(found)
        return
    print_rows(_COLUMNS, found["items"], empty="There is none. `tidegate prometheus source set NAME URL` names one.")


@source.command("show")
@click.argument("name")
@json_option
def show_source(name: str, *, as_json: bool) -> None:
    """Show one of them."""
    _show(api().get(_path(name)), as_json=as_json)


@source.command("set")
@click.argument("name")
@click.argument("url")
@click.option("--user", default="", help="Of basic authentication.")
@click.option("--secret-file", type=click.File("r", encoding="utf-8"), help="Holds the password or token; - is stdin.")
@click.option("--no-secret", is_flag=True, help="Take the secret away that is there.")
@json_option
def set_source(name: str, url: str, *, user: str, secret_file: IO[str] | None, no_secret: bool, as_json: bool) -> None:
    """Let rules ask the server at URL. A secret that is left out stays."""
    if no_secret and secret_file is not None:
        raise click.UsageError("Give either --secret-file or --no-secret.")
    secret = "" if no_secret else None if secret_file is None else secret_file.read(10_000).strip()
    content = json.dumps({"url": url, "user": user, "secret": secret}).encode()
    _show(api().put(_path(name), content=content, content_type=_JSON), as_json=as_json)


@source.command("test")
@click.argument("name")
@click.option("--query", help="PromQL; `vector(1)` unless said.")
@json_option
def test_source(name: str, *, query: str | None, as_json: bool) -> None:
    """Ask a server once, as rules do; exit code 7 when there is no answer."""
    content = json.dumps({} if query is None else {"query": query}).encode()
    found = api().post(f"{_path(name)}/test", content=content, content_type=_JSON)
    if as_json:
        print_json(found)
        return
    click.secho(
        f"{printable(name)} answered with {found['seriesCount']} series, as of {found['answeredAt']}", bold=True
    )
    for one in found["series"]:
        labels = ", ".join(f'{label}="{value}"' for label, value in one["labels"].items())
        click.echo(f"  {printable(f'{{{labels}}}')}  {one['value']}")


@source.command("remove")
@click.argument("name")
def remove_source(name: str) -> None:
    """Ask it no more: rules that name it get no answer."""
    api().delete(_path(name))
    click.echo(f"Removed {printable(name)}. Rules that ask it get no answer, which their noData policy decides.")


def _path(name: str) -> str:
    return f"/api/v1/prometheus-sources/{quote(name, safe='')}"


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.secho(f"{printable(found['name'])}  {printable(found['url'])}", bold=True)
    proof = f"basic, user {found['user']}" if found["user"] else "bearer token"
    click.echo(f"  {printable(proof) if found['hasSecret'] else 'no secret'}, set {found['changedAt']}")
