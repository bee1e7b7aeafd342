"""Child processes of the driver: started apart from the terminal, watched, and stopped in order."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from examples.harbor.places import REPOSITORY

PR_SET_PDEATHSIG = 1
LOG_LINES_SHOWN = 15
# A verb of the command line takes well under a second; one that waits for an engine to come back takes ten.
VERB_TIMEOUT_S = 60.0

libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StepError(Exception):
    """A step of the run failed; the message says which, why, and where to look."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    logs: tuple[Path, ...]
    """Where it writes, most telling first."""

    def how_it_ended(self) -> str:
        code = self.process.returncode
        if code is None:
            return "still runs"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with code {code}"

    def last_words(self) -> str:
        """Return the end of its first log that is not empty."""
        for log in self.logs:
            with suppress(OSError):
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                if lines:
                    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines[-LOG_LINES_SHOWN:])])
        return "It wrote nothing."


@dataclass(frozen=True, slots=True)
class Command:
    args: Sequence[str]
    env: Mapping[str, str]


def _die_with_parent() -> None:
    # Also a driver killed with -9 leaves no process behind.
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def start_child(name: str, command: Command, *logs: Path) -> Child:
    """Start a process whose output goes to the first log; that file is new, and for its owner alone."""
    logs[0].unlink(missing_ok=True)
    output = os.open(logs[0], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *command.args,
            cwd=REPOSITORY,
            env=command.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C in the terminal goes to the driver alone, which stops its children in the right order.
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    finally:
        os.close(output)
    return Child(name, process, logs)


async def stop_child(child: Child, *, within_s: float) -> None:
    """Ask it to stop and wait; what has not stopped by then is killed with all that it started."""
    if child.process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        child.process.terminate()
    try:
        await asyncio.wait_for(child.process.wait(), within_s)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        await child.process.wait()


async def run_verb(command: Command, *, good_codes: frozenset[int] = frozenset({0})) -> str:
    """Run a short command to its end and return its standard output, stripped.

    Raises:
        StepError: it ended with another code than a good one, or did not end.
    """
    process = await asyncio.create_subprocess_exec(
        *command.args,
        cwd=REPOSITORY,
        env=command.env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    words = " ".join(command.args[1:])
    try:
        output, complaint = await asyncio.wait_for(process.communicate(), VERB_TIMEOUT_S)
    except TimeoutError as error:
        raise StepError(f"`python {words}` did not end within {VERB_TIMEOUT_S:.0f} s.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in good_codes:
        said = (complaint or output).decode(errors="replace").strip()
        raise StepError(f"`python {words}` ended with {process.returncode}:\n{said}")
    return output.decode(errors="replace").strip()
