"""`tidegate signal`: is every family well, and the numbers of one."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.edge.sparks import spark_text

__all__ = ["range_options", "scope_options", "signal", "written"]

Command = TypeVar("Command", bound=Callable[..., Any])
_WORDS = {
    "firing": "FIRING",
    "pending": "PENDING",
    "missing": "NO DATA",
    "stale": "STALE",
    "above": "ABOVE BOUND",
    "distrusted": "DISTRUSTED",
    "insufficient": "TOO LITTLE DATA",
    "no_rule": "NO RULE",
    "within": "WITHIN BOUNDS",
}


def scope_options(command: Command) -> Command:
    """Add `--service`, `--environment`, `--release`, `--tenant`."""
    for name in ("tenant", "release", "environment", "service"):
        command = click.option(f"--{name}", help=f"Only this {name}.")(command)
    return command


def subject_options(command: Command) -> Command:
    """Add `--meter` and `--metric`."""
    command = click.option("--metric", help="Of the family runtime: only this metric, with its values.")(command)
    return click.option("--meter", help="Of the family usage: only this meter, with its amounts.")(command)


def range_options(command: Command) -> Command:
    """Add `--range`, or `--from` and `--to`."""
    command = click.option("--to", help="End, as 2026-02-07T15:00:00Z; not part of it.")(command)
    command = click.option("--from", "from_", help="Start, as 2026-02-07T14:00:00Z.")(command)
    return click.option(
        "--range", "range_", type=click.Choice(["15m", "1h", "6h", "24h", "7d", "30d"]), help="Up to now."
    )(command)


@click.group()
def signal() -> None:
    """Look at signals."""


@signal.command("list")
@scope_options
@json_option
def list_signals(*, as_json: bool, **scope: str | None) -> None:
    """Say how every family is, over the last 15 minutes; in a terminal with its line of seven days."""
    found = api().get("/api/v1/signals/health", scope)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "state": _WORDS.get(item["state"], item["state"]),
            "family": item["family"],
            "7 days": spark_text(item["spark"] or []),
            "why": item["sentence"],
        }
        for item in found["items"]
    ]
    columns = ("state", "family", "7 days", "why") if sys.stdout.isatty() else ("state", "family", "why")
    print_rows(columns, rows, empty="No family.")


@signal.command("show")
@click.argument("family")
@click.option("--by", help="A row for each value of this dimension, the largest first: tenant, route, meter, metric …")
@subject_options
@scope_options
@range_options
@json_option
def show(
    family: str, *, by: str | None, range_: str | None, from_: str | None, to: str | None, as_json: bool,
    **scope: str | None,
) -> None:  # fmt: skip
    """Show every figure of FAMILY in a window, its dimensions and the rules that watch it."""
    client = api()
    asked = {**scope, "range": range_, "from": from_, "to": to, "by": by}
    found = client.get(f"/api/v1/signals/{quote(family, safe='')}/by", asked)
    if as_json:
        print_json(found)
        return
    entry = _entry_of(client.get("/api/v1/signals"), found["family"])
    click.secho(f"{entry['title']}  {found['window']['from']} to {found['window']['to']}", bold=True)
    if by:
        _print_split(entry, found, by)
        return
    rules = {rule["figure"]: rule for rule in entry["rules"]}
    rows = [
        {
            "figure": figure["name"],
            "value": written(figure["unit"], found["totals"].get(figure["name"])),
            "bound": _bound(figure["unit"], rules.get(figure["name"])),
            "what": figure["label"],
        }
        for figure in entry["figures"]
        if figure["name"] in found["totals"]
    ]
    print_rows(("figure", "value", "bound", "what"), rows, empty="No figure.")
    dimensions = ", ".join(each["name"] for each in entry["dimensions"])
    click.echo(f"Split with: tidegate signal show {found['family']} --by NAME; NAME is one of {dimensions}.", err=True)
    if entry["subject"] and not scope.get(entry["subject"]):
        click.echo(f"Amounts are those of one {entry['subject']}: --{entry['subject']} NAME.", err=True)


@signal.command("query")
@click.argument("family")
@click.option("--by", help="Dimension to split by; `tidegate signal show FAMILY` names them.")
@click.option("--step", help="Width of a bucket, such as 60s or 5m.")
@click.option("--figure", "figures", multiple=True, help="Only this figure; several times for several.")
@subject_options
@scope_options
@range_options
@json_option
def query(  # noqa: PLR0913 - options of a verb
    family: str, *, by: str | None, step: str | None, figures: tuple[str, ...], range_: str | None, from_: str | None,
    to: str | None, as_json: bool, **scope: str | None,
) -> None:  # fmt: skip
    """Print figures of FAMILY over time, a row a bucket; in a terminal a line a figure first."""
    asked = {**scope, "range": range_, "from": from_, "to": to, "by": by, "step": step}
    found = api().get(
        f"/api/v1/signals/{quote(family, safe='')}/series", {**asked, "figures": ",".join(figures) or None}
    )
    if as_json:
        print_json(found)
        return
    if sys.stdout.isatty():
        for line in found["lines"]:
            for name, values in line["figures"].items():
                label = f"{line['key']} {name}".strip()
                click.echo(f"{printable(label):<40} {spark_text(values, width=60)}")
    names = list(found["lines"][0]["figures"]) if found["lines"] else []
    rows = [
        {"start": start, "key": line["key"] or None, **{name: line["figures"][name][place] for name in names}}
        for line in found["lines"]
        for place, start in enumerate(found["starts"])
    ]
    columns = ("start", *(("key",) if by else ()), *names)
    print_rows(columns, rows, empty="Nothing in this range.")


def _print_split(entry: Mapping[str, Any], found: Mapping[str, Any], by: str) -> None:
    """Print a row a value, with the figures of which anything is known."""
    units = {figure["name"]: figure["unit"] for figure in entry["figures"]}
    names = [name for name in units if any(item["figures"].get(name) for item in found["items"])]
    rows = [
        {by: item["key"] or "none", **{name: written(units[name], item["figures"].get(name)) for name in names}}
        for item in found["items"]
    ]
    print_rows((by, *names), rows, empty="Nothing to tell apart in this range.")


def written(unit: str, value: float | None) -> str:
    """Return a figure for a person; `-` without data."""
    if value is None:
        return "-"
    if unit == "rate":
        return f"{value * 100:.4g}%"
    if unit in {"ms", "s"}:
        return f"{value:.4g} {unit}"
    if unit == "value":
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.6g}"
    return f"{value:.4g} USD" if unit == "usd" else f"{value:,.0f}"


def _bound(unit: str, rule: Mapping[str, Any] | None) -> str:
    return f"{rule['severity']} at {written(unit, rule['threshold'])} in {rule['window']}" if rule else ""


def _entry_of(catalogue: Mapping[str, Any], family: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in catalogue["families"] if entry["family"] == family)
    return found
