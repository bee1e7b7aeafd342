"""The verbs of `tidegate channel` and `tidegate delivery`."""

import json
import sys
import time
from typing import IO, Any, Final

import click

from tidegate.edge.client import ApiClient, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["channel", "delivery"]

_CHANNELS: Final = "/api/v1/channels"
_DELIVERIES: Final = "/api/v1/deliveries"
_POLL_S: Final = 0.2
_STATES: Final = ("pending", "delivered", "dead")


@click.group()
def channel() -> None:
    """Channels: where pages go, each by its name."""


@channel.command("list")
@json_option
def list_channels(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List channels, without their secrets, each with what came of its newest delivery."""
    found = api().get(_CHANNELS)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "name": each["name"],
            "kind": each["kind"],
            "to": _place_of(each),
            "enabled": "yes" if each["isEnabled"] else f"no: {each['disabledWhy']}",
            "last": (each["lastDelivery"] or {}).get("state"),
            "at": (each["lastDelivery"] or {}).get("createdAt"),
        }
        for each in found["items"]
    ]
    empty = "No channel yet: nobody is paged. tidegate channel add ops --webhook https://…"
    print_rows(("name", "kind", "to", "enabled", "last", "at"), rows, empty=empty)


@channel.command("show")
@click.argument("name")
@json_option
def show_channel(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show the channel NAME, without its secret."""
    _print_channel(api().get(f"{_CHANNELS}/{name}"), as_json=as_json)


@channel.command("add")
@click.argument("name")
@click.option("--webhook", help="Address that notices are posted to, signed by Standard Webhooks.")
@click.option("--secret-file", type=click.File(), help="File with the webhook's whsec_… secret, `-` for stdin; left out, one is made.")  # fmt: skip  # noqa: E501 - one help text
@click.option("--slack-url-file", type=click.File(), help="File with the address of a Slack incoming webhook.")
@click.option("--pagerduty-key-file", type=click.File(), help="File with the routing key of an Events API v2 integration.")  # fmt: skip  # noqa: E501 - one help text
@click.option("--pagerduty-url", help="Where events go to; left out: https://events.pagerduty.com/v2/enqueue.")
@click.option("--email", "to", multiple=True, help="Address that mail goes to; may be given again.")
@click.option("--from", "sender", help="Address that mail comes from; needs --smtp.")
@click.option("--smtp", help="HOST:PORT of a mail server; left out: that of the installation.")
@click.option("--smtp-security", type=click.Choice(("starttls", "tls", "none")), default="starttls", show_default=True, help="How the connection is kept.")  # fmt: skip  # noqa: E501 - one help text
@click.option("--smtp-user", help="Who signs in at the mail server.")
@click.option("--smtp-password-file", type=click.File(), help="File with the password of --smtp-user.")
@click.option("--dry-run", is_flag=True, help="Say what would be refused, and keep nothing.")
@json_option
def add_channel(*, name: str, dry_run: bool, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Add the channel NAME: one of --webhook, --slack-url-file, --pagerduty-key-file and --email."""
    body = {"name": name, **_kind_of(given)}
    client = api()
    made = client.post(f"{_CHANNELS}/validate" if dry_run else _CHANNELS, body)
    if as_json:
        print_json(made)
        return
    if dry_run:
        click.echo(f"{name} could be added as {made['kind']}. Nothing was kept.", err=True)
        return
    click.echo(f"Added {name} ({made['id']}). To undo: tidegate channel remove {name}", err=True)
    _print_secret(made)
    click.echo(f"Next: tidegate channel test {name} --wait", err=True)


@channel.command("rotate")
@click.argument("name")
@click.option("--secret-file", type=click.File(), help="File with the new whsec_… secret; left out, one is made.")
@click.option("--overlap-hours", type=click.IntRange(0, 168), default=24, show_default=True, help="For how long requests are signed with both.")  # fmt: skip  # noqa: E501 - one help text
@json_option
def rotate_channel(*, name: str, secret_file: IO[str] | None, overlap_hours: int, as_json: bool) -> None:
    """Put another secret in the place of the webhook's NAME."""
    body: dict[str, Any] = {"overlapHours": overlap_hours}
    if secret_file is not None:
        body["secret"] = secret_file.read().strip()
    made = api().post(f"{_CHANNELS}/{name}/rotate", body)
    if as_json:
        print_json(made)
        return
    until = made["webhook"]["previousUntil"]
    click.echo(
        f"Rotated {name}. The old secret signs as well until {until}." if until else f"Rotated {name}.", err=True
    )
    _print_secret(made)


@channel.command("enable")
@click.argument("name")
@json_option
def enable_channel(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Send to NAME again; replay what is dead meanwhile with `tidegate delivery replay`."""
    _print_channel(api().patch(f"{_CHANNELS}/{name}", {"isEnabled": True}), as_json=as_json)


@channel.command("disable")
@click.argument("name")
@json_option
def disable_channel(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Send nothing to NAME until it is enabled again."""
    _print_channel(api().patch(f"{_CHANNELS}/{name}", {"isEnabled": False}), as_json=as_json)


@channel.command("remove")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show what would be removed.")
@json_option
def remove_channel(*, name: str, dry_run: bool, as_json: bool) -> None:
    """Remove the channel NAME with its secrets; what waits for it is dead when its turn comes."""
    client = api()
    known = client.get(f"{_CHANNELS}/{name}")
    if not dry_run:
        client.delete(f"{_CHANNELS}/{known['id']}")
    if as_json:
        print_json({"removed": None if dry_run else known["id"], "name": known["name"]})
        return
    word = "Would remove" if dry_run else "Removed"
    click.echo(f"{word} {printable(known['name'])} ({known['id']}, {_place_of(known)}).", err=True)


@channel.command("test")
@click.argument("name")
@click.option("--wait", is_flag=True, help="Wait until it is known what came of it.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=45.0, show_default=True, help="Seconds to wait at most.")  # fmt: skip  # noqa: E501 - one help text
@json_option
def test_channel(*, name: str, wait: bool, timeout: float, as_json: bool) -> None:
    """Send a test to NAME by the way that pages go.

    With --wait: 0 when the receiver took it, 1 when it did not, 8 when it is still under way.
    """
    client = api()
    found = client.post(f"{_CHANNELS}/{name}/test")
    if wait:
        found = _waited(client, found["id"], timeout_s=timeout)
    if as_json:
        print_json(found)
    elif not wait:
        click.echo(f"Under way as {found['id']}. See: tidegate delivery show {found['id']}", err=True)
    else:
        click.echo(f"{found['state']}: {printable(found['lastReason']) or 'nothing yet'}")
    if wait and found["state"] != "delivered":
        sys.exit(8 if found["state"] == "pending" else 1)


@click.group()
def delivery() -> None:
    """Deliveries: what was told, to whom, and what came of it."""


@delivery.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only those.")
@click.option("--channel", "channel_name", help="Only of this channel, by name or id.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where to go on, from `nextCursor`.")
@json_option
def list_deliveries(
    *, state: str | None, channel_name: str | None, limit: int, cursor: str | None, as_json: bool
) -> None:
    """List deliveries, the newest first."""
    _list(state=state, channel_name=channel_name, limit=limit, cursor=cursor, as_json=as_json)


@delivery.command("dead")
@click.option("--channel", "channel_name", help="Only of this channel, by name or id.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where to go on, from `nextCursor`.")
@json_option
def list_dead(*, channel_name: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List deliveries that nobody was told by, and why."""
    _list(state="dead", channel_name=channel_name, limit=limit, cursor=cursor, as_json=as_json)


@delivery.command("show")
@click.argument("delivery_id")
@json_option
def show_delivery(delivery_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show one delivery with its attempts."""
    found = api().get(f"{_DELIVERIES}/{delivery_id}")
    if as_json or not sys.stdout.isatty():
        print_json(found)
        return
    for label in (
        "id",
        "channelName",
        "event",
        "severity",
        "title",
        "state",
        "lastReason",
        "createdAt",
        "nextAttemptAt",
    ):
        click.echo(f"{label:15}{printable(found[label])}")
    columns = ("number", "startedAt", "durationMs", "outcome", "status", "reason")
    print_rows(columns, found["attempts"], empty="No attempt yet.")


@delivery.command("replay")
@click.argument("delivery_id")
@click.option("--dry-run", is_flag=True, help="Show what would be sent again.")
@click.option("--wait", is_flag=True, help="Wait until it is known what came of it.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=45.0, show_default=True, help="Seconds to wait at most.")  # fmt: skip  # noqa: E501 - one help text
@json_option
def replay_delivery(*, delivery_id: str, dry_run: bool, wait: bool, timeout: float, as_json: bool) -> None:
    """Tell it again, under the same id."""
    client = api()
    path = f"{_DELIVERIES}/{delivery_id}"
    found = client.get(path) if dry_run else client.post(f"{path}/replay")
    if wait and not dry_run:
        found = _waited(client, delivery_id, timeout_s=timeout)
    if as_json:
        print_json(found)
    else:
        word = "Would send again" if dry_run else f"Sent again ({found['state']})"
        click.echo(f"{word}: {printable(found['title'])} to {printable(found['channelName'])}", err=True)
    if wait and not dry_run and found["state"] != "delivered":
        sys.exit(8 if found["state"] == "pending" else 1)


def _list(*, state: str | None, channel_name: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    found = api().get(_DELIVERIES, {"state": state, "channel": channel_name, "limit": limit, "cursor": cursor})
    if as_json:
        print_json(found)
        return
    columns = ("id", "createdAt", "channelName", "event", "severity", "state", "attemptCount", "lastReason", "title")
    empty = "No delivery is dead." if state == "dead" else "No delivery yet. Try a channel: tidegate channel test NAME"
    print_rows(columns, found["items"], empty=empty)
    if found["nextCursor"]:
        click.echo(f"More: --cursor {found['nextCursor']}", err=True)


def _waited(client: ApiClient, delivery_id: str, *, timeout_s: float) -> dict[str, Any]:
    """Return the delivery when it is finished, or as it stands when the time is over."""
    until = time.monotonic() + timeout_s
    while True:
        found: dict[str, Any] = client.get(f"{_DELIVERIES}/{delivery_id}")
        if found["state"] != "pending" or time.monotonic() >= until:
            return found
        time.sleep(_POLL_S)


def _kind_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the one kind that the options name."""
    kinds: dict[str, Any] = {}
    if given["webhook"]:
        kinds["webhook"] = {"url": given["webhook"], **_from_file(given["secret_file"], "secret")}
    if given["slack_url_file"] is not None:
        kinds["slack"] = _from_file(given["slack_url_file"], "url")
    if given["pagerduty_key_file"] is not None:
        kinds["pagerduty"] = _from_file(given["pagerduty_key_file"], "routingKey")
        if given["pagerduty_url"]:
            kinds["pagerduty"]["url"] = given["pagerduty_url"]
    if given["to"]:
        kinds["email"] = _email_of(given)
    if len(kinds) != 1:
        raise click.UsageError("Give one of --webhook, --slack-url-file, --pagerduty-key-file and --email.")
    return kinds


def _email_of(given: dict[str, Any]) -> dict[str, Any]:
    email: dict[str, Any] = {"to": list(given["to"])}
    if given["sender"]:
        email["from"] = given["sender"]
    if given["smtp"]:
        host, _, port = given["smtp"].rpartition(":")
        if not (host and port.isascii() and port.isdigit()):
            raise click.BadParameter("write HOST:PORT", param_hint="--smtp")
        email["server"] = {
            "host": host,
            "port": int(port),
            "security": given["smtp_security"],
            "user": given["smtp_user"] or "",
            **_from_file(given["smtp_password_file"], "password"),
        }
    return email


def _from_file(file: IO[str] | None, name: str) -> dict[str, str]:
    return {} if file is None else {name: file.read().strip()}


def _print_channel(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        print_json(found)
        return
    last = found["lastDelivery"]
    for label, value in (
        ("name", found["name"]),
        ("id", found["id"]),
        ("kind", found["kind"]),
        ("to", _place_of(found)),
        ("enabled", "yes" if found["isEnabled"] else f"no: {found['disabledWhy']}"),
        ("settings", json.dumps(found[found["kind"]], ensure_ascii=False)),
        ("last", f"{last['state']} {last['createdAt']}: {last['lastReason']}" if last else "nothing was sent"),
    ):
        click.echo(f"{label:10}{printable(value)}")


def _place_of(found: dict[str, Any]) -> str:
    settings = found[found["kind"]]
    if found["kind"] == "email":
        return ", ".join(settings["to"])
    return str(settings.get("url") or settings.get("host"))


def _print_secret(made: dict[str, Any]) -> None:
    """Print a secret that was just made: alone on stdout, so that it can be taken into a file."""
    if made.get("secret"):
        click.echo("Its secret is shown this once; receivers check signatures with it:", err=True)
        click.echo(made["secret"])
