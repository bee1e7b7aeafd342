"""One embedded PostgreSQL: prepare it, launch it, ask whether it answers, stop it.

Contract: the caller holds the lock of the data directory from `prepare` to the end of the server. The server
dies with the process that launched it; after a crash of anything, `prepare` finds and mends what is left.
Measured on two shared cores: first start 0.9 s, warm start 0.1 s, 25 MB (PSS) at rest.
"""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.storage import processes
from tidegate.storage.postgres.account import Account, Probe, choose_account, probe_with
from tidegate.storage.postgres.binaries import PostgresBinaries, find_binaries
from tidegate.storage.postgres.cluster import (
    ENVIRONMENT,
    adopt_cluster,
    cluster_exists,
    discard_unfinished,
    make_cluster,
    set_passwords,
)
from tidegate.storage.postgres.credentials import SERVING_ROLE, PostgresCredentials
from tidegate.storage.postgres.errors import PostgresAccountError, PostgresStartError
from tidegate.storage.postgres.layout import DATABASE, PORT, PostgresDsns, PostgresLayout
from tidegate.storage.postgres.leftovers import stop_leftovers
from tidegate.storage.postgres.settings import SERVER_SETTINGS, as_options
from tidegate.storage.processes import Launch

STOP_SIGNAL = signal.SIGINT
"""PostgreSQL's fast shutdown: sessions end, buffers are written, no recovery at the next start."""

START_LIMIT_S = 60.0  # a warm start takes 0.1 s; recovery replays at most 256 MB of log
STOP_LIMIT_S = 20.0  # a fast shutdown takes 0.1 s here; a slow disk may hold its checkpoint
_ASK_LIMIT_S = 5.0  # psql answers in 20 ms
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class PreparedPostgres:
    """A server that can be launched."""

    launch: Launch
    dsns: PostgresDsns
    account: Account
    major: str


