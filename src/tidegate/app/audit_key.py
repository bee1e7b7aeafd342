"""`tidegate audit key`: an operator verb, for it reads the data directory."""

from pathlib import Path

import click

from tidegate.app.options import data_dir_option

__all__ = ["key"]


@click.command("key")
@data_dir_option
def key(data_dir: Path) -> None:
    """Print the public key of the audit, for whoever verifies exports. With the server up or down."""
    from tidegate.app.keys import load_audit_key

    click.echo(load_audit_key(data_dir).current().public_text)
