"""`tidegate route`, `tidegate silence`, and what they add to `tidegate alert`."""

from datetime import UTC, datetime
from typing import IO, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.kernel import InvalidInputError, format_utc, parse_duration

__all__ = ["acknowledge", "assign", "route", "silence", "silence_alert", "why"]

_YAML = "application/yaml"
_SILENCE_COLUMNS = ("id", "state", "covers", "endsAt", "createdBy", "confirmed", "reason")


@click.command("ack")
@click.argument("alert_id", metavar="ID")
@click.option("--note", default="", help="What you know already.")
@json_option
def acknowledge(alert_id: str, note: str, *, as_json: bool) -> None:
    """Say that you have seen to an alert: it is neither repeated nor escalated."""
    care = api().post(f"/api/v1/alerts/{_id(alert_id)}/acknowledge", {"note": note})
    if as_json:
        print_json(care)
        return
    click.echo(f"Acknowledged by {printable(care['acknowledgedBy'])} at {care['acknowledgedAt']}.")


@click.command("assign")
@click.argument("alert_id", metavar="ID")
@click.argument("person", required=False)
@click.option("--nobody", is_flag=True, help="Take it from whoever has it.")
@click.option("--note", default="", help="Why.")
@json_option
def assign(alert_id: str, person: str | None, *, nobody: bool, note: str, as_json: bool) -> None:
    """Give an alert to PERSON (`usr_…`), or to nobody."""
    if (person is None) is not nobody:
        raise CliError("Name a person, or say --nobody.", exit_code=2)
    care = api().post(f"/api/v1/alerts/{_id(alert_id)}/assign", {"assignee": person, "note": note})
    if as_json:
        print_json(care)
        return
    click.echo(f"{printable(care['assignee'])} has it." if care["assignee"] else "Nobody has it.")


@click.command("why")
@click.argument("alert_id", metavar="ID")
@click.option("--channel", help="What was decided for this channel.")
@json_option
def why(alert_id: str, channel: str | None, *, as_json: bool) -> None:
    """Say why people were told of an alert, or were not: every decision with its cause."""
    found = api().get(f"/api/v1/alerts/{_id(alert_id)}/pages", {"channel": channel})
    if as_json:
        print_json(found)
        return
    click.secho("TOLD" if found["isTold"] else "NOT TOLD", bold=True)
    click.echo(printable(found["answer"]))
    for decision in found["decisions"]:
        click.echo(f"  {decision['at']}  {decision['kind']:<18}  {printable(decision['words'])}")
    for event in found["events"]:
        click.echo(
            f"  {event['at']}  {event['kind']:<18}  {printable(event['by'])} {printable(event['note'])}".rstrip()
        )
    for group in found["groups"]:
        if group["nextAt"]:
            click.echo(f"Looked at again at {group['nextAt']}, by {printable(group['path'][-1])}.")


@click.command("silence")
@click.argument("alert_id", metavar="ID")
@click.option("--for", "length", required=True, help="How long: 2h, 1d.")
@click.option("--reason", required=True, help="Why.")
@json_option
def silence_alert(alert_id: str, length: str, reason: str, *, as_json: bool) -> None:
    """Silence alerts like this one: same rule, service and tenant."""
    client = api()
    alert = client.get(f"/api/v1/alerts/{_id(alert_id)}")["alert"]
    labels = {"alertname": alert["code"], "service": alert["service"], "tenant": alert["tenant"] or ""}
    matchers = [f"{name}={_quoted(value)}" for name, value in labels.items()]
    body = {"matchers": matchers, "reason": reason, "endsAt": _end_of(length)}
    _show_made(client.post("/api/v1/silences", body), as_json=as_json)


@click.group()
def silence() -> None:
    """Silences: what nobody is told of for a while."""


