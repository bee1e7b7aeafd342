"""`tidegate alert`: what burns, and how it came to that."""

from typing import Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["alert"]

_STATES = {"open": "pending,firing", "all": None, "pending": "pending", "firing": "firing", "resolved": "resolved"}
_COLUMNS = ("id", "severity", "state", "code", "service", "tenant", "value", "threshold", "count", "since")


@click.group()
def alert() -> None:
    """Show alerts."""


@alert.command("list")
@click.option("--state", type=click.Choice(list(_STATES)), default="open", show_default=True)
@click.option("--service", help="Only alerts of this service.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@json_option
def list_alerts(state: str, service: str | None, limit: int, *, as_json: bool) -> None:
    """List alerts, the newest first."""
    page = api().get("/api/v1/alerts", {"state": _STATES[state], "service": service, "limit": limit})
    if as_json:
        print_json(page)
        return
    print_rows(_COLUMNS, page["items"], empty=f"No alert to show ({state}).")
    click.echo(_coverage(page), err=True)
    if page["nextCursor"]:
        click.echo(f"There are more than these {limit}: raise --limit or name a --service.", err=True)


@alert.command("show")
@click.argument("alert_id", metavar="ID")
@json_option
def show_alert(alert_id: str, *, as_json: bool) -> None:
    """Show one alert: what happened, when and why it moved, where its runbook is."""
    if not alert_id.replace("_", "").isalnum():
        raise CliError(f"{alert_id!r} is no alert id. `tidegate alert list` shows them.", exit_code=2)
    client = api()
    found = client.get(f"/api/v1/alerts/{alert_id}")
    if as_json:
        print_json(found)
        return
    shown = found["alert"]
    click.secho(f"{printable(shown['state']).upper()}  {shown['severity']}  {shown['code']}", bold=True)
    click.echo(printable(shown["sentence"]))
    for transition in found["transitions"]:
        click.echo(_line(transition))
    runbook = shown["runbook"]
    click.echo(f"Runbook: {printable(runbook) if runbook.startswith('https://') else client.url + runbook}")


def _line(transition: dict[str, Any]) -> str:
    move = f"{transition['fromState']} → {transition['toState']}"
    return f"  {transition['at']}  {move:<20}  {printable(transition['cause']['words'])}"


def _coverage(page: dict[str, Any]) -> str:
    if page["evaluatedAt"] is None:
        return f"{page['ruleCount']} rules, never evaluated yet: an empty list says nothing."
    return f"{page['ruleCount']} rules, last evaluated {page['evaluatedAt']}."
