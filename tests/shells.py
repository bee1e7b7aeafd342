"""The command line of tests: its verbs against an application that is served on a loopback port.

The verbs run in a thread: as a process of its own each would take 0.4 s of a processor, nearly all of it for its start.
That the command itself starts and ends as it should is for the tests of whole installations.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from click.testing import CliRunner

from tidegate.app.cli import cli

__all__ = ["Ended", "Shell", "serving", "shell_at"]

_STARTED_WITHIN_S = 30.0
_ENDED_WITHIN_S = 60.0


@dataclass(frozen=True)
class Ended:
    """How a verb ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Shell:
    """Somebody's terminal that knows the server and a token; one verb at a time."""

    url: str
    token: str

    async def run(self, *words: str | Path, stdin: str = "", environment: Mapping[str, str] | None = None) -> Ended:
        """Run a verb as a person would."""
        variables = {"TIDEGATE_URL": self.url, "TIDEGATE_TOKEN": self.token, **(environment or {})}
        invoking = asyncio.to_thread(CliRunner().invoke, cli, [*map(str, words)], input=stdin, env=variables)
        async with asyncio.timeout(_ENDED_WITHIN_S):
            found = await invoking
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception  # what a person would get as a traceback
        return Ended(found.exit_code, found.stdout, found.stderr)


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[str]:
    """Serve an application, and return its address."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(_STARTED_WITHIN_S):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by a flag
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await running


@asynccontextmanager
async def shell_at(application: Any, token: str) -> AsyncIterator[Shell]:
    """Serve an application to the verbs of whoever holds `token`."""
    async with serving(application) as url:
        yield Shell(url, token)
