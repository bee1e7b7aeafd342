"""`tidegate runbook check`: it reads rules of every kind and may call other hosts, so it stands above the slices."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, printable

if TYPE_CHECKING:
    from tidegate.app.runbook_links import Looked

__all__ = ["check"]

_DEAD, _INVALID, _UNKNOWN = 1, 2, 7


def _site(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not value.startswith(("http://", "https://")):
        raise click.BadParameter("it begins with http:// or https://")
    return f"{value.rstrip('/')}/"


@click.command("check")
@click.argument("paths", metavar="[FILE|FOLDER]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--pages", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of the pages that addresses under --site lead to; else the first FOLDER.")  # fmt: skip
@click.option("--site", metavar="URL", callback=_site, help="Address under which that folder is published.")
@click.option("--online", is_flag=True, help="Ask other hosts as well whether their pages are there.")
@json_option
def check(paths: tuple[Path, ...], *, pages: Path | None, site: str | None, online: bool, as_json: bool) -> None:
    """Find links to runbooks that lead nowhere: of the workspace's rules, or without a server of files.

    A FILE is a rule file, of tidegate or of Prometheus (`runbook_url`), or a page in Markdown; of a FOLDER all pages
    are read. Files and headings that a page links to are looked up; addresses of other hosts are only looked at
    unless --online.

    \b
    tidegate runbook check rules.yaml docs/runbooks
    tidegate runbook check alerts.yaml --pages content/runbooks --site https://runbooks.example.com/runbooks/

    Exit code 1 when a link is dead, 2 when a file cannot be read, 7 when none is dead and of some it is not known.
    """  # noqa: D301 - click reads \\b as: leave the lines as they are
    if not paths and (pages or site or online):
        raise click.UsageError("Name the files whose links are looked at; without them the rules of the server are.")
    found = _of_files(paths, pages, site, online=online) if paths else _of_server()
    if as_json:
        print_json(found)
    else:
        for one in [*found["dead"], *found["unknown"]]:
            place = f"{one['file']}:{one['line']}: " if one["file"] else ""
            words = [part for part in (one["rule"], one["target"], one["reason"]) if part]
            click.echo(place + ": ".join(map(printable, words)))
    if found["dead"]:
        raise CliError(f"{len(found['dead'])} links lead nowhere.", exit_code=_DEAD)
    if found["unknown"]:
        raise CliError(f"Of {len(found['unknown'])} links it is not known where they lead.", exit_code=_UNKNOWN)
    if not as_json:
        left = (
            f" {found['elsewhereCount']} lead to other hosts, which were not asked." if found["elsewhereCount"] else ""
        )
        click.echo(f"None of {found['linkCount']} links leads nowhere.{left}")


def _of_files(paths: tuple[Path, ...], pages: Path | None, site: str | None, *, online: bool) -> dict[str, Any]:
    from tidegate.app.runbook_links import InputUnreadableError, ask_elsewhere, look_at

    try:
        looked = look_at(paths, pages=pages, site=site)
    except InputUnreadableError as error:
        raise CliError(printable(error), exit_code=_INVALID) from error
    if online:
        from tidegate.app.settings import egress_allowances
        from tidegate.egress import EgressClient, EgressLimits

        # The status is all that is asked for: a page of any length is there.
        client = EgressClient(egress_allowances(), limits=EgressLimits(body_bytes=16 << 10, is_status_enough=True))
        asyncio.run(ask_elsewhere(looked, client))
    return _wire(looked)


def _wire(looked: "Looked") -> dict[str, Any]:
    from tidegate.runbooks import Verdict

    return {
        "pageCount": looked.page_count,
        "ruleCount": looked.rule_count,
        "linkCount": len(looked.links),
        "elsewhereCount": len(looked.of(Verdict.ELSEWHERE)),
        "dead": [one.as_wire() for one in looked.of(Verdict.DEAD)],
        "unknown": [one.as_wire() for one in looked.of(Verdict.UNKNOWN)],
    }


def _of_server() -> dict[str, Any]:
    pages = {one["link"] for one in api().get("/api/v1/runbooks")["items"]}
    rules = api().get("/api/v1/rules")["items"]
    elsewhere = [one for one in rules if one["runbook"].startswith("https://")]
    dead = [one for one in rules if one not in elsewhere and one["runbook"] not in pages]
    return {
        "pageCount": len(pages),
        "ruleCount": len(rules),
        "linkCount": len(rules),
        "elsewhereCount": len(elsewhere),
        "dead": [
            {"file": None, "line": None, "rule": one["code"], "target": one["runbook"],
             "reason": "no such page ships"} for one in dead
        ],
        "unknown": [],
    }  # fmt: skip
