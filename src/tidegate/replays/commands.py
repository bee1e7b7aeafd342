"""`tidegate replay`: a recording from its files to the server."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json
from tidegate.replays.formats import FORMATS
from tidegate.replays.sender import DEFAULT_PATIENCE_S

if TYPE_CHECKING:
    from tidegate.replays.recording import Options


class _Moment(click.ParamType[int]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's own
        from tidegate.replays.model import UnreadableRowError
        from tidegate.replays.times import moment_of

        try:
            return moment_of(value)
        except UnreadableRowError:
            self.fail(f"{value!r} is no time. Write 2026-02-01T08:00:00Z, or seconds since 1970.", param, ctx)


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "format_name", type=click.Choice(sorted(FORMATS)), required=True, help="What PATH holds.")
@click.option("--speed", type=click.FloatRange(0, min_open=True), help="Event time passes N times as fast as the "
              "clock; without it everything is sent as fast as it goes.")  # fmt: skip
@click.option("--rebase", type=click.Choice(["now"]), help="Move all times together, so that the last event is now. A "
              "repetition keeps the times of the first.")  # fmt: skip
@click.option("--again", is_flag=True, help="Send it as a recording of its own, that counts beside the first.")
@click.option("--restart", is_flag=True, help="Begin with the first row, whatever was sent before; it counts once.")
@click.option("--service", help="The name of the service, whatever the recording says.")
@click.option("--model", help="The model, for formats that name none: azure-llm, tau.")
@click.option("--provider", help="The provider, for formats that name none: azure-llm, bfcl, tau.")
@click.option("--year", type=click.IntRange(1970, 2261), help="Year of the first line, for syslog lines without one; "
              "else the latest that the file's date allows.")  # fmt: skip
@click.option("--start", type=_Moment(), metavar="TIME", help="Time of the first event, for formats without times; "
              "else so that the last is at the file's date.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Send the first rows of each file only.")
@click.option("--patience", type=click.FloatRange(0), default=DEFAULT_PATIENCE_S, show_default=True,
              help="Seconds to go on asking a server that is busy or away.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Read everything and send nothing.")
@json_option
def replay(path: Path, format_name: str, *, as_json: bool, **named: Any) -> None:  # noqa: ANN401 - one an option
    """Send the recording at PATH, a file or a folder, `.gz` or not; needs a token with the scope write.

    What is sent is marked as replayed and keeps its own times: it counts in its own seconds, pages nobody, and stays
    out of live rules. Ids come from the file and the row, so sending a file twice counts once, and a replay that was
    interrupted goes on where it stopped.

    \b
    tidegate replay auth.log --format sshd
    tidegate replay traffic.csv.gz --format azure-llm --model gpt-4o --rebase now
    tidegate replay traces/ --format otlp-json --speed 60

    Exit code 1 means that rows were unreadable or refused: they are counted and the first are named. Of a recording
    without a row of the format it is 2.
    """  # noqa: D301 - click reads \\b as: leave the lines as they are
    from tidegate.replays.model import UnreadableFileError
    from tidegate.replays.recording import Options

    options = Options(path=path, form=FORMATS[format_name], **named)
    started = time.monotonic()
    try:
        results = _send_all(options, is_silent=as_json)
    except UnreadableFileError as error:
        raise CliError(f"Not sent: {error}.", exit_code=2) from error
    report = _Report(results, elapsed_s=time.monotonic() - started, is_dry=options.dry_run)
    if as_json:
        print_json(report.as_wire())
    else:
        report.print_lines()
    if report.holds_nothing:
        raise CliError(f"Not sent: {path} holds no row that is {format_name}.", exit_code=2)
    sys.exit(1 if report.has_losses else 0)


def _send_all(options: "Options", *, is_silent: bool) -> "list[Any]":
    from tidegate.replays.recording import Recording, connected

    with connected(api(), options) as exporter, _progress(is_silent=is_silent) as show:
        return Recording(options, exporter).send(show)


@dataclass(frozen=True, slots=True)
class _Report:
    results: "list[Any]"
    elapsed_s: float
    is_dry: bool

    @property
    def has_losses(self) -> bool:
        return any(result.tally.unreadable or result.tally.refused for result in self.results)

    @property
    def holds_nothing(self) -> bool:
        """Whether no row of any file is of the format: they are of another, or empty."""
        return not any(result.tally.rows or result.resumed_at or result.is_known for result in self.results)

    def as_wire(self) -> dict[str, Any]:
        files = [result.as_wire() for result in self.results]
        names = ("rows", "spans", "logs", "points", "requests", "unreadable", "refused")
        return {
            "files": files,
            "totals": {name: sum(file[name] for file in files) for name in names},
            "seconds": round(self.elapsed_s, 3),
            "dryRun": self.is_dry,
        }

    def print_lines(self) -> None:
        for result in self.results:
            click.echo(result.sentence(is_dry=self.is_dry))
            for reason in result.tally.reasons:
                click.echo(f"  {reason}", err=True)
        wire = self.as_wire()["totals"]
        if len(self.results) > 1:
            click.echo(
                f"In all {len(self.results)} files: {wire['spans']} spans, {wire['logs']} log records, "
                f"{wire['points']} points; {wire['unreadable']} unreadable, {wire['refused']} refused."
            )


def _progress(*, is_silent: bool) -> "AbstractContextManager[Callable[[str, int, Any], None]]":
    from tidegate.replays.progress import no_progress, progress_bar

    return no_progress() if is_silent or not sys.stderr.isatty() else progress_bar()