@silence.command("list")
@click.option("--expired", is_flag=True, help="Those that are over as well.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@json_option
def list_silences(limit: int, *, expired: bool, as_json: bool) -> None:
    """List silences and maintenance windows, the one that ends last first."""
    page = api().get("/api/v1/silences", {"expired": "true" if expired else None, "limit": limit})
    if as_json:
        print_json(page)
        return
    rows = [
        {**each, "covers": _covers(each), "confirmed": "yes" if each["isConfirmed"] else "no"} for each in page["items"]
    ]
    print_rows(_SILENCE_COLUMNS, rows, empty="Nothing is silenced.")
    if page["nextCursor"]:
        click.echo(f"There are more than these {limit}: raise --limit.", err=True)


@silence.command("show")
@click.argument("silence_id", metavar="ID")
@json_option
def show_silence(silence_id: str, *, as_json: bool) -> None:
    """Show one silence."""
    found = api().get(f"/api/v1/silences/{_id(silence_id)}")
    if as_json:
        print_json(found)
        return
    click.secho(f"{found['state'].upper()}  {_covers(found)}", bold=True)
    click.echo(printable(found["reason"]))
    click.echo(f"  {found['startsAt']} → {found['endsAt']}, by {printable(found['createdBy'])}")
    click.echo(
        "  Two people stand for it." if found["isConfirmed"] else "  What has no tolerance is told all the same."
    )


@silence.command("create")
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER…")
@click.option("--for", "length", required=True, help="How long: 2h, 1d; at most 30d.")
@click.option("--reason", required=True, help="Why.")
@click.option("--covers-all", is_flag=True, help="It is meant to cover every alert.")
@click.option("--preview", is_flag=True, help="Only show what it would cover now.")
@json_option
def create_silence(
    matchers: tuple[str, ...], length: str, reason: str, *, covers_all: bool, preview: bool, as_json: bool
) -> None:
    """Silence alerts that fit every MATCHER, such as 'severity="P2"' 'tenant=~"acme|blue"'."""
    client = api()
    if preview:
        _show_preview(client.post("/api/v1/silences/preview", {"matchers": list(matchers)}), as_json=as_json)
        return
    body = {"matchers": list(matchers), "reason": reason, "endsAt": _end_of(length), "coversAll": covers_all}
    _show_made(client.post("/api/v1/silences", body), as_json=as_json)


@silence.command("confirm")
@click.argument("silence_id", metavar="ID")
@json_option
def confirm_silence(silence_id: str, *, as_json: bool) -> None:
    """Stand for a silence as a second person, so that it covers what has no tolerance too."""
    _show_made(api().post(f"/api/v1/silences/{_id(silence_id)}/confirm", {}), as_json=as_json)


@silence.command("expire")
@click.argument("silence_id", metavar="ID")
@json_option
def expire_silence(silence_id: str, *, as_json: bool) -> None:
    """End a silence now; what it kept back is told at once."""
    found = api().delete(f"/api/v1/silences/{_id(silence_id)}")
    if as_json:
        print_json(found)
        return
    click.echo(f"{printable(found['id'])} ended at {found['endsAt']}.")


@click.group()
def route() -> None:
    """Routes: who is told of which alerts, and when."""


@route.command("show")
@click.option("--file", "as_file", is_flag=True, help="Print a file that `tidegate route apply` takes.")
@json_option
def show_routes(*, as_file: bool, as_json: bool) -> None:
    """Show the routes from the root down, with what each inherits."""
    found = api().get("/api/v1/routing")
    if as_file:
        print_json(found["document"] or {"route": {}})
        return
    if as_json:
        print_json(found)
        return
    when = f"applied {found['appliedAt']} by {found['appliedBy']}" if found["appliedAt"] else "none applied"
    click.echo(f"Version {found['version']} · {when}", err=True)
    rows = [{**each, "channels": ", ".join(each["channels"]) or "nobody"} for each in found["routes"]]
    print_rows(("id", "channels", "groupWait", "groupInterval", "repeatInterval"), rows, empty="")


@route.command("test")
@click.argument("labels", nargs=-1, metavar="NAME=VALUE…")
@click.option("--alert", "alert_id", help="An alert that there is; labels go in the place of its own.")
@click.option("--at", help="When, with offset; now unless said.")
@json_option
def test_routes(labels: tuple[str, ...], alert_id: str | None, at: str | None, *, as_json: bool) -> None:
    """Say who is told of an alert with these labels, and why."""
    pairs = dict(label.partition("=")[::2] for label in labels)
    if any("=" not in label for label in labels):
        raise CliError("Write labels as NAME=VALUE.", exit_code=2)
    found = api().post("/api/v1/routing/test", {"alertId": alert_id, "labels": pairs, "at": at})
    if as_json:
        print_json(found)
        return
    for each in found["routes"]:
        click.echo(" → ".join(printable(step) for step in each["path"]))
        click.echo(f"  {printable(each['words'])}")


@route.command("plan")
@click.argument("file", type=click.File("rb"))
@json_option
def plan_routes(file: IO[bytes], *, as_json: bool) -> None:
    """Say what applying the routing file FILE would change; exit code 2 names the field that is wrong."""
    found = api().post("/api/v1/routing/plan", content=file.read(), content_type=_YAML)
    if as_json:
        print_json(found)
        return
    for line in found["changes"]:
        click.echo(printable(line))
    if not found["changes"]:
        click.echo("Nothing would change.")
    click.echo(f"Version {found['currentVersion']} is in force.", err=True)


@route.command("apply")
@click.argument("file", type=click.File("rb"))
@click.option("--version", type=click.IntRange(0), help="Refuse unless this version is in force: that of the plan.")
@json_option
def apply_routes(file: IO[bytes], version: int | None, *, as_json: bool) -> None:
    """Apply the routing file FILE; what fires is led through it at once."""
    path = "/api/v1/routing" if version is None else f"/api/v1/routing?version={version}"
    found = api().put(path, content=file.read(), content_type=_YAML)
    if as_json:
        print_json(found)
        return
    click.echo(f"Version {found['version']} is in force{'' if found['isNew'] else ' already'}.")


def _id(text: str) -> str:
    if not text.replace("_", "").isalnum():
        raise CliError(f"{text!r} is no id.", exit_code=2)
    return text


def _end_of(length: str) -> str:
    try:
        return format_utc(datetime.now(UTC) + parse_duration(length))
    except (InvalidInputError, OverflowError) as error:
        raise CliError(f"{length!r} is no length of time: write for example 2h.", exit_code=2) from error


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _covers(found: dict[str, Any]) -> str:
    return " ".join(printable(f"{each['name']}{each['op']}{_quoted(each['value'])}") for each in found["matchers"])


def _show_preview(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_rows(("id", "severity", "code", "service", "tenant"), found["alerts"], empty="No alert that fires now fits.")
    click.echo(
        f"{found['count']} alerts fit now, {found['zeroToleranceCount']} of them need a second person.", err=True
    )


def _show_made(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.echo(f"{printable(found['id'])} covers {_covers(found)} until {found['endsAt']}.")
    if not found["isConfirmed"]:
        click.echo(
            f"What has no tolerance is told until another person runs `tidegate silence confirm {found['id']}`.",
            err=True,
        )
