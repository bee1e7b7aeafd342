"""`tidegate gate import`: files of other tools as gate files."""

from typing import IO

import click

from tidegate.kernel import InvalidInputError

__all__ = ["import_"]


@click.group("import")
def import_() -> None:
    """Turn files of other tools into gate files."""


@import_.command("keptn")
@click.argument("file", metavar="FILE", type=click.File("rb"))
@click.option("--figure", "figures", multiple=True, metavar="SLI=FAMILY.FIGURE", help="What an indicator is here.")
@click.option("--id", "gate_id", required=True, help="Id of the gate.")
@click.option("--owner", required=True, help="Who acts when it does not pass.")
def keptn(file: IO[bytes], figures: tuple[str, ...], gate_id: str, owner: str) -> None:
    """Print Keptn's slo.yaml in FILE as a gate file of the same meaning; what that cannot be is refused by name."""
    from tidegate.gates.keptn import import_keptn, read_figure

    try:
        imported = import_keptn(
            file.read(), dict(read_figure(figure) for figure in figures), gate_id=gate_id, owner=owner
        )
    except InvalidInputError as error:
        raise click.UsageError(f"{error.field}: {error.message}") from error
    click.echo(imported.text, nl=False)
    for sli in imported.left_out:
        click.echo(f"{sli} has no pass criterion: it decides nothing and is left out.", err=True)
