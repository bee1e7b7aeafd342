"""`tidegate tenant`: who is unlike the others."""

import sys
from typing import Any
from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.signals.explore.commands import range_options, written

__all__ = ["tenant"]

_UNITS = {
    "requests": "count",
    "denials": "count",
    "errorRate": "rate",
    "runs": "count",
    "costUsd": "usd",
    "costPerRunUsd": "usd",
}


@click.group()
def tenant() -> None:
    """Look at tenants."""


@tenant.command("list")
@click.option("--search", "q", help="Part of the name.")
@click.option("--sort", type=click.Choice(["outlier", "tenant", *_UNITS]), default="outlier", show_default=True)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the last page ended.")
@range_options
@json_option
def list_tenants(  # noqa: PLR0913 - options of a verb
    *, q: str | None, sort: str, limit: int, cursor: str | None, range_: str | None, from_: str | None,
    to: str | None, as_json: bool,
) -> None:  # fmt: skip
    """List tenants against their median, over 24 hours unless said; outliers first."""
    found = api().get(
        "/api/v1/tenants",
        {"q": q, "sort": sort, "limit": limit, "cursor": cursor, "range": range_, "from": from_, "to": to},
    )
    if as_json:
        print_json(found)
        return
    cells = _cells if sys.stdout.isatty() else _values
    rows = [{"tenant": item["tenant"], **cells(item["figures"])} for item in found["items"]]
    print_rows(("tenant", *_UNITS), rows, empty="No tenant in this range.")
    if found["isCut"]:
        click.echo(f"There are more tenants: only the {found['count']:,} largest are told apart.", err=True)
    elif found["nextCursor"]:
        click.echo(f"{found['count']:,} tenants in all.", err=True)
    if found["nextCursor"]:
        click.echo(f"Next: --cursor {found['nextCursor']}", err=True)


@tenant.command("show")
@click.argument("name", metavar="TENANT")
@range_options
@json_option
def show(name: str, *, range_: str | None, from_: str | None, to: str | None, as_json: bool) -> None:
    """Show one TENANT: its rank, how every family is for it now, its open alerts."""
    found = api().get(f"/api/v1/tenants/{quote(name, safe='')}", {"range": range_, "from": from_, "to": to})
    if as_json:
        print_json(found)
        return
    click.secho(f"{printable(found['tenant'])}  {found['window']['from']} to {found['window']['to']}", bold=True)
    if found["rank"]:
        for figure, cell in _cells(found["rank"]["figures"]).items():
            click.echo(f"  {figure:<14} {cell}")
    else:
        click.echo("  Nothing of it came in this window.")
    for family in found["families"]:
        if family["state"] != "missing":
            click.echo(f"{family['state'].upper():<14} {family['family']:<12} {printable(family['sentence'])}")
    if found["alerts"] is None:
        click.echo("Alerts cannot be read now.", err=True)
    for alert in found["alerts"] or ():
        click.echo(f"{alert['state'].upper()}  {alert['severity']}  {alert['id']}  {printable(alert['sentence'])}")


def _values(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers as the API has them: what reads a pipe computes with them."""
    return {name: ranked["value"] for name, ranked in figures.items()}


def _cells(figures: dict[str, Any]) -> dict[str, str]:
    return {name: _cell(unit, figures[name]) for name, unit in _UNITS.items() if name in figures}


def _cell(unit: str, ranked: dict[str, Any]) -> str:
    value = written(unit, ranked["value"])
    return value if ranked["ratio"] is None else f"{value} (\N{MULTIPLICATION SIGN}{ranked['ratio']:.3g})"
