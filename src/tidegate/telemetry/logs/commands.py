"""`tidegate log`: find log records, and watch them come in."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from tidegate.edge.client import ApiClient, CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.kernel import InvalidInputError, format_utc, parse_duration, parse_utc

__all__ = ["log"]

_COLUMNS = ("at", "severity", "service", "tenant", "event", "body")
_POLL_S = 1.0
_LOOK_BACK = timedelta(seconds=30)  # a record is visible within a second of its coming; collectors batch for some
_MAX_REMEMBERED = 20_000
_SHOWN_CHARACTERS = 400


@click.group()
def log() -> None:
    """Find log records."""


@log.command("search")
@click.argument("words", nargs=-1)
@click.option(
    "--since", default="1h", show_default=True, help="How far back: 15m, 2h, 7d; or a moment with its offset."
)
@click.option("--until", help="End of the range: a moment with its offset; now unless said.")
@click.option("--severity", help="At least this one: trace, debug, info, warn, error, fatal.")
@click.option("--service", help="Only records of this service.")
@click.option("--tenant", help="Only records of this tenant.")
@click.option("--trace", "trace_id", help="Only records of this trace.")
@click.option("--event", help="Name of an event, or its beginning: 'job.*'.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where the last page ended.")
@click.option("--follow", is_flag=True, help="Then print what comes in, the oldest first, until Ctrl-C.")
@json_option
def search(
    words: tuple[str, ...],
    since: str,
    until: str | None,
    *,
    follow: bool,
    limit: int,
    as_json: bool,
    **filters: str | None,
) -> None:
    """Print log records that hold all WORDS, in any case: the newest first."""
    start = _moment(since, name="--since")
    asked: dict[str, str | int | None] = {
        "q": " ".join(words) or None,
        "severity": filters["severity"],
        "service": filters["service"],
        "tenant": filters["tenant"],
        "traceId": filters["trace_id"],
        "event": filters["event"],
        "limit": limit,
    }
    if follow:
        if until or filters["cursor"]:
            raise CliError("--follow goes on for ever: leave --until and --cursor out.", exit_code=2)
        _follow(api(), asked | {"from": start, "limit": 200}, as_json=as_json)
        return
    end = _moment(until, name="--until") if until else None
    page = api().get("/api/v1/logs", asked | {"from": start, "to": end, "cursor": filters["cursor"]})
    if as_json:
        print_json(page)
        return
    print_rows(_COLUMNS, [_shown(item) for item in page["items"]], empty="No log record matches. Try a longer --since.")
    if page["nextCursor"]:
        click.echo(f"There are more: --cursor {page['nextCursor']}", err=True)


def _follow(client: ApiClient, asked: Mapping[str, str | int | None], *, as_json: bool) -> None:
    try:
        for item in new_records(lambda query: client.get("/api/v1/logs", query), asked):
            if as_json:
                click.echo(click.style(_json_line(item)))
            else:
                click.echo("  ".join(printable(_shown(item)[column]) for column in _COLUMNS))
    except KeyboardInterrupt:
        return


def new_records(
    get: Callable[[Mapping[str, str | int | None]], Any],
    asked: Mapping[str, str | int | None],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Iterable[dict[str, Any]]:
    """Yield records as they come, each once, the oldest of each answer first; for ever.

    Every question looks back over half a minute again: records come late by as long as a collector gathers them.
    """
    seen: dict[str, None] = {}
    query = dict(asked)
    while True:
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = get(query | {"cursor": cursor})
            items += page["items"]
            cursor = page["nextCursor"]
            # At the first question the newest page is enough; later ones read all that came since the last.
            if cursor is None or not seen or len(items) >= _MAX_REMEMBERED or items[-1]["id"] in seen:
                break
        for item in reversed(items):
            if item["id"] not in seen:
                yield item
                seen[item["id"]] = None
        while len(seen) > _MAX_REMEMBERED:
            del seen[next(iter(seen))]
        since = parse_utc(page["to"]) - _LOOK_BACK
        query["from"] = max(str(query["from"] or ""), format_utc(since))
        pause(_POLL_S)


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    body = str(item["body"])
    return {**item, "body": body if len(body) <= _SHOWN_CHARACTERS else f"{body[:_SHOWN_CHARACTERS]}…"}


def _json_line(item: Mapping[str, Any]) -> str:
    import json

    return json.dumps(item, ensure_ascii=False)


def _moment(text: str, *, name: str) -> str:
    try:
        if text[:4].isdigit() and "-" in text:
            return format_utc(parse_utc(text))
        return format_utc(datetime.now(UTC) - parse_duration(text))
    except (InvalidInputError, OverflowError) as error:
        words = error.message if isinstance(error, InvalidInputError) else f"{text!r} lies before all time."
        raise CliError(f"{name}: {words}", exit_code=2) from error