class PostgresServer:
    """The embedded server of one data directory."""

    def __init__(self, data_dir: Path, *, binaries: PostgresBinaries | None = None, probe: Probe | None = None) -> None:
        # PostgreSQL changes its working folder: every path it gets is absolute.
        self._layout = PostgresLayout(data_dir.resolve())
        self._binaries = binaries if binaries is not None else find_binaries()
        self._probe = probe if probe is not None else probe_with(self._binaries, self._layout.data_dir)
        self._credentials: PostgresCredentials | None = None

    async def prepare(self) -> PreparedPostgres:
        """Bring the data directory into a state from which the server starts, and say how.

        The first time it makes the cluster; later it stops a server left behind and drops a stale pid file.

        Raises:
            PostgresAccountError: we are root and PostgreSQL cannot be anybody else.
            PostgresVersionError: the data are those of another major.
            ForeignClusterError: the folder is not ours.
            PostgresStartError: initdb failed; the message holds its words.
        """
        layout, binaries = self._layout, self._binaries
        layout.make_folders()
        account = await self._choose_account()
        credentials = PostgresCredentials.read(layout.credentials)
        known = credentials is not None
        if credentials is None:
            credentials = PostgresCredentials.random()
            credentials.write(layout.credentials)
        await discard_unfinished(layout)
        if cluster_exists(layout):
            adopt_cluster(layout, binaries=binaries, account=account)
            await stop_leftovers(layout.cluster)
            if not known:
                await set_passwords(layout, binaries=binaries, account=account, credentials=credentials)
        else:
            await make_cluster(layout, binaries=binaries, account=account, credentials=credentials)
        self._credentials = credentials
        sockets = layout.make_socket_folder(account)
        return PreparedPostgres(
            self._launch(sockets, account), PostgresDsns.of(credentials, sockets), account, binaries.major
        )

    async def clear_leftovers(self) -> None:
        """Make way for a restart after the server died: its orphans hold shared memory that forbids the next one."""
        await stop_leftovers(self._layout.cluster)

    async def is_ready(self) -> bool:
        """Tell whether the serving role gets an answer to `select 1`."""
        # The pid file says "ready" first: reading it costs nothing, psql a process.
        if not self._says_ready():
            return False
        credentials = self._credentials or PostgresCredentials.read(self._layout.credentials)
        if credentials is None:
            return False
        environment = {
            **ENVIRONMENT,
            "PGHOST": str(self._layout.find_socket_folder()),
            "PGPORT": str(PORT),
            "PGUSER": SERVING_ROLE,
            "PGDATABASE": DATABASE,
            "PGPASSWORD": credentials.serving_password,
            "PGCONNECT_TIMEOUT": "3",
        }
        command = (self._binaries.path("psql"), "--no-psqlrc", "--no-password", "-Atc", "select 1")
        finished = await processes.run_to_end(Launch(command, environment), timeout_s=_ASK_LIMIT_S)
        return finished.code == 0 and finished.output.strip() == "1"

    def dsns(self) -> PostgresDsns | None:
        """Return how to connect to the server of this data directory, or `None` before its first start."""
        credentials = PostgresCredentials.read(self._layout.credentials)
        return None if credentials is None else PostgresDsns.of(credentials, self._layout.find_socket_folder())

    def forget(self) -> None:
        """Remove the socket's folder after the server has stopped."""
        self._layout.remove_socket_folder()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[PreparedPostgres]:
        """Start the server, give it to the caller, and stop it.

        Raises:
            PostgresStartError: it does not answer.
        """
        prepared = await self.prepare()
        process = processes.spawn(prepared.launch)
        try:
            await self._wait_ready(lambda: processes.poll(process))
            yield prepared
        finally:
            await _stop(process)
            self.forget()

    async def _wait_ready(self, ended: Callable[[], int | None]) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while not await self.is_ready():
            if (code := ended()) is not None:
                raise PostgresStartError(f"its start (exit code {code})", self.last_words())
            if time.monotonic() > deadline:
                raise PostgresStartError(f"its start (no answer in {START_LIMIT_S:.0f} s)", self.last_words())
            await asyncio.sleep(_POLL_S)

    def last_words(self) -> str:
        """Return the end of the server's log."""
        try:
            with self._layout.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _says_ready(self) -> bool:
        try:
            lines = (self._layout.cluster / "postmaster.pid").read_text(errors="replace").splitlines()
        except OSError:
            return False
        # Line 8 is the state (src/include/utils/pidfile.h); a server that was killed leaves its last one standing.
        if len(lines) < 8 or lines[7].strip() != "ready" or not lines[0].strip().isdigit():
            return False
        return processes.is_alive(int(lines[0]))

    def _launch(self, sockets: Path, account: Account) -> Launch:
        quoted = '"' + str(sockets).replace('"', '""') + '"'  # a list in the server's eyes: blanks and commas count
        return Launch(
            command=(
                self._binaries.path("postgres"),
                *("-D", str(self._layout.cluster)),
                *("-k", quoted),
                *("-p", str(PORT)),
                *as_options(SERVER_SETTINGS),
            ),
            environment=ENVIRONMENT,
            flags=account.flags,
            log=self._layout.log,
            chdir=self._layout.cluster,
            death_signal=STOP_SIGNAL,
        )

    async def _choose_account(self) -> Account:
        status = self._layout.data_dir.stat()
        try:
            return await choose_account(self._probe, before_other_user=self._let_through)
        except PostgresAccountError:
            # It came to nothing: the folder is as closed as it was.
            self._layout.data_dir.chmod(stat.S_IMODE(status.st_mode))
            os.chown(self._layout.data_dir, -1, status.st_gid)
            raise

    def _let_through(self, account: Account) -> None:
        """Let one group pass through the data directory, without reading it: the only way to the folder inside."""
        os.chown(self._layout.data_dir, -1, account.gid)
        self._layout.data_dir.chmod(0o710)


async def _stop(process: subprocess.Popen[bytes]) -> None:
    # Shielded: a cancelled caller must not leave a server behind.
    await asyncio.shield(processes.stop(process, with_signal=STOP_SIGNAL, timeout_s=STOP_LIMIT_S))
