"""`make run`: tidegate, harbor and real traffic; the board, its URL, and the command that fixes what is planted.

Everything stops with Ctrl-C or SIGTERM; the data directory stays.
"""

import asyncio
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from examples.harbor.authz_reports import ReportError, describe_run
from examples.harbor.authz_suite import SuiteError
from examples.harbor.board import (
    SHOWN,
    keep_loopback_off_proxies,
    print_board,
    read_verdicts,
    tidegate_client,
    wait_for_runs,
)
from examples.harbor.children import StepError
from examples.harbor.commit import find_commit
from examples.harbor.launch import CONFLICT, Launch, Options
from examples.harbor.places import DEFAULT_DATA_DIR, HARBOR_PORT, REPOSITORY, TIDEGATE_PORT, harbor_dir
from examples.harbor.record import AlreadyRunningError, RunRecord, delete_record, is_served, lock_directory

# Ctrl-C and a closed terminal interrupt (as for any command, 130 and 129); SIGTERM asks for the end, and gets it.
SIGNAL_EXIT_CODES = {signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGTERM: 0}
RUNS_WANTED = 50
# Spans leave harbor within 250 ms and are visible a second later; this is for a machine that is very busy.
RUNS_DEADLINE_S = 15.0
VERDICTS_LOOK_S = 3.0
DEATH_NOTICED_S = 0.5
STEP_ERRORS = (StepError, SuiteError, ReportError, OSError)


class Progress:
    """Says what happens and when, counted from the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def say(self, line: str) -> None:
        click.echo(f"[{self.elapsed_s:5.1f} s] {line}")


def prepare_directory(data_dir: Path, *, is_fresh: bool) -> int:
    """Make and claim the data directory; return the descriptor that holds the claim.

    Raises:
        StepError: `--fresh` names a directory that no run has made, or that a server uses.
        AlreadyRunningError: another run uses it.
    """
    if is_fresh and data_dir.exists():
        if not harbor_dir(data_dir).is_dir():
            raise StepError(f"--fresh does not remove {data_dir}: no run of harbor has made it. Remove it yourself.")
        claim = lock_directory(data_dir)
        try:
            if is_served(data_dir):
                raise StepError(f"--fresh does not remove {data_dir}: a tidegate server uses it. Stop it first.")
            shutil.rmtree(data_dir)
        finally:
            os.close(claim)
    claim = lock_directory(data_dir)
    # What a run that was killed left behind names a token and a process number that may be somebody else's now.
    delete_record(data_dir)
    return claim


async def launch_everything(launch: Launch, progress: Progress) -> None:
    """Take every step up to the board, then keep traffic going until cancelled."""
    launch.plant_default_fault()
    progress.say("starting tidegate (PostgreSQL, telemetry engine, edge) …")
    await launch.start_tidegate()
    progress.say(f"tidegate is ready: {launch.tidegate_url}")
    tokens = await launch.make_tokens()
    await together(launch.apply_gates(tokens), launch.make_release(tokens), launch.start_harbor(tokens))
    progress.say(f"gates and release {launch.release} are known; harbor serves {launch.harbor_url}")
    record = launch.keep_record(tokens)
    async with launch.traffic_client() as client:
        traffic = await launch.warm_up(client)
        progress.say(f"traffic flows: {traffic.counts.requests} requests, {traffic.counts.runs} assistant runs so far")
        going_on = asyncio.create_task(traffic.go_on())
        try:
            run = await launch.run_suite(tokens)
            progress.say(f"authorization suite reported: {describe_run(run)}")
            await show_board(launch, record, progress)
            await together(going_on, tell_changes(record, progress))
        finally:
            going_on.cancel()


async def together(*steps: Coroutine[Any, Any, None] | asyncio.Task[None]) -> None:
    """Take steps side by side; when one fails none of the others goes on behind the stop."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def show_board(launch: Launch, record: RunRecord, progress: Progress) -> None:
    """Print the board as soon as tidegate has what its gates count, then where to go from here."""
    counted = await wait_for_runs(record, at_least=RUNS_WANTED, deadline_s=RUNS_DEADLINE_S)
    if counted < RUNS_WANTED:
        progress.say(f"tidegate has counted {counted} runs so far; the board may still hold")
    link = await launch.sign_in_link()
    click.echo()
    await asyncio.to_thread(print_board, record)
    click.echo(
        f"""
Board       {record.tidegate_url}/
Sign in     {link}
Fix         {harbor_command("fix", launch.data_dir)}
            (in another terminal: closes the planted authorization hole, runs the suite again, reports it)
Faults      {harbor_command("fault list", launch.data_dir)}
Logs        {shown_path(harbor_dir(launch.data_dir))}
Stop        Ctrl-C
"""
    )
    progress.say(f"{progress.elapsed_s:.1f} s from start to board; traffic goes on")


