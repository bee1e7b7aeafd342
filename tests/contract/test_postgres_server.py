"""The embedded PostgreSQL for real: made, started, killed, found again."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tidegate.storage import processes
from tidegate.storage.postgres import (
    Account,
    ForeignClusterError,
    PostgresAccountError,
    PostgresBinaries,
    PostgresLayout,
    PostgresServer,
    PostgresVersionError,
    Probe,
    Way,
    find_binaries,
    probe_with,
    processes_of,
)
from tidegate.storage.processes import Finished, LauncherExit

# These tests look at files and processes between awaits; nobody else waits for the loop.
# ruff: noqa: ASYNC220, ASYNC240
DEADLINE_S = 120.0
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.02)


async def ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    yield folder
    for pid in (*processes_of(folder / "postgres"), *processes_of(folder / "postgres.new")):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
async def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose database was made and stopped: most tests begin with a copy of it."""
    folder = tmp_path_factory.mktemp("made") / "data"
    folder.mkdir(mode=0o700)
    async with PostgresServer(folder).running() as prepared:
        await ask(prepared.dsns.owner, "create table kept as select 7 as n")
    return folder


@pytest.fixture
def warm(made: Path, data_dir: Path) -> Path:
    shutil.copytree(made, data_dir, dirs_exist_ok=True)
    return data_dir


async def test_the_serving_role_can_neither_own_nor_bypass_anything(warm: Path) -> None:
    async with PostgresServer(warm).running() as prepared:
        connection = await asyncpg.connect(prepared.dsns.serving)
        try:
            role = dict(await connection.fetchrow("select * from pg_roles where rolname = current_user") or {})
            owned = await connection.fetchval("select count(*) from pg_class where relowner = current_user::regrole")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("create table public.mine (n int)")
        finally:
            await connection.close()
    assert [role[f"rol{right}"] for right in ("super", "bypassrls", "createdb", "createrole", "replication")] == [
        False
    ] * 5
    assert owned == 0


async def test_a_wrong_password_is_refused(warm: Path) -> None:
    async with PostgresServer(warm).running() as prepared:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(prepared.dsns.serving.replace("tidegate_serving:", "tidegate_serving:x"), "select 1")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
    ],
)
async def test_durable_and_reached_by_socket_only(running: PostgresServer, setting: str, value: str) -> None:
    dsns = running.dsns()
    assert dsns is not None
    assert await ask(dsns.owner, f"show {setting}") == value


