"""`tidegate run`: which AI runs there were, what one did, and new ones as they come."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["new_runs", "run"]

Command = TypeVar("Command", bound=Callable[..., Any])
Query = Mapping[str, str | int | None]
_COLUMNS = ("endedAt", "outcome", "run", "model", "tenant", "tokens", "costUsd", "durationMs", "name")
_POLL_S = 1.0
_LOOK_BACK = timedelta(minutes=1)  # a run is counted about 10 s after it ended; late ones are seen once all the same
_MAX_REMEMBERED = 20_000
_OUTCOMES = ["ok", "failed", "policy_blocked", "validation_error", "cancelled"]


def _filters(command: Command) -> Command:
    for option in (
        click.option("--outcome", type=click.Choice(_OUTCOMES)),
        click.option("--model", help="Only runs of this model."),
        click.option("--provider", help="Only runs of this provider."),
        click.option("--tenant", help="Only runs of this tenant."),
        click.option("--service", help="Only runs of this service."),
        click.option("--release", help="Only runs of this release."),
        click.option("--min-cost-usd", help="Only priced runs that cost this or more."),
        click.option("--unpriced", is_flag=True, help="Only runs without a price."),
    ):
        command = option(command)
    return command


@click.group()
def run() -> None:
    """Look at AI runs."""


@run.command("list")
@_filters
@click.option("--from", "from_", help="Runs that ended at or after this moment, such as 2026-02-07T14:00:00Z.")
@click.option("--to", help="Runs that ended before this moment.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where the last page ended.")
@json_option
def list_runs(
    *,
    as_json: bool,
    from_: str | None,
    to: str | None,
    limit: int,
    cursor: str | None,
    **asked: Any,  # noqa: ANN401 - the filters
) -> None:
    """List AI runs, the newest first."""
    page = api().get("/api/v1/runs", {**_query(asked), "from": from_, "to": to, "limit": limit, "cursor": cursor})
    if as_json:
        print_json(page)
        return
    print_rows(_COLUMNS, [_row(item) for item in page["items"]], empty="No AI run fits.")
    if page["nextCursor"]:
        click.echo(f"There are more: --cursor {page['nextCursor']}", err=True)


@run.command("show")
@click.argument("name", metavar="TRACE/SPAN", nargs=-1, required=True)
@click.option("--content", is_flag=True, help="Print prompts and outputs as they are stored.")
@json_option
def show_run(name: tuple[str, ...], *, content: bool, as_json: bool) -> None:
    """Show one run: how it ended and why, what it used and cost, every step."""
    trace_id, span_id = _named(name)
    client = api()
    found = client.get(f"/api/v1/runs/{trace_id}/{span_id}")
    if as_json:
        print_json(found)
        return
    _print_run(found)
    for part in found["contents"] if content else ():
        click.secho(printable(f"{part['spanId']} {part['key']}"), bold=True)
        for line in part["text"].splitlines():
            click.echo(f"  {printable(line)}")
    if found["contents"] and not content:
        click.echo(f"{len(found['contents'])} parts of stored content are hidden: --content shows them.", err=True)
    click.echo(f"Page: {client.url}/ai-runs/{trace_id}/{span_id}", err=True)


@run.command("tail")
@_filters
@json_option
def tail_runs(*, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - the filters
    """Print runs as they are counted, until Ctrl-C."""
    client = api()
    start = (datetime.now(UTC) - _LOOK_BACK).isoformat(timespec="seconds").replace("+00:00", "Z")
    try:
        for item in new_runs(lambda query: client.get("/api/v1/runs", query), {**_query(asked), "from": start}):
            if as_json:
                click.echo(json.dumps(item))  # one a line, in ASCII: nothing in it moves a terminal
            else:
                click.echo("  ".join(printable(_row(item)[column]) for column in _COLUMNS))
    except KeyboardInterrupt:
        return


def new_runs(
    get: Callable[[Query], Any], asked: Query, *, pause: Callable[[float], None] = time.sleep
) -> Iterator[Any]:
    """Yield runs as they come, each once, the oldest of each answer first; for ever."""
    seen: dict[tuple[str, str], None] = {}
    while True:
        items: list[Any] = []
        cursor: str | None = None
        while len(items) < _MAX_REMEMBERED:
            page = get({**asked, "limit": 200, "cursor": cursor})
            items += page["items"]
            cursor = page["nextCursor"]
            # The newest come first: a page that ends with a known one has nothing new behind it.
            if cursor is None or (items[-1]["traceId"], items[-1]["spanId"]) in seen:
                break
        for item in reversed(items):
            if (item["traceId"], item["spanId"]) not in seen:
                yield item
                seen[item["traceId"], item["spanId"]] = None
        while len(seen) > _MAX_REMEMBERED:
            del seen[next(iter(seen))]
        pause(_POLL_S)


def _query(asked: Mapping[str, Any]) -> dict[str, str | int | None]:
    query: dict[str, str | int | None] = {name: value for name, value in asked.items() if name != "unpriced"}
    query["minCostUsd"] = query.pop("min_cost_usd", None)
    query["unpriced"] = "true" if asked.get("unpriced") else None
    return query


def _named(words: tuple[str, ...]) -> tuple[str, str]:
    parts = "/".join(words).strip().lower().split("/")
    if [len(part) for part in parts] != [32, 16] or not set("".join(parts)) <= set("0123456789abcdef"):
        raise CliError("Name a run as TRACE/SPAN, as `tidegate run list` shows it.", exit_code=2)
    return parts[0], parts[1]


def _row(item: Mapping[str, Any]) -> dict[str, object]:
    return {
        **item,
        "run": f"{item['traceId']}/{item['spanId']}",
        "tokens": item["inputTokens"] + item["outputTokens"],
        "costUsd": "unpriced" if item["costUsd"] is None else f"{item['costUsd']:.9f}".rstrip("0").rstrip("."),
        "durationMs": f"{item['durationMs']:.1f}",
    }


def _print_run(found: Mapping[str, Any]) -> None:
    item = found["run"]
    error = f"  {printable(item['errorCode'])}" if item["errorCode"] else ""
    click.secho(f"{printable(item['outcome']).upper()}{error}  {printable(item['name'])}", bold=True)
    cost = _row(item)["costUsd"]
    source = (
        f" ({printable(item['costSource'])} {printable(item['priceVersion'])})" if item["costUsd"] is not None else ""
    )
    click.echo(f"model {printable(item['model']) or '-'}  tokens {item['inputTokens']} in, {item['outputTokens']} out")
    click.echo(f"cost {cost}{source}  duration {item['durationMs']:.1f} ms  tenant {printable(item['tenant']) or '-'}")
    if not found["isCounted"]:
        click.echo("! not counted yet: figures follow within seconds")
    if item["isParentMissing"]:
        click.echo("! a span above this run is named and not stored")
    for step in found["steps"]:
        glyph = "✓" if step["outcome"] == "ok" else "✗"
        again = f" attempt {step['attempt']} of {step['attemptCount']}" if step["attemptCount"] > 1 else ""
        indent = "  " * min(step["depth"], 20)
        text = f"{step['operation']} {step['label']} {step['errorType']}"
        click.echo(f"{glyph} {step['durationMs']:>10.1f} ms  {indent}{printable(text).rstrip()}{again}")
    for score in found["scores"]:
        click.echo(f"score {printable(score['name'])} {score['value']} {printable(score['label'])}")
