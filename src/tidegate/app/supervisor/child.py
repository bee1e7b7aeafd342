"""One child: started, watched until ready, started again when it dies, stopped with a bound."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Literal

from tidegate.app.supervisor.events import LOG_BYTES, EventLog, last_lines, rotate
from tidegate.app.supervisor.settings import ChildSpec, Lifetime
from tidegate.app.supervisor.state import ChildReport, ChildState
from tidegate.kernel import TidegateError
from tidegate.storage import processes

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0  # a child that cannot start is tried twelve times a minute, and costs no more
STEADY_AFTER_S = 30.0
"""A child that lived this long died of something new: the next restart is at once again."""
MOST_FIRST_STARTS = 5
"""A child that was never ready and died this often will not get better: the start is given up."""
_FIRST_POLL_S = 0.02
_LONGEST_POLL_S = 0.2
_ASKED_EVERY_S = 5.0  # one small request of a child that is ready


class StartFailedError(TidegateError):
    code = "start_failed"

    def __init__(self, name: str, ended: str, said: str) -> None:
        super().__init__(f"{name} did not start: {ended}. It said: {said or 'nothing'}")


class Child:
    """Keeps one process of a specification alive."""

    def __init__(self, spec: ChildSpec, *, events: EventLog, changed: Callable[[], None]) -> None:
        self.spec = spec
        self.was_ready = asyncio.Event()
        """Set at the first readiness and for good: dependents start once, and are kept on their own after."""
        self._events = events
        self._changed = changed
        self._state = ChildState.WAITING
        self._process: subprocess.Popen[bytes] | None = None
        self._ticks: int | None = None
        self._exited: asyncio.Future[int] | None = None
        self._starts = 0
        self._last_exit: str | None = None

    async def keep(self) -> None:
        """Start the child and start it again whenever it dies, until cancelled.

        Raises:
            StartFailedError: it never got ready.
        """
        delay_s = 0.0
        while True:
            began = time.monotonic()
            code = await self._live()
            if code is None:
                return  # a child that lives once has ended well
            if not self.was_ready.is_set() and (
                self.spec.lifetime is Lifetime.ONCE or self._starts >= MOST_FIRST_STARTS
            ):
                raise StartFailedError(self.spec.name, self._last_exit or "", self._said())
            if time.monotonic() - began >= STEADY_AFTER_S:
                delay_s = 0.0
            self._enter(ChildState.RESTARTING)
            await asyncio.sleep(delay_s)
            delay_s = min(max(FIRST_DELAY_S, 2 * delay_s), LONGEST_DELAY_S)

    def notice_exit(self) -> None:
        """Look whether the process has ended; called at each SIGCHLD."""
        if self._process is None or self._exited is None or self._exited.done():
            return
        code = processes.poll(self._process)
        if code is not None:
            self._last_exit = _name_exit(code)
            self._exited.set_result(code)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ask the child to end, wait within its bound or until `hurry`, then kill it."""
        if self._exited is not None and not self._exited.done() and self._process is not None:
            self._enter(ChildState.STOPPING)
            self._events.emit("child.stopping", child=self.spec.name, pid=self._process.pid)
            began = time.monotonic()
            if not hurry.is_set():
                processes.send(self._process.pid, self.spec.stop_signal)
            await self._exit_or(hurry)
            killed = not self._exited.done()
            if killed:
                await self._kill()
            took_s = round(time.monotonic() - began, 3)
            self._events.emit(
                "child.stopped", child=self.spec.name, exit=self._last_exit, took_s=took_s, killed=killed or None
            )
        if self.spec.after_stop is not None:
            await self.spec.after_stop()
        self._enter(ChildState.STOPPED)

    def report(self) -> ChildReport:
        """Return where the child stands."""
        alive = self._exited is not None and not self._exited.done() and self._process is not None
        return ChildReport(
            name=self.spec.name,
            state=self._state,
            pid=self._process.pid if alive and self._process is not None else None,
            start_ticks=self._ticks if alive else None,
            restarts=max(0, self._starts - 1),
            ready=self._state in {ChildState.READY, ChildState.DONE},
            last_exit=self._last_exit,
        )

    async def _live(self) -> int | None:
        """Run the process once; return its exit code, or `None` when its end is as it should be."""
        try:
            if self.spec.before_start is not None:
                await self.spec.before_start()
        except TidegateError as error:
            self._starts += 1
            self._last_exit = error.message
            self._events.emit("child.unprepared", child=self.spec.name, reason=error.message)
            return -1
        process, exited = self._spawn()
        if self.spec.lifetime is Lifetime.ONCE:
            if await self._ended_within(exited) == 0:
                self._enter(ChildState.DONE)
                self._announce_ready()
                return None
        elif await self._becomes_ready(exited):
            self._enter(ChildState.READY)
            self._announce_ready()
            await self._until_silent(exited)
        code = await asyncio.shield(exited)  # a cancelled keeper must not cancel the news of the exit
        self._events.emit("child.ended", child=self.spec.name, pid=process.pid, exit=self._last_exit)
        return code

    def _spawn(self) -> tuple[subprocess.Popen[bytes], "asyncio.Future[int]"]:
        launch = self.spec.launch
        if launch.log is not None:
            rotate(launch.log, LOG_BYTES)
        self._process = processes.spawn(launch)
        self._ticks = processes.start_ticks(self._process.pid)
        self._exited = asyncio.get_running_loop().create_future()
        self._starts += 1
        self._events.emit("child.started", child=self.spec.name, pid=self._process.pid, restarts=self._starts - 1)
        self._enter(ChildState.STARTING)
        return self._process, self._exited

    async def _ended_within(self, exited: "asyncio.Future[int]") -> int:
        done, _ = await asyncio.wait({exited}, timeout=self.spec.ready_within.total_seconds())
        if not done:
            await self._kill()
        return exited.result()

    async def _becomes_ready(self, exited: "asyncio.Future[int]") -> bool:
        deadline = time.monotonic() + self.spec.ready_within.total_seconds()
        pause_s = _FIRST_POLL_S
        while not exited.done():
            if await self._says_ready(exited):
                return True
            if time.monotonic() > deadline:
                self._events.emit("child.not_ready", child=self.spec.name)
                await self._kill()
                return False
            await asyncio.wait({exited}, timeout=pause_s)
            pause_s = min(1.5 * pause_s, _LONGEST_POLL_S)
        return False

    async def _until_silent(self, exited: "asyncio.Future[int]") -> None:
        """Return when the process has ended, or was killed because it gave no answer for too long."""
        if self.spec.silent_within is None:
            return
        answered_at = time.monotonic()
        while not exited.done():
            await asyncio.wait({exited}, timeout=_ASKED_EVERY_S)
            if exited.done():
                return
            if await self._says_ready(exited):
                answered_at = time.monotonic()
            elif time.monotonic() - answered_at > self.spec.silent_within.total_seconds():
                self._events.emit("child.silent", child=self.spec.name)
                await self._kill()
                return

    async def _says_ready(self, exited: "asyncio.Future[int]") -> bool:
        """Ask once; the end of the process is an answer too, for a connection may wait in a backlog nobody reads."""
        if self.spec.ready is None:
            return True
        asked = asyncio.ensure_future(self.spec.ready())
        waiting: set[asyncio.Future[bool] | asyncio.Future[int]] = {asked, exited}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return asked.done() and not exited.done() and asked.result()
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    async def _exit_or(self, hurry: asyncio.Event) -> None:
        bound_s = self.spec.stop_within.total_seconds()
        hurried = asyncio.ensure_future(hurry.wait())
        waiting: set[asyncio.Future[int] | asyncio.Future[Literal[True]]] = {hurried}
        if self._exited is not None:
            waiting.add(self._exited)
        await asyncio.wait(waiting, timeout=bound_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()

    async def _kill(self) -> None:
        if self._process is None or self._exited is None:
            return
        processes.kill_session(self._process)
        await asyncio.wait({self._exited}, timeout=10)

    def _announce_ready(self) -> None:
        self.was_ready.set()
        self._events.emit("child.ready", child=self.spec.name)

    def _enter(self, state: ChildState) -> None:
        self._state = state
        self._changed()

    def _said(self) -> str:
        return "" if self.spec.launch.log is None else last_lines(self.spec.launch.log)


def _name_exit(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
