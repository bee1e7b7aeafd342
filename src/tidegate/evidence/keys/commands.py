"""The verbs of `tidegate evidence key`."""

from typing import IO, Final
from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable

_ROUTE: Final = "/api/v1/evidence-keys"


@click.group()
def key() -> None:
    """Public keys that signatures of attestations are checked with."""


@key.command("list")
@json_option
def list_(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List the known keys, by name."""
    found = api().get(_ROUTE)
    if as_json:
        print_json(found)
        return
    columns = ("name", "algorithm", "fingerprint", "addedAt", "expiresAt")
    print_rows(columns, found["items"], empty="No key is known: no signature counts. `tidegate evidence key add`.")


@key.command("add")
@click.argument("name")
@click.argument("file", type=click.File("r"))
@click.option("--expires-at", help="From then on nothing is signed by it; with offset.")
@json_option
def add(name: str, file: IO[str], expires_at: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Make the public key in FILE known as NAME: Ed25519 or ECDSA P-256, in PEM."""
    wish = {"name": name, "publicKey": file.read(4_097)}
    added = api().post(_ROUTE, wish if expires_at is None else {**wish, "expiresAt": expires_at})
    if as_json:
        print_json(added)
        return
    click.echo(f"Known as {printable(added['name'])}: {added['algorithm']}, {added['fingerprint']}.")
    click.echo(f"Forget it with `tidegate evidence key remove {printable(added['name'])}`.", err=True)


@key.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Forget a key, by name or id: what it signed is signed by nobody known from now on."""
    api().delete(f"{_ROUTE}/{quote(name, safe='')}")
    click.echo(f"Forgot {printable(name)}.")
