"""`tidegate incident`: alerts that are one matter, from the first of them to what was learned."""

from typing import Any
from urllib.parse import quote

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["incident"]

_STATES = {
    "unresolved": "open,acknowledged,mitigated", "all": None, "open": "open", "acknowledged": "acknowledged",
    "mitigated": "mitigated", "resolved": "resolved",
}  # fmt: skip
_COLUMNS = ("id", "severity", "state", "title", "services", "commander", "alertCount", "openedAt")
_TIMES = ("key", "count", "open", "mttaP50", "mttaMean", "mttrP50", "mttrMean")
_SPLITS = ("severity", "service", "tenant", "code", "commander")


@click.group()
def incident() -> None:
    """Incidents: open one, lead it, learn from it."""


@incident.command("list")
@click.option("--state", type=click.Choice(list(_STATES)), default="unresolved", show_default=True)
@click.option("--severity", type=click.Choice(["P1", "P2", "P3"]))
@click.option("--service", help="Only incidents that affect this service.")
@click.option("--tenant", help="Only incidents that affect this tenant.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@json_option
def list_incidents(  # noqa: PLR0917 - the filters of a list
    state: str, severity: str | None, service: str | None, tenant: str | None, limit: int, *, as_json: bool
) -> None:
    """List incidents, the newest first."""
    wanted = {"state": _STATES[state], "severity": severity, "service": service, "tenant": tenant, "limit": limit}
    page = api().get("/api/v1/incidents", wanted)
    if as_json:
        print_json(page)
        return
    rows = [{**each, "services": ",".join(each["services"])} for each in page["items"]]
    print_rows(_COLUMNS, rows, empty=f"No incident to show ({state}).")
    if page["nextCursor"]:
        click.echo(f"There are more than these {limit}: raise --limit or name a --service.", err=True)


@incident.command("show")
@click.argument("incident_id", metavar="ID")
@json_option
def show_incident(incident_id: str, *, as_json: bool) -> None:
    """Show one incident: where it stands, what happened, what it touches, what was like it."""
    found = api().get(f"/api/v1/incidents/{_id(incident_id)}")
    if as_json:
        print_json(found)
        return
    shown = found["incident"]
    click.secho(f"{printable(shown['state']).upper()}  {shown['severity']}  {printable(shown['title'])}", bold=True)
    click.echo(f"Led by {printable(shown['commander'] or 'nobody')}; {shown['alertCount']} alerts.")
    click.echo(f"Services: {_names(shown['services'])}. Tenants: {_names(shown['tenants'])}.")
    click.echo(f"Gates that read them: {_names([gate['id'] for gate in found['gates']])}.")
    for entry in found["timeline"]:
        click.echo(f"  {entry['at']}  {printable(entry['title'])}: {printable(entry['words'])} [{entry['source']}]")
    if not found["timelineIsWhole"]:
        click.echo("More is recorded of its alerts than is shown.", err=True)
    for other in found["similar"]:
        click.echo(f"Like it ({other['score']:.0%}): {other['id']} {printable(other['title'])}")


@incident.command("open")
@click.argument("alert_ids", nargs=-1, metavar="ALERT…")
@click.option("--group", help="A group of alerts: those that fire in it now.")
@click.option("--title", default="", help="Of the alerts unless given.")
@click.option("--severity", type=click.Choice(["P1", "P2", "P3"]), help="The worst of the alerts unless given.")
@click.option("--commander", help="Who leads it: `usr_…`.")
@click.option("--note", default="", help="What you know already.")
@json_option
def open_incident(  # noqa: PLR0913, PLR0917 - what an incident begins with
    alert_ids: tuple[str, ...],
    group: str | None,
    title: str,
    severity: str | None,
    commander: str | None,
    note: str,
    *,
    as_json: bool,
) -> None:
    """Open an incident of ALERTs (`alr_…`), or of a group of them."""
    if not alert_ids and group is None:
        raise CliError("Name an alert, or a --group.", exit_code=2)
    body = {
        "alertIds": list(alert_ids), "groupId": group, "title": title, "severity": severity, "commander": commander,
        "note": note,
    }  # fmt: skip
    _show_changed(api().post("/api/v1/incidents", body), as_json=as_json)


@incident.command("ack")
@click.argument("incident_id", metavar="ID")
@click.option("--note", default="", help="What you know already.")
@json_option
def acknowledge(incident_id: str, note: str, *, as_json: bool) -> None:
    """Say that you see to an incident."""
    _show_changed(api().post(f"/api/v1/incidents/{_id(incident_id)}/acknowledge", {"note": note}), as_json=as_json)


@incident.command("mitigate")
@click.argument("incident_id", metavar="ID")
@click.option("--note", default="", help="What was done.")
@json_option
def mitigate(incident_id: str, note: str, *, as_json: bool) -> None:
    """Say that it hurts nobody any more, though its cause is there still."""
    _show_changed(api().post(f"/api/v1/incidents/{_id(incident_id)}/mitigate", {"note": note}), as_json=as_json)


@incident.command("resolve")
@click.argument("incident_id", metavar="ID")
@click.option("--note", default="", help="What ended it.")
@click.option("--despite-open-alerts", is_flag=True, help="It is over although alerts of it are open.")
@json_option
def resolve(incident_id: str, note: str, *, despite_open_alerts: bool, as_json: bool) -> None:
    """Say that an incident is over."""
    body = {"note": note, "despiteOpenAlerts": despite_open_alerts}
    _show_changed(api().post(f"/api/v1/incidents/{_id(incident_id)}/resolve", body), as_json=as_json)


@incident.command("reopen")
@click.argument("incident_id", metavar="ID")
@click.option("--note", default="", help="Why.")
@json_option
def reopen(incident_id: str, note: str, *, as_json: bool) -> None:
    """Say that an incident is not over after all."""
    _show_changed(api().post(f"/api/v1/incidents/{_id(incident_id)}/reopen", {"note": note}), as_json=as_json)


@incident.command("note")
@click.argument("incident_id", metavar="ID")
@click.argument("text")
@json_option
def note_incident(incident_id: str, text: str, *, as_json: bool) -> None:
    """Write TEXT down about an incident."""
    event = api().post(f"/api/v1/incidents/{_id(incident_id)}/notes", {"note": text})
    if as_json:
        print_json(event)
        return
    click.echo(f"Noted as {event['id']}.")


@incident.command("post-mortem")
@click.argument("incident_id", metavar="ID")
@json_option
def post_mortem(incident_id: str, *, as_json: bool) -> None:
    """Print the draft of a post-mortem: Markdown, each line with the id of a recorded event."""
    text = api().get(f"/api/v1/incidents/{_id(incident_id)}/post-mortem")
    if as_json:
        print_json({"id": incident_id, "markdown": text})
        return
    click.echo(text, nl=False)


@incident.command("statistics")
@click.option("--from", "start", help="A moment with its offset; 30 days before --to unless given.")
@click.option("--to", "end", help="A moment with its offset; now unless given.")
@click.option("--by", type=click.Choice(_SPLITS), help="Split by this.")
@json_option
def statistics(start: str | None, end: str | None, by: str | None, *, as_json: bool) -> None:
    """Say how long incidents took, to acknowledging (MTTA) and to resolving (MTTR)."""
    found = api().get("/api/v1/incidents/statistics", {"from": start, "to": end, "by": by})
    if as_json:
        print_json(found)
        return
    groups = [{**found["all"], "key": "all"}, *found["groups"]]
    print_rows(_TIMES, [_times(group) for group in groups], empty="No incident.")
    click.echo(
        f"{found['all']['openCount']} open ones are left out of MTTR, {found['all']['unacknowledgedCount']} that "
        "nobody acknowledged out of MTTA. Seconds, from the first alert.",
        err=True,
    )
    if found["groupsLeftOff"]:
        click.echo(f"{found['groupsLeftOff']} smaller groups are left off.", err=True)


def _times(group: dict[str, Any]) -> dict[str, Any]:
    acknowledged, resolved = group["acknowledgement"], group["resolution"]
    return {
        "key": group["key"], "count": group["count"], "open": group["openCount"],
        "mttaP50": _seconds(acknowledged["p50S"]), "mttaMean": _seconds(acknowledged["meanS"]),
        "mttrP50": _seconds(resolved["p50S"]), "mttrMean": _seconds(resolved["meanS"]),
    }  # fmt: skip


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _show_changed(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['id']} is {found['state']} ({found['severity']}): {printable(found['title'])}")


def _names(names: list[str]) -> str:
    return printable(", ".join(names)) if names else "none named"


def _id(text: str) -> str:
    if not text.replace("_", "").isalnum():
        raise CliError(f"{text!r} is no incident id. `tidegate incident list` shows them.", exit_code=2)
    return quote(text, safe="")
