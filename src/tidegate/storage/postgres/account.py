"""As whom PostgreSQL runs. It refuses root; containers and small servers are often nothing else.

Three ways, tried in this order and really tried, because no file tells whether a sandbox allows one:
as is (not root); in a user namespace, where the process is nobody while its files stay root's on disk;
as an existing unprivileged user that can reach the programs and the data.
"""

import os
import pwd
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tidegate.storage.postgres.binaries import PostgresBinaries
from tidegate.storage.postgres.errors import PostgresAccountError
from tidegate.storage.processes import Finished, Launch, LauncherExit, run_to_end

_PROBE_LIMIT_S = 10.0  # `postgres --version` takes 20 ms; a cold disk may take seconds
_UNPRIVILEGED_USER = "nobody"


class Way(Enum):
    AS_IS = "as is"
    USER_NAMESPACE = "user namespace"
    OTHER_USER = "other user"


@dataclass(frozen=True, slots=True)
class Account:
    """An identity for PostgreSQL and what its files are owned by."""

    way: Way
    uid: int
    gid: int

    @property
    def flags(self) -> tuple[str, ...]:
        """The launcher's options for this identity."""
        if self.way is Way.USER_NAMESPACE:
            return ("--unshare",)
        if self.way is Way.OTHER_USER:
            return ("--uid", str(self.uid), "--gid", str(self.gid))
        return ()


Probe = Callable[[Account], Awaitable[Finished]]
"""Runs a PostgreSQL program under an identity, inside the data directory, and tells how it ended."""


def probe_with(binaries: PostgresBinaries, data_dir: Path) -> Probe:
    """Return the probe that starts `postgres --version` in `data_dir`: it must enter one and execute the other."""

    async def probe(account: Account) -> Finished:
        launch = Launch(
            command=(binaries.path("postgres"), "--version"), environment={}, flags=account.flags, chdir=data_dir
        )
        return await run_to_end(launch, timeout_s=_PROBE_LIMIT_S)

    return probe


async def choose_account(
    probe: Probe, *, before_other_user: Callable[[Account], None], uid: int | None = None
) -> Account:
    """Return the first identity under which PostgreSQL can run here.

    `before_other_user` lets that user pass through the data directory; it is called only when the namespace failed.

    Raises:
        PostgresAccountError: we are root and no way is open.
    """
    uid = os.geteuid() if uid is None else uid
    own = Account(Way.AS_IS, uid, os.getegid())
    if uid != 0:
        return own
    namespace = Account(Way.USER_NAMESPACE, own.uid, own.gid)
    first = await probe(namespace)
    if first.code == 0:
        return namespace
    other = _unprivileged_user()
    if other is None:
        raise PostgresAccountError(f"{_why('A user namespace', first)} There is no user `{_UNPRIVILEGED_USER}`.")
    try:
        before_other_user(other)
        second = await probe(other)
    except OSError as error:
        # A namespace that maps one id only, as some sandboxes make: nobody else exists in it.
        second = Finished(LauncherExit.USER_DENIED, f"exec_child: {error.strerror}")
    if second.code == 0:
        return other
    raise PostgresAccountError(f"{_why('A user namespace', first)} {_why(f'The user `{_UNPRIVILEGED_USER}`', second)}")


def _unprivileged_user() -> Account | None:
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED_USER)
    except KeyError:
        return None
    return Account(Way.OTHER_USER, entry.pw_uid, entry.pw_gid) if entry.pw_uid != 0 else None


def _why(subject: str, finished: Finished) -> str:
    detail = finished.output.strip().rpartition("exec_child: ")[2].splitlines()
    reason = detail[0] if detail else f"exit code {finished.code}"
    if finished.code == LauncherExit.NAMESPACE_DENIED:
        return f"{subject} is denied here ({reason})."
    if finished.code == LauncherExit.FOLDER_DENIED:
        return f"{subject} cannot reach the data directory ({reason}): every folder above it must let others pass."
    if finished.code == LauncherExit.COMMAND_DENIED:
        return (
            f"{subject} cannot run the programs ({reason}): the environment lies below a folder closed to others, "
            "for example a home directory."
        )
    return f"{subject} did not work ({reason})."
