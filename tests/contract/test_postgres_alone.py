"""The data directory's lock, and the database for operator verbs with the server up or down."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tidegate.app.lock import (
    DataDirectory,
    DataDirectoryInUseError,
    DataDirectoryUnusableError,
    ForeignDataDirectoryError,
)
from tidegate.app.supervisor import postgres_alone
from tidegate.storage.postgres import PostgresServer, processes_of


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    for pid in processes_of(tmp_path / "data/postgres"):
        os.kill(pid, signal.SIGKILL)


async def whoami(dsn: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("select current_user")
    finally:
        await connection.close()


def test_the_folder_is_made_for_its_owner_alone(data_dir: Path) -> None:
    DataDirectory(data_dir).make()
    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_a_second_holder_is_told_who_the_first_one_is(data_dir: Path) -> None:
    directory = DataDirectory(data_dir)
    directory.make()
    with (
        directory.lock(url="http://127.0.0.1:8420"),
        pytest.raises(DataDirectoryInUseError, match=rf"process {os.getpid()} at http://127\.0\.0\.1:8420 since 20"),
        DataDirectory(data_dir).lock(),
    ):
        pass


def test_the_holder_can_be_asked_for_without_taking_the_lock(data_dir: Path) -> None:
    directory = DataDirectory(data_dir)
    directory.make()
    assert directory.find_holder() is None
    with directory.lock(url="http://127.0.0.1:1"):
        holder = DataDirectory(data_dir).find_holder()
        assert holder is not None
        assert (holder.pid, holder.url) == (os.getpid(), "http://127.0.0.1:1")
    assert directory.find_holder() is None


HOLD = """
import sys, time
from pathlib import Path
from tidegate.app.lock import DataDirectory
with DataDirectory(Path(sys.argv[1])).lock(url="http://gone"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_no_obstacle(data_dir: Path) -> None:
    directory = DataDirectory(data_dir)
    directory.make()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)], stdout=subprocess.PIPE, env=environment
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(DataDirectoryInUseError, match="http://gone"), directory.lock():
            pass
        first.kill()
        first.wait()
        assert "http://gone" in (data_dir / "lock").read_text()
        assert directory.find_holder() is None
        with directory.lock():
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_the_folder_of_another_user_is_refused(data_dir: Path) -> None:
    data_dir.mkdir()
    os.chown(data_dir, 12345, 12345)
    with pytest.raises(ForeignDataDirectoryError, match="belongs to user 12345"):
        DataDirectory(data_dir).make()


def test_a_file_in_its_place_is_refused_with_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirectoryUnusableError, match="--data-dir"):
        DataDirectory(tmp_path / "file").make()


async def test_with_the_server_down_the_database_is_started_and_stopped_again(data_dir: Path) -> None:
    async with postgres_alone(data_dir) as dsns:
        assert await whoami(dsns.owner) == "tidegate_owner"
        assert await whoami(dsns.serving) == "tidegate_serving"
        assert DataDirectory(data_dir).find_holder() is not None
    assert not processes_of(data_dir / "postgres")
    assert DataDirectory(data_dir).find_holder() is None


async def test_with_the_server_up_its_database_is_used_and_left_running(data_dir: Path) -> None:
    directory = DataDirectory(data_dir)
    directory.make()
    with directory.lock(url="http://127.0.0.1:8420"):
        async with PostgresServer(data_dir).running():
            before = processes_of(data_dir / "postgres")
            async with postgres_alone(data_dir) as dsns:
                assert await whoami(dsns.serving) == "tidegate_serving"
            assert set(before) <= set(processes_of(data_dir / "postgres"))


async def test_two_commands_at_once_take_turns(data_dir: Path) -> None:
    inside = 0
    most = 0

    async def command() -> object:
        nonlocal inside, most
        async with postgres_alone(data_dir) as dsns:
            inside += 1
            most = max(most, inside)
            answer = await whoami(dsns.owner)
            inside -= 1
            return answer

    answers = await asyncio.gather(command(), command())
    assert list(answers) == ["tidegate_owner"] * 2
    assert most == 1


async def test_a_failing_command_leaves_no_server_behind(data_dir: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with postgres_alone(data_dir):
            raise ZeroDivisionError
    assert not processes_of(data_dir / "postgres")
