"""The verb `tidegate rule backtest`."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.kernel import TidegateError, format_duration, format_utc, parse_duration, parse_utc

__all__ = ["backtest"]

_INVALID = 2
_COLUMNS = ("code", "severity", "episodes", "fired", "flapping", "pages", "precision", "recall", "delay")
_FIELDS = {"from", "to", "service", "tenant", "code"}


@click.command("backtest")
@click.argument("file", type=click.File("rb"))
@click.option("--since", default="3d", show_default=True, help="How long ago to begin, as in 6h or 3d.")
@click.option("--from", "start", help="Moment to begin at, instead of --since.")
@click.option("--to", "end", help="Moment to end at; now unless said.")
@click.option("--step", help="How far judgements lie apart: 1m unless said; seconds reach back two hours.")
@click.option("--labels", type=click.File("rb"), help="What really happened: CSV or JSON with from, to, service …")
@click.option("--only-file", is_flag=True, help="Leave the other rules of the workspace out.")
@click.option("--replayed", is_flag=True, help="Count recordings that were replayed as well; live rules never do.")
@json_option
def backtest(  # noqa: PLR0913, PLR0917 - click passes them by name
    file: IO[bytes],
    since: str,
    start: str | None,
    end: str | None,
    step: str | None,
    labels: IO[bytes] | None,
    only_file: bool,  # noqa: FBT001 - click passes it by name
    replayed: bool,  # noqa: FBT001 - the same
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Say what the rules of FILE would have done over recorded history, storing nothing."""
    try:
        until = parse_utc(end, field="to") if end else datetime.now(UTC).replace(microsecond=0)
        begin = parse_utc(start, field="from") if start else until - parse_duration(since, field="since")
        length = parse_duration(step, field="step") if step else None
        text = file.read().decode()
        incidents = incidents_in(labels.read()) if labels is not None else []
    except (TidegateError, ValueError) as error:
        raise CliError(str(error), exit_code=_INVALID) from error
    body: dict[str, Any] = {
        "rules": text, "from": format_utc(begin), "to": format_utc(until), "withOthers": not only_file,
        "withReplayed": replayed, "incidents": incidents,
    }  # fmt: skip
    if length is not None:
        body["stepS"] = int(length.total_seconds())
    found = api().post("/api/v1/rules/backtest", body)
    if as_json:
        print_json(found)
        return
    _print(found)


def incidents_in(text: bytes) -> list[dict[str, str]]:
    """Return the incidents of a file: a JSON list, or CSV with a head.

    Raises:
        ValueError: it is neither; the sentence says what is wrong.
    """
    decoded = text.decode("utf-8-sig")
    is_json = decoded.lstrip().startswith("[")
    rows = json.loads(decoded) if is_json else list(csv.DictReader(io.StringIO(decoded)))
    found = []
    for number, row in enumerate(rows, start=1):
        unknown = sorted({str(name) for name in row} - _FIELDS) if isinstance(row, dict) else ["…"]
        if unknown:
            raise ValueError(f"Label {number} has {unknown[0]!r}: known are {', '.join(sorted(_FIELDS))}.")
        if not row.get("from") or not row.get("to"):
            raise ValueError(f"Label {number} needs `from` and `to`.")
        found.append({name: value for name, value in row.items() if value})
    return found


def _print(found: dict[str, Any]) -> None:
    step = format_duration(timedelta(seconds=found["stepS"]))
    click.echo(f"{found['from']} to {found['to']}, judged every {step}, {found['lookCount']:,} times.")
    if found["widened"]:
        click.echo(f"Windows made longer, to whole steps: {printable(', '.join(found['widened']))}.")
    rows = [_row(one) for one in found["rules"] if one["episodeCount"] or one["isOfFile"]]
    columns = _COLUMNS if found["score"] else _COLUMNS[:6]
    print_rows(columns, rows, empty="There are no rules.")
    click.echo(
        f"{found['transitionCount']:,} transitions of {found['episodeCount']:,} alerts. "
        f"{found['pageCount']:,} notices, {found['newPageCount']:,} of something new; "
        f"{found['hushedCount']:,} alerts kept back, {found['unroutedCount']:,} without a route."
    )
    if found["score"]:
        score = found["score"]
        click.echo(
            f"Precision {_share(score['precision'])} ({score['rightCount']} of {score['firedCount']}), recall "
            f"{_share(score['recall'])} ({score['foundCount']} of {score['incidentCount']}), median delay "
            f"{_delay(score['medianDelayS'])}."
        )


def _row(one: dict[str, Any]) -> dict[str, object]:
    score = one["score"] or {"precision": None, "recall": None, "medianDelayS": None}
    return {
        "code": one["code"],
        "severity": one["severity"],
        "episodes": one["episodeCount"],
        "fired": one["firedCount"],
        "flapping": one["flappingCount"],
        "pages": one["pageCount"],
        "precision": _share(score["precision"]),
        "recall": _share(score["recall"]),
        "delay": _delay(score["medianDelayS"]),
    }


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _delay(seconds: float | None) -> str:
    return "none" if seconds is None else format_duration(timedelta(seconds=round(seconds)))