async def tell_changes(record: RunRecord, progress: Progress) -> None:
    """Say when a gate changes its verdict, for as long as the run lasts."""
    async with tidegate_client(record) as client:
        before = await read_verdicts(client, record)
        while True:
            await asyncio.sleep(VERDICTS_LOOK_S)
            now = await read_verdicts(client, record)
            for gate, verdict in now.items():
                if verdict != before[gate]:
                    progress.say(f"{gate}: {SHOWN[before[gate]]} → {SHOWN[verdict]}")
            before = now


def shown_path(path: Path) -> str:
    """Return the path as somebody in the repository's root would type it."""
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)


def harbor_command(verb: str, data_dir: Path) -> str:
    """Return the command as somebody in the repository's root would type it."""
    # Not resolved: the environment's python is a link, and its own name is what is short.
    python = shlex.quote(shown_path(Path(sys.executable)))
    option = "" if data_dir == DEFAULT_DATA_DIR else f" --data-dir {shlex.quote(shown_path(data_dir))}"
    return f"{python} -m examples.harbor {verb}{option}"


async def run(options: Options, progress: Progress) -> int:
    """Run until a signal, a dead child or a failed step, and return the exit code."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[signal.Signals] = loop.create_future()

    def on_signal(number: signal.Signals) -> None:
        if not stopped.done():
            stopped.set_result(number)

    for number in SIGNAL_EXIT_CODES:
        loop.add_signal_handler(number, on_signal, number)
    launch = Launch(options, say=progress.say)
    try:
        launch.choose_ports()
        return await _until_the_end(launch, progress, stopped)
    except STEP_ERRORS as error:
        progress.say(f"failed: {error}")
        return 1
    finally:
        progress.say("stopping …")
        await launch.stop()
        progress.say("everything has stopped; the data stays in " + shown_path(options.data_dir))


async def _until_the_end(launch: Launch, progress: Progress, stopped: "asyncio.Future[signal.Signals]") -> int:
    work = asyncio.create_task(launch_everything(launch, progress))
    death = asyncio.create_task(launch.fail_when_a_child_dies())
    try:
        ends: set[asyncio.Future[Any]] = {work, death, stopped}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            return SIGNAL_EXIT_CODES[stopped.result()]
        # A dead child explains the step that failed because of it, so its words come first. A process that dies is
        # noticed within moments of the connection that broke.
        await asyncio.wait({death}, timeout=DEATH_NOTICED_S)
        await (death if death.done() else work)
        return 0
    finally:
        for task in (work, death):
            task.cancel()
        await asyncio.gather(work, death, return_exceptions=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", default=TIDEGATE_PORT, show_default=True, type=click.IntRange(1, 65535), help="tidegate")
@click.option("--harbor-port", default=HARBOR_PORT, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    default=DEFAULT_DATA_DIR,
    help="Default: .tidegate in the repository.",
)
@click.option("--fresh", "is_fresh", is_flag=True, help="Remove the data of earlier runs first.")
@click.option("--version", "version", envvar="HARBOR_VERSION", default="2026.02.1", show_default=True)
@click.option("--commit", help="What the release is built from. Default: the commit of the checkout.")
def main(*, port: int, harbor_port: int, data_dir: Path, is_fresh: bool, version: str, commit: str | None) -> None:
    """Start tidegate and the reference service harbor with real traffic; show the board and how to fix it."""
    progress = Progress()
    keep_loopback_off_proxies()
    try:
        claim = prepare_directory(data_dir, is_fresh=is_fresh)
    except AlreadyRunningError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFLICT)
    except StepError as error:
        raise click.UsageError(str(error)) from error
    options = Options(data_dir, port, harbor_port, version=version, commit=commit or find_commit())
    try:
        code = asyncio.run(run(options, progress))
    finally:
        os.close(claim)
    sys.exit(code)


if __name__ == "__main__":
    main()