@pytest.fixture(scope="session")
async def running(made: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    folder = tmp_path_factory.mktemp("running") / "data"
    shutil.copytree(made, folder)
    server = PostgresServer(folder)
    async with server.running():
        yield server


async def test_text_sorts_by_code_point_on_every_machine(running: PostgresServer) -> None:
    dsns = running.dsns()
    assert dsns is not None
    provider = "select datlocprovider::text || ' ' || datlocale from pg_database where datname = 'tidegate'"
    assert await ask(dsns.owner, provider) == "b C.UTF-8"


async def test_secrets_and_folders_are_closed_to_others(warm: Path) -> None:
    async with PostgresServer(warm).running():
        modes = {
            str(path.relative_to(warm)): stat.S_IMODE(path.stat().st_mode)
            for path in (warm / "secrets", warm / "secrets/postgres.json", warm / "run", warm / "postgres")
        }
        socket = warm / "run" / ".s.PGSQL.5432"
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert modes == {"secrets": 0o700, "secrets/postgres.json": 0o600, "run": 0o700, "postgres": 0o700}
    assert not socket.exists()
    assert not list(warm.glob("*.pwfile"))


async def test_no_password_stands_on_a_command_line_or_in_the_log(data_dir: Path) -> None:
    async with PostgresServer(data_dir).running():
        lines = ["\0".join(processes.command_line(pid)) for pid in processes.all_pids()]
    passwords = json.loads((data_dir / "secrets/postgres.json").read_text()).values()
    assert len(set(passwords)) == 2
    texts = [*lines, (data_dir / "logs/postgres.log").read_text()]
    assert not [text for text in texts for password in passwords if password in text]


async def test_what_was_stored_survives_the_death_of_the_server(warm: Path) -> None:
    server = PostgresServer(warm)
    prepared = await server.prepare()
    process = processes.spawn(prepared.launch)
    await _ready(server)
    await ask(prepared.dsns.owner, "create table late as select 8 as n")
    process.kill()
    await processes.wait_exit(process, timeout_s=DEADLINE_S)
    async with PostgresServer(warm).running() as again:
        assert await ask(again.dsns.owner, "select n from late") == 8


async def _ready(server: PostgresServer) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await server.is_ready():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_server_left_over_by_its_supervisor_is_stopped_before_the_next_one(warm: Path) -> None:
    prepared = await PostgresServer(warm).prepare()
    orphan = processes.spawn(prepared.launch)
    await _ready(PostgresServer(warm))
    async with PostgresServer(warm).running() as again:
        assert processes.poll(orphan) is not None
        assert await ask(again.dsns.owner, "select n from kept") == 7


async def test_orphaned_backends_of_a_killed_server_do_not_block_the_next_one(warm: Path) -> None:
    server = PostgresServer(warm)
    prepared = await server.prepare()
    process = processes.spawn(prepared.launch)
    await _ready(server)
    connection = await asyncpg.connect(prepared.dsns.owner)
    busy = asyncio.create_task(connection.execute("select sum(i) from generate_series(1, 100000000000) i"))
    await asyncio.sleep(0)
    await until(lambda: any("SELECT" in " ".join(processes.command_line(p)) for p in processes_of(warm / "postgres")))
    process.kill()
    await processes.wait_exit(process, timeout_s=DEADLINE_S)
    async with PostgresServer(warm).running() as again:
        assert await ask(again.dsns.owner, "select n from kept") == 7
    with pytest.raises((asyncpg.PostgresError, ConnectionError)):
        await busy
    connection.terminate()


@pytest.mark.parametrize("whose", ["nobody's", "a stranger's"])
async def test_a_stale_pid_file_is_no_obstacle(warm: Path, whose: str) -> None:
    # A process of the same user that is no PostgreSQL is the case that PostgreSQL itself gets wrong.
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    if whose == "nobody's":
        stranger.kill()
        stranger.wait()
    (warm / "postgres/postmaster.pid").write_text(f"{stranger.pid}\n{warm}/postgres\n1\n5432\n/x\n\n1 2\nready   \n")
    try:
        async with PostgresServer(warm).running() as prepared:
            assert await ask(prepared.dsns.owner, "select n from kept") == 7
        assert whose == "nobody's" or stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_zombie_in_the_pid_file_is_no_obstacle(warm: Path) -> None:
    zombie = subprocess.Popen(["/bin/true"])
    await until(lambda: processes.is_zombie(zombie.pid))
    (warm / "postgres/postmaster.pid").write_text(f"{zombie.pid}\n{warm}/postgres\n1\n5432\n/x\n\n1 2\nready   \n")
    assert not await PostgresServer(warm).is_ready()
    async with PostgresServer(warm).running() as prepared:
        assert await ask(prepared.dsns.owner, "select n from kept") == 7
    zombie.wait()


FIRST_START = """
import asyncio, sys
from pathlib import Path
from tidegate.storage.postgres import PostgresServer
asyncio.run(PostgresServer(Path(sys.argv[1])).prepare())
"""


@pytest.mark.parametrize("moment", ["base", "global/pg_control", "pg_hba.conf"])
async def test_a_first_start_killed_half_way_is_begun_again(data_dir: Path, moment: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", FIRST_START, str(data_dir)], env=child_environment())
    await until((data_dir / "postgres.new" / moment).exists)
    parent.kill()
    parent.wait()
    assert not (data_dir / "postgres").exists()
    async with PostgresServer(data_dir).running() as prepared:
        assert await ask(prepared.dsns.serving, "select 1") == 1
    assert not (data_dir / "postgres.new").exists()


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("with blanks and Gezeiten-ü-潮", id="blanks and letters beyond ASCII"),
        pytest.param("comma, \"quote' and 100%", id="what a list of hosts would split"),
        pytest.param("/".join(["long" * 10] * 4), id="longer than a socket's path may be"),
    ],
)
async def test_any_path_can_be_the_data_directory(made: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    shutil.copytree(made, folder)
    async with PostgresServer(folder).running() as prepared:
        sockets = PostgresServer(folder)._layout.find_socket_folder()
        assert len(os.fsencode(sockets / ".s.PGSQL.5432")) < 100
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert await ask(prepared.dsns.serving, "select 1") == 1
    assert sockets == folder / "run" or not sockets.exists()


async def test_a_lost_password_file_is_made_anew_for_the_holder_of_the_data(warm: Path) -> None:
    old = (warm / "secrets/postgres.json").read_text()
    (warm / "secrets/postgres.json").unlink()
    async with PostgresServer(warm).running() as prepared:
        assert await ask(prepared.dsns.owner, "select n from kept") == 7
        assert await ask(prepared.dsns.serving, "select 1") == 1
    assert (warm / "secrets/postgres.json").read_text() != old


async def test_data_of_another_major_are_refused_with_the_way_out(warm: Path) -> None:
    (warm / "postgres/PG_VERSION").write_text("17\n")
    with pytest.raises(PostgresVersionError, match="dump and restore"):
        await PostgresServer(warm).prepare()


async def test_a_folder_of_somebody_else_is_never_touched(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres/photo.jpg").write_text("mine")
    with pytest.raises(ForeignClusterError):
        await PostgresServer(data_dir).prepare()
    assert (data_dir / "postgres/photo.jpg").read_text() == "mine"


@pytest.fixture
def open_data_dir() -> Iterator[Path]:
    """A data directory that an unprivileged user can reach: pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-test-"))
    yield folder
    for pid in processes_of(folder / "postgres"):
        os.kill(pid, signal.SIGKILL)
    PostgresLayout(folder).remove_socket_folder()
    shutil.rmtree(folder)


def denying_namespaces(data_dir: Path, binaries: PostgresBinaries | None = None) -> Probe:
    real = probe_with(binaries or find_binaries(), data_dir)

    async def probe(account: Account) -> Finished:
        if account.way is Way.USER_NAMESPACE:
            return Finished(LauncherExit.NAMESPACE_DENIED, "exec_child: no user namespace: Operation not permitted\n")
        return await real(account)

    return probe


@as_root
async def test_without_namespaces_root_runs_it_as_an_unprivileged_user(open_data_dir: Path) -> None:
    server = PostgresServer(open_data_dir, probe=denying_namespaces(open_data_dir))
    async with server.running() as prepared:
        assert prepared.account.way is Way.OTHER_USER
        assert await ask(prepared.dsns.serving, "select 1") == 1
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes_of(open_data_dir / "postgres")}
        sockets = server._layout.find_socket_folder()
    assert owners == {prepared.account.uid}
    assert not sockets.exists()
    assert stat.S_IMODE(open_data_dir.stat().st_mode) == 0o710
    assert stat.S_IMODE((open_data_dir / "secrets").stat().st_mode) == 0o700


START = """
import asyncio, sys
from pathlib import Path
from tidegate.storage.postgres import PostgresServer

async def main():
    async with PostgresServer(Path(sys.argv[1])).running() as prepared:
        print(prepared.account.way.value)

asyncio.run(main())
"""


@as_root
async def test_where_the_kernel_denies_namespaces_it_is_started_as_an_unprivileged_user(open_data_dir: Path) -> None:
    words = (sys.executable, str(Path(__file__).with_name("without_namespaces.py")))
    command = (*words, sys.executable, "-c", START, str(open_data_dir))
    done = await processes.run_to_end(processes.Launch(command, child_environment()), timeout_s=60)
    assert (done.code, done.output) == (0, "other user\n")


@as_root
async def test_the_way_may_change_between_starts(open_data_dir: Path) -> None:
    async with PostgresServer(open_data_dir).running() as prepared:
        await ask(prepared.dsns.owner, "create table kept as select 7 as n")
    for probe in (denying_namespaces(open_data_dir), None):
        async with PostgresServer(open_data_dir, probe=probe).running() as again:
            assert await ask(again.dsns.owner, "select n from kept") == 7


@as_root
async def test_a_data_directory_below_a_closed_folder_is_refused_with_clear_words(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    with pytest.raises(PostgresAccountError, match=r"cannot reach the data directory.*TIDEGATE_DATABASE_URL"):
        await PostgresServer(data_dir, probe=denying_namespaces(data_dir)).prepare()
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


@as_root
async def test_programs_below_a_closed_folder_are_refused_with_clear_words(open_data_dir: Path) -> None:
    closed = open_data_dir / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(find_binaries().folder, closed / "bin")
    binaries = PostgresBinaries(closed / "bin")
    probe = denying_namespaces(open_data_dir, binaries)
    with pytest.raises(PostgresAccountError, match=r"cannot run the programs.*TIDEGATE_DATABASE_URL"):
        await PostgresServer(open_data_dir, binaries=binaries, probe=probe).prepare()


LAUNCH = """
import asyncio, sys, time
from pathlib import Path
from tidegate.storage import processes
from tidegate.storage.postgres import PostgresServer, Way, find_binaries, probe_with
from tidegate.storage.processes import Finished, LauncherExit

real = probe_with(find_binaries(), Path(sys.argv[1]))

async def probe(account):
    if sys.argv[2] == "denied" and account.way is Way.USER_NAMESPACE:
        return Finished(LauncherExit.NAMESPACE_DENIED, "")
    return await real(account)

processes.spawn(asyncio.run(PostgresServer(Path(sys.argv[1]), probe=probe).prepare()).launch)
time.sleep(600)
"""


@pytest.mark.parametrize("namespaces", ["allowed", pytest.param("denied", marks=as_root)])
async def test_the_server_dies_with_the_process_that_launched_it(open_data_dir: Path, namespaces: str) -> None:
    words = [sys.executable, "-c", LAUNCH, str(open_data_dir), namespaces]
    parent = subprocess.Popen(words, env=child_environment())
    await _ready(PostgresServer(open_data_dir))
    parent.kill()
    parent.wait()
    await until(lambda: not processes_of(open_data_dir / "postgres"))
