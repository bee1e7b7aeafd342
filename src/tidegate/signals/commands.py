"""The verbs of `tidegate retention`."""

import json
from typing import Any

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows

_ROUTE = "/api/v1/retention"
_DAYS = click.IntRange(2, 4_000)


@click.group()
def retention() -> None:
    """How long telemetry is kept."""


@retention.command("show")
@json_option
def show(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show for how many days raw telemetry, counts by minute and counts by hour are kept."""
    _print(api().get(_ROUTE), as_json=as_json)


@retention.command("set")
@click.option("--raw-days", type=_DAYS, help="Spans, log records and metric points.")
@click.option("--minute-days", type=_DAYS, help="Counts by minute, and AI runs.")
@click.option("--hour-days", type=_DAYS, help="Counts by hour.")
@json_option
def set_(raw_days: int | None, minute_days: int | None, hour_days: int | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Change what is named and leave the rest; what is older than that is gone within minutes, for good."""
    named = {"rawDays": raw_days, "minuteDays": minute_days, "hourDays": hour_days}
    wanted = {name: days for name, days in named.items() if days is not None}
    if not wanted:
        raise click.UsageError("Say what to change: --raw-days, --minute-days or --hour-days.")
    client = api()
    before = client.get(_ROUTE)
    _print(client.put(_ROUTE, content=json.dumps(wanted).encode(), content_type="application/json"), as_json=as_json)
    options = {"rawDays": "--raw-days", "minuteDays": "--minute-days", "hourDays": "--hour-days"}
    undo = " ".join(f"{options[name]} {before[name]}" for name in wanted)
    click.echo(f"Undo, for what is not gone yet: tidegate retention set {undo}", err=True)


def _print(body: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(body)
    else:
        named = (("raw telemetry", "rawDays"), ("counts by minute", "minuteDays"), ("counts by hour", "hourDays"))
        print_rows(("what", "days"), [{"what": what, "days": body[name]} for what, name in named], empty="")
