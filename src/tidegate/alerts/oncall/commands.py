"""`tidegate schedule`: on-call schedules that others keep."""

import json
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["schedule"]

_COLUMNS = ("name", "kind", "standing", "onCall", "until", "readAt", "problem")
_LONGEST_ADDRESS = 16_384
_PAGERDUTY = "https://api.pagerduty.com"


@click.group()
def schedule() -> None:
    """Schedules: who is on call, by calendars that others keep."""


@schedule.command("list")
@json_option
def list_schedules(*, as_json: bool) -> None:
    """List schedules, and who is on call by each now."""
    found = api().get("/api/v1/schedules")
    if as_json:
        print_json(found)
        return
    print_rows(_COLUMNS, [_row(each) for each in found["items"]], empty="No schedule yet: `tidegate schedule set`.")


@schedule.command("show")
@click.argument("name")
@json_option
def show_schedule(name: str, *, as_json: bool) -> None:
    """Show one schedule: where it is read, how old that is, whom it maps to which channels."""
    _show(api().get(_path(name)), as_json=as_json)


@schedule.command("on-call")
@click.argument("name")
@click.option("--at", help="A moment with its offset, as 2026-03-29T02:30:00+01:00; now unless said.")
@json_option
def on_call(name: str, at: str | None, *, as_json: bool) -> None:
    """Say who is on call. Exit 1 when nobody is, or nobody knows."""
    found = api().get(f"{_path(name)}/on-call", {"at": at})
    if as_json:
        print_json(found)
    else:
        click.echo(printable(found["words"]))
    if found["standing"] != "on_call":
        raise SystemExit(1)


@schedule.command("set")
@click.argument("name")
@click.option("--ical-url-file", type=click.File("r"), help="Holds the address of a calendar; `-` is standard input.")
@click.option("--ical-url", help="The same, seen by all who list processes: for addresses that are no secret.")
@click.option("--ical-file", type=click.File("rb"), help="A calendar; `-` is standard input.")
@click.option("--pagerduty", "schedule_id", help="Id of a schedule at PagerDuty, as PI7DH85.")
@click.option("--pagerduty-token-file", type=click.Path(path_type=Path, dir_okay=False), help="Holds the API token.")
@click.option("--pagerduty-url", default=_PAGERDUTY, show_default=True, help="In the EU https://api.eu.pagerduty.com.")
@click.option("--time-zone", default="UTC", show_default=True, help="Of days and times that name none.")
@click.option("--people", "people_file", type=click.File("r"), help="Mapping, a line each: `ann@example.com: channel`.")
@click.option("--refresh-minutes", type=click.IntRange(1, 1_440), default=15, show_default=True)
@click.option("--stale-after-minutes", type=click.IntRange(2, 10_080), default=240, show_default=True)
@json_option
def set_schedule(  # noqa: PLR0913 - one argument an option
    name: str,
    *,
    ical_url: str | None,
    ical_url_file: IO[str] | None,
    ical_file: IO[bytes] | None,
    schedule_id: str | None,
    pagerduty_token_file: Path | None,
    pagerduty_url: str,
    time_zone: str,
    people_file: IO[str] | None,
    refresh_minutes: int,
    stale_after_minutes: int,
    as_json: bool,
) -> None:
    """Set where a schedule is read. An address, file, token or mapping that is left out stays as it is."""
    if ical_url is not None and ical_url_file is not None:
        raise CliError("Say either --ical-url-file or --ical-url.", exit_code=2)
    if ical_url_file is not None:
        ical_url = _address(ical_url_file)
    body: dict[str, Any] = {
        "timeZone": time_zone, "refreshMinutes": refresh_minutes, "staleAfterMinutes": stale_after_minutes,
        "people": None if people_file is None else _people(people_file),
    }  # fmt: skip
    if schedule_id is not None:
        token = None if pagerduty_token_file is None else pagerduty_token_file.read_text("utf-8").strip()
        body["pagerduty"] = {"scheduleId": schedule_id, "url": pagerduty_url, "token": token}
    if schedule_id is None or ical_url is not None or ical_file is not None:
        body["ical"] = {"url": ical_url, "file": None if ical_file is None else _text(ical_file)}
    content = json.dumps(body).encode()
    _show(api().put(_path(name), content=content, content_type="application/json"), as_json=as_json)


@schedule.command("remove")
@click.argument("name")
def remove_schedule(name: str) -> None:
    """Remove a schedule that no route names."""
    api().delete(_path(name))
    click.echo(f"Removed {printable(name)}.")


def _path(name: str) -> str:
    return f"/api/v1/schedules/{quote(name, safe='')}"


def _row(found: dict[str, Any]) -> dict[str, Any]:
    people = ", ".join(each["address"] or each["name"] for each in found["now"]["people"])
    return {**found, "standing": found["now"]["standing"], "onCall": people, "until": found["now"]["until"]}


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.secho(f"{printable(found['name'])}  {found['now']['standing'].replace('_', ' ').upper()}", bold=True)
    click.echo(printable(found["now"]["words"]))
    where = " ".join(filter(None, (found["host"], found["scheduleId"])))
    click.echo(f"  {found['kind']} {printable(where)}, read at {found['readAt'] or 'no time yet'}".rstrip())
    if found["problem"]:
        click.echo(f"  {printable(found['problem'])}")
    for who, channels in found["people"].items():
        click.echo(f"  {printable(who)}: {printable(', '.join(channels))}")


def _people(file: IO[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number, line in enumerate(file, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        who, colon, channels = text.rpartition(":")
        names = [each.strip() for each in channels.split(",") if each.strip()]
        if not colon or not who.strip() or not names:
            raise CliError(f"Line {number} is not `ann@example.com: channel, channel`.", exit_code=2)
        found[who.strip()] = names
    return found


def _address(file: IO[str]) -> str:
    """Return the one line of `file`; what is wrong with it is said without saying what it is."""
    lines = [line.strip() for line in file.read(_LONGEST_ADDRESS).splitlines() if line.strip()]
    if len(lines) != 1:
        raise CliError("The file of --ical-url-file holds one line, the address.", exit_code=2)
    return lines[0]


def _text(file: IO[bytes]) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CliError("The calendar is not UTF-8.", exit_code=2) from error
