"""Options and ways that the operator's verbs share."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from tidegate.app.settings import default_data_dir
from tidegate.edge.client import CliError

__all__ = ["data_dir_option", "run_operator"]

_Result = TypeVar("_Result")

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="TIDEGATE_DATA_DIR",
    default=default_data_dir,
    show_default="TIDEGATE_DATA_DIR or ~/.local/share/tidegate",
    help="Where this installation keeps everything.",
)


def run_operator(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run an operator verb; what a person can act on becomes a sentence and an exit code."""
    from tidegate.edge.problems import answer_for
    from tidegate.kernel import TidegateError

    try:
        return asyncio.run(work)
    except TidegateError as error:
        raise CliError(f"{error.message} ({error.code})", exit_code=answer_for(error).exit_code) from error
