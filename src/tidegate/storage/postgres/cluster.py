"""Making the database on disk: as a whole or not at all.

initdb and the two roles are made in a folder beside, synced, and renamed into place. A start that is killed
half-way leaves a folder that the next one throws away.
"""

import os
import shutil
from pathlib import Path

from tidegate.storage.durable_files import sync_folder
from tidegate.storage.postgres.account import Account, Way
from tidegate.storage.postgres.binaries import PostgresBinaries
from tidegate.storage.postgres.credentials import OWNER_ROLE, SERVING_ROLE, PostgresCredentials
from tidegate.storage.postgres.errors import ForeignClusterError, PostgresStartError, PostgresVersionError
from tidegate.storage.postgres.layout import DATABASE, PostgresLayout
from tidegate.storage.postgres.leftovers import stop_leftovers
from tidegate.storage.processes import Launch, run_to_end

_INITDB_LIMIT_S = 120.0  # 0.5 s here; a slow network disk syncs a thousand files
_SINGLE_USER_LIMIT_S = 60.0  # 0.1 s here, after a crash the log is replayed first

# The socket's folder is closed to others, and the password is asked for all the same.
_HBA = "# Written by tidegate. Nothing listens on TCP.\nlocal all all scram-sha-256\n"

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that PostgreSQL sees of ours: no PG* variable of the caller may change what it does."""


async def make_cluster(
    layout: PostgresLayout, *, binaries: PostgresBinaries, account: Account, credentials: PostgresCredentials
) -> None:
    """Make the cluster with its roles and its database.

    Raises:
        PostgresStartError: initdb or the first statements failed.
    """
    new = layout.unfinished
    password_file = layout.data_dir / "postgres.pwfile"  # where PostgreSQL's own user can reach it
    try:
        new.mkdir(mode=0o700)
        _hand_over(new, account)
        _write_for(account, password_file, credentials.owner_password)
        await _initdb(new, binaries=binaries, account=account, password_file=password_file)
        _write_for(account, new / "pg_hba.conf", _HBA)
        await _single_user(new, binaries=binaries, account=account, statements=_first_statements(credentials))
        await _run(
            Launch((binaries.path("initdb"), "--sync-only", "-D", str(new)), ENVIRONMENT, account.flags, chdir=new),
            step="the sync of the new database",
            timeout_s=_INITDB_LIMIT_S,
        )
    finally:
        password_file.unlink(missing_ok=True)
    new.rename(layout.cluster)
    sync_folder(layout.data_dir)


async def discard_unfinished(layout: PostgresLayout) -> None:
    """Throw away what an interrupted first start left behind."""
    if layout.unfinished.exists():
        await stop_leftovers(layout.unfinished)
        shutil.rmtree(layout.unfinished)


def cluster_exists(layout: PostgresLayout) -> bool:
    """Tell whether a whole cluster is there.

    Raises:
        ForeignClusterError: the folder holds something else; ours appears by one rename.
    """
    if (layout.cluster / "PG_VERSION").is_file():
        return True
    if not layout.cluster.exists():
        return False
    if any(layout.cluster.iterdir()):
        raise ForeignClusterError(str(layout.cluster), "it is not empty and holds no PostgreSQL data")
    layout.cluster.rmdir()
    return False


def adopt_cluster(layout: PostgresLayout, *, binaries: PostgresBinaries, account: Account) -> None:
    """Check that the cluster can be served by these programs and this identity.

    Raises:
        PostgresVersionError: it was written by another major.
        ForeignClusterError: it belongs to another user and we may not change that.
    """
    on_disk = (layout.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    if on_disk != binaries.major:
        raise PostgresVersionError(on_disk=on_disk, programs=binaries.major)
    owner = layout.cluster.stat().st_uid
    if owner != account.uid:
        if account.way is Way.AS_IS:
            raise ForeignClusterError(str(layout.cluster), f"it belongs to user {owner}, and we are {account.uid}")
        # As root the identity may change between starts: namespaces allowed yesterday, denied today.
        _hand_over(layout.cluster, account)


async def set_passwords(
    layout: PostgresLayout, *, binaries: PostgresBinaries, account: Account, credentials: PostgresCredentials
) -> None:
    """Give both roles the passwords in `credentials`: the file was lost, its holder still owns the data."""
    statements = (
        f"ALTER ROLE {OWNER_ROLE} PASSWORD '{credentials.owner_password}'",
        f"ALTER ROLE {SERVING_ROLE} PASSWORD '{credentials.serving_password}'",
    )
    await _single_user(layout.cluster, binaries=binaries, account=account, statements=statements)


def _first_statements(credentials: PostgresCredentials) -> tuple[str, ...]:
    rights = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT"
    return (
        f"CREATE ROLE {SERVING_ROLE} {rights} PASSWORD '{credentials.serving_password}'",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}",
        f"REVOKE ALL ON DATABASE {DATABASE}, postgres, template1 FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {SERVING_ROLE}",
    )


async def _initdb(new: Path, *, binaries: PostgresBinaries, account: Account, password_file: Path) -> None:
    command = (
        binaries.path("initdb"),
        *("-D", str(new)),
        *("--username", OWNER_ROLE),
        *("--pwfile", str(password_file)),
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # The builtin provider sorts by code point everywhere alike: no index depends on the machine's libc.
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
        "--no-sync",  # synced once, at the end
        "--no-instructions",
    )
    await _run(Launch(command, ENVIRONMENT, account.flags), step="initdb", timeout_s=_INITDB_LIMIT_S)


async def _single_user(
    folder: Path, *, binaries: PostgresBinaries, account: Account, statements: tuple[str, ...]
) -> None:
    """Run statements, one a line, on the cluster itself; without a server there is nobody else to see them."""
    options = ("-c", "exit_on_error=on", "-c", "log_statement=none", "-c", "log_min_error_statement=panic")
    command = (binaries.path("postgres"), "--single", "-D", str(folder), *options, "postgres")
    await _run(
        Launch(command, ENVIRONMENT, account.flags),
        step="the first statements",
        timeout_s=_SINGLE_USER_LIMIT_S,
        stdin="".join(f"{statement}\n" for statement in statements).encode(),
    )


async def _run(launch: Launch, *, step: str, timeout_s: float, stdin: bytes = b"") -> None:
    finished = await run_to_end(launch, stdin=stdin, timeout_s=timeout_s)
    if finished.code != 0:
        raise PostgresStartError(step, finished.output or f"nothing, and ended with {finished.code}")


def _write_for(account: Account, path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as writer:
        writer.write(text)
        if account.way is Way.OTHER_USER:
            os.fchown(writer.fileno(), account.uid, account.gid)


def _hand_over(folder: Path, account: Account) -> None:
    """Make the identity own the folder and all below it."""
    if os.geteuid() != 0:
        return
    os.chown(folder, account.uid, account.gid)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, account.uid, account.gid, follow_symlinks=False)
