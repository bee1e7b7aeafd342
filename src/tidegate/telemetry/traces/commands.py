"""`tidegate trace`: which traces there were, and the spans of one in their order."""

from typing import Any
from urllib.parse import quote

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["trace"]

_COLUMNS = ("traceId", "startedAt", "service", "tenant", "durationMs", "status", "name")
_INDENT = 2
_DEEPEST = 20
_MAX_PAGES = 100  # of 200 spans: as many as are looked at


@click.group()
def trace() -> None:
    """Look at traces, and erase one."""


@trace.command("list")
@click.option("--service", help="Only traces that began in this service.")
@click.option("--tenant", help="Only traces of this tenant.")
@click.option("--status", type=click.Choice(["ok", "error"]), help="How the first span ended.")
@click.option("--min-ms", type=click.IntRange(0), help="At least this long.")
@click.option("--from", "from_", help="Start of the window, such as 2026-02-07T14:00:00Z; the last hour unless given.")
@click.option("--to", help="End of the window.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where the last page ended.")
@json_option
def list_traces(*, as_json: bool, from_: str | None, min_ms: int | None, **asked: str | int | None) -> None:
    """List traces, the newest first."""
    page = api().get("/api/v1/traces", {**asked, "from": from_, "minMs": min_ms})
    if as_json:
        print_json(page)
        return
    rows = [
        {**item, "durationMs": f"{item['durationNs'] / 1e6:.3f}", "status": "error" if item["isError"] else "ok"}
        for item in page["items"]
    ]
    print_rows(_COLUMNS, rows, empty="No trace began in this window.")
    if page["nextCursor"]:
        click.echo(f"There are more: --cursor {page['nextCursor']}", err=True)


@trace.command("show")
@click.argument("trace_id", metavar="ID")
@click.option("--span", "span_id", help="One span of it, in full.")
@json_option
def show_trace(trace_id: str, span_id: str | None, *, as_json: bool) -> None:
    """Show a trace: its spans in their order, or one span with all it carries."""
    path = f"/api/v1/traces/{_hex(trace_id, 32, 'trace')}"
    client = api()
    if span_id is not None:
        found = client.get(f"{path}/spans/{_hex(span_id, 16, 'span')}")
        print_json(found) if as_json else _print_span(found)
        return
    found = client.get(path)
    for _ in range(_MAX_PAGES):
        if not found["nextCursor"]:
            break
        page = client.get(path, {"cursor": found["nextCursor"]})
        found["spans"] += page["spans"]
        found["nextCursor"] = page["nextCursor"]
    if as_json:
        print_json(found)
        return
    _print_summary(found["summary"])
    for span in found["spans"]:
        click.echo(_line(span))
    click.echo(f"Page: {client.url}/traces/{quote(trace_id)}", err=True)


def _hex(text: str, length: int, what: str) -> str:
    clean = text.strip().lower()
    if len(clean) != length or not all(character in "0123456789abcdef" for character in clean):
        raise CliError(f"{text!r} is no {what} id: it has {length} hexadecimal characters.", exit_code=2)
    return clean


def _print_summary(summary: dict[str, Any]) -> None:
    services = ", ".join(f"{printable(name)} {count}" for name, count in summary["services"].items())
    click.secho(
        f"{summary['spanCount']} spans, {summary['errorCount']} failed, {summary['durationNs'] / 1e6:.3f} ms"
        f"  ({services})",
        bold=True,
    )
    warnings = {
        "missingParentCount": "spans are named as a parent and not stored",
        "cyclicCount": "lines of parents go round in a circle",
        "distrustedCount": "spans have times that cannot be believed",
        "replayedCount": "spans are replayed from a recording",
    }
    for field, words in warnings.items():
        if summary[field]:
            click.echo(f"! {summary[field]} {words}")
    if summary["isCut"]:
        click.echo("! there are more spans than are looked at")


def _line(span: dict[str, Any]) -> str:
    meaning = span["meaning"]
    glyph = "✗" if span["isError"] else "·"
    said = meaning["tool"] or meaning["model"] or meaning["agentName"]
    error = f"  {meaning['errorType'] or meaning['outcome'] or 'failed'}" if span["isError"] else ""
    indent = " " * (_INDENT * min(span["depth"], _DEEPEST))
    text = f"{span['name']} [{span['service']}]" + (f" {said}" if said and said not in span["name"] else "") + error
    return f"{glyph} {span['durationNs'] / 1e6:>12.3f} ms  {span['spanId']}  {indent}{printable(text)}"


def _print_span(found: dict[str, Any]) -> None:
    contents = found["contents"]
    click.secho(
        f"{'✗' if found['isError'] else '·'} {printable(found['name'])} [{printable(found['service'])}]", bold=True
    )
    for heading in ("attributes", "resource"):
        click.echo(heading.capitalize())
        for key, text in sorted(contents[heading].items()):
            click.echo(f"  {printable(key)} = {printable(text)}")
    for event in contents["events"]:
        click.echo(f"Event {printable(event['name'])} at {event['at']}")
        for key, text in sorted(event["attributes"].items()):
            click.echo(f"  {printable(key)} = {printable(text)}")
    for log in found["logs"]:
        click.echo(f"Log {log['at']} {printable(log['severity'])} {printable(log['body'])}")
