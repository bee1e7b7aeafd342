"""`tidegate packet key`: an operator verb, for it reads the data directory."""

from pathlib import Path

import click

from tidegate.app.options import data_dir_option

__all__ = ["key"]


@click.command("key")
@click.option("--all", "is_all", is_flag=True, help="Those before it too, as long as they sign beside it.")
@data_dir_option
def key(data_dir: Path, *, is_all: bool) -> None:
    """Print the public key of packets in PEM, for whoever verifies them. With the server up or down."""
    from tidegate.app.packets import load_packet_keys

    keys = load_packet_keys(data_dir).current()
    for each in keys if is_all else keys[-1:]:
        click.echo(each.public.pem, nl=False)
        click.echo(each.public.fingerprint, err=True)
