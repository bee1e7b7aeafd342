"""What a person sees while a recording is sent: rows, rows a second, and how far event time has come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tidegate.edge.console import printable
from tidegate.replays.model import Tally
from tidegate.replays.times import as_text

Show = Callable[[str, int, Tally], None]
"""Called with the file's name, how many rows it has, and what came of it so far."""


@contextmanager
def no_progress() -> Iterator[Show]:
    yield lambda _name, _row_count, _tally: None


@contextmanager
def progress_bar() -> Iterator[Show]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows · {task.fields[rate]} rows/s · {task.fields[last]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(name: str, row_count: int, tally: Tally) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(printable(name), total=row_count, rate="-", last="")
            task = bar.tasks[tasks[name]]
            rate = f"{tally.rows / task.elapsed:,.0f}" if task.elapsed else "-"
            bar.update(tasks[name], completed=tally.rows, rate=rate, last=as_text(tally.last_ns) or "")

        yield show
