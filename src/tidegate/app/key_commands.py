"""`tidegate key`: the keys of an installation, for who holds its data directory."""

from pathlib import Path

import click

from tidegate.app.options import data_dir_option, run_operator
from tidegate.edge.console import json_option, print_json, print_rows

__all__ = ["key"]

_PURPOSES = click.Choice(["credentials", "audit", "envelopes", "packets"])


@click.group()
def key() -> None:
    """Keys of this installation: of credentials, of the audit, of sealed secrets, of packets (operator)."""


@key.command("list")
@data_dir_option
@json_option
def list_(data_dir: Path, *, as_json: bool) -> None:
    """List the keys by name, never the keys themselves, and how many live credentials or secrets hang on each."""
    from tidegate.app.operator_keys import list_keys
    from tidegate.kernel import format_utc

    rows = [
        {
            "purpose": each.purpose,
            "name": each.name,
            "state": "current" if each.is_current else "earlier",
            "madeAt": format_utc(each.made_at) if each.made_at else None,
            "inUse": each.in_use,
        }
        for each in run_operator(list_keys(data_dir))
    ]
    if as_json:
        print_json({"items": rows})
        return
    print_rows(("purpose", "name", "state", "madeAt", "inUse"), rows, empty="")


@key.command("rotate")
@click.argument("purpose", type=_PURPOSES)
@data_dir_option
@json_option
def rotate(purpose: str, data_dir: Path, *, as_json: bool) -> None:
    """Put a new key of PURPOSE in the place of the current one, which stays for what it made. Nobody is signed out."""
    from tidegate.app.operator_keys import reseal_secrets, rotate_key

    name = run_operator(rotate_key(data_dir, purpose))
    resealed = run_operator(reseal_secrets(data_dir)) if purpose == "envelopes" else None
    if as_json:
        counts = {"resealed": resealed.count, "unopened": resealed.unopened_count} if resealed else {}
        print_json({"purpose": purpose, "name": name, **counts})
        return
    click.echo(f"{name} is the key of {purpose} now.")
    if purpose == "audit":
        click.echo("Give its public key to whoever verifies: tidegate audit key", err=True)
    elif purpose == "packets":
        click.echo(
            "Packets are signed with it and the one before it, until you retire that: tidegate key retire.", err=True
        )
        click.echo("Give its public key to whoever verifies: tidegate packet key", err=True)
    elif resealed is not None:
        click.echo(f"{resealed.count:,} stored secrets are sealed under it now.", err=True)
        if resealed.unopened_count:
            click.echo(f"{resealed.unopened_count:,} do not open and stay as they are: set them anew.", err=True)
    click.echo("Back up again: an earlier backup does not hold it.", err=True)


@key.command("retire")
@click.argument("purpose", type=_PURPOSES)
@click.argument("name")
@data_dir_option
@json_option
def retire(purpose: str, name: str, data_dir: Path, *, as_json: bool) -> None:
    """Forget the key NAME of PURPOSE for good; refused while live credentials or stored secrets hang on it."""
    from tidegate.app.operator_keys import retire_key

    run_operator(retire_key(data_dir, purpose, name))
    if as_json:
        print_json({"purpose": purpose, "name": name, "state": "retired"})
        return
    click.echo(f"{name} of {purpose} is gone.")
