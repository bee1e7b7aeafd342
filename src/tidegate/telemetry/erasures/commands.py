"""`tidegate trace erase` and `tidegate tenant erase`: counts first, then a typed confirmation, then progress."""

import sys
import time
from typing import Any
from urllib.parse import quote

import click

from tidegate.edge.client import ApiClient, CliError, api
from tidegate.edge.console import json_option, print_json, printable

__all__ = ["erase_tenant", "erase_trace"]

_POLL_S = 0.5
_reason = click.option("--reason", default="", help="Why; kept with the erasure. Do not repeat in it what is erased.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
_wait = click.option("--wait/--no-wait", default=True, show_default=True, help="Stay until the rows are gone.")


@click.command("erase")
@click.argument("trace_id", metavar="ID")
@_reason
@_dry_run
@_yes
@_wait
@json_option
def erase_trace(trace_id: str, **options: Any) -> None:  # noqa: ANN401 - the options above
    """Erase the spans, log records and runs of one trace; copies that come later are erased as well."""
    clean = trace_id.strip().lower()
    if len(clean) != 32 or not all(character in "0123456789abcdef" for character in clean):
        raise CliError(f"{trace_id!r} is no trace id: it has 32 hexadecimal characters.", exit_code=2)
    _erase(f"/api/v1/traces/{clean}", clean, "trace", **options)


@click.command("erase")
@click.argument("name", metavar="TENANT")
@_reason
@_dry_run
@_yes
@_wait
@json_option
def erase_tenant(name: str, **options: Any) -> None:  # noqa: ANN401 - the options above
    """Erase the spans, log records, points and runs of one tenant, up to now."""
    _erase(f"/api/v1/tenants/{quote(name, safe='')}/telemetry", name, "tenant", **options)


def _erase(path: str, subject: str, kind: str, **options: Any) -> None:  # noqa: ANN401 - of both verbs
    if not options["dry_run"] and not options["reason"].strip():
        raise CliError("Say why with --reason: it is kept with the erasure.", exit_code=2)
    client = api()
    preview = client.delete(path, parameters={"dryRun": "true"})
    if options["dry_run"]:
        print_json(preview) if options["as_json"] else click.echo(_words(preview["found"]))
        return
    if not options["yes"]:
        _confirm(kind, subject, preview["found"])
    erasure = client.delete(path, {"reason": options["reason"]})
    if options["wait"]:
        erasure = _follow(client, erasure)
    if options["as_json"]:
        print_json(erasure)
        return
    if erasure["state"] == "refused":
        raise CliError("Who asked for it may not erase any more: nothing was erased.", exit_code=4)
    if erasure["finishedAt"]:
        click.echo(f"Erased: {_words(erasure['found'])}. Copies are erased as they come until {erasure['heldUntil']}.")
    else:
        click.echo(f"Begun as {erasure['id']}; `tidegate` goes on by itself. There is no undo.")


def _confirm(kind: str, subject: str, found: dict[str, Any]) -> None:
    if not sys.stdin.isatty():
        raise CliError("Nobody is there to ask: pass --yes.", exit_code=2)
    click.echo(f"This erases {_words(found)} of the {kind} {printable(subject)}. There is no undo.", err=True)
    if click.prompt(f"Type the {kind} to go on", err=True) != subject:
        raise CliError("That is something else. Nothing was erased.", exit_code=2)


def _words(found: dict[str, Any]) -> str:
    names = {"spans": "spans", "logs": "log records", "points": "metric points", "runs": "AI runs"}
    return ", ".join(f"{found[field]:,} {word}" for field, word in names.items())


def _follow(client: ApiClient, erasure: dict[str, Any]) -> dict[str, Any]:
    """Return the erasure when its rows are gone; it goes on when we are stopped."""
    shown = -1
    while not erasure["finishedAt"]:
        percent = int(erasure["progress"] * 100)
        if percent > shown and sys.stderr.isatty():
            click.echo(f"\r{percent:3d} %", nl=False, err=True)
            shown = percent
        time.sleep(_POLL_S)
        erasure = client.get(f"/api/v1/erasures/{erasure['id']}")
    if shown >= 0:
        click.echo("\r100 %", err=True)
    return erasure
